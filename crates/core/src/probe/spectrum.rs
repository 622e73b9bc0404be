//! The density of the eigenvalues of Hessian and Gauss-Newton matrix, by stochastic Lanczos quadrature.

use super::curvature::Product;
use super::hessian::{check_probes, lanes};
use super::quadrature::{Quadrature, signs};
use super::{Examples, Progress, Subject};
use crate::train::LaneState;
use crate::{Error, Result};
use serde::Serialize;

/// How a spectrum is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpectrumOptions {
    /// Random vectors of signs.
    pub probes: usize,
    /// Products along each.
    pub iterations: usize,
    /// Deviation of the normal curves; a two-hundredth of the range of eigenvalues where there is none.
    pub sigma: Option<f64>,
    /// Places of the grid.
    pub points: usize,
    /// Seed of the vectors.
    pub seed: u32,
}

/// The density of one matrix.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spectral {
    /// Density at the places of the grid; its sum times their distance is 1.
    pub density: Vec<f64>,
    /// The largest eigenvalue that was seen.
    pub lambda_1: f64,
    /// The fifth.
    pub lambda_5: Option<f64>,
    /// The smallest.
    pub lambda_min: f64,
    /// Hutchinson's estimate of the trace.
    pub trace: f64,
    /// Its standard error, of two vectors or more.
    pub trace_stderr: Option<f64>,
}

/// The densities at one set of weights.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spectrum {
    /// What the loss is about.
    pub split: Examples,
    /// Examples.
    pub examples: usize,
    /// Parameters: how many eigenvalues there are.
    pub parameters: usize,
    /// Random vectors.
    pub probes: usize,
    /// Products along each.
    pub iterations: usize,
    /// Deviation of the normal curves.
    pub sigma: f64,
    /// Places, evenly spaced.
    pub grid: Vec<f64>,
    /// Of the Hessian.
    pub hessian: Spectral,
    /// Of the generalised Gauss-Newton matrix, the part of it without the network's own curvature.
    pub ggn: Spectral,
}

impl Default for SpectrumOptions {
    fn default() -> Self {
        Self { probes: 8, iterations: 80, sigma: None, points: 1001, seed: 0 }
    }
}

impl SpectrumOptions {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Input`] naming the flag.
    pub fn check(&self) -> Result<()> {
        let Self { probes, iterations, sigma, points, .. } = *self;
        check_probes("probes", probes, 1)?;
        if !(1..=10_000).contains(&iterations) {
            return Err(Error::input(format!("iterations is {iterations}; it must be from 1 to 10000.")));
        }
        if let Some(sigma) = sigma.filter(|sigma| !(*sigma > 0.0 && sigma.is_finite())) {
            return Err(Error::input(format!("sigma is {sigma}; it must be a number above 0.")));
        }
        if !(2..=1_000_000).contains(&points) {
            return Err(Error::input(format!("points is {points}; it must be from 2 to 1000000.")));
        }
        Ok(())
    }

    /// Measures it at `state`, in inference mode.
    ///
    /// # Errors
    /// As [`super::HessianOptions::measure`].
    pub async fn measure(&self, subject: &Subject<'_>, state: &LaneState, progress: Progress<'_>) -> Result<Spectrum> {
        self.check()?;
        subject.check(&[state])?;
        let parameters = subject.model.parameter_count();
        let iterations = self.iterations.min(parameters);
        let curvature = lanes(subject, state, self.probes, iterations).await?;
        let draw = |which| signs(subject.model, self.seed, which);
        let mut both = Vec::new();
        for (product, i) in [Product::Hessian, Product::GaussNewton].into_iter().zip(0..) {
            let mut show = |done: usize, all: usize| progress(i * all + done, 2 * all);
            let operator = curvature.along(product);
            let size = (self.probes, iterations);
            both.push(Quadrature::measure(subject.gpu, &operator, parameters, size, &draw, &mut show).await?);
        }
        let (low, high) = both
            .iter()
            .map(Quadrature::range)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |all, one| (one.0.min(all.0), one.1.max(all.1)));
        let sigma = self.sigma.unwrap_or_else(|| usual_sigma(low, high));
        let mut grid = Vec::new();
        let mut spectral = |quadrature: &Quadrature| -> Result<Spectral> {
            let density = quadrature.density((low, high), sigma, self.points)?;
            let (trace, trace_stderr) = quadrature.trace();
            grid = density.grid;
            Ok(Spectral {
                density: density.density,
                lambda_1: quadrature.largest(1).unwrap_or_default(),
                lambda_5: quadrature.largest(5),
                lambda_min: quadrature.range().0,
                trace,
                trace_stderr,
            })
        };
        let (hessian, ggn) = (spectral(&both[0])?, spectral(&both[1])?);
        Ok(Spectrum {
            split: subject.examples,
            examples: subject.examples.len(subject.data),
            parameters,
            probes: self.probes,
            iterations,
            sigma,
            grid,
            hessian,
            ggn,
        })
    }
}

/// A two-hundredth of the range; of a matrix that is a multiple of the identity, a thousandth of its eigenvalue.
pub(crate) fn usual_sigma(low: f64, high: f64) -> f64 {
    let sigma = (high - low) / 200.0;
    if sigma > 1e-6 * high.abs() && sigma > 0.0 { sigma } else { (high.abs() / 1000.0).max(1e-6) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_numbers_are_refused() {
        let good = SpectrumOptions::default();
        assert!(good.check().is_ok());
        for bad in [
            SpectrumOptions { probes: 0, ..good },
            SpectrumOptions { iterations: 0, ..good },
            SpectrumOptions { sigma: Some(0.0), ..good },
            SpectrumOptions { sigma: Some(f64::NAN), ..good },
            SpectrumOptions { points: 1, ..good },
        ] {
            assert!(bad.check().unwrap_err().is_input(), "{bad:?}");
        }
        assert!((usual_sigma(-1.0, 19.0) - 0.1).abs() < 1e-12);
        assert!(usual_sigma(0.0, 0.0) > 0.0 && usual_sigma(2.0, 2.0) > 0.0);
    }
}
