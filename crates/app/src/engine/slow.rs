//! Slow motion: one SAM step of the right side, unfolded.
//!
//! Training rests before a step whose numbers are logged, takes this one step, and keeps the weights before it, those at the
//! top of the climb, and those after it. Everything that is shown is of this one real step.

use super::Duel;
use super::weights::Weights;
use lowland::gpu::Gpu;
use lowland::optim::BaseStep;
use lowland::train::{Event, Slot, Snapshot, StepMetrics};
use std::rc::Rc;

/// The parts of a step.
pub const PARTS: usize = 6;

/// The numbers of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Numbers {
    /// The step, from 0.
    pub step: u64,
    /// Loss of the batch at w.
    pub loss: f32,
    /// The same at w + e; nothing where the side does not climb.
    pub climbed_loss: Option<f32>,
    /// |g|, the norm of the gradient at w.
    pub gradient: f32,
    /// |g_s|, of that at w + e, where the step is one of SGD.
    pub second: Option<f32>,
    /// Radius of the climb.
    pub rho: f32,
    /// Learning rate.
    pub lr: f32,
    /// Momentum, where the step has one.
    pub momentum: f32,
    /// |w' - w|, how far the step went.
    pub moved: Option<f32>,
}

/// A step that is, or will be, shown slowly.
#[derive(Debug)]
pub struct Slow {
    /// Before, climbed, after.
    sets: Weights,
    phase: Phase,
    /// The step that is unfolded.
    step: u64,
    lane: usize,
    climbs: bool,
    metrics: Option<StepMetrics>,
    states: [Option<Rc<Snapshot>>; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Training goes on to a step that is logged.
    Approach,
    /// The step is submitted.
    Step,
    /// It is done, and its weights are kept.
    Unfolded,
}

impl Slow {
    /// Unfolds the next step of `duel` whose numbers are logged.
    pub fn new(gpu: &Gpu, duel: &Duel) -> Self {
        let every = duel.trainer().setup().log_every.max(1);
        Self {
            sets: Weights::new(gpu, duel.model(), 3),
            phase: Phase::Approach,
            step: duel.submitted().next_multiple_of(every),
            lane: duel.sides().get(1).map_or(0, |side| side.first),
            climbs: false,
            metrics: None,
            states: [None, None],
        }
    }

    /// Before a tick of `duel`: how many steps it may take.
    pub fn allow(&mut self, gpu: &Gpu, duel: &mut Duel) -> u64 {
        let ahead = self.step.saturating_sub(duel.submitted());
        match self.phase {
            Phase::Approach if ahead > 0 => ahead,
            Phase::Approach => {
                self.keep(gpu, 0, duel.trainer().slot(self.lane));
                duel.fetch();
                self.phase = Phase::Step;
                1
            }
            Phase::Step => (self.step + 1).saturating_sub(duel.submitted()),
            Phase::Unfolded => 0,
        }
    }

    /// After it: keeps what the step has left.
    pub fn look(&mut self, gpu: &Gpu, duel: &mut Duel) {
        if self.phase != Phase::Step || duel.submitted() <= self.step {
            return;
        }
        let after = duel.trainer().slot(self.lane);
        // Without a climb there is no third point: the plane goes through where the other side stands.
        let other = duel.trainer().slot(duel.sides().first().map_or(0, |side| side.first));
        let climbed = duel.trainer().ascent_slot(self.lane);
        self.climbs = climbed.is_some();
        self.keep(gpu, 1, climbed.unwrap_or(other));
        self.keep(gpu, 2, after);
        duel.fetch();
        self.phase = Phase::Unfolded;
    }

    fn keep(&self, gpu: &Gpu, set: u64, from: Slot<'_>) {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        self.sets.copy(&mut encoder, set, from);
        gpu.queue().submit([encoder.finish()]);
    }

    /// Takes what the duel tells of the step.
    pub fn hear(&mut self, event: &Event) {
        match event {
            Event::Step(metrics) if (metrics.step, metrics.lane) == (self.step, self.lane) => {
                self.metrics = Some(*metrics);
            }
            Event::Checkpoint(snapshot) => {
                for (state, step) in self.states.iter_mut().zip(self.step..) {
                    if snapshot.step == step && state.is_none() {
                        *state = Some(Rc::new(Snapshot::clone(snapshot)));
                    }
                }
            }
            _ => {}
        }
    }

    /// Before, climbed and after; nothing before the step is done.
    pub fn unfolded(&self) -> Option<[Slot<'_>; 3]> {
        (self.phase == Phase::Unfolded).then(|| [0, 1, 2].map(|set| self.sets.slot(set)))
    }

    /// Whether the side climbs: with rho 0 SAM is SGD.
    pub fn climbs(&self) -> bool {
        self.climbs
    }

    /// The step that is shown.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// What the step's numbers were, once they are known.
    pub fn numbers(&self, duel: &Duel) -> Option<Numbers> {
        let metrics = self.metrics?;
        let numbers = Numbers {
            step: metrics.step,
            loss: metrics.loss,
            climbed_loss: metrics.sam_loss,
            gradient: metrics.grad_norm,
            rho: metrics.rho,
            lr: metrics.lr,
            ..Numbers::default()
        };
        let [Some(before), Some(after)] = &self.states else { return Some(numbers) };
        let (Some(before), Some(after)) = (before.lanes.get(self.lane), after.lanes.get(self.lane)) else {
            return Some(numbers);
        };
        let optimizer = &duel.trainer().setup().lanes.get(self.lane)?.optimizer;
        let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt() as f32;
        let pair = before.weights.iter().zip(&after.weights);
        let moved = norm(&mut pair.map(|(w, new)| f64::from(*new) - f64::from(*w)));
        let BaseStep::Sgd(sgd) = optimizer.base else { return Some(Numbers { moved: Some(moved), ..numbers }) };
        // The velocity tells the gradient that went into it: v' = momentum v + (1 - dampening) (g_s + decay w).
        let plain = self.step == 0 || sgd.momentum == 0.0;
        let (momentum, part) = if plain { (0.0, 1.0) } else { (sgd.momentum, 1.0 - sgd.dampening) };
        let second = before.moments.first().zip(after.moments.first()).filter(|_| part > 0.0).map(|(old, new)| {
            let decay = optimizer.weight_decay;
            let values = old.iter().zip(new).zip(&before.weights);
            norm(&mut values.map(|((v, new), w)| f64::from((new - momentum * v) / part - decay * w)))
        });
        Some(Numbers { moved: Some(moved), second, momentum: sgd.momentum, ..numbers })
    }

    /// Bytes on the device.
    pub fn gpu_bytes(&self) -> u64 {
        self.sets.bytes()
    }
}

/// Where the moving point is in a part of the step: the factors of before, climbed and after.
pub fn place(part: usize, done: f32) -> [f32; 3] {
    let t = done.clamp(0.0, 1.0);
    // Starts and ends gently.
    let t = t * t * (3.0 - 2.0 * t);
    match part {
        0 | 1 => [1.0, 0.0, 0.0],
        2 => [1.0 - t, t, 0.0],
        3 => [0.0, 1.0, 0.0],
        4 => [t, 1.0 - t, 0.0],
        _ => [1.0 - t, 0.0, t],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_point_climbs_comes_back_and_descends() {
        for part in 0..PARTS - 1 {
            assert_eq!(place(part, 1.0), place(part + 1, 0.0), "no jump after part {part}");
        }
        assert_eq!(place(2, 1.0), [0.0, 1.0, 0.0]);
        assert_eq!(place(5, 1.0), [0.0, 0.0, 1.0]);
        for done in [0.0, 0.3, 0.8] {
            assert!((place(4, done).iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }
}
