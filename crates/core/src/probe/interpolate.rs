//! The line through two networks (Goodfellow et al. 2015; Keskar et al. 2017): L((1 - alpha) w_A + alpha w_B); and Keskar's
//! curve through them: L(cos(pi alpha / 2) w_A + sin(pi alpha / 2) w_B).

use super::sample::{Factors, Sampler, Sampling};
use super::{Examples, Progress, Statistics, Subject, finite};
use crate::train::LaneState;
use crate::{Error, Result};
use serde::Serialize;

/// Which points of the line are measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interpolation {
    /// First alpha; 0 is network A, 1 network B.
    pub from: f64,
    /// Last alpha.
    pub to: f64,
    /// Points, equally spaced, both ends included.
    pub points: usize,
    /// Batch norm's statistics between the two.
    pub statistics: Statistics,
}

/// How the way between the networks goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Curve {
    /// (1 - alpha) w_A + alpha w_B.
    #[default]
    Straight,
    /// cos(pi alpha / 2) w_A + sin(pi alpha / 2) w_B, which keeps the length of weights that are equally long and at right
    /// angles (Keskar et al. 2017, 2.2.1).
    Curved,
}

impl Curve {
    /// The factors of the two networks; at 0 and 1 exactly those of one of them.
    pub fn factors(self, alpha: f64) -> [f64; 2] {
        match self {
            Self::Straight => [1.0 - alpha, alpha],
            // Whole numbers are quarter turns.
            Self::Curved if alpha.fract() == 0.0 => match alpha.rem_euclid(4.0) as u32 {
                0 => [1.0, 0.0],
                1 => [0.0, 1.0],
                2 => [-1.0, 0.0],
                _ => [0.0, -1.0],
            },
            Self::Curved => {
                let (sin, cos) = (std::f64::consts::FRAC_PI_2 * alpha).sin_cos();
                [cos, sin]
            }
        }
    }
}

/// How much higher the loss is between two networks than at them: the largest L(alpha) - (1 - alpha) L(0) - alpha L(1) over
/// the measured alphas from 0 to 1. It is 0 where nothing between is higher.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Barrier {
    /// Of the loss that `loss` is about. None where a loss between the networks is not finite.
    pub loss: Option<f64>,
    /// Where that is.
    pub alpha: Option<f64>,
    /// Of the training loss.
    pub train_loss: Option<f64>,
    /// Of the test loss.
    pub test_loss: Option<f64>,
}

/// The measured line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Straight or curved.
    pub path: Curve,
    /// What `loss` and `accuracy` of the rows are about.
    pub split: Examples,
    /// Where batch norm's statistics come from; nothing for networks without.
    #[serde(rename = "bn", skip_serializing_if = "Option::is_none")]
    pub statistics: Option<Statistics>,
    /// Between the networks; nothing where no point lies between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub barrier: Option<Barrier>,
    /// The points in order of alpha.
    pub rows: Vec<LinePoint>,
}

/// One point of a line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct LinePoint {
    pub alpha: f64,
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

/// Points of a line at most.
const MOST_POINTS: usize = 100_000;

impl Interpolation {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Input`] naming the flag.
    pub fn check(&self) -> Result<()> {
        let Self { from, to, points, .. } = *self;
        if !(from.is_finite() && to.is_finite() && from < to && from.abs().max(to.abs()) <= 1e6) {
            return Err(Error::input(format!(
                "the line from {from} to {to} is none; --from and --to are two numbers, the smaller one first."
            )));
        }
        if !(2..=MOST_POINTS).contains(&points) {
            return Err(Error::input(format!("points is {points}; a line has 2 to {MOST_POINTS}.")));
        }
        Ok(())
    }

    /// The alphas, equally spaced; 0 and 1 are exact where they are among them.
    pub fn alphas(&self) -> Vec<f64> {
        let last = (self.points.max(2) - 1) as f64;
        (0..self.points)
            .map(|i| {
                let alpha = (self.from * (last - i as f64) + self.to * i as f64) / last;
                let near = alpha.round();
                if (alpha - near).abs() < 1e-12 { near } else { alpha }
            })
            .collect()
    }

    /// Measures the straight line from `a` to `b`.
    ///
    /// # Errors
    /// [`Error::Input`] for numbers or weights that do not fit, [`Error::Run`] where the device is lost.
    pub async fn measure(
        &self,
        subject: &Subject<'_>,
        a: &LaneState,
        b: &LaneState,
        progress: Progress<'_>,
    ) -> Result<Line> {
        self.along(Curve::Straight, subject, [a, b], progress).await
    }

    /// Measures the line or curve from the first network to the second.
    ///
    /// # Errors
    /// [`Error::Input`] for numbers or weights that do not fit, [`Error::Run`] where the device is lost.
    pub async fn along(
        &self,
        path: Curve,
        subject: &Subject<'_>,
        states: [&LaneState; 2],
        progress: Progress<'_>,
    ) -> Result<Line> {
        self.check()?;
        let mut alphas = self.alphas();
        // The barrier is told from the networks themselves, whether they are among the points or not.
        alphas.extend([0.0, 1.0]);
        let factors = |alpha: f64| {
            let [a, b] = path.factors(alpha);
            [a as f32, b as f32, 0.0]
        };
        let mut rows = measure_rows(subject, &states, self.statistics, &alphas, factors, progress).await?;
        let ends = rows.split_off(self.points);
        let statistics = (subject.model.running_floats() > 0).then_some(self.statistics);
        Ok(Line { path, split: subject.examples, statistics, barrier: barrier(&rows, &ends), rows })
    }
}

fn barrier(rows: &[LinePoint], ends: &[LinePoint]) -> Option<Barrier> {
    let between: Vec<&LinePoint> = rows.iter().filter(|row| (0.0..=1.0).contains(&row.alpha)).collect();
    if !between.iter().any(|row| row.alpha > 0.0 && row.alpha < 1.0) {
        return None;
    }
    let highest = |loss: fn(&LinePoint) -> f32| {
        let [a, b] = [&ends[0], &ends[1]].map(|end| f64::from(loss(end)));
        let above = |row: &&LinePoint| (f64::from(loss(row)) - (1.0 - row.alpha) * a - row.alpha * b, row.alpha);
        let all: Vec<(f64, f64)> = between.iter().map(above).collect();
        let finite = all.iter().all(|(rise, _)| rise.is_finite());
        // At the networks it is 0.
        let most = all.into_iter().fold((0.0, 0.0), |most, this| if this.0 > most.0 { this } else { most });
        finite.then_some(most)
    };
    let own = highest(|row| row.loss);
    Some(Barrier {
        loss: own.map(|(rise, _)| rise),
        alpha: own.map(|(_, alpha)| alpha),
        train_loss: highest(|row| row.train_loss).map(|(rise, _)| rise),
        test_loss: highest(|row| row.test_loss).map(|(rise, _)| rise),
    })
}

/// Loss and accuracy of the subject's examples, of the training and of the test set, at sums of `sources` with the `factors`
/// of each alpha.
pub(super) async fn measure_rows(
    subject: &Subject<'_>,
    sources: &[&LaneState],
    statistics: Statistics,
    alphas: &[f64],
    factors: impl Fn(f64) -> Factors,
    progress: Progress<'_>,
) -> Result<Vec<LinePoint>> {
    let parts = [Examples::Train, Examples::Test, Examples::Val];
    let parts = if subject.examples == Examples::Val { &parts[..] } else { &parts[..2] };
    let how = Sampling { statistics, parts, points: alphas.len(), linear: true };
    let sampler = Sampler::new(subject, sources, how).await?;
    let place = parts.iter().position(|part| *part == subject.examples).unwrap_or(0);
    let all: Vec<Factors> = alphas.iter().map(|alpha| factors(*alpha)).collect();
    let samples = sampler.measure(subject, &all, progress).await?;
    let row = |(alpha, samples): (&f64, Vec<super::sample::Sample>)| LinePoint {
        alpha: *alpha,
        loss: samples[place].loss,
        accuracy: samples[place].accuracy,
        train_loss: samples[0].loss,
        train_accuracy: samples[0].accuracy,
        test_loss: samples[1].loss,
        test_accuracy: samples[1].accuracy,
    };
    Ok(alphas.iter().zip(samples).map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alphas_are_equally_spaced_and_meet_both_networks() {
        let line = |from, to, points| Interpolation { from, to, points, statistics: Statistics::Recompute };
        let alphas = line(-1.0, 2.0, 25).alphas();
        assert_eq!((alphas[0], alphas[8], alphas[16], alphas[24]), (-1.0, 0.0, 1.0, 2.0));
        assert!(alphas.windows(2).all(|pair| (pair[1] - pair[0] - 0.125).abs() < 1e-12));
        assert_eq!(line(0.0, 1.0, 2).alphas(), [0.0, 1.0]);
        let alphas = line(-0.3, 1.2, 16).alphas();
        assert!(alphas.contains(&0.0) && alphas.contains(&1.0), "{alphas:?}");
    }

    #[test]
    fn a_curve_meets_both_networks_and_keeps_lengths() {
        for path in [Curve::Straight, Curve::Curved] {
            assert_eq!((path.factors(0.0), path.factors(1.0)), ([1.0, 0.0], [0.0, 1.0]));
        }
        assert_eq!((Curve::Curved.factors(-1.0), Curve::Curved.factors(2.0)), ([0.0, -1.0], [-1.0, 0.0]));
        for alpha in [-0.7, 0.25, 0.5, 1.9] {
            let [a, b] = Curve::Curved.factors(alpha);
            assert!((a * a + b * b - 1.0).abs() < 1e-12);
            assert_eq!(Curve::Straight.factors(alpha), [1.0 - alpha, alpha]);
        }
        let [a, b] = Curve::Curved.factors(0.5);
        assert!((a - 0.5f64.sqrt()).abs() < 1e-12 && (b - a).abs() < 1e-12);
    }

    #[test]
    fn a_barrier_is_what_lies_above_the_chord() {
        let row = |alpha: f64, loss: f32, test_loss: f32| LinePoint {
            alpha,
            loss,
            accuracy: 0.0,
            train_loss: loss,
            train_accuracy: 0.0,
            test_loss,
            test_accuracy: 0.0,
        };
        let ends = [row(0.0, 1.0, 1.0), row(1.0, 3.0, 1.0)];
        let rows = [row(-1.0, 9.0, 9.0), row(0.25, 2.5, 0.5), row(0.75, 3.25, 0.5), row(2.0, 9.0, 9.0)];
        let found = barrier(&rows, &ends).unwrap();
        assert_eq!((found.loss, found.alpha, found.train_loss), (Some(1.0), Some(0.25), Some(1.0)));
        assert_eq!(found.test_loss, Some(0.0), "nothing between is higher");
        assert_eq!(barrier(&rows[3..], &ends), None);
        let broken = [row(0.5, f32::NAN, 2.0)];
        let found = barrier(&broken, &ends).unwrap();
        assert_eq!((found.loss, found.alpha, found.test_loss), (None, None, Some(1.0)));
    }

    #[test]
    fn impossible_lines_are_refused() {
        for (from, to, points) in [
            (0.0, 1.0, 1),
            (0.0, 1.0, 0),
            (0.0, 1.0, 1_000_000),
            (1.0, 1.0, 5),
            (2.0, 1.0, 5),
            (f64::NAN, 1.0, 5),
            (0.0, f64::INFINITY, 5),
        ] {
            let line = Interpolation { from, to, points, statistics: Statistics::Recompute };
            assert!(line.check().is_err(), "{line:?}");
        }
    }
}
