//! The kernels that measure an adapter compute what they say: one that is optimised away measures nothing.

use lowland_shaders::params::{Rounds, Stream, Touch};
use lowland_shaders::{MULTIPLY_ADD, STREAM, TOUCH};
use lowland_tests::any_gpu;
use lowland_tests::bench::Bench;
use lowland_tests::compare::{check, near, within};
use lowland_tests::coverage::covers;

#[test]
fn the_peaks_kernels_do_their_work() {
    let Some(gpu) = any_gpu() else { return };
    let mut bench = Bench::default();
    let rows = bench.table(&[[0, 0, 0, 7]]);
    let sums = bench.output("sums", 128 * 4);
    let (x, y): (Vec<f32>, Vec<f32>) = (0..1100 * 4).map(|i| (i as f32, 0.5 * i as f32)).unzip();
    let (x_id, y_id) = (bench.input("x", &x), bench.changed("y", &y));
    let count = bench.changed("count", &[1.0f32]);
    bench.launch(&MULTIPLY_ADD, &[], &Rounds { rounds: 10 }, rows, &[sums], 2);
    bench.launch(&STREAM, &[], &Stream { size4: 1100 }, rows, &[x_id, y_id], 2);
    for _ in 0..3 {
        bench.launch(&TOUCH, &[], &Touch { by: 2.0 }, rows, &[count], 1);
    }
    let ran = bench.run(gpu, 1);
    let chain = |lane: usize, start: f64| {
        let seed = lane as f64 * 1e-6;
        (0..40).fold(seed + start, |a, _| a * (0.999 + seed * 1e-3) + seed)
    };
    let sum = |lane| [0.0, 0.1, 0.2, 0.3].map(|start| chain(lane, start)).iter().sum::<f64>();
    let want: Vec<f64> = (0..128).flat_map(|i| [i, i + 1, i + 2, 7].map(sum)).collect();
    check("multiply and add", ran.bits(sums), &near(&want), within(1e-5, 1e-5));
    let want: Vec<f64> = x.iter().zip(&y).map(|(x, y)| 0.9 * f64::from(*y) + f64::from(*x)).collect();
    check("stream", ran.bits(y_id), &near(&want), within(1e-6, 1e-6));
    check("touch", ran.bits(count), &near(&[7.0]), within(0.0, 0.0));
    covers("peaks");
}
