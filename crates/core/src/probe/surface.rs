//! The loss over a plane of weights, on a grid.

use super::direction::{Plane, filter_normalised};
use super::sample::{Factors, Sample, Sampler};
use super::{Examples, Progress, Statistics, Subject, finite};
use crate::train::LaneState;
use crate::{Error, Result};
use serde::Serialize;

/// How a surface is sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurfaceOptions {
    /// Points along each axis; an odd number has one in the middle.
    pub grid: usize,
    /// Random plane: how far it reaches either way, in filters' lengths. Plane through three points: the margin around
    /// them, as a share of their extent.
    pub range: f64,
    /// Where batch norm's statistics come from. On a random plane [`Statistics::Interpolate`] keeps those of the network.
    pub statistics: Statistics,
}

/// A measured surface.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Surface {
    /// What the loss is about.
    pub split: Examples,
    /// `random` or `points`.
    pub directions: &'static str,
    /// Lengths along the two axes are counted in: `filter` (1 is the length of each filter) or `weights` (plain distance).
    pub unit: &'static str,
    /// The seed of a random plane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction_seed: Option<u32>,
    /// L2 norms of the two directions at length 1.
    pub direction_norms: [f64; 2],
    /// Where batch norm's statistics come from; nothing for networks without.
    #[serde(rename = "bn", skip_serializing_if = "Option::is_none")]
    pub statistics: Option<Statistics>,
    /// Points along each axis.
    pub grid: usize,
    /// Places along the first axis.
    pub x: Vec<f64>,
    /// Places along the second axis.
    pub y: Vec<f64>,
    /// Loss by row (second axis), then column (first axis); null where it is not finite.
    #[serde(serialize_with = "rows_of_finite")]
    pub loss: Vec<Vec<f32>>,
    /// Accuracy likewise.
    #[serde(serialize_with = "rows_of_finite")]
    pub accuracy: Vec<Vec<f32>>,
    /// Grid points whose loss is not finite.
    pub non_finite: usize,
    /// The networks in the plane.
    pub points: Vec<Marked>,
}

/// A network in the plane of a surface.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Marked {
    /// Its place.
    pub x: f64,
    /// Its place.
    pub y: f64,
    /// Its loss.
    #[serde(serialize_with = "finite")]
    pub loss: f32,
    /// Its accuracy.
    #[serde(serialize_with = "finite")]
    pub accuracy: f32,
}

/// Points along an axis at most.
const MOST: usize = 512;

impl SurfaceOptions {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Input`] naming the flag.
    pub fn check(&self) -> Result<()> {
        let Self { grid, range, .. } = *self;
        if !(2..=MOST).contains(&grid) {
            let points = grid.saturating_mul(grid);
            return Err(Error::input(format!(
                "grid is {grid}, a surface of {points} points; an axis has 2 to {MOST}, an odd number with one in the middle."
            )));
        }
        if !(range.is_finite() && range > 0.0 && range <= 1e6) {
            return Err(Error::input(format!("range is {range}; it must be a number above 0.")));
        }
        Ok(())
    }

    /// The surface around `state` along two random, filter-normalised directions.
    ///
    /// # Errors
    /// [`Error::Input`] for numbers or weights that do not fit, [`Error::Run`] where the device is lost.
    pub async fn random(
        &self,
        subject: &Subject<'_>,
        state: &LaneState,
        seed: u32,
        progress: Progress<'_>,
    ) -> Result<Surface> {
        self.check()?;
        subject.check(&[state])?;
        let directions = [0, 1].map(|which| LaneState {
            weights: filter_normalised(subject.model, &state.weights, seed, which),
            running: vec![0.0; state.running.len()],
            moments: Vec::new(),
        });
        let norm = |d: &LaneState| d.weights.iter().map(|d| f64::from(*d).powi(2)).sum::<f64>().sqrt();
        let places = centred(0.0, self.range, self.grid);
        let frame = Frame {
            directions: "random",
            unit: "filter",
            seed: Some(seed),
            norms: [norm(&directions[0]), norm(&directions[1])],
            x: places.clone(),
            y: places,
            points: vec![(0.0, 0.0)],
        };
        let sources = [state, &directions[0], &directions[1]];
        self.measure(subject, &sources, frame, |x, y| [1.0, x as f32, y as f32], progress).await
    }

    /// The surface of the plane through three networks.
    ///
    /// # Errors
    /// [`Error::Input`] for numbers or weights that do not fit, [`Error::Run`] where the device is lost.
    pub async fn through(
        &self,
        subject: &Subject<'_>,
        states: [&LaneState; 3],
        progress: Progress<'_>,
    ) -> Result<Surface> {
        self.check()?;
        subject.check(&states)?;
        let plane = Plane::through(states)?;
        let corners = plane.corners();
        // A square that holds the three: distances are the same along both axes.
        let extent = |place: fn(&(f64, f64)) -> f64| {
            let low = corners.iter().map(place).fold(f64::INFINITY, f64::min);
            let high = corners.iter().map(place).fold(f64::NEG_INFINITY, f64::max);
            (f64::midpoint(low, high), high - low)
        };
        let ((x, wide), (y, high)) = (extent(|p| p.0), extent(|p| p.1));
        let half = wide.max(high) * (0.5 + self.range);
        let frame = Frame {
            directions: "points",
            unit: "weights",
            seed: None,
            norms: [1.0, 1.0],
            x: centred(x, half, self.grid),
            y: centred(y, half, self.grid),
            points: corners.to_vec(),
        };
        let factors = |x, y| plane.factors(x, y).map(|f| f as f32);
        self.measure(subject, &states, frame, factors, progress).await
    }

    async fn measure(
        &self,
        subject: &Subject<'_>,
        sources: &[&LaneState],
        frame: Frame,
        factors: impl Fn(f64, f64) -> Factors,
        progress: Progress<'_>,
    ) -> Result<Surface> {
        let Frame { directions, unit, seed, norms, x, y, points } = frame;
        let grid = y.iter().flat_map(|y| x.iter().map(|x| (*x, *y)));
        let places: Vec<(f64, f64)> = grid.chain(points.iter().copied()).collect();
        let sampler = Sampler::new(subject, sources, self.statistics, &[subject.examples], places.len()).await?;
        let mut samples: Vec<Sample> = Vec::with_capacity(places.len());
        for some in places.chunks(sampler.lanes()) {
            progress(samples.len(), places.len());
            let factors: Vec<Factors> = some.iter().map(|(x, y)| factors(*x, *y)).collect();
            samples.extend(sampler.measure(subject, &factors).await?.into_iter().flatten());
        }
        progress(places.len(), places.len());
        let (grid, marked) = samples.split_at(x.len() * y.len());
        let rows =
            |value: fn(&Sample) -> f32| grid.chunks(x.len()).map(|row| row.iter().map(value).collect()).collect();
        let points = points.iter().zip(marked);
        Ok(Surface {
            split: subject.examples,
            directions,
            unit,
            direction_seed: seed,
            direction_norms: norms,
            statistics: (subject.model.running_floats() > 0).then_some(self.statistics),
            grid: self.grid,
            loss: rows(|sample| sample.loss),
            accuracy: rows(|sample| sample.accuracy),
            non_finite: grid.iter().filter(|sample| !sample.loss.is_finite()).count(),
            points: points.map(|((x, y), s)| Marked { x: *x, y: *y, loss: s.loss, accuracy: s.accuracy }).collect(),
            x,
            y,
        })
    }
}

/// Axes of a surface before it is measured.
struct Frame {
    directions: &'static str,
    unit: &'static str,
    seed: Option<u32>,
    norms: [f64; 2],
    x: Vec<f64>,
    y: Vec<f64>,
    points: Vec<(f64, f64)>,
}

/// `count` places from `middle - half` to `middle + half`; the one in the middle is exact.
fn centred(middle: f64, half: f64, count: usize) -> Vec<f64> {
    let last = (count - 1) as f64;
    (0..count).map(|i| middle + half * (2.0 * i as f64 - last) / last).collect()
}

fn rows_of_finite<S: serde::Serializer>(rows: &[Vec<f32>], to: S) -> std::result::Result<S::Ok, S::Error> {
    to.collect_seq(rows.iter().map(|row| row.iter().map(|v| Some(*v).filter(|v| v.is_finite())).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_have_their_ends_and_their_middle() {
        assert_eq!(centred(0.0, 1.0, 5), [-1.0, -0.5, 0.0, 0.5, 1.0]);
        assert_eq!(centred(2.0, 3.0, 2), [-1.0, 5.0]);
    }

    #[test]
    fn impossible_surfaces_are_refused() {
        for (grid, range) in [
            (0, 1.0),
            (1, 1.0),
            (1_000_000, 1.0),
            (usize::MAX, 1.0),
            (5, 0.0),
            (5, -1.0),
            (5, f64::NAN),
            (5, f64::INFINITY),
        ] {
            let options = SurfaceOptions { grid, range, statistics: Statistics::Interpolate };
            assert!(options.check().is_err(), "{options:?}");
        }
        let error = SurfaceOptions { grid: 1000, range: 1.0, statistics: Statistics::Interpolate }.check().unwrap_err();
        assert!(error.to_string().contains("1000000 points"), "{error}");
    }
}
