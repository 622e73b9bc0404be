//! Sets of weights that are weighted sums of few given ones, and the running statistics that are the same sums.

use super::{SOURCES, dispatch, dispatch_rows};
use crate::gpu::{BufferId, Dispatch, Recording, TableId};
use crate::model::Model;
use lowland_shaders::COMBINE;
use lowland_shaders::params::Combine;

/// The arenas of a mixture: rows of sums, and what they are sums of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mixture {
    /// Weights and running statistics of each row.
    pub(crate) weights: BufferId,
    pub(crate) running: BufferId,
    /// Three factors of each row; who uses them has the fourth number.
    pub(crate) factors: BufferId,
    /// Three sets of weights, three of running statistics.
    pub(crate) sources: BufferId,
    pub(crate) running_sources: BufferId,
    /// A row of the z axis for each.
    pub(crate) rows: TableId,
    parameters: usize,
    statistics: usize,
}

impl Mixture {
    pub(crate) fn declare(r: &mut Recording, model: &Model, rows: usize) -> Self {
        let (parameters, statistics) = (model.parameter_floats(), model.running_floats());
        let arena = |r: &mut Recording, name, floats: usize, sets: usize| r.buffer(name, (4 * floats * sets) as u64);
        Self {
            weights: arena(r, "weights", parameters, rows),
            running: arena(r, "running statistics", statistics, rows),
            factors: arena(r, "factors", 4, rows),
            sources: arena(r, "sources", parameters, SOURCES),
            running_sources: arena(r, "running statistics of the sources", statistics, SOURCES),
            rows: r.table(dispatch_rows(rows)),
            parameters,
            statistics,
        }
    }

    /// Makes the rows' weights, but for the first `left` floats.
    pub(crate) fn mix_weights(&self, r: &Recording, left: usize) -> Vec<Dispatch> {
        self.combine(r, self.parameters, left, [self.factors, self.sources, self.weights])
    }

    /// Makes the rows' running statistics, where there are any.
    pub(crate) fn mix_statistics(&self, r: &Recording) -> Vec<Dispatch> {
        self.combine(r, self.statistics, 0, [self.factors, self.running_sources, self.running])
    }

    fn combine(&self, r: &Recording, floats: usize, left: usize, buffers: [BufferId; 3]) -> Vec<Dispatch> {
        if floats == left {
            return Vec::new();
        }
        let p = Combine { size4: (floats / 4) as u32, stride: (floats / 4) as u32, first: (left / 4) as u32 };
        vec![dispatch(r, &COMBINE, &[], &p, self.rows, &buffers, (floats - left).div_ceil(4 * 512))]
    }
}
