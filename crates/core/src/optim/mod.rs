//! Optimizers: a base step x an ascent x a schedule.

mod adam;
mod ascent;
mod clip;
mod rmsprop;
mod schedule;
mod second_order;
mod sgd;

pub use adam::Adam;
pub use ascent::Ascent;
pub(crate) use ascent::{AscentBuffers, AscentSizes, norm_slices, record_euclidean, record_general, record_norm};
pub(crate) use clip::record_clip;
pub use rmsprop::RmsProp;
pub use schedule::{Epochs, Schedule};
pub(crate) use second_order::{SecondOrder, SecondOrderBuffers, SecondOrderSizes};
pub use sgd::Sgd;

use crate::gpu::{BufferId, Dispatch, Recording, TableId};
use lowland_shaders::params::{Accumulate, Update};
use std::mem::discriminant;

/// What a lane is trained with.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer {
    /// The step itself.
    pub base: BaseStep,
    /// SAM's ascent before it.
    pub ascent: Ascent,
    /// Learning rate over the steps.
    pub schedule: Schedule,
    /// Decay of the weights, in the base step.
    pub weight_decay: f32,
    /// L2 norm that the final gradient is scaled down to, before decay.
    pub clip_norm: Option<f32>,
}

/// Base optimizers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BaseStep {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// Adam, decay added to the gradient.
    Adam(Adam),
    /// Adam with decoupled weight decay.
    AdamW(Adam),
    /// RMSprop.
    RmsProp(RmsProp),
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
    /// Gradient evaluations per step, or what takes as many multiply-adds: H v is a gradient at w once more and its
    /// derivative, which takes twice a gradient's.
    pub fn gradients_per_step(&self) -> u32 {
        let second_order = if self.ascent.adds_second_order() { 3 } else { 0 };
        if self.ascent.climbs() { 1 + self.ascent.steps + second_order } else { 1 }
    }

    /// The lane's row of the `hyper` buffer, as `shaders/shared/hyper.wgsl` lays it out.
    pub(crate) fn hyper(&self, smoothing: f32) -> [f32; 12] {
        let mut hyper = [0.0; 12];
        match self.base {
            BaseStep::Sgd(sgd) => sgd.fill(&mut hyper),
            BaseStep::Adam(adam) | BaseStep::AdamW(adam) => adam.fill(&mut hyper),
            BaseStep::RmsProp(rmsprop) => rmsprop.fill(&mut hyper),
        }
        hyper[3] = self.weight_decay;
        hyper[7] = smoothing;
        hyper[8] = self.clip_norm.unwrap_or(0.0);
        hyper[9] = self.ascent.power();
        hyper[10] = f32::from(u8::from(self.ascent.adaptive));
        hyper
    }

    /// The lane's entry of the schedule at `step`: learning rate, the length of a step of the ascent, and Adam's
    /// corrections 1 - beta^n in the n-th step since the moments were zero, before step `since`.
    pub(crate) fn scheduled(&self, step: u64, since: u64) -> [f32; 4] {
        let corrections = match self.base {
            BaseStep::Sgd(_) | BaseStep::RmsProp(_) => [1.0, 1.0],
            BaseStep::Adam(adam) | BaseStep::AdamW(adam) => adam.corrections(step.saturating_sub(since)),
        };
        [self.schedule.lr(step), self.ascent.rho / self.ascent.steps as f32, corrections[0], corrections[1]]
    }

    /// Whether the same dispatches do for `other`, with other numbers in their tables.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let climb =
            |o: &Self| o.ascent.climbs().then_some((o.ascent.is_euclidean(), o.ascent.steps, o.ascent.second_order));
        let kind = |o: &Self| (discriminant(&o.base), climb(o), o.clip_norm.is_some());
        kind(self) == kind(other)
    }

    /// Arenas beside weights and gradients that the base step keeps.
    pub(crate) fn moments(&self) -> usize {
        match self.base {
            BaseStep::Sgd(_) => 1,
            BaseStep::Adam(_) | BaseStep::AdamW(_) | BaseStep::RmsProp(_) => 2,
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
    let ((kernel, list), overrides) = match base {
        BaseStep::Sgd(_) => (sgd::kernel(buffers), Vec::new()),
        BaseStep::Adam(_) => (adam::kernel(buffers), vec![("DECOUPLED", 0.0)]),
        BaseStep::AdamW(_) => (adam::kernel(buffers), vec![("DECOUPLED", 1.0)]),
        BaseStep::RmsProp(_) => (rmsprop::kernel(buffers), Vec::new()),
    };
    Dispatch {
        kernel,
        overrides,
        params: bytemuck::bytes_of(&update).to_vec(),
        table: rows,
        buffers: list,
        groups: [update.size4.div_ceil(512), 1, recording.rows(rows)],
    }
}

/// Records total += `scale` x gradients of the lanes in `rows`; the first group of a step starts from 0.
pub(crate) fn record_accumulate(
    recording: &Recording,
    rows: TableId,
    parameter_floats: usize,
    scale: f32,
    [grads, clock, total]: [BufferId; 3],
) -> Dispatch {
    let size4 = (parameter_floats / 4) as u32;
    Dispatch {
        kernel: &lowland_shaders::ACCUMULATE,
        overrides: Vec::new(),
        params: bytemuck::bytes_of(&Accumulate { size4, stride: size4, scale }).to_vec(),
        table: rows,
        buffers: vec![grads, clock, total],
        groups: [size4.div_ceil(1024), 1, recording.rows(rows)],
    }
}
