//! Batch norm and pools against `lowland_reference::{batch_norm, pool}`.

use lowland::config::Activation;
use lowland::data::Shape;
use lowland::model::{BatchNorm, GlobalAvgPool, MaxPool, Mode};
use lowland::rng::Rng;
use lowland_reference::batch_norm::{self, Statistics};
use lowland_reference::{Tensor, pool};
use lowland_tests::compare::{Tolerance, within};
use lowland_tests::layer::{LayerCase, RowOf, Slots, uniform};
use lowland_tests::{FAMILIES, any_gpu, coverage::covers, gpu};

/// Means of up to 4096 values near 1, and a root: some 10 roundings each.
const NORM: Tolerance = within(1e-5, 1e-5);
/// Sums of up to 4096 products of values near 1.
const NORM_GRADS: Tolerance = within(1e-4, 1e-5);
/// Inputs near 4096 with deviation 0.06: the mean is rounded to 2.4e-4, which the division makes 4e-3 of the output.
const SHIFTED: Tolerance = within(6e-3, 1e-4);
/// One choice among given values, or a handful of additions.
const POOL: Tolerance = within(1e-6, 1e-6);

/// (channels, image, batch): below, at and above the 16 pixels of the smallest slice.
const NORM_CASES: &[(usize, (usize, usize), usize)] = &[
    (1, (1, 1), 2),
    (3, (1, 1), 65),
    (4, (5, 7), 3),
    (5, (4, 4), 1),
    (8, (8, 8), 8),
    (17, (9, 4), 3),
    (64, (1, 1), 128),
    (3, (8, 8), 64),
    // As many slices as a workgroup has invocations.
    (3, (32, 32), 5),
];

fn shape(channels: usize, (height, width): (usize, usize)) -> Shape {
    Shape { channels, height, width }
}

fn statistics(row: &RowOf<'_>) -> Statistics {
    Statistics { mean: row.running[0].data.clone(), variance: row.running[1].data.clone() }
}

fn vectors(statistics: &Statistics) -> Vec<Tensor> {
    let vector = |v: &Vec<f64>| Tensor::new(&[v.len()], v.clone());
    vec![vector(&statistics.mean), vector(&statistics.variance)]
}

fn check_norm(mut on: LayerCase<'_>, gpu: &lowland::gpu::Gpu, mode: Mode, tolerance: Tolerance, grads: Tolerance) {
    on.mode = mode;
    on.name = format!("{} {mode:?}", on.name);
    let by_data = on.by_data;
    let run = on.run(gpu);
    run.check_output(tolerance, |row| {
        let (gamma, beta) = (&row.weights[0], &row.weights[1]);
        match mode {
            Mode::Inference | Mode::Gradient => batch_norm::inference(row.x, gamma, beta, &statistics(row)),
            Mode::Train { .. } | Mode::Statistics => batch_norm::forward(row.x, gamma, beta).0,
        }
    });
    run.check_running(tolerance, |row| {
        let mut running = statistics(row);
        if mode == (Mode::Train { update_running: true }) {
            running.update(&Statistics::of_batch(row.x), batch_norm::count(row.x));
        }
        if mode == Mode::Statistics {
            let (batch, count) = (Statistics::of_batch(row.x), batch_norm::count(row.x) as f64);
            running =
                Statistics { variance: batch.variance.iter().map(|v| v * count / (count - 1.0)).collect(), ..batch };
        }
        vectors(&running)
    });
    if mode.differentiates() {
        let backward = |row: &RowOf<'_>| match mode {
            Mode::Gradient => batch_norm::inference_backward(row.x, &row.weights[0], &statistics(row), row.dy),
            _ => batch_norm::backward(row.x, &row.weights[0], &Statistics::of_batch(row.x), row.dy),
        };
        if !by_data {
            run.check_grad_input(grads, |row| backward(row).dx);
        }
        run.check_grads(grads, |row| {
            let gradient = backward(row);
            vec![gradient.dgamma, gradient.dbeta]
        });
    }
}

#[test]
fn batch_norm_equals_its_twin_in_every_mode() {
    let train = |update_running| Mode::Train { update_running };
    let modes = [train(true), train(false), Mode::Inference, Mode::Gradient, Mode::Statistics];
    for (index, (channels, image, batch)) in NORM_CASES.iter().enumerate() {
        // The families differ in how many invocations share a sum.
        for (mode, family) in modes.into_iter().flat_map(|mode| FAMILIES.map(|family| (mode, family))) {
            let Some(gpu) = gpu(family) else { return };
            let layer = BatchNorm { activation: [None, Some(Activation::Gelu), Some(Activation::Relu)][index % 3] };
            let name = format!("batch norm of {channels}x{image:?}, batch {batch}");
            let mut on = LayerCase::new(name, &layer, shape(*channels, *image), *batch);
            on.input_activation = [None, Some(Activation::Tanh), None, Some(Activation::Silu)][index % 4];
            on.slots = Slots::scattered();
            on.by_data = index % 4 == 2;
            // Two values of one channel may lie so close that 1 / deviation magnifies their rounding.
            if *batch == 2 {
                on.values = |rng| if rng.next_u32() % 2 == 0 { rng.uniform() - 2.0 } else { rng.uniform() + 1.0 };
            }
            check_norm(on, gpu, mode, NORM, NORM_GRADS);
        }
    }
    covers("batch norm");
}

#[test]
fn a_large_mean_does_not_eat_the_variance() {
    let Some(gpu) = any_gpu() else { return };
    for (channels, image, batch) in [(5, (8, 8), 16), (3, (1, 1), 64)] {
        let layer = BatchNorm { activation: None };
        let mut on = LayerCase::new("batch norm far from 0", &layer, shape(channels, image), batch);
        on.values = |rng| 4096.0 + 0.1 * uniform(rng);
        check_norm(on, gpu, Mode::Train { update_running: true }, SHIFTED, within(0.1, 1e-2));
    }
    // The mean is rounded to 3e-5, a deviation is 6e-3.
    let layer = BatchNorm { activation: None };
    let mut on = LayerCase::new("batch norm of a thin band", &layer, shape(4, (8, 8)), 8);
    on.values = |rng| 1000.0 + 0.01 * uniform(rng);
    let run = on.run(gpu);
    run.check_output(within(8e-3, 1e-4), |row| batch_norm::forward(row.x, &row.weights[0], &row.weights[1]).0);
}

/// Few different values, so that windows hold ties.
fn ties(rng: &mut Rng) -> f32 {
    rng.below(3) as f32 - 1.0
}

#[test]
fn max_pool_equals_its_twin_with_ties_and_overlaps() {
    let Some(gpu) = any_gpu() else { return };
    let cases = [
        (1, (2, 2), 2, 2, 1),
        (3, (5, 7), 2, 2, 3),
        (4, (8, 8), 2, 2, 8),
        (5, (9, 4), 3, 2, 3),
        (8, (7, 7), 3, 2, 1),
        (17, (5, 6), 3, 1, 3),
        (4, (5, 5), 1, 1, 2),
        (3, (8, 8), 2, 3, 65),
        (2, (4, 4), 4, 4, 3),
    ];
    for (index, (channels, image, kernel, stride, batch)) in cases.into_iter().enumerate() {
        for values in [ties, uniform] {
            let layer = MaxPool { kernel, stride };
            let name = format!("max pool {kernel}/{stride} of {channels}x{image:?}, batch {batch}");
            let mut on = LayerCase::new(name, &layer, shape(channels, image), batch);
            on.values = values;
            on.slots = Slots::scattered();
            on.by_data = index % 3 == 1;
            // Of ties at the input of a relu more remain ties.
            on.input_activation = [None, Some(Activation::Relu)][index % 2].filter(|_| !on.by_data);
            let by_data = on.by_data;
            let run = on.run(gpu);
            let twin = pool::MaxPool { kernel, stride };
            run.check_output(POOL, |row| twin.forward(row.x).0);
            if !by_data {
                run.check_grad_input(POOL, |row| pool::max_grad_input(row.dy, &twin.forward(row.x).1, &row.x.shape));
            }
        }
    }
    covers("max pool");
}

#[test]
fn global_average_pool_equals_its_twin() {
    let cases = NORM_CASES.iter().enumerate().flat_map(|case| FAMILIES.map(|family| (case, family)));
    for ((index, (channels, image, batch)), family) in cases {
        let Some(gpu) = gpu(family) else { return };
        let name = format!("global average of {channels}x{image:?}, batch {batch}");
        let mut on = LayerCase::new(name, &GlobalAvgPool, shape(*channels, *image), *batch);
        on.slots = Slots::scattered();
        on.by_data = index % 3 == 1;
        on.input_activation = Some(Activation::Gelu).filter(|_| !on.by_data);
        let by_data = on.by_data;
        let run = on.run(gpu);
        let image_of = |y: &Tensor| y.reshaped(&[*batch, *channels, 1, 1]);
        run.check_output(POOL, |row| image_of(&pool::global_average(row.x)));
        if !by_data {
            run.check_grad_input(POOL, |row| {
                pool::global_average_grad_input(&row.dy.reshaped(&[*batch, *channels]), &row.x.shape)
            });
        }
    }
    covers("global average pool");
}
