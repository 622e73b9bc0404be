//! SAM's sharpness (Foret et al. 2021): how much the loss rises within |e|_p <= rho.

use super::gradient::Groups;
use super::{Examples, Progress, Subject, ascent};
use crate::model::Model;
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
        let Self { rho, p, ascent_steps, m } = *self;
        if !(rho.is_finite() && rho >= 0.0) {
            return Err(Error::input(format!("rho is {rho}; it must be a number from 0 on.")));
        }
        if p.is_nan() || p < 1.0 {
            return Err(Error::input(format!("p is {p}; it must be from 1 to inf.")));
        }
        if !(1..=10_000).contains(&ascent_steps) {
            return Err(Error::input(format!("ascent-steps is {ascent_steps}; it must be from 1 to 10000.")));
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
        let examples = subject.examples.len(subject.data);
        self.check(examples)?;
        let m = self.m.unwrap_or(examples).max(1);
        let groups = Groups::new(subject, state, m).await?;
        let count = examples / m;
        let here = state.weights.repeat(groups.lanes);
        let (mut loss, mut sam_loss, mut grad_norm) = (0.0, 0.0, 0.0);
        for first in (0..count).step_by(groups.lanes) {
            progress(first, count);
            let some = groups.lanes.min(count - first);
            groups.set_weights(subject, &here);
            let mut climbed = vec![vec![0.0; subject.model.parameter_count()]; some];
            for step in 0..self.ascent_steps {
                let (sums, gradients) = groups.gradients(subject, first).await?;
                if step == 0 {
                    loss += sums[..some].iter().map(|sum| sum[0]).sum::<f64>();
                }
                let mut weights = here.clone();
                for (lane, e) in climbed.iter_mut().enumerate() {
                    let part = lane * state.weights.len()..(lane + 1) * state.weights.len();
                    let gradient = values(subject.model, &gradients[part.clone()], groups.scale(&sums[lane]));
                    if step == 0 {
                        grad_norm += gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
                    }
                    let rise = ascent(&gradient, self.p, self.rho / f64::from(self.ascent_steps));
                    e.iter_mut().zip(rise).for_each(|(e, rise)| *e += rise);
                    perturb(subject.model, &state.weights, e, &mut weights[part]);
                }
                groups.set_weights(subject, &weights);
            }
            sam_loss += groups.losses(subject, first).await?[..some].iter().map(|sum| sum[0]).sum::<f64>();
        }
        progress(count, count);
        let (loss, sam_loss) = (loss / examples as f64, sam_loss / examples as f64);
        Ok(Sharpness {
            split: subject.examples,
            examples,
            rho: self.rho,
            p: self.p,
            ascent_steps: self.ascent_steps,
            m,
            loss,
            sam_loss,
            sharpness: sam_loss - loss,
            grad_norm: grad_norm / count as f64,
        })
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

/// w + e, with e in PyTorch's order, rounded once.
fn perturb(model: &Model, weights: &[f32], e: &[f64], to: &mut [f32]) {
    let places = model.parameters().iter().flat_map(|tensor| tensor.places());
    for (place, e) in places.zip(e) {
        to[place] = (f64::from(weights[place]) + e) as f32;
    }
}

fn exponent<S: serde::Serializer>(p: &f64, to: S) -> std::result::Result<S::Ok, S::Error> {
    if p.is_infinite() { to.serialize_str("inf") } else { to.serialize_f64(*p) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_numbers_are_refused_with_a_way_out() {
        let good = SharpnessOptions { rho: 0.05, p: 2.0, ascent_steps: 1, m: Some(20) };
        assert!(good.check(200).is_ok());
        for bad in [
            SharpnessOptions { rho: -0.1, ..good },
            SharpnessOptions { rho: f64::NAN, ..good },
            SharpnessOptions { p: 0.99, ..good },
            SharpnessOptions { p: f64::NAN, ..good },
            SharpnessOptions { ascent_steps: 0, ..good },
            SharpnessOptions { m: Some(0), ..good },
            SharpnessOptions { m: Some(400), ..good },
            SharpnessOptions { m: Some(usize::MAX), ..good },
        ] {
            assert!(bad.check(200).is_err(), "{bad:?}");
        }
        let error = SharpnessOptions { m: Some(30), ..good }.check(200).unwrap_err().to_string();
        assert!(error.contains("200 examples") && error.contains("25 does"), "{error}");
    }
}
