//! Tangents of batch norm and group norm against `lowland_reference::{batch_norm, group_norm}`.

use lowland::data::Shape;
use lowland::model::{BatchNorm, GroupNorm, Layer, Mode};
use lowland_reference::batch_norm::{self, Direction, Gradient, Statistics};
use lowland_reference::{Tensor, group_norm};
use lowland_tests::compare::{Tolerance, within};
use lowland_tests::layer::{LayerCase, RowOf, Slots};
use lowland_tests::tangent::{Moves, RowMotion};
use lowland_tests::{FAMILIES, coverage::covers, gpu};

/// Means of up to 4096 values near 1, and what they are divided by.
const TANGENT: Tolerance = within(5e-5, 2e-5);
/// Sums of up to 4096 products of values near 1, and means of them.
const TANGENT_GRADS: Tolerance = within(3e-4, 2e-5);

fn direction<'a>(motion: &RowMotion<'a>) -> Direction<'a> {
    Direction { x: motion.x, gamma: &motion.weights[0], beta: &motion.weights[1] }
}

/// Runs `layer` in `mode` with `moves` and holds the tangents against `forward` and `backward`.
fn check(
    mut on: LayerCase<'_>,
    gpu: &lowland::gpu::Gpu,
    mode: Mode,
    moves: Moves,
    forward: impl Fn(&RowOf<'_>, RowMotion<'_>) -> Tensor,
    backward: impl Fn(&RowOf<'_>, RowMotion<'_>) -> Gradient,
) {
    on.mode = mode;
    on.moves = Some(moves);
    on.name = format!("{} {mode:?}, {moves:?} moves", on.name);
    on.slots = Slots::scattered();
    on.by_data = moves == Moves::Weights;
    let run = on.run(gpu);
    run.check_tangent(TANGENT, forward);
    run.check_tangent_grads(TANGENT_GRADS, |row, motion| {
        let gradient = backward(row, motion);
        vec![gradient.dgamma, gradient.dbeta]
    });
    if moves == Moves::Input {
        run.check_tangent_grad_input(TANGENT_GRADS, |row, motion| backward(row, motion).dx);
    }
}

/// (channels, image, batch): below, at and above a vec4, a slice, and an image.
const CASES: [(usize, (usize, usize), usize); 6] =
    [(3, (1, 1), 65), (4, (5, 7), 3), (6, (4, 4), 2), (12, (9, 4), 3), (64, (1, 1), 128), (3, (32, 32), 5)];

fn shape(channels: usize, (height, width): (usize, usize)) -> Shape {
    Shape { channels, height, width }
}

#[test]
fn tangents_of_norms_equal_their_twins() {
    let modes = [Mode::Train { update_running: false }, Mode::Gradient];
    let all = modes.into_iter().flat_map(|mode| [Moves::Input, Moves::Weights].map(|moves| (mode, moves)));
    for ((mode, moves), family) in all.flat_map(|case| FAMILIES.map(|family| (case, family))) {
        let Some(gpu) = gpu(family) else { return };
        for (channels, image, batch) in CASES {
            let by_batch = mode.by_batch();
            let statistics = |row: &RowOf<'_>| match by_batch {
                true => Statistics::of_batch(row.x),
                false => Statistics { mean: row.running[0].data.clone(), variance: row.running[1].data.clone() },
            };
            let layer: Box<dyn Layer> = Box::new(BatchNorm { activation: None });
            let name = format!("batch norm of {channels}x{image:?}, batch {batch}");
            let on = LayerCase::new(name, layer.as_ref(), shape(channels, image), batch);
            check(
                on,
                gpu,
                mode,
                moves,
                |row, v| batch_norm::tangent(row.x, &row.weights[0], &statistics(row), direction(&v), by_batch),
                |row, v| {
                    let dy = [row.dy, v.dy];
                    let gamma = &row.weights[0];
                    batch_norm::backward_tangent(row.x, gamma, &statistics(row), direction(&v), dy, by_batch)
                },
            );
            if by_batch {
                continue; // a group norm has no modes
            }
            let groups = if channels % 3 == 0 && image != (1, 1) { channels / 3 } else { 1 };
            let layer: Box<dyn Layer> = Box::new(GroupNorm { groups, activation: None });
            let name = format!("{groups} groups of {channels}x{image:?}, batch {batch}");
            let on = LayerCase::new(name, layer.as_ref(), shape(channels, image), batch);
            check(
                on,
                gpu,
                mode,
                moves,
                |row, v| group_norm::tangent(row.x, groups, &row.weights[0], direction(&v)),
                |row, v| {
                    let dy = [row.dy, v.dy];
                    group_norm::backward_tangent(row.x, groups, &row.weights[0], direction(&v), dy)
                },
            );
        }
    }
    covers("tangents of norms");
}
