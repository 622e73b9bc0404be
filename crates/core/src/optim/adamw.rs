//! Adam with decoupled weight decay (Loshchilov and Hutter 2019), as `torch.optim.AdamW`.

use super::UpdateBuffers;
use crate::gpu::BufferId;
use lowland_shaders::{ADAMW, Kernel};

/// w -= lr decay w, then w -= lr mhat / (sqrt(vhat) + eps).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Decay rates of the first and second moment.
    pub betas: [f32; 2],
    /// Term in the denominator.
    pub eps: f32,
}

impl AdamW {
    pub(super) fn fill(self, hyper: &mut [f32; 8]) {
        hyper[4] = self.betas[0];
        hyper[5] = self.betas[1];
        hyper[6] = self.eps;
    }

    /// 1 - beta^(step + 1), in f64 because f32 loses digits near 1.
    pub(super) fn corrections(self, step: u64) -> [f32; 2] {
        self.betas.map(|beta| (1.0 - f64::from(beta).powf((step + 1) as f64)) as f32)
    }
}

pub(super) fn kernel(b: UpdateBuffers) -> (&'static Kernel, Vec<BufferId>) {
    (&ADAMW, vec![b.grads, b.hyper, b.scheduled, b.clock, b.weights, b.first, b.second])
}
