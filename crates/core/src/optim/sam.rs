//! SAM's ascent (Foret et al. 2021): the gradient's norm by a fixed tree, then w + rho g / |g| into an arena of its own.
//! The weights stay untouched, so nothing is copied or restored.

use crate::gpu::{BufferId, Dispatch, Recording, TableId};
use lowland_shaders::params::{Ascend, NormSquares};
use lowland_shaders::{ASCEND, NORM_SQUARES};

/// Vec4s per slice of the norm, and the number of slices: from the size alone, at most the 256 that the buffer holds.
pub(crate) fn norm_slices(parameter_floats: usize) -> (u32, u32) {
    let size4 = (parameter_floats / 4) as u32;
    let per_slice = size4.div_ceil(256).max(1024);
    (per_slice, size4.div_ceil(per_slice))
}

/// Records the norm of the gradient of each row's lane.
pub(crate) fn record_norm(
    recording: &Recording,
    rows: TableId,
    parameter_floats: usize,
    grads: BufferId,
    squares: BufferId,
) -> Dispatch {
    let (per_slice, slices) = norm_slices(parameter_floats);
    let size4 = (parameter_floats / 4) as u32;
    let params = NormSquares { size4, per_slice, stride: size4, slices };
    Dispatch {
        kernel: &NORM_SQUARES,
        overrides: Vec::new(),
        params: bytemuck::bytes_of(&params).to_vec(),
        table: rows,
        buffers: vec![grads, squares],
        groups: [slices, 1, recording.rows(rows)],
    }
}

/// Records the ascent of each row's lane. `buffers`: weights, gradients, squares, schedule, clock, ascent.
pub(crate) fn record_ascent(
    recording: &Recording,
    rows: TableId,
    parameter_floats: usize,
    lanes: u32,
    table: u32,
    buffers: [BufferId; 6],
) -> Dispatch {
    let size4 = (parameter_floats / 4) as u32;
    let (_, slices) = norm_slices(parameter_floats);
    let params = Ascend { size4, stride: size4, slices, lanes, table };
    Dispatch {
        kernel: &ASCEND,
        overrides: Vec::new(),
        params: bytemuck::bytes_of(&params).to_vec(),
        table: rows,
        buffers: buffers.to_vec(),
        groups: [size4.div_ceil(1024), 1, recording.rows(rows)],
    }
}
