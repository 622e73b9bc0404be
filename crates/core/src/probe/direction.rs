//! Directions in the space of weights: random ones (Li et al. 2018; He et al. 2019), those of the plane through three networks
//! (Izmailov et al. 2018), and the principal ones of a path (Li et al. 2018).

use crate::model::{Kind, Model};
use crate::rng::{Rng, Stream};
use crate::train::{LaneState, principal_factors};
use crate::{Error, Result};
use serde::Serialize;

/// How long a random direction is. Biases and the parameters of norms stay where they are whatever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalisation {
    /// Each output filter (each neuron of a dense layer) is as long as that filter of the weights:
    /// `d_f *= |w_f| / (|d_f| + 1e-10)`. The surface then does not see how a network with ReLUs is scaled.
    Filter,
    /// Each layer's weight is as long as that of the network.
    Layer,
    /// Not fitted to the weights at all: the direction as a whole has length 1, so that distances are those of weights.
    None,
}

/// What a random direction is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// The standard normal distribution.
    Normal,
    /// Uniform from 0 to 1: all entries are positive (He et al. 2019).
    Positive,
}

/// A random direction with Gaussian entries, filter by filter as long as `weights`: [`random_direction`] with
/// [`Normalisation::Filter`].
pub fn filter_normalised(model: &Model, weights: &[f32], seed: u32, which: u32) -> Vec<f32> {
    random_direction(model, weights, Drawn::Normal, Normalisation::Filter, seed, which)
}

/// A random direction, which lies as the weights do. `which` tells apart the directions of one seed; the entries that are
/// drawn are the same whatever the normalisation.
pub fn random_direction(
    model: &Model,
    weights: &[f32],
    drawn: Drawn,
    normalisation: Normalisation,
    seed: u32,
    which: u32,
) -> Vec<f32> {
    let mut direction = vec![0.0; model.parameter_floats()];
    let mut rng = Rng::new(seed, Stream::Directions, which);
    let norm = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>().sqrt();
    let mut tensors: Vec<(&crate::model::Tensor, Vec<f64>)> = Vec::new();
    for tensor in model.parameters() {
        let Kind::Matrix { outputs, .. } = tensor.kind else { continue };
        let own: Vec<f64> = tensor.unpack(weights).into_iter().map(f64::from).collect();
        let mut values: Vec<f64> = own
            .iter()
            .map(|_| match drawn {
                Drawn::Normal => rng.normal().into(),
                Drawn::Positive => rng.uniform().into(),
            })
            .collect();
        let part = match normalisation {
            Normalisation::Filter => own.len() / outputs.max(1),
            Normalisation::Layer | Normalisation::None => own.len(),
        };
        let fitted = normalisation != Normalisation::None;
        for (d, w) in values.chunks_mut(part.max(1)).zip(own.chunks(part.max(1))).filter(|_| fitted) {
            let scale = norm(w) / (norm(d) + 1e-10);
            d.iter_mut().for_each(|d| *d *= scale);
        }
        tensors.push((tensor, values));
    }
    let whole = match normalisation {
        Normalisation::None => tensors.iter().map(|(_, values)| norm(values).powi(2)).sum::<f64>().sqrt() + 1e-10,
        _ => 1.0,
    };
    for (tensor, values) in tensors {
        let values: Vec<f32> = values.iter().map(|d| (d / whole) as f32).collect();
        tensor.pack(&values, &mut direction);
    }
    direction
}

/// The plane that a path of weights spreads most in.
#[derive(Clone, Debug, PartialEq)]
pub struct PathPlane {
    /// The first two principal directions, of length 1, as the weights lie.
    pub directions: [Vec<f32>; 2],
    /// The share of the path's variance along each.
    pub variance: [f64; 2],
    /// Where the path's sets of weights lie in the plane, seen from the last one.
    pub places: Vec<(f64, f64)>,
    /// How far each of them is from the plane.
    pub off_plane: Vec<f64>,
}

/// Sets of weights of a path at most.
const MOST_OF_PATH: usize = 512;

impl PathPlane {
    /// Principal component analysis of w_t - w_T over all sets `path` of a training, in order, of which w_T is the last:
    /// around their mean, in f64. Along both directions the end lies ahead of the start.
    ///
    /// # Errors
    /// [`Error::Input`] for fewer than three sets or very many, and where they lie on one line.
    pub fn of(path: &[&LaneState]) -> Result<Self> {
        let n = path.len();
        if !(3..=MOST_OF_PATH).contains(&n) {
            return Err(Error::input(format!(
                "a path of {n} checkpoints; principal directions take 3 to {MOST_OF_PATH} of one training, in order."
            )));
        }
        let end = &path[n - 1].weights;
        let difference = |i: usize, k: usize| f64::from(path[i].weights[k]) - f64::from(end[k]);
        let mut gram = vec![0.0; n * n];
        let mut column = vec![0.0; n];
        for k in 0..end.len() {
            (0..n).for_each(|i| column[i] = difference(i, k));
            for (i, row) in gram.chunks_mut(n).enumerate() {
                row[..=i].iter_mut().zip(&column).for_each(|(sum, d)| *sum += column[i] * d);
            }
        }
        for i in 0..n {
            (0..i).for_each(|j| gram[j * n + i] = gram[i * n + j]);
        }
        let (factors, variance) = principal_factors(&gram, n, n - 1)?;
        let directions = [0, 1].map(|which: usize| {
            let of = |k: usize| factors[which].iter().enumerate().map(|(i, f)| f * difference(i, k)).sum::<f64>();
            (0..end.len()).map(|k| of(k) as f32).collect::<Vec<f32>>()
        });
        let place = |i: usize| {
            let along = |which: usize| (0..n).map(|j| factors[which][j] * gram[i * n + j]).sum::<f64>();
            (along(0), along(1))
        };
        let places: Vec<(f64, f64)> = (0..n).map(place).collect();
        let off = |(i, (x, y)): (usize, &(f64, f64))| (gram[i * n + i] - x * x - y * y).max(0.0).sqrt();
        let off_plane = places.iter().enumerate().map(off).collect();
        Ok(Self { directions, variance, places, off_plane })
    }
}

/// The plane through three networks: `u = w2 - w1`, and `v = w3 - w1` without its part along u. A place (x, y) is
/// `w1 + x u / |u| + y v / |v|`: distances in the plane are those of weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plane {
    /// |w2 - w1|.
    pub u: f64,
    /// The length of v.
    pub v: f64,
    /// How much of u there is in w3 - w1.
    pub along: f64,
}

impl Plane {
    /// The plane through the weights of three networks of one model.
    ///
    /// # Errors
    /// [`Error::Input`] where they lie on one line.
    pub fn through(points: [&LaneState; 3]) -> Result<Self> {
        let difference = |to: &LaneState| -> Vec<f64> {
            to.weights.iter().zip(&points[0].weights).map(|(to, from)| f64::from(*to) - f64::from(*from)).collect()
        };
        let (first, second) = (difference(points[1]), difference(points[2]));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let u = dot(&first, &first).sqrt();
        let along = dot(&second, &first) / dot(&first, &first);
        let rest: Vec<f64> = second.iter().zip(&first).map(|(b, a)| b - along * a).collect();
        let v = dot(&rest, &rest).sqrt();
        let apart = dot(&second, &second).sqrt();
        if !(u > 0.0 && v > 1e-6 * apart && (u + v).is_finite()) {
            return Err(Error::input(
                "the three checkpoints lie on one line, so there is no plane through them; take three different ones.",
            ));
        }
        Ok(Self { u, v, along })
    }

    /// Where the three networks lie.
    pub fn corners(&self) -> [(f64, f64); 3] {
        [(0.0, 0.0), (self.u, 0.0), (self.along * self.u, self.v)]
    }

    /// The factors of the three networks whose sum is the place (x, y); together they are 1.
    pub fn factors(&self, x: f64, y: f64) -> [f64; 3] {
        let third = y / self.v;
        let second = x / self.u - self.along * third;
        [1.0 - second - third, second, third]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Activation;
    use crate::data::Shape;
    use crate::model::Style;

    fn state(weights: Vec<f32>) -> LaneState {
        LaneState { weights, running: Vec::new(), moments: Vec::new() }
    }

    #[test]
    fn each_filter_of_a_direction_is_as_long_as_that_of_the_weights() {
        let shape = Shape { channels: 3, height: 6, width: 6 };
        let style = Style { activation: Activation::Relu, norm: None, dropout: 0.0 };
        let model = Model::parse("cnn:5,6", shape, 3, style).unwrap();
        let mut rng = Rng::new(0, Stream::Data, 0);
        let mut weights = vec![0.0; model.parameter_floats()];
        for tensor in model.parameters() {
            let values: Vec<f32> = (0..tensor.kind.len()).map(|_| rng.normal()).collect();
            tensor.pack(&values, &mut weights);
        }
        let direction = filter_normalised(&model, &weights, 7, 0);
        let norm = |v: &[f32]| v.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        for tensor in model.parameters() {
            let (w, d) = (tensor.unpack(&weights), tensor.unpack(&direction));
            let Kind::Matrix { outputs, .. } = tensor.kind else {
                assert!(d.iter().all(|d| *d == 0.0), "{} does not move", tensor.name);
                continue;
            };
            let filters = |v: &[f32]| v.chunks(v.len() / outputs).map(norm).collect::<Vec<_>>();
            for (w, d) in filters(&w).iter().zip(filters(&d)) {
                assert!((w - d).abs() < 1e-5 * w, "{}: {w} and {d}", tensor.name);
            }
        }
        assert_ne!(direction, filter_normalised(&model, &weights, 7, 1));
        assert_ne!(direction, filter_normalised(&model, &weights, 8, 0));
        assert_eq!(direction, filter_normalised(&model, &weights, 7, 0));
    }

    #[test]
    fn directions_have_the_lengths_that_they_say() {
        let shape = Shape { channels: 5, height: 1, width: 1 };
        let style = Style { activation: Activation::Relu, norm: None, dropout: 0.0 };
        let model = Model::parse("mlp:6,7", shape, 3, style).unwrap();
        let mut rng = Rng::new(0, Stream::Data, 0);
        let weights: Vec<f32> = (0..model.parameter_floats()).map(|_| rng.normal()).collect();
        let norm = |v: &[f32]| v.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        let of = |drawn, normalisation| random_direction(&model, &weights, drawn, normalisation, 7, 0);
        let layer = of(Drawn::Normal, Normalisation::Layer);
        for tensor in model.parameters() {
            let (w, d) = (tensor.unpack(&weights), tensor.unpack(&layer));
            let wanted = if matches!(tensor.kind, Kind::Matrix { .. }) { norm(&w) } else { 0.0 };
            assert!((norm(&d) - wanted).abs() < 1e-5, "{}", tensor.name);
        }
        assert!((norm(&of(Drawn::Normal, Normalisation::None)) - 1.0).abs() < 1e-6);
        let positive = of(Drawn::Positive, Normalisation::Filter);
        assert!(positive.iter().all(|d| *d >= 0.0) && positive.iter().any(|d| *d > 0.0));
        let signs = |v: &[f32]| v.iter().map(|v| v.signum()).collect::<Vec<_>>();
        assert_eq!(signs(&layer), signs(&of(Drawn::Normal, Normalisation::Filter)), "one draw, three lengths");
    }

    #[test]
    fn the_plane_of_a_path_has_its_places_and_its_variance() {
        // Points of an arc in the plane of the first two coordinates, and a little off it.
        let point = |t: usize| {
            let (sin, cos) = (0.4 * t as f32).sin_cos();
            state(vec![3.0 * cos, 3.0 * sin, if t == 2 { 0.1 } else { 0.0 }, 5.0])
        };
        let path: Vec<LaneState> = (0..6).map(point).collect();
        let plane = PathPlane::of(&path.iter().collect::<Vec<_>>()).unwrap();
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let [u, v] = &plane.directions;
        assert!((dot(u, u) - 1.0).abs() < 1e-6 && (dot(v, v) - 1.0).abs() < 1e-6 && dot(u, v).abs() < 1e-6);
        assert!(plane.variance[0] > plane.variance[1] && plane.variance[0] + plane.variance[1] > 0.998);
        assert_eq!(plane.places[5], (0.0, 0.0), "the end is the origin");
        for (w, ((x, y), off)) in path.iter().zip(plane.places.iter().zip(&plane.off_plane)) {
            let d: Vec<f32> = w.weights.iter().zip(&path[5].weights).map(|(w, end)| w - end).collect();
            assert!((dot(&d, u) - x).abs() < 1e-5 && (dot(&d, v) - y).abs() < 1e-5);
            let rest = (dot(&d, &d) - x * x - y * y).max(0.0).sqrt();
            assert!((rest - off).abs() < 2e-3, "{off} off the plane, {rest} is left");
        }
        assert!(plane.off_plane[2] > 0.02 && plane.off_plane.iter().all(|off| *off < 0.1), "{:?}", plane.off_plane);
        let line: Vec<LaneState> = (0..4).map(|t| state(vec![t as f32, 2.0 * t as f32])).collect();
        assert!(PathPlane::of(&line.iter().collect::<Vec<_>>()).unwrap_err().is_input());
        assert!(PathPlane::of(&[&path[0], &path[1]]).unwrap_err().is_input());
    }

    #[test]
    fn a_plane_meets_its_three_points_and_keeps_distances() {
        let points = [state(vec![1.0, 0.0, 2.0]), state(vec![4.0, 4.0, 2.0]), state(vec![1.0, 5.0, 0.0])];
        let plane = Plane::through([&points[0], &points[1], &points[2]]).unwrap();
        assert!((plane.u - 5.0).abs() < 1e-12);
        let at = |(x, y)| -> Vec<f64> {
            let f = plane.factors(x, y);
            (0..3).map(|i| (0..3).map(|k| f[k] * f64::from(points[k].weights[i])).sum()).collect()
        };
        for (corner, point) in plane.corners().into_iter().zip(&points) {
            assert!(at(corner).iter().zip(&point.weights).all(|(a, b)| (a - f64::from(*b)).abs() < 1e-12));
        }
        let (p, q) = (at((0.5, -1.0)), at((2.0, 3.0)));
        let distance: f64 = p.iter().zip(&q).map(|(p, q)| (p - q).powi(2)).sum::<f64>().sqrt();
        assert!((distance - (1.5f64.powi(2) + 16.0).sqrt()).abs() < 1e-12);
        assert!(Plane::through([&points[0], &points[1], &points[1]]).is_err());
        assert!(Plane::through([&points[0], &points[0], &points[1]]).is_err());
    }
}
