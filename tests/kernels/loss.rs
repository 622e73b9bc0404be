//! Softmax cross-entropy against `lowland_reference::loss`.

use lowland::rng::{Rng, Stream};
use lowland_reference::loss;
use lowland_shaders::SOFTMAX_CROSS_ENTROPY;
use lowland_shaders::params::Loss;
use lowland_tests::bench::{Bench, SENTINEL};
use lowland_tests::compare::{Tolerance, Want, check, within};
use lowland_tests::layer::{draw, uniform};
use lowland_tests::layout::{image, padded, want_image};
use lowland_tests::{any_gpu, coverage::covers};

/// exp and log of logits up to 80 in f32: half a unit in the last place of 80 is 4e-6.
const LOSS: Tolerance = within(2e-5, 2e-6);
/// Differences of probabilities, divided by the batch.
const GRAD: Tolerance = within(3e-6, 2e-5);

const FLIPPED: u32 = 1 << 16;
const IGNORED: u32 = 1 << 31;

struct Case {
    classes: usize,
    batch: usize,
    smoothing: f32,
    eval: bool,
    logits: fn(&mut Rng) -> f32,
}

/// Two rows on slots (data, work, lane) = (1, 0, 2) and (0, 2, 1).
const ROWS: [[u32; 4]; 2] = [[0, 1, 0, 2], [5, 0, 2, 1]];
const SLOTS: usize = 3;
/// Vec4s before the outcomes of the pass.
const OUTCOME_OFFSET: usize = 6;

fn run(case: &Case) -> bool {
    let Some(gpu) = any_gpu() else { return false };
    let Case { classes, batch, smoothing, eval, logits } = *case;
    let rng = &mut Rng::new(classes as u32, Stream::Data, batch as u32);
    let z: Vec<_> = (0..SLOTS).map(|_| draw(rng, &[batch, classes], logits)).collect();
    let labels: Vec<Vec<usize>> =
        (0..SLOTS).map(|_| (0..batch).map(|_| rng.below(classes as u32) as usize).collect()).collect();
    let kind = |i: usize| [0, FLIPPED, 0, IGNORED, FLIPPED | IGNORED][i % 5];
    let words: Vec<u32> = labels.iter().flat_map(|l| l.iter().enumerate().map(|(i, l)| *l as u32 | kind(i))).collect();
    let mut hyper = [[f32::from_bits(SENTINEL); 12]; SLOTS];
    for row in ROWS {
        hyper[row[3] as usize][7] = smoothing;
    }

    let mut bench = Bench::default();
    let rows = bench.table(&ROWS);
    // Garbage in the padding of the logits must not matter.
    let mut padded_logits: Vec<f32> = z.iter().flat_map(image).collect();
    for (i, value) in padded_logits.iter_mut().enumerate() {
        if i % padded(classes) >= classes {
            *value = 1e9;
        }
    }
    let logits = bench.input("logits", &padded_logits);
    let labels_id = bench.input("labels", &words);
    let hyper = bench.input("hyper", hyper.as_flattened());
    let stride = batch * padded(classes);
    let grad = bench.output("grad", SLOTS * stride);
    let outcome = bench.output("outcome", 4 * (OUTCOME_OFFSET + SLOTS * batch));
    let p = Loss {
        batch: batch as u32,
        classes: classes as u32,
        classes4: padded(classes) as u32 / 4,
        stride: stride as u32,
        outcome_offset: OUTCOME_OFFSET as u32,
    };
    let buffers = [logits, labels_id, hyper, grad, outcome];
    bench.launch(
        &SOFTMAX_CROSS_ENTROPY,
        &[("EVAL", f64::from(u8::from(eval)))],
        &p,
        rows,
        &buffers,
        batch.div_ceil(64),
    );
    let ran = bench.run(gpu, 1);

    let mut grads = vec![Want::Untouched; SLOTS * stride];
    let mut outcomes = vec![Want::Untouched; 4 * (OUTCOME_OFFSET + SLOTS * batch)];
    for [_, data, work, _] in ROWS.map(|row| row.map(|slot| slot as usize)) {
        let (z, labels) = (&z[work], &labels[data]);
        let smoothing = if eval { 0.0 } else { f64::from(smoothing) };
        if !eval {
            let mut gradient = loss::grad_logits(z, labels, smoothing);
            // Examples that do not count have none.
            for (i, row) in gradient.data.chunks_mut(classes).enumerate() {
                row.iter_mut().for_each(|g| *g *= f64::from(u8::from(kind(i) & IGNORED == 0)));
            }
            grads[work * stride..][..stride].copy_from_slice(&want_image(&gradient));
        }
        let losses = loss::cross_entropy(z, labels, smoothing);
        let answers = loss::correct(z, labels).into_iter().zip(loss::top5(z, labels));
        for (i, (loss, (correct, top5))) in losses.into_iter().zip(answers).enumerate() {
            let kind = [0.0, 1.0, 0.0, -1.0, -1.0][i % 5];
            let exact = |on: bool| Want::Exactly(f32::from(u8::from(on)));
            let own = [Want::Near(loss), exact(correct), exact(top5), Want::Exactly(kind)];
            outcomes[4 * (OUTCOME_OFFSET + work * batch + i)..][..4].copy_from_slice(&own);
        }
    }
    let name = format!("{classes} classes, batch {batch}, smoothing {smoothing}, eval {eval}");
    check(&format!("outcome of {name}"), ran.bits(outcome), &outcomes, LOSS);
    check(&format!("gradient of {name}"), ran.bits(grad), &grads, GRAD);
    true
}

#[test]
fn cross_entropy_equals_its_twin() {
    for classes in [2, 3, 5, 10, 17] {
        for (batch, smoothing, eval) in
            [(1, 0.0, false), (65, 0.1, false), (64, 0.1, true), (8, 0.0, true), (129, 0.9, false)]
        {
            if !run(&Case { classes, batch, smoothing, eval, logits: |rng| 3.0 * uniform(rng) }) {
                return;
            }
        }
    }
    covers("loss");
}

/// Logits of few different values have ties; of equal ones the smaller class comes first.
#[test]
fn ties_are_ranked_by_class() {
    for classes in [2, 5, 10, 17] {
        for eval in [false, true] {
            run(&Case { classes, batch: 65, smoothing: 0.0, eval, logits: |rng| rng.below(3) as f32 });
        }
    }
}

#[test]
fn large_logits_neither_overflow_nor_lose_the_loss() {
    for (classes, smoothing) in [(2, 0.0), (10, 0.0), (10, 0.1)] {
        let logits = |rng: &mut Rng| [-80.0, 80.0, 79.5, -3.0][rng.below(4) as usize];
        run(&Case { classes, batch: 65, smoothing, eval: false, logits });
        run(&Case { classes, batch: 9, smoothing, eval: false, logits: |rng| 1000.0 * uniform(rng) });
    }
}

/// A network that has diverged must not count as right.
#[test]
fn a_nan_is_no_right_answer() {
    let Some(gpu) = any_gpu() else { return };
    let mut bench = Bench::default();
    let rows = bench.table(&[[0; 4]]);
    let nan = f32::NAN;
    let logits = bench.input("logits", &[[nan, nan, nan, 0.0], [1.0, nan, 0.0, 0.0], [nan, 1.0, 0.0, 0.0]]);
    let labels = bench.input("labels", &[0u32, 1, 0]);
    let hyper = bench.input("hyper", &[0.0f32; 12]);
    let (grad, outcome) = (bench.output("grad", 12), bench.output("outcome", 12));
    let p = Loss { batch: 3, classes: 3, classes4: 1, stride: 12, outcome_offset: 0 };
    bench.launch(&SOFTMAX_CROSS_ENTROPY, &[("EVAL", 0.0)], &p, rows, &[logits, labels, hyper, grad, outcome], 1);
    let outcome: Vec<f32> = bench.run(gpu, 1).floats(outcome);
    for example in outcome[..12].chunks(4) {
        assert_eq!(example[1..3], [0.0, 0.0], "right and among the top 5");
    }
}
