//! Activations and their derivatives through the shortest kernels that have them.

use lowland::config::Activation;
use lowland_reference::Activation as Twin;
use lowland_shaders::params::{BatchNorm, Pool};
use lowland_shaders::{BATCH_NORM_APPLY, GLOBAL_AVG_POOL_BACKWARD};
use lowland_tests::bench::Bench;
use lowland_tests::compare::{check, near, within};
use lowland_tests::{ACTIVATIONS, activation_code, any_gpu};

/// Zeros, tails that must neither overflow nor turn to NaN, and a fine grid between.
fn points() -> Vec<f32> {
    let mut points =
        vec![0.0, -0.0, 1e-20, -1e-20, 1e-3, -1e-3, 80.0, -80.0, 100.0, -100.0, 1e4, -1e4, 1e20, -1e20, 7.5, -7.5];
    points.extend((-1200..1200).map(|i| i as f32 * 0.01));
    points
}

/// y, saved z and derivative on the device.
fn run(activation: Option<Activation>, z: &[f32]) -> Option<[Vec<u32>; 3]> {
    let gpu = any_gpu()?;
    let mut bench = Bench::default();
    let code = ("ACTIVATION", activation_code(activation));
    let rows = bench.table(&[[0; 4]]);
    let x = bench.input("z", z);
    let count = (z.len() / 4) as u32;

    let identity: Vec<f32> = [[0.0f32; 4], [1.0; 4], [1.0; 4], [0.0; 4]].concat();
    let norm = bench.input("norm", &identity);
    let (y, saved) = (bench.output("y", z.len()), bench.output("saved", z.len()));
    let p = BatchNorm { count, channels4: 1, stride: count, ..BatchNorm::default() };
    let buffers = [x, norm, y, saved];
    bench.launch(&BATCH_NORM_APPLY, &[code, ("SAVE_Z", 1.0)], &p, rows, &buffers, z.len().div_ceil(256));

    // The derivative of relu, leaky relu and tanh is computed from the output.
    let by_input = matches!(activation, Some(Activation::Gelu | Activation::Silu));
    let ones = bench.input("dy", &vec![1.0f32; z.len()]);
    let dx = bench.output("dx", z.len());
    let p = Pool {
        batch: count,
        in_height: 1,
        in_width: 1,
        channels4: 1,
        in_stride: count,
        out_stride: count,
        ..Pool::default()
    };
    let buffers = [ones, if by_input { saved } else { y }, dx];
    bench.launch(&GLOBAL_AVG_POOL_BACKWARD, &[code], &p, rows, &buffers, z.len().div_ceil(256));
    let ran = bench.run(gpu, 1);
    Some([y, saved, dx].map(|id| ran.bits(id).to_vec()))
}

#[test]
fn every_activation_and_its_derivative_equal_their_twins() {
    let z = points();
    let all = ACTIVATIONS.iter().map(|(engine, twin)| (Some(*engine), Some(*twin))).chain([(None, None)]);
    for (engine, twin) in all {
        let Some([y, saved, dx]) = run(engine, &z) else { return };
        let wanted = |f: &dyn Fn(f64) -> f64| near(&z.iter().map(|z| f(f64::from(*z))).collect::<Vec<_>>());
        let value = |z| twin.map_or(z, |twin| twin.value(z));
        let derivative = |z| twin.map_or(1.0, |twin| twin.derivative(z));
        // WGSL allows exp 3 + 2|x| units in the last place, the fit of erfc adds 1.2e-7, tanh 1e-5 absolutely.
        let (absolute, relative) = if twin == Some(Twin::Tanh) { (2e-6, 2e-6) } else { (1e-6, 3e-6) };
        check(&format!("{engine:?}"), &y, &wanted(&value), within(absolute, relative));
        check(&format!("z of {engine:?}"), &saved, &wanted(&|z| z), within(0.0, 1e-7));
        check(&format!("derivative of {engine:?}"), &dx, &wanted(&derivative), within(3e-6, 3e-6));
    }
}
