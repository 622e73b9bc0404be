//! The loss over a plane of weights, on a grid.

use super::direction::{Drawn, Normalisation, PathPlane, Plane, random_direction};
use super::sample::{Factors, Sample, Sampler, Sampling};
use super::{Examples, Progress, Statistics, Subject, finite};
use crate::model::Model;
use crate::train::LaneState;
use crate::{Error, Result};
use serde::Serialize;

/// How a surface is sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurfaceOptions {
    /// Points along each axis; an odd number has one in the middle.
    pub grid: usize,
    /// Around one network: how far the plane reaches either way, in lengths of the directions. Through three networks, or of a
    /// path: the margin around them, as a share of their extent.
    pub range: f64,
    /// Where batch norm's statistics come from. Around one network [`Statistics::Interpolate`] keeps those of the network.
    pub statistics: Statistics,
}

/// A measured surface.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Surface {
    /// What the loss is about.
    pub split: Examples,
    /// `random`, `points`, `pca` or `hessian`.
    pub directions: &'static str,
    /// What lengths along the two axes are counted in: `filter` (1 is the length of each filter), `layer` (of each layer's
    /// weight) or `weights` (plain distance, along directions of length 1).
    pub unit: &'static str,
    /// How random directions are fitted to the weights.
    #[serde(rename = "directions_norm", skip_serializing_if = "Option::is_none")]
    pub normalisation: Option<Normalisation>,
    /// The seed of a random plane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction_seed: Option<u32>,
    /// L2 norms of the two directions at length 1.
    pub direction_norms: [f64; 2],
    /// The share of a path's variance along each of its principal directions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variance_explained: Option<[f64; 2]>,
    /// Eigenvalues of the Hessian whose eigenvectors the directions are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eigenvalues: Option<[f64; 2]>,
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
    /// The networks in the plane; of a path, in order, where they lie in the plane.
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
    /// How far the network itself is from the plane, where it may be off it: loss and accuracy are those of the place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off_plane: Option<f64>,
}

/// The two directions of a plane around one network, or along a path that ends there.
#[derive(Clone, Debug, PartialEq)]
pub struct Axes {
    directions: [LaneState; 2],
    name: &'static str,
    unit: &'static str,
    normalisation: Option<Normalisation>,
    seed: Option<u32>,
    variance: Option<[f64; 2]>,
    eigenvalues: Option<[f64; 2]>,
    /// Places of a path's networks, and how far off the plane they are.
    path: Vec<((f64, f64), f64)>,
}

impl Axes {
    fn new(name: &'static str, unit: &'static str, directions: [Vec<f32>; 2], running: usize) -> Self {
        let direction = |weights: Vec<f32>| LaneState { weights, running: vec![0.0; running], moments: Vec::new() };
        Self {
            directions: directions.map(direction),
            name,
            unit,
            normalisation: None,
            seed: None,
            variance: None,
            eigenvalues: None,
            path: Vec::new(),
        }
    }

    /// Two random Gaussian directions for the network `state`.
    pub fn random(model: &Model, state: &LaneState, normalisation: Normalisation, seed: u32) -> Self {
        let of = |which| random_direction(model, &state.weights, Drawn::Normal, normalisation, seed, which);
        let unit = match normalisation {
            Normalisation::Filter => "filter",
            Normalisation::Layer => "layer",
            Normalisation::None => "weights",
        };
        let axes = Self::new("random", unit, [of(0), of(1)], state.running.len());
        Self { normalisation: Some(normalisation), seed: Some(seed), ..axes }
    }

    /// The principal directions of a path of networks of one training, in order; the plane is that through the last one.
    ///
    /// # Errors
    /// [`Error::Input`] for fewer than three networks, and where they lie on one line.
    pub fn principal(path: &[&LaneState]) -> Result<Self> {
        let PathPlane { directions, variance, places, off_plane } = PathPlane::of(path)?;
        let axes = Self::new("pca", "weights", directions, path[0].running.len());
        Ok(Self { variance: Some(variance), path: places.into_iter().zip(off_plane).collect(), ..axes })
    }

    /// Two eigenvectors of the Hessian of length 1, as the weights lie, with their eigenvalues.
    pub fn eigenvectors(vectors: [Vec<f32>; 2], eigenvalues: [f64; 2], state: &LaneState) -> Self {
        let axes = Self::new("hessian", "weights", vectors, state.running.len());
        Self { eigenvalues: Some(eigenvalues), ..axes }
    }
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
            return Err(Error::input(format!("range is {range}; it must be a number above 0, 1e6 at most.")));
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
        let axes = Axes::random(subject.model, state, Normalisation::Filter, seed);
        self.along(subject, state, &axes, progress).await
    }

    /// The surface of the plane through `state` along `axes`: around it, or around the path that ends there.
    ///
    /// # Errors
    /// [`Error::Input`] for numbers or weights that do not fit, [`Error::Run`] where the device is lost.
    pub async fn along(
        &self,
        subject: &Subject<'_>,
        state: &LaneState,
        axes: &Axes,
        progress: Progress<'_>,
    ) -> Result<Surface> {
        let (frame, factors) = self.frame(axes);
        let sources = [state, &axes.directions[0], &axes.directions[1]];
        self.measure(subject, &sources, frame, factors, true, progress).await
    }

    /// The same surface, point by point by whole evaluations: what [`SurfaceOptions::along`] is held against.
    pub(crate) async fn along_plainly(
        &self,
        subject: &Subject<'_>,
        state: &LaneState,
        axes: &Axes,
        progress: Progress<'_>,
    ) -> Result<Surface> {
        let (frame, factors) = self.frame(axes);
        let sources = [state, &axes.directions[0], &axes.directions[1]];
        self.measure(subject, &sources, frame, factors, false, progress).await
    }

    fn frame(&self, axes: &Axes) -> (Frame, fn(f64, f64) -> Factors) {
        let norm = |d: &LaneState| d.weights.iter().map(|d| f64::from(*d).powi(2)).sum::<f64>().sqrt();
        let (x, y) = if axes.path.is_empty() {
            let places = centred(0.0, self.range, self.grid.max(2));
            (places.clone(), places)
        } else {
            self.around(axes.path.iter().map(|(place, _)| *place))
        };
        let frame = Frame {
            directions: axes.name,
            unit: axes.unit,
            normalisation: axes.normalisation,
            seed: axes.seed,
            norms: [norm(&axes.directions[0]), norm(&axes.directions[1])],
            variance: axes.variance,
            eigenvalues: axes.eigenvalues,
            x,
            y,
            points: match axes.path.as_slice() {
                [] => vec![((0.0, 0.0), None)],
                path => path.iter().map(|(place, off)| (*place, Some(*off))).collect(),
            },
        };
        (frame, |x, y| [1.0, x as f32, y as f32])
    }

    /// The places along both axes of a square that holds `points` with a margin: distances are the same along both.
    fn around(&self, points: impl Iterator<Item = (f64, f64)> + Clone) -> (Vec<f64>, Vec<f64>) {
        let extent = |place: fn((f64, f64)) -> f64| {
            let low = points.clone().map(place).fold(f64::INFINITY, f64::min);
            let high = points.clone().map(place).fold(f64::NEG_INFINITY, f64::max);
            (f64::midpoint(low, high), high - low)
        };
        let ((x, wide), (y, high)) = (extent(|p| p.0), extent(|p| p.1));
        let half = wide.max(high) * (0.5 + self.range);
        (centred(x, half, self.grid.max(2)), centred(y, half, self.grid.max(2)))
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
        let (x, y) = self.around(corners.iter().copied());
        let frame = Frame {
            directions: "points",
            unit: "weights",
            normalisation: None,
            seed: None,
            norms: [1.0, 1.0],
            variance: None,
            eigenvalues: None,
            x,
            y,
            points: corners.map(|corner| (corner, None)).to_vec(),
        };
        let factors = |x, y| plane.factors(x, y).map(|f| f as f32);
        self.measure(subject, &states, frame, factors, true, progress).await
    }

    async fn measure(
        &self,
        subject: &Subject<'_>,
        sources: &[&LaneState],
        frame: Frame,
        factors: impl Fn(f64, f64) -> Factors,
        linear: bool,
        progress: Progress<'_>,
    ) -> Result<Surface> {
        self.check()?;
        let Frame { directions, unit, normalisation, seed, norms, variance, eigenvalues, x, y, points } = frame;
        let grid = y.iter().flat_map(|y| x.iter().map(|x| (*x, *y)));
        let places: Vec<(f64, f64)> = grid.chain(points.iter().map(|(place, _)| *place)).collect();
        let parts = &[subject.examples];
        let how = Sampling { statistics: self.statistics, parts, points: places.len(), linear };
        let sampler = Sampler::new(subject, sources, how).await?;
        let all: Vec<Factors> = places.iter().map(|(x, y)| factors(*x, *y)).collect();
        let samples: Vec<Sample> = sampler.measure(subject, &all, progress).await?.into_iter().flatten().collect();
        let (grid, marked) = samples.split_at(x.len() * y.len());
        let rows =
            |value: fn(&Sample) -> f32| grid.chunks(x.len()).map(|row| row.iter().map(value).collect()).collect();
        let mark = |x, y, off_plane, s: &Sample| Marked { x, y, loss: s.loss, accuracy: s.accuracy, off_plane };
        let points = points.iter().zip(marked);
        Ok(Surface {
            split: subject.examples,
            directions,
            unit,
            normalisation,
            direction_seed: seed,
            direction_norms: norms,
            variance_explained: variance,
            eigenvalues,
            statistics: (subject.model.running_floats() > 0).then_some(self.statistics),
            grid: self.grid,
            loss: rows(|sample| sample.loss),
            accuracy: rows(|sample| sample.accuracy),
            non_finite: grid.iter().filter(|sample| !sample.loss.is_finite()).count(),
            points: points.map(|(((x, y), off), s)| mark(*x, *y, *off, s)).collect(),
            x,
            y,
        })
    }
}

/// Axes of a surface before it is measured.
struct Frame {
    directions: &'static str,
    unit: &'static str,
    normalisation: Option<Normalisation>,
    seed: Option<u32>,
    norms: [f64; 2],
    variance: Option<[f64; 2]>,
    eigenvalues: Option<[f64; 2]>,
    x: Vec<f64>,
    y: Vec<f64>,
    /// Places, and how far off the plane.
    points: Vec<((f64, f64), Option<f64>)>,
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
