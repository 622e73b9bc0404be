//! Optimizers: a base step x an ascent x a schedule.

mod adamw;
mod sam;
mod schedule;
mod sgd;

pub use adamw::AdamW;
pub(crate) use sam::{norm_slices, record_ascent, record_norm};
pub use schedule::Schedule;
pub use sgd::Sgd;

use crate::gpu::{BufferId, Dispatch, Recording, TableId};
use lowland_shaders::params::Update;

/// What a lane is trained with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Optimizer {
    /// The step itself.
    pub base: BaseStep,
    /// Radius of SAM's ascent, |e|_2 = rho. 0 is the base step on the plain gradient, bit for bit.
    pub rho: f32,
    /// Learning rate over the steps.
    pub schedule: Schedule,
    /// Decay of the weights, in the base step.
    pub weight_decay: f32,
}

/// Base optimizers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BaseStep {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// Adam with decoupled weight decay.
    AdamW(AdamW),
}

/// The arenas that a base step works on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UpdateBuffers {
    pub(crate) grads: BufferId,
    pub(crate) hyper: BufferId,
    pub(crate) scheduled: BufferId,
    pub(crate) clock: BufferId,
    pub(crate) weights: BufferId,
    pub(crate) first: BufferId,
    pub(crate) second: BufferId,
}

impl Optimizer {
    /// Gradient evaluations per step.
    pub fn gradients_per_step(&self) -> u32 {
        if self.rho > 0.0 { 2 } else { 1 }
    }

    /// The lane's row of the `hyper` buffer, as `shaders/shared/hyper.wgsl` lays it out.
    pub(crate) fn hyper(&self, smoothing: f32) -> [f32; 8] {
        let mut hyper = [0.0; 8];
        match self.base {
            BaseStep::Sgd(sgd) => sgd.fill(&mut hyper),
            BaseStep::AdamW(adamw) => adamw.fill(&mut hyper),
        }
        hyper[3] = self.weight_decay;
        hyper[7] = smoothing;
        hyper
    }

    /// The lane's entry of the schedule at `step`: learning rate, rho, and Adam's corrections 1 - beta^(step + 1).
    pub(crate) fn scheduled(&self, step: u64) -> [f32; 4] {
        let corrections = match self.base {
            BaseStep::Sgd(_) => [1.0, 1.0],
            BaseStep::AdamW(adamw) => adamw.corrections(step),
        };
        [self.schedule.lr(step), self.rho, corrections[0], corrections[1]]
    }

    /// Arenas beside weights and gradients that the base step keeps.
    pub(crate) fn moments(&self) -> usize {
        match self.base {
            BaseStep::Sgd(_) => 1,
            BaseStep::AdamW(_) => 2,
        }
    }
}

/// Records the base step of the lanes in `rows`, all of the same kind as `base`.
pub(crate) fn record_update(
    recording: &Recording,
    base: &BaseStep,
    rows: TableId,
    update: Update,
    buffers: UpdateBuffers,
) -> Dispatch {
    let (kernel, list) = match base {
        BaseStep::Sgd(_) => sgd::kernel(buffers),
        BaseStep::AdamW(_) => adamw::kernel(buffers),
    };
    Dispatch {
        kernel,
        overrides: Vec::new(),
        params: bytemuck::bytes_of(&update).to_vec(),
        table: rows,
        buffers: list,
        groups: [update.size4.div_ceil(512), 1, recording.rows(rows)],
    }
}
