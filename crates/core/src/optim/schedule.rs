//! Learning-rate schedules.

use crate::config;

/// The learning rate of each step.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The rate at the start (after warm-up).
    pub lr: f32,
    /// Its course.
    pub shape: config::Schedule,
    /// Steps of linear warm-up: step t < warmup has lr (t + 1) / warmup times the schedule's factor.
    pub warmup: u64,
    /// All steps of the lane.
    pub steps: u64,
    /// Which epoch a step is in.
    pub epochs: Epochs,
}

/// How steps make epochs: step t is in epoch floor(t `examples` / `every`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epochs {
    /// What a step counts.
    pub examples: u64,
    /// What an epoch counts; at least 1.
    pub every: u64,
}

impl Epochs {
    /// The epoch of `step`, both from 0.
    pub fn of(self, step: u64) -> u64 {
        (u128::from(step) * u128::from(self.examples) / u128::from(self.every.max(1))) as u64
    }
}

impl Schedule {
    /// The rate of `step`, counted from 0. Cosine: lr / 2 (1 + cos(pi t / T)), no restart.
    pub fn lr(&self, step: u64) -> f32 {
        let epoch = || self.epochs.of(step);
        let factor = match &self.shape {
            config::Schedule::Constant => 1.0,
            config::Schedule::Cosine => {
                let t = step as f64 / self.steps.max(1) as f64;
                0.5 * (1.0 + (std::f64::consts::PI * t).cos())
            }
            config::Schedule::Step { factor, epochs } => {
                let passed = epochs.iter().filter(|milestone| **milestone <= epoch()).count();
                factor.powi(passed as i32)
            }
            config::Schedule::Exponential { factor } => factor.powf(epoch() as f64),
        };
        let warm = if step < self.warmup { (step + 1) as f64 / self.warmup as f64 } else { 1.0 };
        (f64::from(self.lr) * factor * warm) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(shape: config::Schedule) -> Schedule {
        Schedule { lr: 0.2, shape, warmup: 0, steps: 100, epochs: Epochs { examples: 1, every: 10 } }
    }

    #[test]
    fn cosine_starts_at_lr_halves_in_the_middle_and_warm_up_is_linear() {
        let cosine = schedule(config::Schedule::Cosine);
        assert_eq!(cosine.lr(0), 0.2);
        assert!((cosine.lr(50) - 0.1).abs() < 1e-7);
        assert!(cosine.lr(99) < 1e-3);
        let warm = Schedule { warmup: 4, ..schedule(config::Schedule::Constant) };
        assert_eq!([0, 1, 3, 4].map(|t| warm.lr(t)), [0.05, 0.1, 0.2, 0.2]);
    }

    #[test]
    fn steps_and_powers_go_by_epochs() {
        let steps = schedule(config::Schedule::Step { factor: 0.5, epochs: vec![2, 5] });
        assert_eq!([0, 19, 20, 49, 50, 99].map(|t| steps.lr(t)), [0.2, 0.2, 0.1, 0.1, 0.05, 0.05]);
        let powers = schedule(config::Schedule::Exponential { factor: 0.5 });
        assert_eq!([0, 9, 10, 25].map(|t| powers.lr(t)), [0.2, 0.2, 0.1, 0.05]);
    }

    /// In file order a batch may end one epoch and begin the next.
    #[test]
    fn epochs_count_examples() {
        let epochs = Epochs { examples: 20, every: 50 };
        assert_eq!([0, 2, 3, 4, 5].map(|t| epochs.of(t)), [0, 0, 1, 1, 2]);
    }
}
