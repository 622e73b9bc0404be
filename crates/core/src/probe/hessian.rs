//! The curvature of the loss: largest eigenvalues, trace, and the density of all eigenvalues.

use super::curvature::{Curvature, Product};
use super::eigenpairs::{Eigenpairs, Wanted, largest_eigenpairs};
use super::lanczos::Operator;
use super::quadrature::{Quadrature, gaussians, signs};
use super::{Examples, Progress, Subject};
use crate::gpu::Recording;
use crate::train::LaneState;
use crate::{Error, Result};
use serde::Serialize;

/// A curvature and which of its products.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Along<'a>(&'a Curvature, Product);

impl Curvature {
    /// The operator of one product.
    pub(crate) fn along(&self, product: Product) -> Along<'_> {
        Along(self, product)
    }
}

impl Operator for Along<'_> {
    fn lanes(&self) -> usize {
        self.0.lanes()
    }
    fn floats(&self) -> usize {
        self.0.floats()
    }
    fn directions(&self) -> &wgpu::Buffer {
        self.0.directions()
    }
    fn products(&self) -> &wgpu::Buffer {
        self.0.products()
    }
    fn slices(&self) -> usize {
        self.0.slices()
    }
    fn encode(&self, encoder: &mut wgpu::CommandEncoder, slice: usize) {
        self.0.encode(encoder, self.1, slice);
    }
}

/// What is measured of the eigenvalues at one end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HessianOptions {
    /// Eigenvalues, from the algebraically largest on.
    pub top: usize,
    /// Vectors of signs that the trace is estimated from; 0 leaves it out.
    pub trace_probes: usize,
    /// The matrix.
    pub product: Product,
    /// Products of the Lanczos method at most.
    pub iterations: usize,
    /// Residuals that are small enough, as a part of the eigenvalue that is largest by magnitude.
    pub tolerance: f64,
    /// Seed of all vectors that are drawn.
    pub seed: u32,
}

/// Eigenvalues, trace and eigenvectors at one set of weights.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hessian {
    /// What the loss is about.
    pub split: Examples,
    /// Examples.
    pub examples: usize,
    /// Parameters: rows of the matrix.
    pub parameters: usize,
    /// The matrix.
    pub product: Product,
    /// Algebraically largest first.
    pub eigenvalues: Vec<f64>,
    /// `|H v - lambda v|` of each, v of length 1.
    pub residuals: Vec<f64>,
    /// The algebraically smallest eigenvalue, as far as the same vectors tell.
    pub smallest: f64,
    /// Its residual.
    pub smallest_residual: f64,
    /// Hutchinson's estimate.
    pub trace: Option<f64>,
    /// Its standard error, of two vectors or more.
    pub trace_stderr: Option<f64>,
    /// Vectors that it comes from.
    pub trace_probes: usize,
    /// Products of the Lanczos method.
    pub iterations: usize,
    /// Whether all residuals came below the tolerance.
    pub converged: bool,
    /// Unit eigenvectors, in the arenas' layout.
    #[serde(skip)]
    pub vectors: Vec<Vec<f32>>,
}

/// Eigenvectors to look along.
#[derive(Clone, Debug, PartialEq)]
pub struct Directions {
    /// Algebraically largest first.
    pub eigenvalues: Vec<f64>,
    /// `|H v - lambda v|`.
    pub residuals: Vec<f64>,
    /// Unit vectors in the arenas' layout, the largest entry positive.
    pub vectors: Vec<Vec<f32>>,
}

impl Default for HessianOptions {
    fn default() -> Self {
        Self { top: 5, trace_probes: 30, product: Product::Hessian, iterations: 1000, tolerance: 1e-4, seed: 0 }
    }
}

impl HessianOptions {
    /// Checks the numbers for a network of `parameters` parameters.
    ///
    /// # Errors
    /// [`Error::Input`] naming the flag.
    pub fn check(&self, parameters: usize) -> Result<()> {
        let Self { top, trace_probes, iterations, tolerance, .. } = *self;
        if top == 0 || top > parameters {
            return Err(Error::input(format!(
                "top is {top}; there are 1 to {parameters} eigenvalues, one for each parameter."
            )));
        }
        check_probes("trace-probes", trace_probes, 0)?;
        if iterations < top {
            return Err(Error::input(format!("iterations is {iterations}; {top} eigenvalues take at least {top}.")));
        }
        if !(tolerance > 0.0 && tolerance < 1.0) {
            return Err(Error::input(format!("tolerance is {tolerance}; it must be between 0 and 1.")));
        }
        Ok(())
    }

    /// Measures it at `state`, in inference mode.
    ///
    /// # Errors
    /// [`Error::Input`] for numbers or weights that do not fit, and for vectors that do not fit the device; [`Error::Run`]
    /// where the device is lost, or the curvature is not finite.
    pub async fn measure(&self, subject: &Subject<'_>, state: &LaneState, progress: Progress<'_>) -> Result<Hessian> {
        let parameters = subject.model.parameter_count();
        self.check(parameters)?;
        subject.check(&[state])?;
        let (probes, all) = (self.trace_probes, self.trace_probes + self.iterations);
        let (mut trace, mut trace_stderr) = (None, None);
        // Eigenvalues that do not fit are refused before the trace is measured.
        let one = Curvature::new(subject, &[state]).await?;
        let pairs = eigenpairs(subject, &one, self, &mut |done, _| progress(done, all)).await?;
        drop(one);
        if probes > 0 {
            let curvature = lanes(subject, state, probes, 1).await?;
            let operator = curvature.along(self.product);
            let draw = |which| signs(subject.model, self.seed, which);
            let mut show = |done: usize, _: usize| progress(self.iterations + done, all);
            let found = Quadrature::measure(subject.gpu, &operator, parameters, (probes, 1), &draw, &mut show).await?;
            let (mean, error) = found.trace();
            (trace, trace_stderr) = (Some(mean), error);
        }
        progress(all, all);
        Ok(Hessian {
            split: subject.examples,
            examples: subject.examples.len(subject.data),
            parameters,
            product: self.product,
            eigenvalues: pairs.values,
            residuals: pairs.residuals,
            smallest: pairs.smallest.0,
            smallest_residual: pairs.smallest.1,
            trace,
            trace_stderr,
            trace_probes: probes,
            iterations: pairs.products,
            converged: pairs.converged,
            vectors: pairs.vectors,
        })
    }
}

async fn eigenpairs(
    subject: &Subject<'_>,
    curvature: &Curvature,
    options: &HessianOptions,
    progress: Progress<'_>,
) -> Result<Eigenpairs> {
    let HessianOptions { top, product, iterations, tolerance, seed, .. } = *options;
    let wanted = Wanted { top, products: iterations, tolerance };
    let mut start = |which| gaussians(subject.model, seed, which);
    let parameters = subject.model.parameter_count();
    largest_eigenpairs(subject.gpu, &curvature.along(product), parameters, wanted, &mut start, progress).await
}

/// The eigenvectors of the Hessian at `state` with the `count` algebraically largest eigenvalues.
///
/// # Errors
/// As [`HessianOptions::measure`].
pub async fn hessian_directions(
    subject: &Subject<'_>,
    state: &LaneState,
    count: usize,
    progress: Progress<'_>,
) -> Result<Directions> {
    let options = HessianOptions { top: count, trace_probes: 0, ..HessianOptions::default() };
    let Hessian { eigenvalues, residuals, vectors, .. } = options.measure(subject, state, progress).await?;
    Ok(Directions { eigenvalues, residuals, vectors })
}

/// Bytes of Lanczos vectors of several lanes together.
const LANES_BYTES: u64 = 256 << 20;
/// Multiply-adds of all lanes in one product beyond which more of them gain nothing.
const LANES_WORK: u64 = 1 << 30;

/// A curvature with the same weights in as many lanes as `probes` vectors of `iterations` products need, and as fit.
pub(super) async fn lanes(
    subject: &Subject<'_>,
    state: &LaneState,
    probes: usize,
    iterations: usize,
) -> Result<Curvature> {
    let each = 4 * subject.model.parameter_floats() as u64 * (iterations as u64 + 4);
    let by_bytes = LANES_BYTES.min(subject.gpu.max_binding()) / each.max(1);
    let examples = subject.examples.len(subject.data) as u64;
    let by_work = LANES_WORK / (subject.model.multiply_adds() * examples).max(1);
    let mut lanes = probes.min(by_bytes.min(by_work) as usize).clamp(1, Recording::TABLE_ROWS);
    loop {
        // As few rounds as that takes, and lanes without work in the last one as few as can be.
        lanes = probes.div_ceil(probes.div_ceil(lanes));
        match Curvature::new(subject, &vec![state; lanes]).await {
            Err(error) if error.is_input() && lanes > 1 => lanes /= 2,
            done => return done,
        }
    }
}

/// Refuses numbers of random vectors that make no sense.
pub(super) fn check_probes(flag: &str, probes: usize, least: usize) -> Result<()> {
    if (least..=100_000).contains(&probes) {
        return Ok(());
    }
    Err(Error::input(format!("{flag} is {probes}; it must be from {least} to 100000.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_numbers_are_refused() {
        let good = HessianOptions::default();
        assert!(good.check(5).is_ok());
        for bad in [
            HessianOptions { top: 0, ..good },
            HessianOptions { top: 6, ..good },
            HessianOptions { trace_probes: 100_001, ..good },
            HessianOptions { iterations: 4, ..good },
            HessianOptions { tolerance: 0.0, ..good },
            HessianOptions { tolerance: f64::NAN, ..good },
        ] {
            assert!(bad.check(5).unwrap_err().is_input(), "{bad:?}");
        }
    }
}
