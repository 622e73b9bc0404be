//! The line through two networks (Goodfellow et al. 2015; Keskar et al. 2017): L((1 - alpha) w_A + alpha w_B).

use super::sample::Sampler;
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

/// The measured line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// What `loss` and `accuracy` of the rows are about.
    pub split: Examples,
    /// Where batch norm's statistics come from; nothing for networks without.
    #[serde(rename = "bn", skip_serializing_if = "Option::is_none")]
    pub statistics: Option<Statistics>,
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

    /// Measures the line from `a` to `b`.
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
        self.check()?;
        let parts = [Examples::Train, Examples::Test, Examples::Val];
        let parts = if subject.examples == Examples::Val { &parts[..] } else { &parts[..2] };
        let sampler = Sampler::new(subject, &[a, b], self.statistics, parts, self.points).await?;
        let alphas = self.alphas();
        let mut rows = Vec::new();
        for some in alphas.chunks(sampler.lanes()) {
            progress(rows.len(), alphas.len());
            let factors: Vec<_> = some.iter().map(|alpha| [(1.0 - alpha) as f32, *alpha as f32, 0.0]).collect();
            for (alpha, samples) in some.iter().zip(sampler.measure(subject, &factors).await?) {
                let place = parts.iter().position(|part| *part == subject.examples).unwrap_or(0);
                rows.push(LinePoint {
                    alpha: *alpha,
                    loss: samples[place].loss,
                    accuracy: samples[place].accuracy,
                    train_loss: samples[0].loss,
                    train_accuracy: samples[0].accuracy,
                    test_loss: samples[1].loss,
                    test_accuracy: samples[1].accuracy,
                });
            }
        }
        progress(alphas.len(), alphas.len());
        let statistics = (subject.model.running_floats() > 0).then_some(self.statistics);
        Ok(Line { split: subject.examples, statistics, rows })
    }
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
