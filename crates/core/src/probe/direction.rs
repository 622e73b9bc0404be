//! Directions of a loss surface: random and filter-normalised (Li et al. 2018), or through three networks (Izmailov et al. 2018).

use crate::model::{Kind, Model};
use crate::rng::{Rng, Stream};
use crate::train::LaneState;
use crate::{Error, Result};

/// A random direction with Gaussian entries in which each output filter (each neuron of a dense layer) is as long as that
/// filter of `weights`: `d_f *= |w_f| / (|d_f| + 1e-10)`. Biases and the parameters of norms stay where they are. `which`
/// tells apart the directions of one seed. The result lies as the weights do.
pub fn filter_normalised(model: &Model, weights: &[f32], seed: u32, which: u32) -> Vec<f32> {
    let mut direction = vec![0.0; model.parameter_floats()];
    let mut rng = Rng::new(seed, Stream::Directions, which);
    for tensor in model.parameters() {
        let Kind::Matrix { outputs, .. } = tensor.kind else { continue };
        let own = tensor.unpack(weights);
        let per_filter = own.len() / outputs.max(1);
        let mut values = Vec::with_capacity(own.len());
        for filter in own.chunks(per_filter.max(1)) {
            let drawn: Vec<f64> = filter.iter().map(|_| f64::from(rng.normal())).collect();
            let long = filter.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>().sqrt();
            let scale = long / (drawn.iter().map(|d| d * d).sum::<f64>().sqrt() + 1e-10);
            values.extend(drawn.iter().map(|d| (scale * d) as f32));
        }
        tensor.pack(&values, &mut direction);
    }
    direction
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
