//! Learning-rate schedules.

use crate::config;

/// The learning rate of each step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// The rate at the start (after warm-up).
    pub lr: f32,
    /// Its course.
    pub shape: config::Schedule,
    /// Steps of linear warm-up: step t < warmup has lr (t + 1) / warmup times the schedule's factor.
    pub warmup: u64,
    /// All steps of the lane.
    pub steps: u64,
}

impl Schedule {
    /// The rate of `step`, counted from 0. Cosine: lr / 2 (1 + cos(pi t / T)), no restart.
    pub fn lr(&self, step: u64) -> f32 {
        let factor = match self.shape {
            config::Schedule::Constant => 1.0,
            config::Schedule::Cosine => {
                let t = step as f64 / self.steps.max(1) as f64;
                0.5 * (1.0 + (std::f64::consts::PI * t).cos())
            }
        };
        let warm = if step < self.warmup { (step + 1) as f64 / self.warmup as f64 } else { 1.0 };
        (f64::from(self.lr) * factor * warm) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosine_starts_at_lr_halves_in_the_middle_and_warm_up_is_linear() {
        let schedule = Schedule { lr: 0.2, shape: config::Schedule::Cosine, warmup: 0, steps: 100 };
        assert_eq!(schedule.lr(0), 0.2);
        assert!((schedule.lr(50) - 0.1).abs() < 1e-7);
        assert!(schedule.lr(99) < 1e-3);
        let warm = Schedule { shape: config::Schedule::Constant, warmup: 4, ..schedule };
        assert_eq!([0, 1, 3, 4].map(|t| warm.lr(t)), [0.05, 0.1, 0.2, 0.2]);
    }
}
