//! RMSprop (Tieleman and Hinton 2012), as `torch.optim.RMSprop` without centring.

use super::UpdateBuffers;
use crate::gpu::BufferId;
use lowland_shaders::{Kernel, RMSPROP};

/// v = alpha v + (1 - alpha) d^2 with d = g + decay w; b = momentum b + d / (sqrt(v) + eps); w -= lr b.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// Decay rate of the mean of squares.
    pub alpha: f32,
    /// Term in the denominator.
    pub eps: f32,
    /// Momentum of the scaled gradients.
    pub momentum: f32,
}

impl RmsProp {
    pub(super) fn fill(self, hyper: &mut [f32; 12]) {
        hyper[0] = self.momentum;
        hyper[5] = self.alpha;
        hyper[6] = self.eps;
    }
}

pub(super) fn kernel(b: UpdateBuffers) -> (&'static Kernel, Vec<BufferId>) {
    (&RMSPROP, vec![b.grads, b.hyper, b.scheduled, b.clock, b.weights, b.first, b.second])
}
