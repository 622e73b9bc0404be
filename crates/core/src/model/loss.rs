//! Softmax cross-entropy on the last layer's output.

use super::layer::{Edge, Emitter};
use super::tensor::padded;
use crate::gpu::BufferId;
use lowland_shaders as shaders;
use lowland_shaders::params::Loss;

/// Where labels come from and outcomes go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LossBuffers {
    /// Labels of the batch, `[data slot][example]`.
    pub(crate) labels: BufferId,
    /// The lanes' settings.
    pub(crate) hyper: BufferId,
    /// Loss, correct, top 5 and kind, `[row of work][example]`, from `outcome_offset` vec4s on.
    pub(crate) outcome: BufferId,
    /// Where this pass's outcomes start.
    pub(crate) outcome_offset: usize,
}

pub(super) fn record(logits: &Edge, classes: usize, buffers: LossBuffers, e: &mut Emitter<'_>) {
    let p = params(e, classes, buffers.outcome_offset);
    let overrides = [("EVAL", f64::from(u8::from(!e.pass.mode.differentiates())))];
    let grad = logits.grad.unwrap_or(e.arenas.unused);
    let buffers = [logits.value, buffers.labels, buffers.hyper, grad, buffers.outcome];
    e.dispatch(&shaders::SOFTMAX_CROSS_ENTROPY, &overrides, &p, &buffers, e.sizes.batch.div_ceil(64));
}

/// Records how the gradient of the logits moves as they move: both in the edge `tangent`.
pub(super) fn record_tangent(logits: &Edge, tangent: &Edge, classes: usize, buffers: LossBuffers, e: &mut Emitter<'_>) {
    let Some(grad) = tangent.grad else { return };
    let p = params(e, classes, 0);
    let buffers = [logits.value, buffers.labels, tangent.value, grad];
    e.dispatch(&shaders::SOFTMAX_CROSS_ENTROPY_TANGENT, &[], &p, &buffers, e.sizes.batch.div_ceil(64));
}

fn params(e: &Emitter<'_>, classes: usize, outcome_offset: usize) -> Loss {
    let classes4 = padded(classes) / 4;
    Loss {
        batch: e.sizes.batch as u32,
        classes: classes as u32,
        classes4: classes4 as u32,
        stride: (e.sizes.batch * classes4 * 4) as u32,
        outcome_offset: outcome_offset as u32,
    }
}
