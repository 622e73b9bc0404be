//! Probes: measurements of the landscape around given weights.
//!
//! A probe is a file here: what can be set, the measurement that comes back (plain data that serialises to the JSON of the
//! command line), and the function that makes one of the other. What they share is how the device is used:
//!
//! - a *sampler* makes many sets of weights, each a weighted sum of three given ones, and measures them side by side, as
//!   lanes of one evaluation: points of a line or of a plane;
//! - a *cloud* does the same with random points, drawn on the device;
//! - *gradients* of whole data sets, or of groups of their examples, in inference mode;
//! - *curvature*: exact products of the Hessian and the Gauss-Newton matrix with directions on the device.

mod ascent;
mod average;
mod bound;
mod cloud;
mod curvature;
mod direction;
mod edge;
mod eigenpairs;
mod gradient;
mod hessian;
mod interpolate;
mod keskar;
mod lanczos;
mod meter;
mod quadrature;
mod random;
mod sample;
mod sharpness;
mod spectrum;
mod surface;
mod valley;

pub use ascent::ascent;
pub use average::{Average, AverageOptions};
pub use bound::{
    Assumption, Bound, BoundOptions, BoundedLoss, Certificate, FiniteClass, LearnOptions, Learned, PacBayes, Prior,
    SamBound, SamBounds, formulas,
};
pub use curvature::{Curvature, Product};
pub use direction::{Drawn, Normalisation, PathPlane, Plane, filter_normalised, random_direction};
pub use edge::{Edges, sam_edge};
pub use eigenpairs::{Eigenpairs, Wanted, largest_eigenpairs};
pub use hessian::{Directions, Hessian, HessianOptions, hessian_directions};
pub use interpolate::{Barrier, Curve, Interpolation, Line, LinePoint};
pub use keskar::{Keskar, KeskarOptions};
pub use lanczos::{Lanczos, Node, Operator, Tridiagonal};
pub use meter::{Meter, Reading};
pub use quadrature::{Density, Quadrature, gaussians, signs};
pub use random::{MainDirection, MainRise, RandomDirections, Rise, Rises};
pub(crate) use sample::{POINTS_PER_SOURCE, fit};
pub use sharpness::{Adaptive, Sharpness, SharpnessOptions};
pub(crate) use spectrum::usual_sigma;
pub use spectrum::{Spectral, Spectrum, SpectrumOptions};
pub use surface::{Axes, Marked, Surface, SurfaceOptions};
pub use valley::{Asymmetry, Side, Valley, ValleyDirection, ValleyOptions, ValleyPoint};

use crate::data::Dataset;
use crate::gpu::{BufferId, Gpu, Program};
use crate::model::Model;
use crate::plan::{RECORD_BYTES, View};
use crate::train::{LaneState, Record, ring_ranges};
use crate::{Error, Result};
use serde::Serialize;

/// What a probe is about: the network, the examples and the device that measures them.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The device.
    pub gpu: &'a Gpu,
    /// The network.
    pub model: &'a Model,
    /// The data set.
    pub data: &'a Dataset,
    /// The part of it whose loss is the landscape.
    pub examples: Examples,
}

/// A part of the data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Examples {
    /// Training examples, with their labels as they are.
    Train,
    /// Validation examples.
    Val,
    /// Test examples.
    Test,
}

/// Where batch norm's running statistics come from at weights that no training has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statistics {
    /// A pass over the training set at these weights: the mean over batches of their mean and unbiased variance, as
    /// `torch.optim.swa_utils.update_bn` has it. The set is cut into `ceil(n / STATISTICS_BATCH)` batches of one size; fewer
    /// examples than there are batches are left out.
    Recompute,
    /// The same sum of the given networks' statistics as the weights are of their weights.
    Interpolate,
}

/// Examples per batch of [`Statistics::Recompute`], where they fit WebGPU's baseline binding; half as many, and half again,
/// where they do not.
pub const STATISTICS_BATCH: usize = 1000;

/// Told how much of a probe is done: points or groups, of how many.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

/// Bytes that a probe takes on the device at most; WebGPU's baseline binding is `BINDING`.
const BUDGET: u64 = 1 << 30;
const BINDING: u64 = 128 << 20;

impl Examples {
    fn view(self) -> View {
        match self {
            Self::Train => View::Train,
            Self::Val => View::Val,
            Self::Test => View::Test,
        }
    }

    /// This part of `data`; validation examples there may be none.
    pub(crate) fn of(self, data: &Dataset) -> Option<&crate::data::Split> {
        match self {
            Self::Train => Some(&data.train),
            Self::Val => data.val.as_ref(),
            Self::Test => Some(&data.test),
        }
    }

    fn len(self, data: &Dataset) -> usize {
        self.of(data).map_or(0, crate::data::Split::len)
    }
}

impl Subject<'_> {
    /// Checks that there is something to measure, and that `state` belongs to the network.
    fn check(&self, states: &[&LaneState]) -> Result<()> {
        if self.examples.len(self.data) == 0 {
            return Err(Error::input("there is no validation part; --val-fraction makes one."));
        }
        let (weights, running) = (self.model.parameter_floats(), self.model.running_floats());
        if states.iter().any(|state| state.weights.len() != weights || state.running.len() != running) {
            return Err(Error::input(format!("the weights are not those of {}.", self.model.name())));
        }
        Ok(())
    }

    /// Multiply-adds that one dispatch, and one submission, may have: a dispatch should be over within a fraction of a
    /// frame, or the device seems to hang.
    fn work(&self) -> (u64, u64) {
        if self.gpu.is_software() { (1 << 28, 1 << 31) } else { (1 << 34, 1 << 37) }
    }
}

/// The largest count from 1 to `most` that `fits`, where a count fits if all smaller ones do.
pub(crate) fn largest_that(most: usize, fits: impl Fn(usize) -> bool) -> usize {
    let (mut fit, mut too_many) = (1, most + 1);
    while too_many - fit > 1 {
        let middle = usize::midpoint(fit, too_many);
        if fits(middle) { fit = middle } else { too_many = middle }
    }
    fit
}

/// Sums of loss, right answers, top-5 answers and examples.
type Sums = [f64; 4];

/// Adds the ring's records of `count` steps from `first` on to each lane's sums.
async fn add_records(
    gpu: &Gpu,
    program: &Program,
    ring: BufferId,
    first: u64,
    count: u64,
    sums: &mut [Sums],
) -> Result<()> {
    let slot = (RECORD_BYTES * sums.len()) as u64;
    for (offset, bytes) in ring_ranges(first, count, slot) {
        let bytes = gpu.read(program.buffer(ring), offset, bytes).await?;
        for (i, record) in bytes.chunks_exact(RECORD_BYTES).enumerate() {
            let lane = i % sums.len();
            let record = bytemuck::pod_read_unaligned::<Record>(record).sums();
            for (sum, value) in sums[lane].iter_mut().zip(record) {
                *sum += f64::from(value);
            }
        }
    }
    Ok(())
}

/// A float as JSON has it: null where it is not finite.
fn finite<S: serde::Serializer>(value: &f32, to: S) -> std::result::Result<S::Ok, S::Error> {
    Some(*value).filter(|v| v.is_finite()).serialize(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_that_fits_is_found() {
        for limit in 1..=17 {
            assert_eq!(largest_that(16, |n| n <= limit), limit.min(16));
        }
    }
}
