//! Stochastic Lanczos quadrature (Ubaru et al. 2017; Ghorbani et al. 2019): trace and density of an operator from random
//! vectors.

use super::Progress;
use super::lanczos::{Lanczos, Node, Operator};
use crate::gpu::Gpu;
use crate::model::Model;
use crate::rng::{Rng, Stream};
use crate::{Error, Result};
use serde::Serialize;

/// A vector of signs, Rademacher's, in the arenas' layout with zero padding: drawn by the parameters' numbers in PyTorch's
/// order. `which` tells apart the vectors of one seed.
pub fn signs(model: &Model, seed: u32, which: u32) -> Vec<f32> {
    let mut rng = Rng::new(seed, Stream::Probes, 2 * which);
    let mut bits = (0, 0);
    draw(model, || {
        if bits.1 == 0 {
            bits = (rng.next_u32(), 32);
        }
        let sign = if bits.0 & 1 == 0 { 1.0 } else { -1.0 };
        bits = (bits.0 >> 1, bits.1 - 1);
        sign
    })
}

/// The same with standard normal entries.
pub fn gaussians(model: &Model, seed: u32, which: u32) -> Vec<f32> {
    let mut rng = Rng::new(seed, Stream::Probes, 2 * which + 1);
    draw(model, || rng.normal())
}

fn draw(model: &Model, mut next: impl FnMut() -> f32) -> Vec<f32> {
    let mut vector = vec![0.0; model.parameter_floats()];
    for place in model.parameters().iter().flat_map(|tensor| tensor.places()) {
        vector[place] = next();
    }
    vector
}

/// What random vectors tell of an operator: the eigenvalues that each sees, with weights that sum to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Quadrature {
    /// Of each vector.
    pub nodes: Vec<Vec<Node>>,
    /// `z' A z` of each vector z of signs: the trace but for chance (Hutchinson 1990).
    pub traces: Vec<f64>,
}

/// The density of eigenvalues on a grid.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Density {
    /// Places, evenly spaced.
    pub grid: Vec<f64>,
    /// Density there; its sum times the spacing is 1.
    pub density: Vec<f64>,
    /// Deviation of the normal curves that it is made of.
    pub sigma: f64,
}

impl Quadrature {
    /// Looks at `operator` along `probes` vectors of signs, `iterations` products each, as many at once as it has lanes.
    /// `draw` draws a vector by its number.
    ///
    /// # Errors
    /// As [`Lanczos::new`] and [`Lanczos::read`].
    pub async fn measure(
        gpu: &Gpu,
        operator: &dyn Operator,
        dimension: usize,
        (probes, iterations): (usize, usize),
        draw: &dyn Fn(u32) -> Vec<f32>,
        progress: Progress<'_>,
    ) -> Result<Self> {
        let iterations = iterations.min(dimension);
        let lanes = operator.lanes();
        let mut lanczos = Lanczos::new(gpu, operator, iterations).await?;
        let (mut nodes, mut traces) = (Vec::new(), Vec::new());
        for first in (0..probes).step_by(lanes) {
            // The last lanes of the last round may have nothing to do.
            let starts: Vec<f32> = (first..first + lanes).flat_map(|which| draw(which as u32)).collect();
            lanczos.begin(gpu, &starts);
            for iteration in 0..iterations {
                lanczos.product(gpu, operator).await?;
                let of_round = lanes.min(probes - first) * (iteration + 1);
                progress(first * iterations + of_round, probes * iterations);
            }
            for matrix in lanczos.read(gpu).await?.iter().take(probes - first) {
                traces.push(dimension as f64 * matrix.alpha.first().copied().unwrap_or_default());
                nodes.push(matrix.nodes());
            }
        }
        Ok(Self { nodes, traces })
    }

    /// The mean of the traces, and its standard error; none of a single one.
    pub fn trace(&self) -> (f64, Option<f64>) {
        let n = self.traces.len() as f64;
        let mean = self.traces.iter().sum::<f64>() / n;
        let squares = self.traces.iter().map(|t| (t - mean).powi(2)).sum::<f64>();
        (mean, (n > 1.0).then(|| (squares / (n - 1.0) / n).sqrt()))
    }

    /// Smallest and largest eigenvalue that was seen.
    pub fn range(&self) -> (f64, f64) {
        let values = || self.nodes.iter().flatten().map(|node| node.value);
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
    }

    /// The `k`-th largest eigenvalue, from 1 on, as the vector knows it that found the largest: each is at most the true one.
    pub fn largest(&self, k: usize) -> Option<f64> {
        self.nodes.iter().filter_map(|nodes| nodes.get(k.checked_sub(1)?).map(|node| node.value)).reduce(f64::max)
    }

    /// The density on `points` places that hold `range` and five deviations beside it: the mean over vectors of
    /// `sum_i w_i N(theta_i, sigma^2)`.
    ///
    /// # Errors
    /// [`Error::Input`] for fewer than 2 points or a deviation that is not above 0.
    pub fn density(&self, (low, high): (f64, f64), sigma: f64, points: usize) -> Result<Density> {
        if points < 2 || !(sigma > 0.0 && (high - low).is_finite()) {
            return Err(Error::input(format!(
                "a density of deviation {sigma} on {points} points; take sigma above 0 and 2 points or more."
            )));
        }
        let (from, to) = (low - 5.0 * sigma, high + 5.0 * sigma);
        let step = (to - from) / (points - 1) as f64;
        let grid: Vec<f64> = (0..points).map(|i| from + step * i as f64).collect();
        let mut density = vec![0.0; points];
        let all = self.nodes.len() as f64;
        for node in self.nodes.iter().flatten() {
            // Each curve is scaled to its own sum on the grid, however coarse that is.
            let curve: Vec<f64> = grid.iter().map(|x| (-0.5 * ((x - node.value) / sigma).powi(2)).exp()).collect();
            let total = step * curve.iter().sum::<f64>();
            if total > 0.0 {
                density.iter_mut().zip(curve).for_each(|(to, value)| *to += node.weight / all * value / total);
            }
        }
        Ok(Density { grid, density, sigma })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Activation;
    use crate::data::Shape;
    use crate::model::Style;

    #[test]
    fn vectors_of_signs_have_no_padding_and_differ() {
        let shape = Shape { channels: 1, height: 1, width: 2 };
        let model = Model::parse("mlp:5", shape, 3, Style { activation: Activation::Relu, norm: None, dropout: 0.0 });
        let model = model.unwrap();
        let vector = signs(&model, 3, 0);
        assert_eq!(vector.iter().filter(|v| v.abs() == 1.0).count(), model.parameter_count());
        assert_eq!(vector.iter().filter(|v| **v == 0.0).count(), vector.len() - model.parameter_count());
        assert!(vector.contains(&1.0) && vector.contains(&-1.0));
        assert_ne!(vector, signs(&model, 3, 1));
        assert_ne!(vector, signs(&model, 4, 0));
        assert_ne!(gaussians(&model, 3, 0), gaussians(&model, 3, 1));
    }

    #[test]
    fn a_density_integrates_to_one_and_lies_at_its_nodes() {
        let node = |value, weight| Node { value, weight, residual: 0.0 };
        let nodes = vec![vec![node(10.0, 0.25), node(0.0, 0.75)], vec![node(9.0, 0.5), node(-1.0, 0.5)]];
        let quadrature = Quadrature { nodes, traces: vec![5.0, 8.0] };
        assert_eq!(quadrature.range(), (-1.0, 10.0));
        assert_eq!(
            (quadrature.largest(1), quadrature.largest(2), quadrature.largest(3)),
            (Some(10.0), Some(0.0), None)
        );
        assert_eq!(quadrature.trace(), (6.5, Some(1.5)));
        for (sigma, points) in [(0.1, 1001), (0.05, 40), (2.0, 100)] {
            let density = quadrature.density(quadrature.range(), sigma, points).unwrap();
            let step = density.grid[1] - density.grid[0];
            assert!((density.density.iter().sum::<f64>() * step - 1.0).abs() < 1e-9, "{sigma}");
            let mean: f64 = density.grid.iter().zip(&density.density).map(|(x, d)| x * d * step).sum();
            assert!((mean - 3.25).abs() < 0.3 * step + 1e-3 + 0.01 * sigma, "{mean}");
        }
        assert!(quadrature.density((0.0, 1.0), 0.0, 10).is_err());
        assert!(quadrature.density((0.0, 1.0), 0.1, 1).is_err());
    }
}
