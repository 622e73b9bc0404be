//! The edge of stability: how much curvature a step bears before it overshoots more than it descends.

use crate::optim::{BaseStep, Optimizer};

/// The curvatures at which a step of an optimizer no longer descends on a quadratic.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Edges {
    /// Of the base step on the plain gradient; none for steps that are scaled by their own history (Adam's kind).
    pub base: Option<f64>,
    /// Of the base step on SAM's gradient (p = 2); none without SAM.
    pub sam: Option<f64>,
}

impl Edges {
    /// The edges of `optimizer` at a learning rate and a gradient of length `gradient`. A decay of the weights is curvature,
    /// too, and is taken off.
    pub fn of(optimizer: &Optimizer, lr: f32, gradient: f64) -> Self {
        let BaseStep::Sgd(sgd) = optimizer.base else { return Self::default() };
        let mu = f64::from(sgd.momentum);
        let nesterov = if sgd.nesterov { 1.0 + 2.0 * mu } else { 1.0 };
        // PyTorch's dampening scales the gradient where there is momentum.
        let rate = f64::from(lr) * if mu > 0.0 { 1.0 - f64::from(sgd.dampening) } else { 1.0 };
        let bound = 2.0 * (1.0 + mu) / nesterov;
        let decay = f64::from(optimizer.weight_decay);
        let ascent = &optimizer.ascent;
        let climbs = ascent.climbs() && ascent.is_euclidean() && gradient > 0.0 && gradient.is_finite();
        let some = |edge: f64| Some(edge - decay).filter(|edge| edge.is_finite());
        Self {
            base: some(bound / rate),
            sam: if climbs { some(sam_edge(bound, rate, f64::from(ascent.rho), gradient)) } else { None },
        }
    }
}

/// The root L of `lr L (1 + rho L / |g|) = bound`: the curvature along the gradient at which SAM's step is as long as the bound
/// allows (Long and Bartlett 2023). The bound is 2 for plain descent, which makes it
/// `|g| / (2 rho) (sqrt(1 + 8 rho / (lr |g|)) - 1)`, and 2 (1 + momentum) for the heavy ball.
pub fn sam_edge(bound: f64, lr: f64, rho: f64, gradient: f64) -> f64 {
    if rho <= 0.0 {
        return bound / lr;
    }
    // Without the difference of a root and 1, which loses digits at a small rho.
    let inside = (1.0 + 4.0 * bound * rho / (lr * gradient)).sqrt();
    2.0 * bound / (lr * (1.0 + inside))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::optim::{Ascent, Epochs, Schedule, Sgd};

    fn sgd(momentum: f32, nesterov: bool, rho: f32) -> Optimizer {
        let epochs = Epochs { examples: 1, every: 1 };
        Optimizer {
            base: BaseStep::Sgd(Sgd { momentum, dampening: 0.0, nesterov }),
            ascent: Ascent::sam(rho),
            schedule: Schedule { lr: 0.1, shape: config::Schedule::Constant, warmup: 0, steps: 1, epochs },
            weight_decay: 0.0,
            clip_norm: None,
        }
    }

    #[test]
    fn the_worked_example() {
        let edges = Edges::of(&sgd(0.0, false, 0.05), 0.1, 1.0);
        assert!((edges.sam.unwrap() - 12.360_679_8).abs() < 1e-5 && (edges.base.unwrap() - 20.0).abs() < 1e-5);
        assert!((sam_edge(2.0, 0.1, 1e-12, 1.0) - 20.0).abs() < 1e-6);
        assert_eq!(Edges::of(&sgd(0.0, false, 0.0), 0.1, 1.0).sam, None);
        assert_eq!(Edges::of(&sgd(0.0, false, 0.05), 0.1, 0.0).sam, None);
    }

    /// On a quadratic SAM ends in a two-cycle (Bartlett et al. 2022), +- lr rho L / (2 - lr L): there the curvature is at the
    /// edge, whatever it is.
    #[test]
    fn a_two_cycle_on_a_quadratic_lies_at_its_edge() {
        for (curvature, lr, rho) in [(10.0, 0.05, 0.1), (3.0, 0.3, 0.05), (18.0, 0.1, 0.5)] {
            let mut w: f64 = 1.0;
            for _ in 0..2000 {
                w -= lr * curvature * (w + rho * w.signum());
            }
            let amplitude = lr * rho * curvature / (2.0 - lr * curvature);
            assert!((w.abs() - amplitude).abs() < 1e-9, "{w} is {amplitude}");
            let edge = sam_edge(2.0, lr, rho, curvature * w.abs());
            assert!((edge - curvature).abs() < 1e-6, "{edge} is {curvature}");
        }
    }

    #[test]
    fn steps_below_the_edge_descend_and_those_above_do_not() {
        for (momentum, nesterov) in [(0.0, false), (0.5, false), (0.9, false), (0.9, true), (0.3, true)] {
            let lr = 0.1f32;
            let edge = Edges::of(&sgd(momentum, nesterov, 0.0), lr, 1.0).base.unwrap();
            for (part, descends) in [(0.98, true), (1.02, false)] {
                let (lr, mu) = (f64::from(lr), f64::from(momentum));
                let (mut w, mut v) = (1.0f64, 0.0);
                for _ in 0..3000 {
                    let g = part * edge * w;
                    v = mu * v + g;
                    w -= lr * if nesterov { g + mu * v } else { v };
                }
                assert_eq!(w.abs() < 1.0, descends, "momentum {momentum}, nesterov {nesterov}, {part}: {w}");
            }
        }
    }
}
