//! Average-case sharpness: how much the loss rises at random points around the weights, in the mean.

use super::cloud::{Cloud, CloudOptions, mean_and_error};
use super::sharpness::Adaptive;
use super::{Examples, Progress, Subject};
use crate::plan::{Draw, Scaling};
use crate::train::LaneState;
use crate::{Error, Result};
use serde::Serialize;

/// Which average is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AverageOptions {
    /// The deviation of e / T.
    pub sigma: f64,
    /// Random points.
    pub samples: usize,
    /// ASAM's T; 1 where there is none.
    pub adaptive: Option<Adaptive>,
    /// Seed of the points.
    pub seed: u32,
}

/// A measured average.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Average {
    /// What the loss is about.
    pub split: Examples,
    /// Examples.
    pub examples: usize,
    /// The deviation of e / T.
    pub sigma: f64,
    /// sigma times the root of the number of parameters: about the length of e / T.
    pub radius: f64,
    /// What is added to |w|, of the adaptive average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adaptive_eta: Option<f64>,
    /// Where T is not 1, of the adaptive average: `weights` or `all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adaptive_scale: Option<&'static str>,
    /// Random points.
    pub samples: usize,
    /// Seed of the points.
    pub seed: u32,
    /// Mean loss at w.
    pub loss: f64,
    /// Mean loss at w + e, over points and examples.
    pub average_loss: f64,
    /// Their difference.
    pub sharpness: f64,
    /// Its standard error, over the points.
    pub stderr: f64,
}

impl AverageOptions {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Input`] naming the flag.
    pub fn check(&self) -> Result<()> {
        if !(self.sigma.is_finite() && self.sigma >= 0.0) {
            return Err(Error::input(format!("sigma is {}; it must be a number from 0 on.", self.sigma)));
        }
        if !(2..=1_000_000).contains(&self.samples) {
            return Err(Error::input(format!("samples is {}; it must be from 2 to 1000000.", self.samples)));
        }
        match self.adaptive {
            Some(a) if !(a.eta.is_finite() && a.eta >= 0.0) => {
                Err(Error::input(format!("adaptive-eta is {}; it must be a number from 0 on.", a.eta)))
            }
            _ => Ok(()),
        }
    }

    /// Measures it at `state`, in inference mode.
    ///
    /// # Errors
    /// [`Error::Input`] for numbers or weights that do not fit, [`Error::Run`] where the device is lost.
    pub async fn measure(&self, subject: &Subject<'_>, state: &LaneState, progress: Progress<'_>) -> Result<Average> {
        self.check()?;
        let scaling = match self.adaptive {
            None => Scaling::Plain,
            Some(Adaptive { everywhere: false, .. }) => Scaling::Weights,
            Some(Adaptive { everywhere: true, .. }) => Scaling::All,
        };
        let parts = [subject.examples];
        let options = CloudOptions { parts: &parts, scaling, unit: false, clip: false, points: self.samples };
        let cloud = Cloud::new(subject, state, options).await?;
        let loss = cloud.centre(subject).await?[0].loss;
        let epsilon = self.adaptive.map_or(0.0, |a| a.eta) as f32;
        let draw = Draw { seed: self.seed, which: 0, scale: self.sigma as f32, epsilon };
        let spots = cloud.draws(subject, self.samples, draw, progress).await?;
        let (average_loss, stderr) = mean_and_error(spots.iter().map(|spot| spot[0].loss));
        Ok(Average {
            split: subject.examples,
            examples: subject.examples.len(subject.data),
            sigma: self.sigma,
            radius: self.sigma * (subject.model.parameter_count() as f64).sqrt(),
            adaptive_eta: self.adaptive.map(|a| a.eta),
            adaptive_scale: self.adaptive.map(|a| if a.everywhere { "all" } else { "weights" }),
            samples: self.samples,
            seed: self.seed,
            loss,
            average_loss,
            sharpness: average_loss - loss,
            stderr,
        })
    }
}
