//! Sharpness in all definitions against the same measurements in f64.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use lowland::probe::{
    Adaptive, AverageOptions, Examples, KeskarOptions, MainDirection, RandomDirections, Sharpness, SharpnessOptions,
    Subject,
};
use lowland::rng::{gaussian, symmetric};
use lowland_reference::{ascent, sharpness};
use lowland_tests::any_gpu;
use lowland_tests::mlp::Mlp;

fn near(what: &str, found: f64, wanted: f64, relative: f64) {
    let off = (found - wanted).abs() / wanted.abs();
    assert!(off <= relative, "{what}: {found} for {wanted}, off by {off:.1e}, allowed {relative:.0e}");
}

fn silent(_: usize, _: usize) {}

fn subject<'a>(gpu: &'a lowland::gpu::Gpu, mlp: &'a Mlp) -> Subject<'a> {
    Subject { gpu, model: &mlp.model, data: &mlp.data, examples: Examples::Train }
}

fn measured(gpu: &lowland::gpu::Gpu, mlp: &Mlp, options: SharpnessOptions) -> Sharpness {
    pollster::block_on(options.measure(&subject(gpu, mlp), &mlp.state, &mut silent)).unwrap()
}

#[test]
fn adaptive_sharpness_is_that_of_the_twin() {
    let Some(gpu) = any_gpu() else { return };
    let mlp = Mlp::read("probe-mlp-tanh", 60);
    let (loss, gradient) = mlp.loss_and_gradient(&mlp.parameters);
    let is_weight = mlp.is_weight();
    for (p, eta, everywhere, rho) in
        [(2.0, 0.01, false, 0.5), (f64::INFINITY, 0.01, false, 0.05), (2.0, 0.0, true, 0.5), (3.0, 0.1, true, 0.3)]
    {
        let t: Vec<f64> = mlp
            .parameters
            .iter()
            .zip(&is_weight)
            .map(|(w, own)| if *own || everywhere { w.abs() + eta } else { 1.0 })
            .collect();
        let e = ascent::general(&gradient, &t, rho, p);
        let moved: Vec<f64> = mlp.parameters.iter().zip(&e).map(|(w, e)| w + e).collect();
        let options = SharpnessOptions { rho, p, adaptive: Some(Adaptive { eta, everywhere }), ..Default::default() };
        let found = measured(gpu, &mlp, options);
        near("loss", found.loss, loss, 2e-5);
        near(&format!("p {p}, eta {eta}"), found.sharpness, mlp.losses(&moved)[0] - loss, 1e-3);
    }
}

#[test]
fn a_projected_ascent_is_that_of_the_twin_and_finds_no_less() {
    let Some(gpu) = any_gpu() else { return };
    let mlp = Mlp::read("probe-mlp-tanh", 60);
    let n = mlp.parameters.len();
    let (rho, steps, length) = (0.4, 5, 0.2);
    for p in [2.0, f64::INFINITY] {
        let rho = if p == 2.0 { rho } else { 0.1 * rho };
        let length = if p == 2.0 { length } else { 0.1 * length };
        let (mut e, mut highest) = (vec![0.0; n], f64::NEG_INFINITY);
        for step in 0..=steps {
            let moved: Vec<f64> = mlp.parameters.iter().zip(&e).map(|(w, e)| w + e).collect();
            let (loss, gradient) = mlp.loss_and_gradient(&moved);
            highest = highest.max(loss);
            if step < steps {
                let rise = ascent::general(&gradient, &vec![1.0; n], length, p);
                e.iter_mut().zip(rise).for_each(|(e, rise)| *e += rise);
                let norm = e.iter().map(|e| e * e).sum::<f64>().sqrt();
                for e in &mut e {
                    *e = if p == 2.0 { *e * (rho / norm).min(1.0) } else { e.clamp(-rho, rho) };
                }
            }
        }
        let options = SharpnessOptions { rho, p, ascent_steps: steps, projected: Some(length), ..Default::default() };
        let found = measured(gpu, &mlp, options);
        near(&format!("p {p}"), found.sharpness, highest - found.loss, 1e-3);
        let one = measured(gpu, &mlp, SharpnessOptions { rho, p, ..Default::default() });
        assert!(found.sharpness >= one.sharpness, "{} and {}", found.sharpness, one.sharpness);
    }
    // Groups climb by themselves, and more than all together.
    let options = SharpnessOptions { rho, ascent_steps: 3, projected: Some(0.3), ..Default::default() };
    let (all, groups) =
        (measured(gpu, &mlp, options), measured(gpu, &mlp, SharpnessOptions { m: Some(12), ..options }));
    assert!(groups.sharpness > all.sharpness);
}

#[test]
fn adaptive_sharpness_does_not_see_a_rescaled_network() {
    let Some(gpu) = any_gpu() else { return };
    let mut mlp = Mlp::read("probe-mlp-relu", 200);
    let adaptive = Some(Adaptive { eta: 0.0, everywhere: true });
    let all = [
        SharpnessOptions { rho: 0.5, adaptive, ..Default::default() },
        SharpnessOptions { rho: 0.05, p: f64::INFINITY, adaptive, ..Default::default() },
        SharpnessOptions { rho: 0.5, adaptive, ascent_steps: 4, projected: Some(0.3), ..Default::default() },
    ];
    let average = AverageOptions { sigma: 0.1, samples: 8, adaptive, seed: 3 };
    let mean =
        |mlp: &Mlp| pollster::block_on(average.measure(&subject(gpu, mlp), &mlp.state, &mut silent)).unwrap().sharpness;
    let plain = SharpnessOptions::default();
    let before = all.map(|options| measured(gpu, &mlp, options).sharpness);
    let (average_before, plain_before) = (mean(&mlp), measured(gpu, &mlp, plain).sharpness);
    // Dinh et al. 2017: a ReLU layer times 8, the next one by 8.
    for tensor in mlp.model.parameters() {
        let factor = match tensor.name.as_str() {
            "layers.0.weight" | "layers.0.bias" => 8.0,
            "layers.1.weight" => 0.125,
            _ => 1.0,
        };
        let values: Vec<f32> = tensor.unpack(&mlp.state.weights).iter().map(|w| factor * w).collect();
        tensor.pack(&values, &mut mlp.state.weights);
    }
    for (options, before) in all.into_iter().zip(before) {
        near(&format!("{options:?}"), measured(gpu, &mlp, options).sharpness, before, 1e-4);
    }
    near("adaptive average", mean(&mlp), average_before, 1e-4);
    assert!((measured(gpu, &mlp, plain).sharpness / plain_before - 1.0).abs() > 0.1, "SAM's does");
}

#[test]
fn average_sharpness_and_random_directions_are_those_of_the_twin() {
    let Some(gpu) = any_gpu() else { return };
    let mlp = Mlp::read("probe-mlp-tanh", 60);
    let n = mlp.parameters.len();
    let subject = subject(gpu, &mlp);
    let loss = mlp.losses(&mlp.parameters)[0];
    let xi = |which: u32| -> Vec<f64> { (0..n as u32).map(|i| gaussian(5, which, i)).collect() };
    let is_weight = mlp.is_weight();
    for adaptive in [None, Some(Adaptive { eta: 0.01, everywhere: false })] {
        let options = AverageOptions { sigma: 0.2, samples: 21, adaptive, seed: 5 };
        let found = pollster::block_on(options.measure(&subject, &mlp.state, &mut silent)).unwrap();
        let t: Vec<f64> = (0..n)
            .map(|i| if adaptive.is_some() && is_weight[i] { mlp.parameters[i].abs() + 0.01 } else { 1.0 })
            .collect();
        let rises: Vec<f64> = (0..21)
            .map(|which| mlp.losses(&sharpness::perturb(&mlp.parameters, &t, &xi(which), 0.2, false))[0] - loss)
            .collect();
        let mean = rises.iter().sum::<f64>() / 21.0;
        let error = (rises.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / 20.0 / 21.0).sqrt();
        near("average", found.sharpness, mean, 1e-3);
        near("standard error", found.stderr, error, 1e-3);
        near("radius", found.radius, 0.2 * (n as f64).sqrt(), 1e-12);
    }
    let options = RandomDirections { radius: 1.5, directions: 300, seed: 5 };
    let axis: Vec<f64> = (0..n).map(|i| if i == 4 { 1.0 } else { 0.0 }).collect();
    let vector = mlp.arena(&axis);
    let main = [MainDirection { eigenvalue: 2.0, vector: &vector }];
    let found = pollster::block_on(options.measure(&subject, &mlp.state, &main, &mut silent)).unwrap();
    let one = vec![1.0; n];
    for which in [0, 1, 17, 299] {
        let moved = sharpness::perturb(&mlp.parameters, &one, &xi(which), 1.5, true);
        let wanted = mlp.losses(&moved)[0] - loss;
        let found = f64::from(found.rises[which as usize].0);
        assert!((found - wanted).abs() < 2e-5 + 1e-3 * wanted.abs(), "direction {which}: {found} for {wanted}");
    }
    let above = found.rises.iter().filter(|rise| f64::from(rise.0) > 0.1 * found.loss).count();
    assert_eq!(found.share_above_10_percent, above as f64 / 300.0);
    assert!((0.05..0.95).contains(&found.share_above_10_percent), "{}", found.share_above_10_percent);
    let along = |sign: f64| {
        let moved: Vec<f64> = mlp.parameters.iter().zip(&axis).map(|(w, v)| w + sign * 1.5 * v).collect();
        mlp.losses(&moved)[0] - loss
    };
    near("forwards", found.main[0].rise, along(1.0), 1e-3);
    near("back", found.main[0].rise_back, along(-1.0), 1e-3);
    near("quadratic", found.main[0].quadratic, 2.25, 1e-12);
    let again = pollster::block_on(options.measure(&subject, &mlp.state, &main, &mut silent)).unwrap();
    assert_eq!(found, again, "the same seed has the same bits");
}

#[test]
fn keskars_box_is_searched_as_the_twin_does() {
    let Some(gpu) = any_gpu() else { return };
    for (name, examples, epsilon) in [("probe-mlp-tanh", 60, 0.05), ("probe-mlp-relu", 80, 0.02)] {
        let mlp = Mlp::read(name, examples);
        let n = mlp.parameters.len();
        let f = |at: &[f64]| mlp.loss_and_gradient(at);
        for subspace in [None, Some(9)] {
            let options = KeskarOptions { epsilon, subspace, steps: 6, restarts: 2, seed: 4 };
            let subject = subject(gpu, &mlp);
            let found = pollster::block_on(options.measure(&subject, &mlp.state, &mut silent)).unwrap();
            let columns: Vec<Vec<f64>> =
                (0..subspace.unwrap_or(0) as u32).map(|j| (0..n as u32).map(|i| gaussian(4, j, i)).collect()).collect();
            let columns = sharpness::unit_columns(&columns);
            let columns = subspace.map(|_| columns.as_slice());
            let (first, size) = subspace.map_or((0, n), |size| (size as u32, size));
            let start = |r: usize| (0..size as u32).map(|i| symmetric(4, first + r as u32, i)).collect();
            let wanted = sharpness::search(&f, &mlp.parameters, columns, epsilon, 6, 2, &start);
            let what = format!("{name}, subspace {subspace:?}");
            near(&what, found.loss, wanted.loss, 2e-5);
            // A gradient of almost 0 may have another sign in f32: it moves the loss by almost 0.
            let phi = |most: f64| sharpness::keskar(most, wanted.loss);
            near(&format!("{what}: vertex"), found.vertex_sharpness, phi(wanted.vertex), 1e-3);
            let ascent = sharpness::keskar(found.ascent_loss, found.loss);
            near(&format!("{what}: ascent"), ascent, phi(wanted.ascent), 5e-3);
            assert_eq!(found.max_loss, found.ascent_loss.max(found.vertex_loss));
            assert_eq!(found.winner, if wanted.ascent > wanted.vertex { "ascent" } else { "vertex" }, "{what}");
            near(&what, found.sharpness, phi(wanted.ascent.max(wanted.vertex)), 5e-3);
        }
    }
}
