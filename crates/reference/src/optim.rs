//! Optimizers: SAM's ascent, the base steps as PyTorch has them, schedules.
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

/// SAM's perturbation `e = rho g / |g|_2` over all parameters together; 0 where the gradient is 0.
pub fn sam_ascent(gradient: &[f64], rho: f64) -> Vec<f64> {
    let norm = l2_norm(gradient);
    if norm == 0.0 {
        return vec![0.0; gradient.len()];
    }
    gradient.iter().map(|g| rho * (g / norm)).collect()
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

/// Settings of `torch.optim.AdamW` (Loshchilov and Hutter 2019).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Decay rates of the first and second moment.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled: `w` shrinks by `lr decay w`, the moments never see it.
    pub weight_decay: f64,
}

/// What AdamW remembers; all zeros before the first step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    /// Running mean of the gradient.
    pub first: Vec<f64>,
    /// Running mean of its square.
    pub second: Vec<f64>,
    /// Steps done.
    pub steps: i32,
}

impl AdamW {
    /// `w -= lr decay w`; `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`;
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
            *m = b1 * *m + (1.0 - b1) * g;
            *v = b2 * *v + (1.0 - b2) * g * g;
            *w -= lr * self.weight_decay * *w;
            *w -= lr / first_correction * *m / ((*v / second_correction).sqrt() + self.eps);
        }
    }
}

/// How the learning rate changes over a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// `lr`
    Constant,
    /// `lr / 2 (1 + cos(pi t / total))`
    Cosine {
        /// Steps of the whole run.
        total: u64,
    },
}

/// The learning rate of step `t` (from 0): the schedule's at `t`, times `(t + 1) / warmup` while `t < warmup`.
pub fn learning_rate(schedule: Schedule, lr: f64, warmup: u64, t: u64) -> f64 {
    let warm = if t < warmup { (t + 1) as f64 / warmup as f64 } else { 1.0 };
    let scheduled = match schedule {
        Schedule::Constant => lr,
        Schedule::Cosine { total } => 0.5 * lr * (1.0 + (PI * t as f64 / total as f64).cos()),
    };
    warm * scheduled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, assert_close};

    #[test]
    fn the_norm_survives_extremes() {
        assert_eq!(l2_norm(&[3.0, -4.0]), 5.0);
        assert_eq!(l2_norm(&[3e300, 4e300]), 5e300);
        assert!((l2_norm(&[3e-300, 4e-300]) / 5e-300 - 1.0).abs() < 1e-15);
        assert_eq!(l2_norm(&[]), 0.0);
        assert_eq!(l2_norm(&[1.0, f64::NEG_INFINITY]), f64::INFINITY);
        assert!(l2_norm(&[0.0, f64::NAN]).is_nan());
    }

    /// `L = w^T A w / 2`, `A = diag(10, 1)`, `w = (1, 2)`, rho 0.1: everything in closed form.
    #[test]
    fn sam_on_a_quadratic() {
        let a = [10.0, 1.0];
        let gradient = |w: [f64; 2]| [a[0] * w[0], a[1] * w[1]];
        let mut w = [1.0, 2.0];
        let e = sam_ascent(&gradient(w), 0.1);
        assert_close(&e, &[0.0980580676, 0.0196116135], 5e-11);
        let sam = gradient([w[0] + e[0], w[1] + e[1]]);
        assert_close(&sam, &[10.98058068, 2.01961161], 5e-9);
        let sgd = Sgd { momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 };
        sgd.step(0.05, &mut w, &sam, &mut None);
        assert_close(&w, &[1.0 - 0.549029034, 2.0 - 0.1009805805], 5e-10);
    }

    /// In one dimension, curvature `L`, SAM ends in the cycle `w = +-lr rho L / (2 - lr L)`.
    #[test]
    fn sam_on_a_parabola_ends_in_its_cycle() {
        let (curvature, lr, rho) = (10.0, 0.05, 0.1);
        let sgd = Sgd { momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 };
        let mut w = [0.7];
        for _ in 0..200 {
            let e = sam_ascent(&[curvature * w[0]], rho);
            let sam = [curvature * (w[0] + e[0])];
            sgd.step(lr, &mut w, &sam, &mut None);
        }
        assert!((w[0].abs() - 1.0 / 30.0).abs() < 1e-12, "{}", w[0]);
    }

    #[test]
    fn the_ascent_has_length_rho_and_climbs_best() {
        let mut random = Random::new(7);
        let gradient = random.tensor(&[9]).data;
        let dot = |e: &[f64]| -> f64 { e.iter().zip(&gradient).map(|(e, g)| e * g).sum() };
        let e = sam_ascent(&gradient, 0.3);
        assert!((l2_norm(&e) - 0.3).abs() < 1e-15);
        assert!((dot(&e) - 0.3 * l2_norm(&gradient)).abs() < 1e-15);
        for _ in 0..100 {
            assert!(dot(&sam_ascent(&random.tensor(&[9]).data, 0.3)) < dot(&e));
        }
        let tiny: Vec<f64> = gradient.iter().map(|g| g * 1e-200).collect();
        assert_close(&sam_ascent(&tiny, 0.3), &e, 1e-15);
        assert_eq!(sam_ascent(&[0.0, -0.0], 0.3), [0.0, 0.0]);
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
        let adamw = AdamW { betas: [0.9, 0.99], eps: 0.5, weight_decay: 0.1 };
        let (mut w, mut moments) = ([1.0], Moments::default());
        // Step 1: m and v corrected are g = 2 and g^2 = 4: w = 0.99 - 0.1 * 2 / 2.5.
        adamw.step(0.1, &mut w, &[2.0], &mut moments);
        assert_close(&w, &[0.91], 1e-15);
        // Step 2, g = -1: m = 0.18 - 0.1 = 0.08 over 0.19; v = 0.0396 + 0.01 = 0.0496 over 0.0199.
        adamw.step(0.1, &mut w, &[-1.0], &mut moments);
        let expected = 0.91 * 0.99 - 0.1 * (0.08 / 0.19) / ((0.0496f64 / 0.0199).sqrt() + 0.5);
        assert_close(&w, &[expected], 1e-15);
    }

    #[test]
    fn schedules_at_their_ends() {
        let cosine = Schedule::Cosine { total: 20 };
        let at = |t| learning_rate(cosine, 0.2, 0, t);
        assert_close(&[at(0), at(5), at(10), at(20)], &[0.2, 0.1 * (1.0 + 0.5f64.sqrt()), 0.1, 0.0], 1e-15);
        let warm = |t| learning_rate(Schedule::Constant, 0.2, 4, t);
        assert_close(&[warm(0), warm(1), warm(3), warm(4), warm(9)], &[0.05, 0.1, 0.2, 0.2, 0.2], 1e-15);
    }
}
