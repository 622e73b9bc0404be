//! The largest eigenvalues of an operator and their eigenvectors: Lanczos with thick restarts (Wu and Simon 2000).

use super::Progress;
use super::lanczos::{Lanczos, Operator, not_finite};
use crate::eigen::eigen;
use crate::gpu::Gpu;
use crate::{Error, Result};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// Eigenvalues, from the algebraically largest on.
    pub top: usize,
    /// Products at most.
    pub products: usize,
    /// A Ritz pair has converged where its residual is at most this part of the largest Ritz value by magnitude.
    pub tolerance: f64,
}

/// Eigenvalues and eigenvectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Eigenpairs {
    /// Rayleigh quotients of the vectors, algebraically largest first.
    pub values: Vec<f64>,
    /// Unit vectors, as the operator has them.
    pub vectors: Vec<Vec<f32>>,
    /// `|A v - value v|`, by a product of its own with each.
    pub residuals: Vec<f64>,
    /// The algebraically smallest eigenvalue, and its residual.
    pub smallest: (f64, f64),
    /// Products with the operator before those for the residuals.
    pub products: usize,
    /// Whether all residuals came below the tolerance.
    pub converged: bool,
}

/// Basis vectors that a start must have had before its Ritz values are believed.
const SETTLED: usize = 10;
/// Products between looks at the Ritz values, at least: a look costs the cube of the basis on the host.
const LOOK: usize = 5;
/// A Ritz value below this part of the largest may hide others like it: eigenvalues at zero are many, and one start finds each
/// value once.
const CLEAR: f64 = 1e-3;

/// Basis vectors that `wanted` of a space of `dimension` dimensions takes: the usual number, and the least.
fn basis_sizes(top: usize, dimension: usize) -> (usize, usize) {
    ((2 * top + 30).max(50).min(dimension), (top + 8).min(dimension))
}

/// The projection of the operator on the basis.
struct Projected {
    matrix: Vec<f64>,
    most: usize,
    /// Basis vectors whose products are known.
    known: usize,
    /// What of the product with the last one lies outside.
    outside: f64,
    /// The first basis vector since the last start.
    start: usize,
}

impl Projected {
    fn set(&mut self, i: usize, j: usize, value: f64) {
        self.matrix[i * self.most + j] = value;
        self.matrix[j * self.most + i] = value;
    }

    /// Takes in what the device found for the vectors up to `count`. Stops where the space is exhausted.
    fn learn(&mut self, table: &[[f32; 2]], count: usize) -> Result<()> {
        for i in self.known..count {
            let (alpha, beta) = (f64::from(table[i][0]), f64::from(table[i + 1][1]));
            if !(alpha.is_finite() && beta.is_finite()) {
                return Err(not_finite());
            }
            self.set(i, i, alpha);
            if i + 1 < self.most {
                self.set(i, i + 1, beta);
            }
            (self.known, self.outside) = (i + 1, beta);
            if beta == 0.0 {
                break;
            }
        }
        Ok(())
    }

    /// Ritz values, largest first, each with its vector's factors and its residual.
    fn pairs(&self) -> Vec<(f64, Vec<f64>, f64)> {
        let n = self.known;
        let small = (0..n * n).map(|at| self.matrix[at / n * self.most + at % n]).collect();
        let with_residual = |(value, vector): (f64, Vec<f64>)| {
            let residual = (self.outside * vector[n - 1]).abs();
            (value, vector, residual)
        };
        eigen(small, n).into_iter().map(with_residual).collect()
    }

    /// What is left after a restart with `kept` pairs; the newest vector follows them.
    fn restart(&mut self, kept: &[&(f64, Vec<f64>, f64)]) {
        let (last, outside, count) = (self.known - 1, self.outside, kept.len());
        self.matrix.fill(0.0);
        for (i, (value, vector, _)) in kept.iter().enumerate() {
            self.set(i, i, *value);
            if count < self.most {
                self.set(i, count, outside * vector[last]);
            }
        }
        (self.known, self.start) = (count, 0);
    }

    /// A vector that has nothing to do with those before it comes at `place`.
    fn inject(&mut self, place: usize) {
        (0..place).for_each(|i| self.set(i, place, 0.0));
        self.start = place;
    }
}

/// The algebraically largest eigenvalues of `operator` (of its first lane), which has one lane and acts on `dimension`
/// dimensions of its vectors. `start` draws start vectors by number.
///
/// # Errors
/// [`Error::Input`] for more eigenvalues than dimensions, or vectors that do not fit the device, with the bytes and what would
/// fit; [`Error::Run`] where the device is lost or the operator is not finite.
pub async fn largest_eigenpairs(
    gpu: &Gpu,
    operator: &dyn Operator,
    dimension: usize,
    wanted: Wanted,
    start: &mut dyn FnMut(u32) -> Vec<f32>,
    progress: Progress<'_>,
) -> Result<Eigenpairs> {
    let Wanted { top, products, tolerance } = wanted;
    let size = room(gpu, operator.floats(), top, dimension)?;
    let mut lanczos = Lanczos::with_ritz(gpu, operator, size, top + 3 + size / 4).await?;
    let mut projected = Projected { matrix: vec![0.0; size * size], most: size, known: 0, outside: 0.0, start: 0 };
    let (mut done, mut starts, mut verified) = (0, 0, false);
    let mut next_start = || {
        starts += 1;
        start(starts - 1)
    };
    lanczos.begin(gpu, &next_start());
    loop {
        let until = (projected.known + LOOK.max(size / 8)).min(size);
        while lanczos.products() < until && done < products {
            lanczos.product(gpu, operator).await?;
            done += 1;
        }
        progress(done, products);
        let table = lanczos.tables(gpu).await?.swap_remove(0);
        projected.learn(&table, lanczos.products())?;
        let pairs = projected.pairs();
        let scale = pairs.first().map_or(0.0, |p| p.0.abs()).max(pairs.last().map_or(0.0, |p| p.0.abs()));
        let known = projected.known;
        let all = known == dimension;
        let settled = all || known - projected.start >= SETTLED.min(dimension - projected.start);
        let below = |pair: &(f64, Vec<f64>, f64)| all || pair.2 <= tolerance * scale;
        let converged = known >= top && settled && pairs[..top].iter().all(below);
        // Where eigenvalues near zero are among those asked for, a start of its own looks for more of them.
        let sure = all || verified || (top <= known && pairs[top - 1].0 > CLEAR * scale);
        let stops = done >= products;
        if (converged && sure) || (stops && known >= top) {
            return finish(gpu, operator, &lanczos, &pairs, top, done, converged).await;
        }
        if stops {
            return Err(Error::input(format!(
                "{products} iterations are too few for {top} eigenvalues; take at least {top}, better three times as many."
            )));
        }
        let exhausted = projected.outside == 0.0;
        if converged || known == size {
            // The wanted pairs, some that are on their way, and the smallest.
            let more = if converged { 0 } else { 2 + (size - top) / 4 };
            let count = (top + more).min(size - 2).min(known);
            let kept: Vec<_> = pairs[..count - 1].iter().chain(pairs.last()).collect();
            let kept = if converged { pairs[..count].iter().collect() } else { kept };
            let columns: Vec<&[f64]> = kept.iter().map(|pair| pair.1.as_slice()).collect();
            lanczos.ritz(gpu, &columns);
            lanczos.keep(gpu, count);
            projected.restart(&kept);
            if converged || exhausted {
                lanczos.inject(gpu, &next_start(), count);
                projected.inject(count);
            }
            verified |= converged;
        } else if exhausted {
            lanczos.inject(gpu, &next_start(), known);
            projected.inject(known);
        }
    }
}

/// Basis vectors that fit; fewer than usual where the adapter binds no more.
fn room(gpu: &Gpu, floats: usize, top: usize, dimension: usize) -> Result<usize> {
    if top == 0 || top > dimension {
        return Err(Error::input(format!(
            "top is {top}; there are 1 to {dimension} eigenvalues, one for each parameter."
        )));
    }
    let most = gpu.max_binding();
    let fit = (most / Lanczos::basis_bytes(floats, 1, 0).max(1)).saturating_sub(1) as usize;
    let (usual, least) = basis_sizes(top, dimension);
    if least <= fit {
        return Ok(usual.min(fit));
    }
    let bytes = Lanczos::basis_bytes(floats, 1, least);
    let advice = match fit.saturating_sub(8) {
        0 => format!("not even one fits: a network of at most {} parameters would", most / (4 * 10)),
        top => format!("--top {top} would fit"),
    };
    Err(Error::input(format!(
        "{top} eigenvalues of {dimension} parameters take at least {bytes} bytes of Lanczos vectors, and this adapter binds \
         {most} at most; {advice}."
    )))
}

async fn finish(
    gpu: &Gpu,
    operator: &dyn Operator,
    lanczos: &Lanczos,
    pairs: &[(f64, Vec<f64>, f64)],
    top: usize,
    products: usize,
    converged: bool,
) -> Result<Eigenpairs> {
    let columns: Vec<&[f64]> = pairs[..top].iter().chain(pairs.last()).map(|pair| pair.1.as_slice()).collect();
    lanczos.ritz(gpu, &columns);
    let mut found = Vec::new();
    for r in 0..=top {
        let [mut vector, product] = lanczos.ritz_and_product(gpu, operator, r).await?;
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let square = dot(&vector, &vector);
        let value = dot(&vector, &product) / square;
        let off = vector.iter().zip(&product).map(|(v, p)| (f64::from(*p) - value * f64::from(*v)).powi(2));
        let residual = (off.sum::<f64>() / square).sqrt();
        if !(value.is_finite() && residual.is_finite()) {
            return Err(not_finite());
        }
        // The sign is nobody's; the largest entry is positive.
        let largest = vector.iter().fold(0.0f32, |most, v| if v.abs() > most.abs() { *v } else { most });
        let scale = f64::from(largest.signum()) / square.sqrt();
        vector.iter_mut().for_each(|v| *v = (scale * f64::from(*v)) as f32);
        found.push((value, residual, vector));
    }
    let smallest = found.pop().map_or((0.0, 0.0), |(value, residual, _)| (value, residual));
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut all = Eigenpairs { values: vec![], vectors: vec![], residuals: vec![], smallest, products, converged };
    for (value, residual, vector) in found {
        all.values.push(value);
        all.residuals.push(residual);
        all.vectors.push(vector);
    }
    gpu.check()?;
    Ok(all)
}
