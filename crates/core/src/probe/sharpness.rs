//! SAM's sharpness (Foret et al. 2021) and the adaptive one (Kwon et al. 2021): how much the loss rises within |e / T|_p <= rho.

use super::gradient::Groups;
use super::{Examples, Progress, Subject, ascent};
use crate::model::{Kind, Model, Tensor};
use crate::train::LaneState;
use crate::{Error, Result};
use serde::Serialize;

/// Which sharpness is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SharpnessOptions {
    /// Radius.
    pub rho: f64,
    /// The norm of e, from 1 to infinity.
    pub p: f64,
    /// Steps of the ascent, of rho / steps each, along the gradient where it stands. Their sum stays in the ball.
    pub ascent_steps: u32,
    /// Groups of this many consecutive examples climb by themselves, and the measurement is their mean; all examples
    /// together where there is none.
    pub m: Option<usize>,
    /// Steps of this length instead, each projected to the ball: exactly for p = 2 and infinity, by scaling for others. The
    /// largest loss on the way counts.
    pub projected: Option<f64>,
    /// The ball |e / T|_p <= rho of ASAM; T is 1 where there is none.
    pub adaptive: Option<Adaptive>,
}

/// ASAM's T (Kwon et al. 2021, eq. 2): the radius is relative to the weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adaptive {
    /// What is added to |w|.
    pub eta: f64,
    /// T = |w| + eta for biases and norms, too, which have T = 1 otherwise. With eta 0 the measure does not see a rescaled ReLU
    /// network (Dinh et al. 2017).
    pub everywhere: bool,
}

impl Default for SharpnessOptions {
    fn default() -> Self {
        Self { rho: 0.05, p: 2.0, ascent_steps: 1, m: None, projected: None, adaptive: None }
    }
}

/// A measured sharpness.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sharpness {
    /// What the loss is about.
    pub split: Examples,
    /// Examples.
    pub examples: usize,
    /// Radius.
    pub rho: f64,
    /// The norm of e; the text `inf` in JSON where it is infinity.
    #[serde(serialize_with = "exponent")]
    pub p: f64,
    /// Steps of the ascent.
    pub ascent_steps: u32,
    /// The length of a projected step, where steps are projected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ascent_step: Option<f64>,
    /// What is added to |w|, of the adaptive sharpness.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adaptive_eta: Option<f64>,
    /// Where T is not 1, of the adaptive sharpness: `weights` or `all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adaptive_scale: Option<&'static str>,
    /// Examples of a group.
    pub m: usize,
    /// Mean loss at w.
    pub loss: f64,
    /// Mean loss at w + e.
    pub sam_loss: f64,
    /// Their difference.
    pub sharpness: f64,
    /// L2 norm of the gradient at w, the mean over groups.
    pub grad_norm: f64,
}

impl SharpnessOptions {
    /// Checks the numbers against `examples` examples.
    ///
    /// # Errors
    /// [`Error::Input`] naming the flag.
    pub fn check(&self, examples: usize) -> Result<()> {
        let Self { rho, p, ascent_steps, m, projected, adaptive } = *self;
        if !(rho.is_finite() && rho >= 0.0) {
            return Err(Error::input(format!("rho is {rho}; it must be a number from 0 on.")));
        }
        if p.is_nan() || p < 1.0 {
            return Err(Error::input(format!("p is {p}; it must be from 1 to inf.")));
        }
        if !(1..=10_000).contains(&ascent_steps) {
            return Err(Error::input(format!("ascent-steps is {ascent_steps}; it must be from 1 to 10000.")));
        }
        if projected.is_some_and(|step| !(step.is_finite() && step > 0.0)) {
            return Err(Error::input(format!(
                "ascent-step is {}; it must be a number above 0.",
                projected.unwrap_or_default()
            )));
        }
        if adaptive.is_some_and(|a| !(a.eta.is_finite() && a.eta >= 0.0)) {
            return Err(Error::input(format!(
                "adaptive-eta is {}; it must be a number from 0 on.",
                adaptive.map_or(0.0, |a| a.eta)
            )));
        }
        if let Some(m) = m
            && (m == 0 || m > examples || !examples.is_multiple_of(m))
        {
            return Err(Error::input(format!(
                "m is {m}, which does not divide the {examples} examples; {} does.",
                divisor_near(examples, m)
            )));
        }
        Ok(())
    }

    /// Measures it at `state`, in inference mode: batch norm uses its running statistics, which e leaves alone.
    ///
    /// # Errors
    /// [`Error::Input`] for numbers or weights that do not fit, [`Error::Run`] where the device is lost.
    pub async fn measure(&self, subject: &Subject<'_>, state: &LaneState, progress: Progress<'_>) -> Result<Sharpness> {
        Ok(self.climb(subject, state, progress).await?.0)
    }

    /// The same with the weights w + e that the first group has climbed to.
    pub(super) async fn climb(
        &self,
        subject: &Subject<'_>,
        state: &LaneState,
        progress: Progress<'_>,
    ) -> Result<(Sharpness, Vec<f32>)> {
        let examples = subject.examples.len(subject.data);
        self.check(examples)?;
        let m = self.m.unwrap_or(examples).max(1);
        let groups = Groups::new(subject, state, m).await?;
        let count = examples / m;
        let here = state.weights.repeat(groups.lanes);
        let scale = self.adaptive.map(|adaptive| adaptive.scale(subject.model, &state.weights));
        let length = self.projected.unwrap_or(self.rho / f64::from(self.ascent_steps));
        let (mut loss, mut sam_loss, mut grad_norm) = (0.0, 0.0, 0.0);
        let mut reached = state.weights.clone();
        for first in (0..count).step_by(groups.lanes) {
            progress(first, count);
            let some = groups.lanes.min(count - first);
            groups.set_weights(subject, &here);
            // e / T of each group, and the largest loss that it has seen.
            let mut climbed = vec![vec![0.0; subject.model.parameter_count()]; some];
            let mut highest = vec![f64::NEG_INFINITY; some];
            let mut weights = here.clone();
            for step in 0..=self.ascent_steps {
                let last = step == self.ascent_steps;
                let (sums, gradients) = match last {
                    true => (groups.losses(subject, first).await?, Vec::new()),
                    false => groups.gradients(subject, first).await?,
                };
                for (lane, highest) in highest.iter_mut().enumerate() {
                    let here = sums[lane][0];
                    // A loss that is no number is as high as it gets.
                    if (last && self.projected.is_none()) || here.is_nan() || here > *highest {
                        *highest = here;
                        if first + lane == 0 {
                            reached.copy_from_slice(&weights[..state.weights.len()]);
                        }
                    }
                }
                if step == 0 {
                    loss += sums[..some].iter().map(|sum| sum[0]).sum::<f64>();
                }
                if last {
                    break;
                }
                for (lane, u) in climbed.iter_mut().enumerate() {
                    let part = lane * state.weights.len()..(lane + 1) * state.weights.len();
                    let mut gradient = values(subject.model, &gradients[part.clone()], groups.scale(&sums[lane]));
                    if step == 0 {
                        grad_norm += gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
                    }
                    if let Some(scale) = &scale {
                        gradient.iter_mut().zip(scale).for_each(|(g, t)| *g *= t);
                    }
                    let rise = ascent(&gradient, self.p, length);
                    u.iter_mut().zip(rise).for_each(|(u, rise)| *u += rise);
                    if self.projected.is_some() {
                        project(u, self.p, self.rho);
                    }
                    perturb(subject.model, &state.weights, u, scale.as_deref(), &mut weights[part]);
                }
                groups.set_weights(subject, &weights);
            }
            sam_loss += highest.iter().sum::<f64>();
        }
        progress(count, count);
        let (loss, sam_loss) = (loss / examples as f64, sam_loss / examples as f64);
        let measured = Sharpness {
            split: subject.examples,
            examples,
            rho: self.rho,
            p: self.p,
            ascent_steps: self.ascent_steps,
            ascent_step: self.projected,
            adaptive_eta: self.adaptive.map(|a| a.eta),
            adaptive_scale: self.adaptive.map(|a| if a.everywhere { "all" } else { "weights" }),
            m,
            loss,
            sam_loss,
            sharpness: sam_loss - loss,
            grad_norm: grad_norm / count as f64,
        };
        Ok((measured, reached))
    }
}

impl Adaptive {
    /// T in PyTorch's order.
    fn scale(self, model: &Model, weights: &[f32]) -> Vec<f64> {
        let of = |tensor: &Tensor| {
            let own = self.everywhere || matches!(tensor.kind, Kind::Matrix { .. });
            let t = move |w: f32| if own { f64::from(w.abs()) + self.eta } else { 1.0 };
            tensor.unpack(weights).into_iter().map(t).collect::<Vec<_>>()
        };
        model.parameters().iter().flat_map(of).collect()
    }
}

/// The closest place within |u|_p <= rho for p = 2 and infinity; for another p the place on the way to 0.
fn project(u: &mut [f64], p: f64, rho: f64) {
    if p.is_infinite() {
        u.iter_mut().for_each(|u| *u = u.clamp(-rho, rho));
        return;
    }
    let most = u.iter().fold(0.0f64, |most, u| most.max(u.abs()));
    if most == 0.0 {
        return;
    }
    let norm = most * u.iter().map(|u| (u.abs() / most).powf(p)).sum::<f64>().powf(1.0 / p);
    if norm > rho {
        u.iter_mut().for_each(|u| *u *= rho / norm);
    }
}

/// The divisor of `examples` that is closest to `m`.
fn divisor_near(examples: usize, m: usize) -> usize {
    let divides = |n: &usize| *n > 0 && *n <= examples && examples.is_multiple_of(*n);
    (0..examples).flat_map(|d| [m.saturating_sub(d), m.saturating_add(d)]).find(divides).unwrap_or(examples)
}

/// A lane's values in PyTorch's order, tensor after tensor, without padding.
fn values(model: &Model, arena: &[f32], scale: f64) -> Vec<f64> {
    let places = model.parameters().iter().flat_map(|tensor| tensor.places());
    places.map(|place| scale * f64::from(arena[place])).collect()
}

/// w + T u, with u and T in PyTorch's order, rounded once.
fn perturb(model: &Model, weights: &[f32], u: &[f64], scale: Option<&[f64]>, to: &mut [f32]) {
    let places = model.parameters().iter().flat_map(|tensor| tensor.places());
    for (i, (place, u)) in places.zip(u).enumerate() {
        to[place] = (f64::from(weights[place]) + scale.map_or(1.0, |t| t[i]) * u) as f32;
    }
}

pub(super) fn exponent<S: serde::Serializer>(p: &f64, to: S) -> std::result::Result<S::Ok, S::Error> {
    if p.is_infinite() { to.serialize_str("inf") } else { to.serialize_f64(*p) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_numbers_are_refused_with_a_way_out() {
        let good = SharpnessOptions { m: Some(20), ..Default::default() };
        assert!(good.check(200).is_ok());
        for bad in [
            SharpnessOptions { rho: -0.1, ..good },
            SharpnessOptions { rho: f64::NAN, ..good },
            SharpnessOptions { p: 0.99, ..good },
            SharpnessOptions { p: f64::NAN, ..good },
            SharpnessOptions { ascent_steps: 0, ..good },
            SharpnessOptions { projected: Some(0.0), ..good },
            SharpnessOptions { adaptive: Some(Adaptive { eta: -0.1, everywhere: false }), ..good },
            SharpnessOptions { m: Some(0), ..good },
            SharpnessOptions { m: Some(400), ..good },
            SharpnessOptions { m: Some(usize::MAX), ..good },
        ] {
            assert!(bad.check(200).is_err(), "{bad:?}");
        }
        let error = SharpnessOptions { m: Some(30), ..good }.check(200).unwrap_err().to_string();
        assert!(error.contains("200 examples") && error.contains("25 does"), "{error}");
    }

    #[test]
    fn a_projection_ends_in_the_ball_and_leaves_its_inside_alone() {
        let at = [3.0, -4.0, 0.0];
        for (p, want) in
            [(2.0, [0.6, -0.8, 0.0]), (f64::INFINITY, [1.0, -1.0, 0.0]), (1.0, [3.0 / 7.0, -4.0 / 7.0, 0.0])]
        {
            let mut u = at;
            project(&mut u, p, 1.0);
            assert!(u.iter().zip(want).all(|(u, want)| (u - want).abs() < 1e-12), "p {p}: {u:?}");
            let mut inside = at;
            project(&mut inside, p, 7.0);
            assert_eq!(inside, at);
        }
    }
}
