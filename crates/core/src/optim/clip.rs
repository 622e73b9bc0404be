//! Gradient clipping by norm, as `torch.nn.utils.clip_grad_norm_`: once a step, on the final gradient, before decay.

use super::ascent::{norm_slices, record_norm};
use crate::gpu::{BufferId, Dispatch, Recording, TableId};
use lowland_shaders::CLIP;
use lowland_shaders::params::Clip;

/// Records g min(1, c / (|g|_2 + 1e-6)) in place for the lanes in `rows`; c is in `hyper`.
pub(crate) fn record_clip(
    recording: &Recording,
    rows: TableId,
    parameter_floats: usize,
    grads: BufferId,
    squares: BufferId,
    hyper: BufferId,
) -> Vec<Dispatch> {
    let size4 = (parameter_floats / 4) as u32;
    let (_, slices) = norm_slices(parameter_floats);
    let params = Clip { size4, stride: size4, slices };
    let scale = Dispatch {
        kernel: &CLIP,
        overrides: Vec::new(),
        params: bytemuck::bytes_of(&params).to_vec(),
        table: rows,
        buffers: vec![squares, hyper, grads],
        groups: [size4.div_ceil(1024), 1, recording.rows(rows)],
    };
    vec![record_norm(recording, rows, parameter_floats, grads, squares), scale]
}
