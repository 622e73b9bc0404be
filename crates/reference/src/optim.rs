//! The base steps as PyTorch has them, clipping, schedules.
use std::f64::consts::PI;

/// `|v|_2`, without overflow or underflow of the squares.
pub fn l2_norm(values: &[f64]) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let largest = values.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    if largest == 0.0 || largest.is_infinite() {
        return largest;
    }
    largest * values.iter().map(|value| (value / largest).powi(2)).sum::<f64>().sqrt()
}

/// Settings of `torch.optim.SGD`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Share of the buffer that is kept.
    pub momentum: f64,
    /// Share of the gradient that does not enter the buffer.
    pub dampening: f64,
    /// Whether to look ahead along the buffer.
    pub nesterov: bool,
    /// Times the weight, added to the gradient.
    pub weight_decay: f64,
}

impl Sgd {
    /// `d = g + decay w`; `b = momentum b + (1 - dampening) d`, in the first step `b = d`; then
    /// `w -= lr (nesterov ? d + momentum b : b)`, or `w -= lr d` without momentum.
    ///
    /// `buffer` is `None` before the first step.
    pub fn step(&self, lr: f64, weights: &mut [f64], gradient: &[f64], buffer: &mut Option<Vec<f64>>) {
        assert_eq!(weights.len(), gradient.len());
        let decayed: Vec<f64> = gradient.iter().zip(&*weights).map(|(g, w)| g + self.weight_decay * w).collect();
        if self.momentum != 0.0 {
            let first = buffer.is_none();
            let buffer = buffer.get_or_insert_with(|| decayed.clone());
            if !first {
                for (b, d) in buffer.iter_mut().zip(&decayed) {
                    *b = self.momentum * *b + (1.0 - self.dampening) * d;
                }
            }
            for ((w, d), b) in weights.iter_mut().zip(&decayed).zip(&*buffer) {
                *w -= lr * if self.nesterov { d + self.momentum * b } else { *b };
            }
        } else {
            for (w, d) in weights.iter_mut().zip(&decayed) {
                *w -= lr * d;
            }
        }
    }
}

/// `g min(1, most / (|g|_2 + 1e-6))`, as `torch.nn.utils.clip_grad_norm_`.
pub fn clip(gradient: &mut [f64], most: f64) {
    let scale = (most / (l2_norm(gradient) + 1e-6)).min(1.0);
    gradient.iter_mut().for_each(|g| *g *= scale);
}

/// Settings of `torch.optim.Adam` (Kingma and Ba 2015) and `torch.optim.AdamW` (Loshchilov and Hutter 2019).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Decay rates of the first and second moment.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Times the weight.
    pub weight_decay: f64,
    /// Whether `w` shrinks by `lr decay w` (AdamW), or the decay is added to the gradient (Adam).
    pub decoupled: bool,
}

/// What Adam remembers; all zeros before the first step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    /// Running mean of the gradient.
    pub first: Vec<f64>,
    /// Running mean of its square.
    pub second: Vec<f64>,
    /// Steps done.
    pub steps: i32,
}

impl Adam {
    /// `w -= lr decay w`, or `g += decay w`; `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`;
    /// `w -= lr / (1 - b1^t) m / (sqrt(v / (1 - b2^t)) + eps)` in step `t = 1, 2, ...`.
    pub fn step(&self, lr: f64, weights: &mut [f64], gradient: &[f64], moments: &mut Moments) {
        assert_eq!(weights.len(), gradient.len());
        moments.first.resize(weights.len(), 0.0);
        moments.second.resize(weights.len(), 0.0);
        moments.steps += 1;
        let [b1, b2] = self.betas;
        let (first_correction, second_correction) = (1.0 - b1.powi(moments.steps), 1.0 - b2.powi(moments.steps));
        for (i, (w, g)) in weights.iter_mut().zip(gradient).enumerate() {
            let (m, v) = (&mut moments.first[i], &mut moments.second[i]);
            let g = if self.decoupled { *g } else { g + self.weight_decay * *w };
            *m = b1 * *m + (1.0 - b1) * g;
            *v = b2 * *v + (1.0 - b2) * g * g;
            if self.decoupled {
                *w -= lr * self.weight_decay * *w;
            }
            *w -= lr / first_correction * *m / ((*v / second_correction).sqrt() + self.eps);
        }
    }
}

/// Settings of `torch.optim.RMSprop`, not centred.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// Decay rate of the mean of squares.
    pub alpha: f64,
    /// Added to its root.
    pub eps: f64,
    /// Share of the buffer that is kept.
    pub momentum: f64,
    /// Times the weight, added to the gradient.
    pub weight_decay: f64,
}

impl RmsProp {
    /// `d = g + decay w`; `v = alpha v + (1 - alpha) d^2`; `b = momentum b + d / (sqrt(v) + eps)`; `w -= lr b`.
    pub fn step(&self, lr: f64, weights: &mut [f64], gradient: &[f64], moments: &mut Moments) {
        assert_eq!(weights.len(), gradient.len());
        moments.first.resize(weights.len(), 0.0);
        moments.second.resize(weights.len(), 0.0);
        moments.steps += 1;
        for (i, (w, g)) in weights.iter_mut().zip(gradient).enumerate() {
            let (b, v) = (&mut moments.first[i], &mut moments.second[i]);
            let d = g + self.weight_decay * *w;
            *v = self.alpha * *v + (1.0 - self.alpha) * d * d;
            *b = self.momentum * *b + d / (v.sqrt() + self.eps);
            *w -= lr * *b;
        }
    }
}

/// How the learning rate changes over a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// `lr`
    Constant,
    /// `lr / 2 (1 + cos(pi t / total))`
    Cosine {
        /// Steps of the whole run.
        total: u64,
    },
    /// `lr factor^k` after `k` of the milestones.
    Step {
        /// Factor.
        factor: f64,
        /// Epochs.
        milestones: Vec<u64>,
    },
    /// `lr factor^epoch`
    Exponential {
        /// Factor.
        factor: f64,
    },
}

/// The learning rate of step `t` (from 0) in `epoch`: the schedule's there, times `(t + 1) / warmup` while `t < warmup`.
pub fn learning_rate(schedule: &Schedule, lr: f64, warmup: u64, t: u64, epoch: u64) -> f64 {
    let warm = if t < warmup { (t + 1) as f64 / warmup as f64 } else { 1.0 };
    let scheduled = match schedule {
        Schedule::Constant => lr,
        Schedule::Cosine { total } => 0.5 * lr * (1.0 + (PI * t as f64 / *total as f64).cos()),
        Schedule::Step { factor, milestones } => {
            lr * factor.powi(milestones.iter().filter(|m| **m <= epoch).count() as i32)
        }
        Schedule::Exponential { factor } => lr * factor.powi(epoch as i32),
    };
    warm * scheduled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_close;

    #[test]
    fn the_norm_survives_extremes() {
        assert_eq!(l2_norm(&[3.0, -4.0]), 5.0);
        assert_eq!(l2_norm(&[3e300, 4e300]), 5e300);
        assert!((l2_norm(&[3e-300, 4e-300]) / 5e-300 - 1.0).abs() < 1e-15);
        assert_eq!(l2_norm(&[]), 0.0);
        assert_eq!(l2_norm(&[1.0, f64::NEG_INFINITY]), f64::INFINITY);
        assert!(l2_norm(&[0.0, f64::NAN]).is_nan());
    }

    #[test]
    fn sgd_done_by_hand() {
        // w = 2, gradient 1, decay 0.5: d = 2, b = 2, w = 2 - 0.1 * 2 = 1.8.
        // Gradient 3: d = 3.9, b = 0.9 * 2 + (1 - 0.25) * 3.9 = 4.725.
        let plain = Sgd { momentum: 0.9, dampening: 0.25, nesterov: false, weight_decay: 0.5 };
        let (mut w, mut buffer) = ([2.0], None);
        plain.step(0.1, &mut w, &[1.0], &mut buffer);
        assert_close(&w, &[1.8], 1e-15);
        plain.step(0.1, &mut w, &[3.0], &mut buffer);
        assert_close(&w, &[1.8 - 0.4725], 1e-15);
        // Nesterov, no dampening: steps 2 + 0.9 * 2 = 3.8; then w = 1.62, d = 3.81, b = 5.61, step 8.859.
        let nesterov = Sgd { dampening: 0.0, nesterov: true, ..plain };
        let (mut w, mut buffer) = ([2.0], None);
        nesterov.step(0.1, &mut w, &[1.0], &mut buffer);
        assert_close(&w, &[1.62], 1e-15);
        nesterov.step(0.1, &mut w, &[3.0], &mut buffer);
        assert_close(&w, &[1.62 - 0.8859], 1e-15);
    }

    #[test]
    fn adamw_done_by_hand() {
        let adamw = Adam { betas: [0.9, 0.99], eps: 0.5, weight_decay: 0.1, decoupled: true };
        let (mut w, mut moments) = ([1.0], Moments::default());
        // Step 1: m and v corrected are g = 2 and g^2 = 4: w = 0.99 - 0.1 * 2 / 2.5.
        adamw.step(0.1, &mut w, &[2.0], &mut moments);
        assert_close(&w, &[0.91], 1e-15);
        // Step 2, g = -1: m = 0.18 - 0.1 = 0.08 over 0.19; v = 0.0396 + 0.01 = 0.0496 over 0.0199.
        adamw.step(0.1, &mut w, &[-1.0], &mut moments);
        let expected = 0.91 * 0.99 - 0.1 * (0.08 / 0.19) / ((0.0496f64 / 0.0199).sqrt() + 0.5);
        assert_close(&w, &[expected], 1e-15);
        // Coupled, the same decay: g = 2 + 0.1.
        let (mut w, mut moments) = ([1.0], Moments::default());
        Adam { decoupled: false, ..adamw }.step(0.1, &mut w, &[2.0], &mut moments);
        assert_close(&w, &[1.0 - 0.1 * 2.1 / 2.6], 1e-15);
    }

    #[test]
    fn rmsprop_done_by_hand() {
        let rmsprop = RmsProp { alpha: 0.75, eps: 0.5, momentum: 0.5, weight_decay: 1.0 };
        let (mut w, mut moments) = ([1.0], Moments::default());
        // d = 2, v = 1, b = 2 / 1.5.
        rmsprop.step(0.3, &mut w, &[1.0], &mut moments);
        assert_close(&w, &[0.6], 1e-15);
        // d = 1, v = 0.75 + 0.25 = 1, b = 2 / 3 + 1 / 1.5.
        rmsprop.step(0.3, &mut w, &[0.4], &mut moments);
        assert_close(&w, &[0.2], 1e-15);
    }

    #[test]
    fn clipping_shortens_and_never_lengthens() {
        let mut gradient = [3.0, -4.0];
        clip(&mut gradient, 1.0);
        assert_close(&gradient, &[0.6, -0.8], 2e-7);
        clip(&mut gradient, 2.0);
        assert_close(&gradient, &[0.6, -0.8], 2e-7);
    }

    #[test]
    fn schedules_at_their_ends() {
        let cosine = Schedule::Cosine { total: 20 };
        let at = |t| learning_rate(&cosine, 0.2, 0, t, 0);
        assert_close(&[at(0), at(5), at(10), at(20)], &[0.2, 0.1 * (1.0 + 0.5f64.sqrt()), 0.1, 0.0], 1e-15);
        let warm = |t| learning_rate(&Schedule::Constant, 0.2, 4, t, 0);
        assert_close(&[warm(0), warm(1), warm(3), warm(4), warm(9)], &[0.05, 0.1, 0.2, 0.2, 0.2], 1e-15);
        let steps = Schedule::Step { factor: 0.5, milestones: vec![2, 5] };
        assert_close(&[1, 2, 5].map(|epoch| learning_rate(&steps, 0.2, 0, 0, epoch)), &[0.2, 0.1, 0.05], 1e-15);
        let powers = Schedule::Exponential { factor: 0.5 };
        assert_close(&[0, 1, 3].map(|epoch| learning_rate(&powers, 0.2, 0, 0, epoch)), &[0.2, 0.1, 0.025], 1e-15);
    }
}
