//! Sums of weights, of gradients and means of statistics against `lowland_reference::probe`.

use lowland::rng::{Rng, Stream};
use lowland_reference::probe::{average, combine};
use lowland_shaders::params::{AddGradients, AverageStatistics, Combine};
use lowland_shaders::{ADD_GRADIENTS, AVERAGE_STATISTICS, COMBINE};
use lowland_tests::bench::{Bench, SENTINEL};
use lowland_tests::compare::{Tolerance, Want, check, exactly, near, within};
use lowland_tests::layer::uniform;
use lowland_tests::{any_gpu, coverage::covers};

/// Rows that use slots 2 and 0 of weights, 1 and 2 of work, 0 and 3 of lanes.
const ROWS: [[u32; 4]; 2] = [[2, 0, 1, 0], [0, 0, 2, 3]];
const SLOTS: usize = 4;

/// Three products and sums of values near 1.
const SUM: Tolerance = within(5e-7, 1e-6);

fn blank() -> f32 {
    f32::from_bits(SENTINEL)
}

fn values(rng: &mut Rng, n: usize) -> Vec<f32> {
    (0..n).map(|_| uniform(rng)).collect()
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

/// What the slots of `column` hold; all others are untouched.
fn by_slot(n: usize, column: usize, want: impl Fn(usize) -> Vec<Want>) -> Vec<Want> {
    let mut all = vec![Want::Untouched; SLOTS * n];
    for row in ROWS {
        let slot = row[column] as usize;
        all[slot * n..][..n].copy_from_slice(&want(slot));
    }
    all
}

#[test]
fn sums_of_weights_gradients_and_statistics() {
    let Some(gpu) = any_gpu() else { return };
    for n in [4, 64, 2044, 2048, 2052, 9000] {
        let rng = &mut Rng::new(n as u32, Stream::Data, 1);
        let size4 = (n / 4) as u32;

        // The third source is NaN: a factor of 0 leaves it out. Row 0 is a plain copy of the second one.
        let sources = [values(rng, 2 * n), vec![blank(); n]].concat();
        let factors = [[0.25, -1.5, 0.0, 0.0], [blank(); 4], [0.0, 1.0, 0.0, 0.0], [blank(); 4]];
        let mut bench = Bench::default();
        let rows = bench.table(&ROWS);
        let from = [bench.input("factors", factors.as_flattened()), bench.input("sources", &sources)];
        let out = bench.output("out", SLOTS * n);
        let p = Combine { size4, stride: size4 };
        bench.launch(&COMBINE, &[], &p, rows, &[from[0], from[1], out], n.div_ceil(2048));

        let grads = values(rng, SLOTS * n);
        let before = values(rng, SLOTS * n);
        let sum = bench.changed("sum", &before);
        let from = bench.input("grads", &grads);
        bench.launch(&ADD_GRADIENTS, &[], &AddGradients { size4, stride: size4 }, rows, &[from, sum], n.div_ceil(2048));
        let ran = bench.run(gpu, 1);

        let want = by_slot(n, 0, |slot| match slot {
            2 => exactly(&sources[n..2 * n]),
            _ => near(&combine(&[0.25, -1.5], &[&doubles(&sources[..n]), &doubles(&sources[n..2 * n])])),
        });
        check(&format!("sum of {n} weights"), ran.bits(out), &want, SUM);
        let mut want = exactly(&before);
        for slot in [1, 2] {
            let [grads, before] = [&grads, &before].map(|all| doubles(&all[slot * n..][..n]));
            want[slot * n..][..n].copy_from_slice(&near(&combine(&[1.0, 1.0], &[&grads, &before])));
        }
        check(&format!("sum of {n} gradients"), ran.bits(sum), &want, SUM);

        for step in [0u32, 1, 6] {
            let batch = values(rng, SLOTS * n);
            let before = if step == 0 { vec![blank(); SLOTS * n] } else { values(rng, SLOTS * n) };
            let mut bench = Bench::default();
            let rows = bench.table(&ROWS);
            let from = bench.input("batch", &batch);
            let clock = bench.changed("clock", &[step, 99, 0]);
            let mean = bench.changed("mean", &before);
            let p = AverageStatistics { size4 };
            bench.launch(&AVERAGE_STATISTICS, &[], &p, rows, &[from, clock, mean], n.div_ceil(256));
            let ran = bench.run(gpu, 1);
            let mut want = if step == 0 { vec![Want::Untouched; SLOTS * n] } else { exactly(&before) };
            for lane in [0, 3] {
                let [before, batch] = [&before, &batch].map(|all| doubles(&all[lane * n..][..n]));
                want[lane * n..][..n].copy_from_slice(&near(&average(&before, &batch, step)));
            }
            check(&format!("mean of {n} statistics, batch {step}"), ran.bits(mean), &want, SUM);
            assert_eq!(ran.bits(clock)[..2], [step, step + 1]);
        }
    }
    covers("sums of weights");
}
