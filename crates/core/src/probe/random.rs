//! The rise of the loss along random unit directions, beside that along the main directions of the curvature: how few directions
//! an optimizer has to leave for the loss to rise (the critique of SAM that 5 per cent of the space may be all there is).

use super::cloud::{Cloud, CloudOptions, Spot, mean_and_error};
use super::{Examples, Progress, Subject, finite};
use crate::plan::{Draw, Scaling};
use crate::train::LaneState;
use crate::{Error, Result};
use serde::Serialize;

/// Which directions are measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomDirections {
    /// How far along each direction.
    pub radius: f64,
    /// Random directions.
    pub directions: usize,
    /// Seed of the directions.
    pub seed: u32,
}

/// A direction of the curvature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MainDirection<'a> {
    /// The eigenvalue that belongs to it.
    pub eigenvalue: f64,
    /// A unit vector that lies as weights do.
    pub vector: &'a [f32],
}

/// The rise along a main direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MainRise {
    /// Its eigenvalue.
    pub eigenvalue: f64,
    /// L(w + r v) - L(w).
    pub rise: f64,
    /// L(w - r v) - L(w).
    pub rise_back: f64,
    /// r^2 eigenvalue / 2: what a quadratic would have.
    pub quadratic: f64,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rises {
    /// What the loss is about.
    pub split: Examples,
    /// Examples.
    pub examples: usize,
    /// How far along each direction.
    pub radius: f64,
    /// Random directions.
    pub directions: usize,
    /// Seed of the directions.
    pub seed: u32,
    /// Mean loss at w.
    pub loss: f64,
    /// The mean of L(w + r u) - L(w).
    pub mean_rise: f64,
    /// Its standard error.
    pub stderr: f64,
    /// The share of directions along which the loss rises by more than 10 per cent.
    pub share_above_10_percent: f64,
    /// The rise along each direction, in the order of their draws; null where it is not finite.
    pub rises: Vec<Rise>,
    /// The rise along the main directions of the curvature, largest eigenvalue first.
    pub main: Vec<MainRise>,
}

/// A rise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rise(#[serde(serialize_with = "finite")] pub f32);

/// A rise of the loss by more than this share counts.
const SHARE: f64 = 0.1;

impl RandomDirections {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Input`] naming the flag.
    pub fn check(&self) -> Result<()> {
        if !(self.radius.is_finite() && self.radius > 0.0) {
            return Err(Error::input(format!("the radius is {}; it must be a number above 0.", self.radius)));
        }
        if !(2..=1_000_000).contains(&self.directions) {
            return Err(Error::input(format!("directions is {}; it must be from 2 to 1000000.", self.directions)));
        }
        Ok(())
    }

    /// Measures them at `state`, in inference mode.
    ///
    /// # Errors
    /// [`Error::Input`] for numbers or weights that do not fit, [`Error::Run`] where the device is lost.
    pub async fn measure(
        &self,
        subject: &Subject<'_>,
        state: &LaneState,
        main: &[MainDirection<'_>],
        progress: Progress<'_>,
    ) -> Result<Rises> {
        self.check()?;
        if main.iter().any(|direction| direction.vector.len() != state.weights.len()) {
            return Err(Error::input(format!("a direction is not one of the weights of {}.", subject.model.name())));
        }
        let parts = [subject.examples];
        let options =
            CloudOptions { parts: &parts, scaling: Scaling::Plain, unit: true, clip: false, points: self.directions };
        let cloud = Cloud::new(subject, state, options).await?;
        let loss = cloud.centre(subject).await?[0].loss;
        let draw = Draw { seed: self.seed, which: 0, scale: self.radius as f32, epsilon: 0.0 };
        let spots = cloud.draws(subject, self.directions, draw, progress).await?;
        let rise = |spot: &Spot| spot.loss - loss;
        let rises: Vec<f64> = spots.iter().map(|spot| rise(&spot[0])).collect();
        let mut along = Vec::new();
        for MainDirection { eigenvalue, vector } in main {
            let mut ends = [0.0; 2];
            for (end, sign) in ends.iter_mut().zip([1.0, -1.0]) {
                let step = sign * self.radius;
                let moved = state.weights.iter().zip(*vector);
                let moved: Vec<f32> = moved.map(|(w, v)| (f64::from(*w) + step * f64::from(*v)) as f32).collect();
                cloud.set_centre(subject, &moved);
                *end = rise(&cloud.centre(subject).await?[0]);
            }
            let quadratic = 0.5 * self.radius * self.radius * eigenvalue;
            along.push(MainRise { eigenvalue: *eigenvalue, rise: ends[0], rise_back: ends[1], quadratic });
        }
        let (mean_rise, stderr) = mean_and_error(rises.iter().copied());
        // What is not finite has risen.
        let above = rises.iter().filter(|rise| rise.is_nan() || **rise > SHARE * loss).count();
        Ok(Rises {
            split: subject.examples,
            examples: subject.examples.len(subject.data),
            radius: self.radius,
            directions: self.directions,
            seed: self.seed,
            loss,
            mean_rise,
            stderr,
            share_above_10_percent: above as f64 / rises.len() as f64,
            rises: rises.iter().map(|rise| Rise(*rise as f32)).collect(),
            main: along,
        })
    }
}
