//! Keskar's sharpness (Keskar et al. 2017, metric 2.1): the largest loss in a small box around the weights, in the full space or in
//! a random subspace. Point, gradient, box and steps stay on the device; the host reads losses.

use super::gradient::Groups;
use super::{Examples, Progress, Subject};
use crate::gpu::BufferId;
use crate::plan::{Draw, SearchPlan, SearchSegment};
use crate::train::LaneState;
use crate::{Error, Result};
use serde::Serialize;
use std::cell::Cell;

/// Which box is searched, and how.
///
/// The box is |z_i| <= epsilon (|(A^+ x)_i| + 1) around the weights x, y = x + A z; A is the identity, or has Gaussian columns of unit
/// length. An ascent of S steps moves each coordinate by the share (1 - t / S) / 2 of its width along the sign of the gradient and is
/// cut off at the box; the first starts at x, the others at random points of the box. The sign vertex is the corner that the
/// gradient at x points to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeskarOptions {
    /// The size of the box.
    pub epsilon: f64,
    /// Columns of A; the full space where there are none.
    pub subspace: Option<usize>,
    /// Steps of an ascent.
    pub steps: u32,
    /// Ascents.
    pub restarts: u32,
    /// Seed of A and of the random starts.
    pub seed: u32,
}

/// A measured box.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Keskar {
    /// What the loss is about.
    pub split: Examples,
    /// Examples.
    pub examples: usize,
    /// The size of the box.
    pub epsilon: f64,
    /// Columns of A; null in the full space.
    pub subspace_dim: Option<usize>,
    /// Steps of an ascent.
    pub steps: u32,
    /// Ascents.
    pub restarts: u32,
    /// Seed of A and of the random starts.
    pub seed: u32,
    /// f(x), the mean loss at the weights.
    pub loss: f64,
    /// The mean loss at the sign vertex.
    pub vertex_loss: f64,
    /// The largest mean loss that an ascent met.
    pub ascent_loss: f64,
    /// The larger of the two.
    pub max_loss: f64,
    /// Which of them it is: `vertex` or `ascent`.
    pub winner: &'static str,
    /// The ascent (0 starts at x) and the step of it that met `ascent_loss`.
    pub ascent: u32,
    /// Steps before it.
    pub ascent_step: u32,
    /// phi = 100 (max f - f(x)) / (1 + f(x)).
    pub sharpness: f64,
    /// The same by the sign vertex alone.
    pub vertex_sharpness: f64,
}

impl KeskarOptions {
    /// Checks the numbers against `parameters` parameters.
    ///
    /// # Errors
    /// [`Error::Input`] naming the flag.
    pub fn check(&self, parameters: usize) -> Result<()> {
        let Self { epsilon, subspace, steps, restarts, .. } = *self;
        if !(epsilon.is_finite() && epsilon > 0.0) {
            return Err(Error::input(format!("epsilon is {epsilon}; it must be a number above 0.")));
        }
        if let Some(columns) = subspace
            && (columns == 0 || columns > parameters || columns > 4096)
        {
            let most = parameters.min(4096);
            return Err(Error::input(format!("subspace-dim is {columns}; it must be from 1 to {most} here.")));
        }
        if !(1..=10_000).contains(&steps) {
            return Err(Error::input(format!("search-steps is {steps}; it must be from 1 to 10000.")));
        }
        if !(1..=10_000).contains(&restarts) {
            return Err(Error::input(format!("restarts is {restarts}; it must be from 1 to 10000.")));
        }
        Ok(())
    }

    /// Searches the box around `state`, in inference mode.
    ///
    /// # Errors
    /// [`Error::Input`] for numbers or weights that do not fit, [`Error::Run`] where the device is lost.
    pub async fn measure(&self, subject: &Subject<'_>, state: &LaneState, progress: Progress<'_>) -> Result<Keskar> {
        self.check(subject.model.parameter_count())?;
        let examples = subject.examples.len(subject.data);
        let search = Search::new(subject, state, self).await?;
        let all = (self.restarts * (self.steps + 1)) as usize + 1;
        let mean = |loss: f64| loss / examples as f64;

        search.step(subject, self, SearchSegment::Start, 0, 0.0);
        let loss = mean(search.gradient(subject).await?);
        search.step(subject, self, SearchSegment::Step, 0, 1.0);
        let vertex_loss = mean(search.loss(subject).await?);
        let mut best = (f64::NEG_INFINITY, 0, 0);
        let mut done = 1;
        for ascent in 0..self.restarts {
            search.step(subject, self, SearchSegment::Start, ascent, if ascent == 0 { 0.0 } else { 1.0 });
            for step in 0..=self.steps {
                progress(done, all);
                done += 1;
                let last = step == self.steps;
                let here = mean(if last { search.loss(subject).await? } else { search.gradient(subject).await? });
                if here.is_nan() || here > best.0 {
                    best = (here, ascent, step);
                }
                if !last {
                    search.step(subject, self, SearchSegment::Step, ascent, self.share(step));
                }
            }
        }
        progress(all, all);
        let (ascent_loss, ascent, ascent_step) = best;
        let winner = if ascent_loss > vertex_loss || ascent_loss.is_nan() { "ascent" } else { "vertex" };
        let max_loss = if winner == "ascent" { ascent_loss } else { vertex_loss };
        let phi = |most: f64| 100.0 * (most - loss) / (1.0 + loss);
        Ok(Keskar {
            split: subject.examples,
            examples,
            epsilon: self.epsilon,
            subspace_dim: self.subspace,
            steps: self.steps,
            restarts: self.restarts,
            seed: self.seed,
            loss,
            vertex_loss,
            ascent_loss,
            max_loss,
            winner,
            ascent,
            ascent_step,
            sharpness: phi(max_loss),
            vertex_sharpness: phi(vertex_loss),
        })
    }

    /// The share of the box's half width that step number `step` moves each coordinate by.
    fn share(&self, step: u32) -> f64 {
        0.5 * (1.0 - f64::from(step) / f64::from(self.steps))
    }
}

/// The buffers of [`SearchPlan`] that the host writes or reads.
#[derive(Clone, Copy, Debug)]
struct Buffers {
    draw: BufferId,
    z: BufferId,
    products: BufferId,
}

/// The search on the device.
struct Search {
    groups: Groups,
    buffers: Buffers,
}

impl Search {
    async fn new(subject: &Subject<'_>, state: &LaneState, options: &KeskarOptions) -> Result<Self> {
        let examples = subject.examples.len(subject.data);
        let floats = subject.model.parameter_floats();
        let subspace = options.subspace.map(|columns| (columns, options.seed));
        let declared: Cell<Option<[BufferId; 7]>> = Cell::new(None);
        let extend = |plan: &mut crate::plan::GradientPlan| {
            let search = SearchPlan::new(plan, floats, subspace);
            let SearchPlan { draw, places, coordinates, centre, widths, z, products, .. } = search;
            declared.set(Some([draw, places, coordinates, centre, widths, z, products]));
            search.dispatches()
        };
        let groups = Groups::with(subject, state, examples, &extend).await?;
        let Some([draw, places, coordinates, centre, widths, z, products]) = declared.get() else {
            return Err(Error::run("the search has no buffers."));
        };
        let search = Self { groups, buffers: Buffers { draw, z, products } };
        let groups = &search.groups;
        groups.write(subject, places, bytemuck::cast_slice(&subject.model.layout()));
        if let Some(columns) = options.subspace {
            let padded = columns.next_multiple_of(4) as u32;
            let place = |i: u32| if i < columns as u32 { i } else { u32::MAX >> 1 };
            groups.write(subject, coordinates, bytemuck::cast_slice(&(0..padded).map(place).collect::<Vec<u32>>()));
            groups.run(subject, SearchPlan::index(SearchSegment::Lengths));
            let inverse = search.pseudo_inverse(subject, &state.weights, columns).await?;
            let mut wide: Vec<f32> = inverse.iter().map(|v| *v as f32).collect();
            wide.resize(padded as usize, 0.0);
            groups.write(subject, widths, bytemuck::cast_slice(&wide));
        }
        groups.write(subject, centre, bytemuck::cast_slice(&state.weights));
        Ok(search)
    }

    /// A^+ x by the normal equations A' A v = A' x, solved by conjugate gradients: A is tall and its columns nearly
    /// orthogonal, so a few products with it do. The centre is still zero, so a point is A v itself.
    async fn pseudo_inverse(&self, subject: &Subject<'_>, x: &[f32], columns: usize) -> Result<Vec<f64>> {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        self.groups.set_weights(subject, x);
        let mut residual = self.transposed(subject, columns).await?;
        let mut solution = vec![0.0; columns];
        let mut direction = residual.clone();
        let mut squares = dot(&residual, &residual);
        let enough = 1e-12 * squares;
        for _ in 0..columns.min(100) {
            if squares <= enough {
                break;
            }
            let z: Vec<f32> = direction.iter().map(|v| *v as f32).collect();
            self.groups.write(subject, self.buffers.z, bytemuck::cast_slice(&z));
            self.groups.run(subject, SearchPlan::index(SearchSegment::Point));
            let product = self.transposed(subject, columns).await?;
            let step = squares / dot(&direction, &product);
            solution.iter_mut().zip(&direction).for_each(|(v, d)| *v += step * d);
            residual.iter_mut().zip(&product).for_each(|(r, p)| *r -= step * p);
            let before = squares;
            squares = dot(&residual, &residual);
            direction.iter_mut().zip(&residual).for_each(|(d, r)| *d = r + squares / before * *d);
        }
        Ok(solution)
    }

    /// A' of the weights.
    async fn transposed(&self, subject: &Subject<'_>, columns: usize) -> Result<Vec<f64>> {
        self.groups.run(subject, SearchPlan::index(SearchSegment::Products));
        let values = self.groups.read(subject, self.buffers.products, columns).await?;
        Ok(values.into_iter().map(f64::from).collect())
    }

    /// A start or a step of the ascent number `ascent`.
    fn step(&self, subject: &Subject<'_>, options: &KeskarOptions, segment: SearchSegment, ascent: u32, scale: f64) {
        // The columns of A are the first draws of the seed.
        let which = options.subspace.map_or(0, |columns| columns as u32) + ascent;
        let draw = Draw { seed: options.seed, which, scale: scale as f32, epsilon: options.epsilon as f32 };
        self.groups.write(subject, self.buffers.draw, bytemuck::bytes_of(&draw));
        self.groups.run(subject, SearchPlan::index(segment));
    }

    /// The sum of the losses, and the gradient on the device.
    async fn gradient(&self, subject: &Subject<'_>) -> Result<f64> {
        Ok(self.groups.gradient_on_device(subject).await?[0])
    }

    async fn loss(&self, subject: &Subject<'_>) -> Result<f64> {
        Ok(self.groups.losses(subject, 0).await?[0][0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_numbers_are_refused() {
        let good = KeskarOptions { epsilon: 1e-3, subspace: Some(10), steps: 10, restarts: 3, seed: 0 };
        assert!(good.check(200).is_ok());
        for bad in [
            KeskarOptions { epsilon: 0.0, ..good },
            KeskarOptions { epsilon: f64::NAN, ..good },
            KeskarOptions { subspace: Some(0), ..good },
            KeskarOptions { subspace: Some(201), ..good },
            KeskarOptions { steps: 0, ..good },
            KeskarOptions { restarts: 0, ..good },
        ] {
            assert!(bad.check(200).is_err(), "{bad:?}");
        }
        for (step, share) in [(0, 0.5), (5, 0.25), (9, 0.05)] {
            assert!((good.share(step) - share).abs() < 1e-12, "{step}: {}", good.share(step));
        }
    }
}
