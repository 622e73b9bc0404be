//! Stochastic gradient descent, as `torch.optim.SGD`.

use super::UpdateBuffers;
use crate::gpu::BufferId;
use lowland_shaders::{Kernel, SGD};

/// v = momentum v + (1 - dampening) d with d = g + decay w, and v = d at the first step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Momentum.
    pub momentum: f32,
    /// Dampening of the momentum.
    pub dampening: f32,
    /// Whether the step is lr (d + momentum v) instead of lr v (Nesterov).
    pub nesterov: bool,
}

impl Sgd {
    pub(super) fn fill(self, hyper: &mut [f32; 12]) {
        hyper[0] = self.momentum;
        hyper[1] = self.dampening;
        hyper[2] = f32::from(u8::from(self.nesterov));
    }
}

pub(super) fn kernel(b: UpdateBuffers) -> (&'static Kernel, Vec<BufferId>) {
    (&SGD, vec![b.grads, b.hyper, b.scheduled, b.clock, b.weights, b.first])
}
