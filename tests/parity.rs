//! Every training run that `fixtures/` records from PyTorch in float64, again on the device in both tile families: by
//! itself, and beside the others as a lane of one trainer.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use lowland::model::Model;
use lowland::train::{Part, Setup, Snapshot, write_tensors};
use lowland_tests::fixture::{Fixture, tensors};
use lowland_tests::training::{Job, LONG, Story, same_bits};
use lowland_tests::{FAMILIES, gpu};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// Largest differences allowed: of losses and norms relative to the recorded value, of weights relative to their
/// tensor's largest value, of running statistics (which start at 0 or 1) absolute.
///
/// A wrong formula shows in the first digits. The runs are chosen to be calm (no kink is met where weights are off by
/// 1e-6), so that rounding alone decides. Measured, over both families: losses 2e-6, norms 3e-6, weights 7e-7 (a few
/// roundings in 20 steps), statistics 4e-6. Each bound is some three to eight times that.
struct Bounds {
    losses: f64,
    grad_norm: f64,
    weights: f64,
    statistics: f64,
}

const BOUNDS: Bounds = Bounds { losses: 1e-5, grad_norm: 1e-5, weights: 5e-6, statistics: 1e-5 };

/// What people may rely on whatever the machine, and what stays if the bounds above have to be widened for one: losses
/// to 2e-4 over the first 5 steps and to 2e-3 after, each tensor to 5e-3 of how far it moved.
const PROMISE: [f64; 3] = [2e-4, 2e-3, 5e-3];

/// Runs of the engine held against a fixture.
trait Parity {
    fn job(&self, case: &str) -> Job;
    fn check(&self, title: &str, case: &str, model: &Model, story: &Story);
}

impl Parity for Fixture {
    fn job(&self, case: &str) -> Job {
        let mut job = Job::on(&self.cases[case], self.data());
        // The cadence that is chosen follows the gradients of a step, in which the cases differ.
        job.setup.eval_every = job.setup.steps;
        job
    }

    /// Holds a lane's story against the record of `case`.
    fn check(&self, title: &str, case: &str, model: &Model, story: &Story) {
        let mut worst: BTreeMap<&str, f64> = BTreeMap::new();
        let mut failed = Vec::new();
        let mut compare = |what: &'static str, found: f64, wanted: f64, unit: f64, bound: f64, at: &str| {
            let off = (found - wanted).abs() / unit;
            let most = worst.entry(what).or_default();
            *most = most.max(off);
            if off.is_nan() || off > bound {
                failed
                    .push(format!("{what} {at}: {found}, PyTorch has {wanted}, off by {off:.1e}, allowed {bound:.0e}"));
            }
        };
        let steps = story.steps_of(0);
        let recorded = |key: &str| self.values(&format!("{case}/{key}"));
        assert_eq!(steps.len(), recorded("loss").len(), "{title}");
        let climbs = self.tensors.contains_key(&format!("{case}/sam_loss"));
        for (t, step) in steps.iter().enumerate() {
            let at = format!("at step {t}");
            assert_eq!((step.step, step.sam_loss.is_some()), (t as u64, climbs), "{title}");
            let bound = BOUNDS.losses.min(if t < 5 { PROMISE[0] } else { PROMISE[1] });
            let mut column = |what, found: f32, key: &str, bound| {
                let wanted = recorded(key)[t];
                compare(what, found.into(), wanted, wanted, bound, &at);
            };
            column("loss", step.loss, "loss", bound);
            if let Some(sam_loss) = step.sam_loss {
                column("sam_loss", sam_loss, "sam_loss", bound);
            }
            column("grad_norm", step.grad_norm, "grad_norm", BOUNDS.grad_norm);
            // One rounding from f64.
            column("lr", step.lr, "lr", 1e-7);
            let accuracy = recorded("accuracy")[t];
            compare("accuracy", step.accuracy.into(), accuracy, 1.0, 1e-7, &at);
        }

        let number = |key: &str| self.cases[case].get(key).and_then(Value::as_u64);
        let groups = number("m").map_or(1, |m| number("batch").unwrap() / m);
        let batches = story.end().step * groups;
        let file = write_tensors(model, &story.end().lanes[0], batches, HashMap::new()).unwrap();
        let found = tensors(&file);
        let prefix = format!("{case}/final/");
        let finals: Vec<&String> = self.tensors.keys().filter(|key| key.starts_with(&prefix)).collect();
        assert_eq!(finals.len(), found.len(), "{title}: as many tensors as PyTorch has");
        for key in finals {
            let name = &key[prefix.len()..];
            let (shape, wanted) = &self.tensors[key];
            let (found_shape, found) = &found[name];
            assert_eq!(found_shape, shape, "{title}: {name}");
            let start = self.tensors.get(&format!("init/{name}")).map(|(_, start)| start);
            let largest = wanted.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
            let moved = |start: &Vec<f64>| start.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            for (i, (found, wanted)) in found.iter().zip(wanted).enumerate() {
                let at = format!("{name}[{i}]");
                match start {
                    Some(start) => {
                        compare("weights", *found, *wanted, largest, BOUNDS.weights, &at);
                        compare("weights / change", *found, *wanted, moved(start), PROMISE[2], &at);
                    }
                    None => compare("statistics", *found, *wanted, 1.0, BOUNDS.statistics, &at),
                }
            }
        }

        for part in [Part::Train, Part::Test] {
            let e = story.last_on(part, 0);
            let at = format!("on {part:?}");
            assert_eq!((e.step, e.examples), (steps.len() as u64, self.values("labels").len() as u64), "{title}");
            let (loss, accuracy) = (recorded("eval/loss")[0], recorded("eval/accuracy")[0]);
            compare("evaluated loss", e.loss.into(), loss, loss, BOUNDS.losses, &at);
            compare("accuracy", e.accuracy.into(), accuracy, 1.0, 1e-7, &at);
        }
        let worst: Vec<_> = worst.iter().map(|(what, off)| format!("{what} {off:.1e}")).collect();
        println!("{title}: {}", worst.join(", "));
        assert!(failed.is_empty(), "{title}: {} values are off:\n{}", failed.len(), failed.join("\n"));
    }
}

/// Follows every case of a file by itself and, where they can share a trainer, side by side.
fn follow(file: &str, expected_cases: &[&str], side_by_side: bool) {
    let fixture = Fixture::read(file);
    assert_eq!(fixture.cases.keys().map(String::as_str).collect::<Vec<_>>(), expected_cases);
    for family in FAMILIES {
        let Some(gpu) = gpu(family) else { return };
        let mut alone = Vec::new();
        for case in expected_cases {
            let job = fixture.job(case);
            let start = Snapshot { step: 0, lanes: vec![fixture.initial(&job.model)] };
            let story = job.run_as(gpu, job.setup.clone(), Some(&start), LONG);
            assert_eq!(story.troubles, []);
            fixture.check(&format!("{file} {case} {family:?}"), case, &job.model, &story);
            alone.push((job, story));
        }
        if !side_by_side {
            continue;
        }
        let (job, _) = &alone[0];
        let lanes: Vec<_> = alone.iter().map(|(job, _)| job.setup.lanes[0].clone()).collect();
        let start = Snapshot { step: 0, lanes: vec![fixture.initial(&job.model); lanes.len()] };
        let together = job.run_as(gpu, Setup { lanes, ..job.setup.clone() }, Some(&start), LONG);
        for (lane, (case, (_, alone))) in expected_cases.iter().zip(&alone).enumerate() {
            same_bits(&format!("{file} {case} beside the others"), &together.bits(lane, 0), &alone.bits(0, 0));
        }
    }
}

#[test]
fn mlp() {
    follow("mlp", &["adamw", "nesterov-cosine", "sam", "sam-large-cosine", "sgd"], true);
}

#[test]
fn cnn_with_batch_norm() {
    follow("cnn", &["adamw", "nesterov-cosine", "sam", "sam-large-cosine", "sgd"], true);
}

#[test]
fn mlp_with_batch_norm_and_smoothing() {
    follow("mlp-norm", &["sam-smoothing", "sgd-dampening-warmup"], false);
}

#[test]
fn list_of_layers() {
    follow("list", &["sam", "sgd"], true);
}

#[test]
fn cnn_without_norm() {
    follow("cnn-plain", &["sam-adamw-smoothing", "sgd-dampening-warmup"], false);
}

#[test]
fn every_form_of_the_optimizers() {
    follow(
        "mlp-forms",
        &[
            "adam",
            "asam",
            "asam-3-steps",
            "asam-p4-adam",
            "clip-exponential",
            "rmsprop",
            "sam-2-steps-clip",
            "sam-inf",
            "sam-p1",
            "sam-p1.5",
            "sam-p3-step",
            "sam-rmsprop",
        ],
        true,
    );
}

#[test]
fn groups_of_the_batch() {
    follow("cnn-groups", &["asam-m4", "sam-m4", "sam-m8-2-steps-p3-clip", "sgd-m4"], false);
}
