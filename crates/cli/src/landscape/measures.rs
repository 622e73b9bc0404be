//! Sharpness, curvature and barriers of all networks of a run.

use super::{Job, Networks, WORK, until};
use crate::checkpoint::{Loaded, Sets, load};
use anyhow::Result;
use lowland::data::Dataset;
use lowland::probe::{
    Adaptive, Examples, Hessian, HessianOptions, Interpolation, Sharpness, SharpnessOptions, Statistics, Subject,
};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::fmt::Write as _;

/// Points of a line that a barrier is looked for on, its ends included.
const BARRIER_POINTS: usize = 11;
/// Products of the Lanczos method at most, and vectors of signs for the trace.
const ITERATIONS: usize = 60;
const TRACE_PROBES: usize = 10;
/// Gradients that a product costs, and passes of a gradient.
const PASSES: u64 = 6;
/// Examples that curvature is measured on, from many to few.
const EXAMPLES: [usize; 4] = [2000, 1000, 500, 250];

/// What curvature is measured on: the examples, and how many networks of each lane.
fn affordable(multiply_adds: u64, data: &Dataset, lanes: usize, seeds: usize) -> (usize, usize) {
    let work = |examples: usize, seeds: usize| {
        let passes = (ITERATIONS + TRACE_PROBES) as u64 * PASSES * (examples * seeds * lanes) as u64;
        passes.saturating_mul(multiply_adds.max(5_000))
    };
    let all = data.train.len();
    let most = EXAMPLES.map(|examples| examples.min(all)).into_iter().find(|examples| work(*examples, seeds) <= WORK);
    let examples = most.unwrap_or(EXAMPLES[EXAMPLES.len() - 1].min(all));
    (examples, (0..=seeds).rev().find(|seeds| work(examples, *seeds) <= WORK).unwrap_or(0))
}

impl Job<'_> {
    /// Writes `sharpness.csv`, a row a network: SAM's sharpness and ASAM's, largest eigenvalues and trace of the Hessian, and
    /// the barrier on the line from the first lane of the same seed.
    pub(super) fn measures(
        &mut self,
        networks: &[(&str, u32)],
        changes: &Map<String, Value>,
        sets: &mut Sets,
        all: &Networks,
        document: &mut Value,
    ) -> Result<()> {
        let options = SharpnessOptions { rho: all.rho, ..SharpnessOptions::default() };
        let adaptive = SharpnessOptions { adaptive: Some(Adaptive { eta: 0.0, everywhere: true }), ..options };
        let mut csv = String::from(
            "optimizer,seed,examples,rho,p,loss,sam_loss,sharpness,grad_norm,adaptive_sharpness,lambda_1,lambda_5,trace,\
             trace_stderr,barrier\n",
        );
        let baseline = all.labels.first().filter(|_| all.labels.len() > 1);
        let mut firsts: HashMap<u32, Loaded> = HashMap::new();
        let mut curved: Option<(Dataset, usize)> = None;
        let mut measured: HashMap<&str, usize> = HashMap::new();
        for (label, seed) in networks {
            self.counter.show(self.done, self.total);
            let network = load(&all.file(label, *seed), changes, sets)?;
            let subject = Subject { gpu: self.gpu, model: &network.model, data: self.data, examples: Examples::Train };
            let found = until(self.stop, options.measure(&subject, &network.state, &mut |_, _| ()))?;
            let adapted = until(self.stop, adaptive.measure(&subject, &network.state, &mut |_, _| ()))?;
            let (data, seeds) = curved.get_or_insert_with(|| {
                let per_lane = networks.iter().filter(|(other, _)| other == label).count();
                let (examples, seeds) =
                    affordable(network.model.multiply_adds(), self.data, all.labels.len(), per_lane);
                (self.data.thinned(examples, 1), seeds)
            });
            let count = measured.entry(label).or_default();
            let hessian = if *count < *seeds { self.curvature(&network, data)? } else { None };
            *count += 1;
            let barrier = match firsts.get(seed) {
                Some(first) if baseline.is_some_and(|b| b != label) => Some(self.barrier(first, &network)?),
                _ => None,
            };
            self.done += 1;
            let Sharpness { loss, sam_loss, sharpness, grad_norm, examples, rho, p, .. } = found;
            let eigenvalue = |i: usize| hessian.as_ref().and_then(|h| h.eigenvalues.get(i).copied());
            let trace = hessian.as_ref().map(|h| [h.trace, h.trace_stderr]).unwrap_or_default();
            let optional = [eigenvalue(0), eigenvalue(4), trace[0], trace[1], barrier];
            let optional = optional.map(|value| value.map_or_else(String::new, |value| value.to_string()));
            let _ = writeln!(
                csv,
                "{label},{seed},{examples},{rho},{p},{loss},{sam_loss},{sharpness},{grad_norm},{},{}",
                adapted.sharpness,
                optional.join(",")
            );
            if baseline.is_some_and(|b| b == label) {
                firsts.insert(*seed, network);
            }
        }
        self.write("sharpness.csv", csv.as_bytes())?;
        document["sharpness"] = json!({
            "file": "sharpness.csv",
            "rho": options.rho,
            "p": options.p,
            "barrier_from": baseline,
            "curvature_examples": curved.map(|(data, _)| data.train.len()),
        });
        Ok(())
    }

    /// Nothing where the loss has no finite curvature: the table says so, and the rest is measured all the same.
    fn curvature(&self, network: &Loaded, data: &Dataset) -> Result<Option<Hessian>> {
        let top = 5.min(network.model.parameter_count());
        let options = HessianOptions {
            top,
            trace_probes: TRACE_PROBES,
            iterations: ITERATIONS.max(top),
            tolerance: 1e-2,
            ..HessianOptions::default()
        };
        let subject = Subject { gpu: self.gpu, model: &network.model, data, examples: Examples::Train };
        match until(self.stop, options.measure(&subject, &network.state, &mut |_, _| ())) {
            Err(error) if error.is::<super::Stopped>() => Err(error),
            measured => Ok(measured.ok()),
        }
    }

    fn barrier(&self, from: &Loaded, to: &Loaded) -> Result<f64> {
        let line = Interpolation { from: 0.0, to: 1.0, points: BARRIER_POINTS, statistics: Statistics::Recompute };
        let subject = Subject { gpu: self.gpu, model: &to.model, data: self.data, examples: Examples::Train };
        let measured = until(self.stop, line.measure(&subject, &from.state, &to.state, &mut |_, _| ()))?;
        Ok(measured.barrier.and_then(|barrier| barrier.train_loss).unwrap_or(f64::NAN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lowland::config::Config;

    #[test]
    fn curvature_is_measured_as_far_as_it_is_affordable() {
        let data = lowland::data::load(&Config::default()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(affordable(2_000, &data, 2, 6), (200, 6), "all examples and seeds of a small set");
        let mut before = (usize::MAX, usize::MAX);
        for power in 0..50 {
            let now = affordable(1 << power, &data, 3, 6);
            assert!(now.0 <= before.0 && now.1 <= before.1, "{now:?} after {before:?}");
            before = now;
        }
        assert_eq!(before.1, 0, "none of a network that is too large");
    }
}
