//! Group norm, average pool, dropout, residual addition and flatten against their twins.

use lowland::config::Activation;
use lowland::data::Shape;
use lowland::model::{Activate, Add, AvgPool, Dropout, Flatten, GroupNorm, Layer, Mode};
use lowland::rng::dropout_bits;
use lowland_reference::{Tensor, group_norm, pool};
use lowland_tests::compare::{Tolerance, within};
use lowland_tests::layer::{FIRST_EXAMPLE, INDEX, LayerCase, RowOf, STEP, Slots, uniform};
use lowland_tests::layout::padded;
use lowland_tests::{any_gpu, coverage::covers};

/// Means of up to some thousand values near 1, and a root.
const NORM: Tolerance = within(2e-5, 2e-5);
/// Sums of up to some thousand products of values near 1.
const NORM_GRADS: Tolerance = within(1e-4, 2e-5);
/// A handful of additions, or an activation.
const FEW: Tolerance = within(2e-6, 2e-6);

fn shape(channels: usize, (height, width): (usize, usize)) -> Shape {
    Shape { channels, height, width }
}

#[test]
fn group_norm_equals_its_twin() {
    let Some(gpu) = any_gpu() else { return };
    // Groups within, across and of several vec4s; images of one slice, of several, and of a prime number of pixels.
    let cases = [
        (6, 3, (1, 1), 5),
        (8, 2, (1, 1), 33),
        (3, 1, (5, 7), 3),
        (4, 4, (4, 4), 1),
        (10, 5, (9, 13), 2),
        (12, 2, (16, 24), 3),
        (18, 6, (1, 67), 2),
        (32, 8, (8, 8), 7),
    ];
    for (index, (channels, groups, image, batch)) in cases.into_iter().enumerate() {
        for mode in [Mode::Train { update_running: true }, Mode::Inference] {
            let activation = [None, Some(Activation::Gelu), Some(Activation::Relu)][index % 3];
            let layer = GroupNorm { groups, activation };
            let name = format!("group norm of {channels}x{image:?} in {groups}, batch {batch}");
            let mut on = LayerCase::new(name, &layer, shape(channels, image), batch);
            on.mode = mode;
            on.slots = Slots::scattered();
            on.by_data = index % 4 == 3;
            on.input_activation =
                [None, Some(Activation::Tanh), Some(Activation::Silu)][index % 3].filter(|_| !on.by_data);
            // Two values of a group may lie so close that 1 / deviation magnifies their rounding.
            if image == (1, 1) {
                on.values = |rng| if rng.next_u32() % 2 == 0 { rng.uniform() - 2.0 } else { rng.uniform() + 1.0 };
            }
            let by_data = on.by_data;
            let run = on.run(gpu);
            run.check_output(NORM, |row| group_norm::forward(row.x, groups, &row.weights[0], &row.weights[1]));
            if mode == Mode::Inference {
                continue;
            }
            let backward = |row: &RowOf<'_>| group_norm::backward(row.x, groups, &row.weights[0], row.dy);
            run.check_grads(NORM_GRADS, |row| vec![backward(row).dgamma, backward(row).dbeta]);
            if !by_data {
                run.check_grad_input(NORM_GRADS, |row| backward(row).dx);
            }
        }
    }
    covers("group norm");
}

#[test]
fn a_large_mean_does_not_eat_a_group_s_variance() {
    let Some(gpu) = any_gpu() else { return };
    let layer = GroupNorm { groups: 2, activation: None };
    let mut on = LayerCase::new("group norm far from 0", &layer, shape(6, (8, 8)), 3);
    on.values = |rng| 4096.0 + 0.1 * uniform(rng);
    // The mean is rounded to 2.4e-4, which the division by a deviation of 0.06 makes 4e-3 of the output.
    let run = on.run(gpu);
    run.check_output(within(6e-3, 1e-4), |row| group_norm::forward(row.x, 2, &row.weights[0], &row.weights[1]));
}

#[test]
fn average_pool_equals_its_twin() {
    let Some(gpu) = any_gpu() else { return };
    let cases = [
        (1, (2, 2), 2, 2, 1),
        (3, (5, 7), 2, 2, 3),
        (5, (9, 4), 3, 2, 3),
        (8, (7, 7), 3, 1, 1),
        (17, (5, 6), 3, 1, 3),
        (4, (5, 5), 1, 1, 2),
        (3, (8, 9), 2, 3, 65),
        (2, (4, 4), 4, 4, 3),
    ];
    for (index, (channels, image, kernel, stride, batch)) in cases.into_iter().enumerate() {
        let layer = AvgPool { kernel, stride };
        let name = format!("average pool {kernel}/{stride} of {channels}x{image:?}, batch {batch}");
        let mut on = LayerCase::new(name, &layer, shape(channels, image), batch);
        on.slots = Slots::scattered();
        on.by_data = index % 3 == 1;
        on.input_activation = [None, Some(Activation::Gelu)][index % 2].filter(|_| !on.by_data);
        let by_data = on.by_data;
        let run = on.run(gpu);
        let twin = pool::AvgPool { kernel, stride };
        run.check_output(FEW, |row| twin.forward(row.x));
        if !by_data {
            run.check_grad_input(FEW, |row| twin.grad_input(row.dy, &row.x.shape));
        }
    }
    covers("average pool");
}

/// `x mask / (1 - p)`, the mask drawn on the host.
fn dropped(row: &RowOf<'_>, x: &Tensor, layer: &Dropout) -> Tensor {
    let [_, channels, inner] = x.channels();
    let mut y = x.clone();
    for (index, value) in y.data.iter_mut().enumerate() {
        let (example, channel, pixel) = (index / (channels * inner), index / inner % channels, index % inner);
        let element = ((FIRST_EXAMPLE + example) * inner + pixel) * padded(channels) + channel;
        let bits = dropout_bits(row.seed, INDEX as u32, STEP, element as u32);
        let kept = f64::from(bits) >= f64::from(layer.p) * 4_294_967_296.0;
        *value = if kept { *value / (1.0 - f64::from(layer.p)) } else { 0.0 };
    }
    y
}

#[test]
fn dropout_has_the_host_s_mask_in_both_directions() {
    let Some(gpu) = any_gpu() else { return };
    let cases =
        [(1, (1, 1), 3, 0.5), (5, (3, 7), 4, 0.1), (8, (1, 1), 65, 0.25), (6, (4, 4), 2, 0.9), (4, (2, 2), 3, 0.0)];
    for (index, (channels, image, batch, p)) in cases.into_iter().enumerate() {
        for mode in [Mode::Train { update_running: true }, Mode::Train { update_running: false }, Mode::Inference] {
            let layer = Dropout { p };
            let mut on =
                LayerCase::new(format!("dropout {p} of {channels}x{image:?}"), &layer, shape(channels, image), batch);
            on.mode = mode;
            on.slots = Slots::scattered();
            on.by_data = index % 3 == 1;
            on.input_activation = [Some(Activation::Silu), None][index % 2].filter(|_| !on.by_data);
            let by_data = on.by_data;
            let run = on.run(gpu);
            if mode == Mode::Inference {
                run.check_output(within(0.0, 0.0), |row| row.x.clone());
                continue;
            }
            run.check_output(FEW, |row| dropped(row, row.x, &layer));
            if !by_data {
                run.check_grad_input(FEW, |row| dropped(row, row.dy, &layer));
            }
        }
    }
    covers("dropout");
}

#[test]
fn dropout_drops_its_share() {
    for p in [0.1, 0.5] {
        let threshold = Dropout { p }.threshold();
        let below = |step| (0..20_000).filter(|i| dropout_bits(3, 1, step, *i) < threshold).count();
        for step in 0..3 {
            let share = below(step) as f32 / 20_000.0;
            assert!((share - p).abs() < 0.015, "{share} of {p} in step {step}");
        }
    }
    let masks = |seed, layer, step| (0..64).map(|i| dropout_bits(seed, layer, step, i)).collect::<Vec<_>>();
    let all = [masks(0, 1, 0), masks(1, 1, 0), masks(0, 2, 0), masks(0, 1, 1)];
    for (index, mask) in all.iter().enumerate() {
        assert!(!all[..index].contains(mask), "seeds, layers and steps have masks of their own");
    }
}

#[test]
fn addition_reaches_both_inputs() {
    let Some(gpu) = any_gpu() else { return };
    for (index, activation) in
        [None, Some(Activation::Relu), Some(Activation::Gelu), Some(Activation::Silu)].into_iter().enumerate()
    {
        for (channels, image, batch) in [(1, (1, 1), 1), (5, (3, 7), 4), (8, (4, 4), 9)] {
            let layers: [&dyn Layer; 2] =
                [&Add { from: "before".into(), activation }, &Activate(activation.unwrap_or(Activation::LeakyRelu))];
            for layer in layers {
                let mut on =
                    LayerCase::new(format!("{layer:?} of {channels}x{image:?}"), layer, shape(channels, image), batch);
                on.slots = Slots::scattered();
                on.by_data = index == 3;
                on.input_activation = [None, Some(Activation::Silu)][index % 2].filter(|_| !on.by_data);
                let by_data = on.by_data;
                let run = on.run(gpu);
                run.check_output(FEW, |row| match row.branch {
                    Some(branch) => row.x.zip(branch, |x, b| x + b),
                    None => row.x.clone(),
                });
                if !by_data {
                    run.check_grad_input(FEW, |row| row.dy.clone());
                }
                if layer.branch().is_some() {
                    run.check_grad_branch(FEW, |row| row.dy.clone());
                }
            }
        }
    }
    covers("add");
}

#[test]
fn flatten_is_pytorch_s_order() {
    let Some(gpu) = any_gpu() else { return };
    for (index, (channels, image, batch)) in
        [(1, (2, 2), 1), (3, (5, 7), 3), (4, (4, 4), 8), (5, (1, 3), 65), (17, (3, 3), 2)].into_iter().enumerate()
    {
        let mut on = LayerCase::new(format!("flatten {channels}x{image:?}"), &Flatten, shape(channels, image), batch);
        on.slots = Slots::scattered();
        on.by_data = index % 3 == 1;
        on.input_activation = Some(Activation::Gelu).filter(|_| !on.by_data);
        let by_data = on.by_data;
        let run = on.run(gpu);
        run.check_output(within(0.0, 0.0), |row| row.x.reshaped(&[batch, channels * image.0 * image.1, 1, 1]));
        if !by_data {
            run.check_grad_input(FEW, |row| row.dy.reshaped(&row.x.shape));
        }
    }
    covers("flatten");
}
