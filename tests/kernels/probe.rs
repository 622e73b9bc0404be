//! Sums of weights, of gradients and means of statistics against `lowland_reference::probe`.

use lowland::rng::{Rng, Stream};
use lowland_reference::Activation as Twin;
use lowland_reference::probe::{average, combine, combine_outputs};
use lowland_shaders::params::{AddGradients, AverageStatistics, Combine, CombineOutputs};
use lowland_shaders::{ADD_GRADIENTS, AVERAGE_STATISTICS, COMBINE, COMBINE_OUTPUTS};
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
fn what_lies_before_the_first_is_left_alone() {
    let Some(gpu) = any_gpu() else { return };
    for (n, first) in [(64, 8), (4096, 2048), (9000, 4100)] {
        let sources = values(&mut Rng::new(5, Stream::Data, 1), 3 * n);
        let mut bench = Bench::default();
        let rows = bench.table(&ROWS);
        let factors = [[0.5f32, 0.25, 2.0, 0.0]; SLOTS];
        let from = [bench.input("factors", factors.as_flattened()), bench.input("sources", &sources)];
        let out = bench.output("out", SLOTS * n);
        let p = Combine { size4: (n / 4) as u32, stride: (n / 4) as u32, first: (first / 4) as u32 };
        bench.launch(&COMBINE, &[], &p, rows, &[from[0], from[1], out], (n - first).div_ceil(2048));
        let ran = bench.run(gpu, 1);
        let doubles: Vec<Vec<f64>> = sources.chunks(n).map(doubles).collect();
        let sums = combine(&[0.5, 0.25, 2.0], &[&doubles[0], &doubles[1], &doubles[2]]);
        let want = by_slot(n, 0, |_| {
            let mut want = near(&sums);
            want[..first].fill(Want::Untouched);
            want
        });
        check(&format!("sum of {n} weights from {first} on"), ran.bits(out), &want, SUM);
    }
}

#[test]
fn sums_of_outputs() {
    let Some(gpu) = any_gpu() else { return };
    // Numbered as in shaders/shared/activation.wgsl.
    let activations = [(0.0, None), (1.0, Some(Twin::Relu)), (3.0, Some(Twin::Gelu)), (5.0, Some(Twin::Tanh))];
    for (n, sources) in [(4, 3), (2044, 2), (2052, 3), (9000, 2)] {
        for (step, kept) in [(0u32, 1u32), (4, 3), (1, 2)] {
            for (code, twin) in activations {
                let mut outputs = values(&mut Rng::new(n as u32, Stream::Data, 1), kept as usize * sources * n);
                let batch = (step % kept) as usize * sources * n;
                // The first source is NaN: row 2 leaves it out.
                outputs[batch..batch + n].fill(blank());
                let last = if sources == 3 { -0.75 } else { 0.0 };
                let factors = [[0.0, 1.0, 0.0, 0.0], [blank(); 4], [0.0, 1.5, last, 0.0], [blank(); 4]];
                let mut bench = Bench::default();
                let rows = bench.table(&ROWS);
                let from = [
                    bench.input("factors", factors.as_flattened()),
                    bench.input("clock", &[step, 99, 0]),
                    bench.input("outputs", &outputs),
                ];
                let y = bench.output("y", SLOTS * n);
                let p = CombineOutputs { size4: (n / 4) as u32, sources: sources as u32, kept };
                let code = [("ACTIVATION", code)];
                let list = [from[0], from[1], from[2], y];
                bench.launch(&COMBINE_OUTPUTS, &code, &p, rows, &list, n.div_ceil(2048));
                let ran = bench.run(gpu, 1);
                let of: Vec<Vec<f64>> = outputs[batch..][..sources * n].chunks(n).map(doubles).collect();
                let of: Vec<&[f64]> = of.iter().map(Vec::as_slice).collect();
                let want = by_slot(n, 2, |slot| {
                    let factors = if slot == 1 { [0.0, 1.5, last.into()] } else { [0.0, 1.0, 0.0] };
                    near(&combine_outputs(&factors[..sources], &of, twin))
                });
                let what = format!("{n} outputs of {sources} sources, batch {step} of {kept}, {twin:?}");
                check(&what, ran.bits(y), &want, SUM);
            }
        }
    }
    covers("sums of outputs");
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
        let p = Combine { size4, stride: size4, first: 0 };
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
