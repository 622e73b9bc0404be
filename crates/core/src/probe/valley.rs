//! Asymmetric valleys (He, Huang and Yuan 2019): how the loss rises to either side of a network along one direction.

use super::direction::{Drawn, Normalisation, random_direction};
use super::interpolate::measure_rows;
use super::{Examples, Progress, Statistics, Subject, finite};
use crate::train::LaneState;
use crate::{Error, Result};
use serde::Serialize;

/// Which direction.
#[derive(Clone, Copy, Debug)]
pub enum ValleyDirection<'a> {
    /// From the network to another one, such as from SGD's to the average of its path.
    To(&'a LaneState),
    /// Random, with entries that are uniform from 0 to 1, so all positive, and each filter as long as that of the weights.
    Positive {
        /// The seed of the entries.
        seed: u32,
    },
}

/// How a valley is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValleyOptions {
    /// How far either way, in lengths of the direction.
    pub reach: f64,
    /// Where slopes begin to count, in lengths of the direction: zeta of the definition.
    pub zeta: f64,
    /// Points along the whole way; an odd number, with the network in the middle.
    pub points: usize,
    /// Batch norm's statistics on the way.
    pub statistics: Statistics,
}

/// A measured valley.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Valley {
    /// What `loss` and `accuracy` of the rows are about.
    pub split: Examples,
    /// `to` or `positive`.
    pub direction: &'static str,
    /// The seed of a random direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction_seed: Option<u32>,
    /// The L2 norm of the direction: what alpha 1 is in weights.
    pub direction_norm: f64,
    /// Where batch norm's statistics come from; nothing for networks without.
    #[serde(rename = "bn", skip_serializing_if = "Option::is_none")]
    pub statistics: Option<Statistics>,
    /// Of the loss that the rows' `loss` is about.
    pub asymmetry: Asymmetry,
    /// Of the test loss.
    pub test_asymmetry: Asymmetry,
    /// From the far end of one side over the network to that of the other.
    pub rows: Vec<ValleyPoint>,
}

/// A side of a valley.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Side {
    /// Along the direction.
    #[serde(rename = "+u")]
    Forward,
    /// Against it.
    #[serde(rename = "-u")]
    Backward,
}

/// How different the two sides are. With u of length 1 and pointing to the flat side, the network is
/// (r, p, c, zeta)-asymmetric where d/dl L(w + l u) < p and d/dl L(w - l u) > c p for all l from zeta to r, with some c > 1
/// (He et al. 2019, definition 1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Asymmetry {
    /// The side on which the loss at the end is lower.
    pub flat: Side,
    /// The other one.
    pub steep: Side,
    /// How much the loss rises to the end of the flat side; none where a loss is not finite.
    pub flat_rise: Option<f64>,
    /// And to that of the steep side.
    pub steep_rise: Option<f64>,
    /// How far, as a distance of weights.
    pub r: f64,
    /// Where slopes begin to count, as a distance of weights.
    pub zeta: f64,
    /// The least p that the definition allows: the largest slope of the flat side, but at least a hundredth of the least one
    /// of the steep side. None where the steep side does not rise everywhere, or a loss is not finite.
    pub p: Option<f64>,
    /// The largest c for this p: at most 100.
    pub c: Option<f64>,
    /// Whether the definition holds with a c above 1.
    pub asymmetric: bool,
}

/// One point of a valley.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct ValleyPoint {
    /// In lengths of the direction.
    pub alpha: f64,
    /// In weights.
    pub distance: f64,
    #[serde(serialize_with = "finite")]
    pub loss: f32,
    #[serde(serialize_with = "finite")]
    pub accuracy: f32,
    #[serde(serialize_with = "finite")]
    pub train_loss: f32,
    #[serde(serialize_with = "finite")]
    pub train_accuracy: f32,
    #[serde(serialize_with = "finite")]
    pub test_loss: f32,
    #[serde(serialize_with = "finite")]
    pub test_accuracy: f32,
}

/// Points of a valley at most.
const MOST_POINTS: usize = 100_001;
/// The most that c is told as: beyond it the flat side is as good as level.
const MOST_C: f64 = 100.0;

impl ValleyOptions {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Input`] naming the flag.
    pub fn check(&self) -> Result<()> {
        let Self { reach, zeta, points, .. } = *self;
        if !(reach.is_finite() && reach > 0.0 && reach <= 1e6) {
            return Err(Error::input(format!("reach is {reach}; it must be a number above 0.")));
        }
        if !(5..=MOST_POINTS).contains(&points) || points.is_multiple_of(2) {
            return Err(Error::input(format!(
                "points is {points}; a valley has an odd number of them from 5 to {MOST_POINTS}, the network in the middle."
            )));
        }
        // Two slopes at least on each side.
        let last = reach * (1.0 - 4.0 / (points - 1) as f64);
        if !(0.0..=last + 1e-12).contains(&zeta) {
            return Err(Error::input(format!(
                "zeta is {zeta}; with {points} points and a reach of {reach} it is from 0 to {last:.4}, so that a side has slopes."
            )));
        }
        Ok(())
    }

    /// The alphas, from `-reach` to `reach`, the middle exactly 0.
    pub fn alphas(&self) -> Vec<f64> {
        let half = (self.points / 2) as f64;
        (0..self.points).map(|i| self.reach * (i as f64 - half) / half).collect()
    }

    /// Measures the valley of `state`.
    ///
    /// # Errors
    /// [`Error::Input`] for numbers or weights that do not fit, or where the two networks are the same; [`Error::Run`] where the
    /// device is lost.
    pub async fn measure(
        &self,
        subject: &Subject<'_>,
        state: &LaneState,
        direction: ValleyDirection<'_>,
        progress: Progress<'_>,
    ) -> Result<Valley> {
        self.check()?;
        subject.check(&[state])?;
        let alphas = self.alphas();
        let along;
        let (name, seed, sources) = match direction {
            ValleyDirection::To(other) => {
                subject.check(&[other])?;
                ("to", None, [state, other])
            }
            ValleyDirection::Positive { seed } => {
                let (drawn, filter) = (Drawn::Positive, Normalisation::Filter);
                let weights = random_direction(subject.model, &state.weights, drawn, filter, seed, 0);
                along = LaneState { weights, running: vec![0.0; state.running.len()], moments: Vec::new() };
                ("positive", Some(seed), [state, &along])
            }
        };
        // The second source is another network, or the direction itself.
        let to = seed.is_none();
        let entry = |(a, b): (&f32, &f32)| f64::from(*b) - if to { f64::from(*a) } else { 0.0 };
        let entries = state.weights.iter().zip(&sources[1].weights).map(entry);
        let norm = entries.map(|d| d * d).sum::<f64>().sqrt();
        if !(norm > 0.0 && norm.is_finite()) {
            return Err(Error::input(
                "the two networks are the same, so there is no direction; take two different ones.",
            ));
        }
        let factors = |alpha: f64| [if to { (1.0 - alpha) as f32 } else { 1.0 }, alpha as f32, 0.0];
        let rows = measure_rows(subject, &sources, self.statistics, &alphas, factors, progress).await?;
        let rows: Vec<ValleyPoint> = rows
            .iter()
            .map(|row| ValleyPoint {
                alpha: row.alpha,
                distance: row.alpha * norm,
                loss: row.loss,
                accuracy: row.accuracy,
                train_loss: row.train_loss,
                train_accuracy: row.train_accuracy,
                test_loss: row.test_loss,
                test_accuracy: row.test_accuracy,
            })
            .collect();
        let of = |loss: fn(&ValleyPoint) -> f32| {
            let losses: Vec<f64> = rows.iter().map(|row| loss(row).into()).collect();
            asymmetry(&losses, self.reach * norm, self.zeta * norm)
        };
        Ok(Valley {
            split: subject.examples,
            direction: name,
            direction_seed: seed,
            direction_norm: norm,
            statistics: (subject.model.running_floats() > 0).then_some(self.statistics),
            asymmetry: of(|row| row.loss),
            test_asymmetry: of(|row| row.test_loss),
            rows,
        })
    }
}

/// The asymmetry of losses at equal distances, an odd number of them, from `-r` to `r`. Slopes are those between neighbours, of
/// which both lie at `zeta` or beyond.
fn asymmetry(losses: &[f64], r: f64, zeta: f64) -> Asymmetry {
    let half = losses.len() / 2;
    let step = r / half as f64;
    let side = |side: Side| -> Vec<f64> {
        (0..=half).map(|i| losses[if side == Side::Forward { half + i } else { half - i }]).collect()
    };
    let [forward, backward] = [side(Side::Forward), side(Side::Backward)];
    // What is not finite is higher than anything.
    let height = |losses: &[f64]| if losses[half].is_finite() { losses[half] } else { f64::INFINITY };
    let flat_forward = height(&forward) <= height(&backward);
    let (flat, steep) = if flat_forward { (&forward, &backward) } else { (&backward, &forward) };
    let rise = |losses: &[f64]| Some(losses[half] - losses[0]).filter(|rise| rise.is_finite());
    let begin = (zeta / step - 1e-9).ceil().max(0.0) as usize;
    let slopes = |losses: &[f64]| -> Vec<f64> {
        losses[begin.min(half - 1)..].windows(2).map(|pair| (pair[1] - pair[0]) / step).collect()
    };
    let (of_flat, of_steep) = (slopes(flat), slopes(steep));
    let finite = of_flat.iter().chain(&of_steep).all(|slope| slope.is_finite());
    let most = of_flat.into_iter().fold(f64::NEG_INFINITY, f64::max);
    let least = of_steep.into_iter().fold(f64::INFINITY, f64::min);
    let p = (finite && least > 0.0).then(|| most.max(least / MOST_C));
    let c = p.map(|p| least / p);
    Asymmetry {
        flat: if flat_forward { Side::Forward } else { Side::Backward },
        steep: if flat_forward { Side::Backward } else { Side::Forward },
        flat_rise: rise(flat),
        steep_rise: rise(steep),
        r,
        zeta,
        p,
        c,
        asymmetric: c.is_some_and(|c| c > 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valley_with_slopes_1_and_3_is_three_times_as_steep_on_one_side() {
        // Distance 0.5 between points: slope 1 along the direction, 3 against it.
        let losses = [7.0, 5.5, 4.0, 2.5, 1.0, 1.5, 2.0, 2.5, 3.0];
        let found = asymmetry(&losses, 2.0, 0.5);
        assert_eq!((found.flat, found.steep), (Side::Forward, Side::Backward));
        assert_eq!((found.flat_rise, found.steep_rise), (Some(2.0), Some(6.0)));
        assert!((found.p.unwrap() - 1.0).abs() < 1e-12 && (found.c.unwrap() - 3.0).abs() < 1e-12 && found.asymmetric);
        let mut turned = losses;
        turned.reverse();
        assert_eq!(asymmetry(&turned, 2.0, 0.5).flat, Side::Backward);
    }

    #[test]
    fn level_sides_even_sides_and_broken_ones() {
        let level = asymmetry(&[5.0, 3.0, 1.0, 0.5, 0.4], 1.0, 0.0);
        assert_eq!((level.c, level.asymmetric), (Some(MOST_C), true));
        let even = asymmetry(&[4.0, 1.0, 0.0, 1.0, 4.0], 1.0, 0.0);
        assert!(!even.asymmetric && even.c.unwrap() < 1.0, "slopes 2 and 6 on both sides: {even:?}");
        let falling = asymmetry(&[1.0, 2.0, 0.0, 0.5, 0.9], 1.0, 0.5);
        assert_eq!((falling.c, falling.asymmetric), (None, false), "the steep side falls at its end");
        let broken = asymmetry(&[f64::NAN, 1.0, 0.0, 1.0, 4.0], 1.0, 0.0);
        assert_eq!((broken.flat, broken.steep_rise, broken.p), (Side::Forward, None, None));
    }

    #[test]
    fn impossible_valleys_are_refused() {
        let fine = ValleyOptions { reach: 1.0, zeta: 0.1, points: 25, statistics: Statistics::Recompute };
        assert!(fine.check().is_ok());
        assert_eq!(fine.alphas()[12], 0.0);
        for options in [
            ValleyOptions { reach: 0.0, ..fine },
            ValleyOptions { reach: f64::NAN, ..fine },
            ValleyOptions { points: 4, ..fine },
            ValleyOptions { points: 24, ..fine },
            ValleyOptions { points: 1, ..fine },
            ValleyOptions { zeta: 1.0, ..fine },
            ValleyOptions { zeta: -0.1, ..fine },
        ] {
            assert!(options.check().unwrap_err().is_input(), "{options:?}");
        }
    }
}
