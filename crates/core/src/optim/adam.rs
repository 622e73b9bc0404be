//! Adam (Kingma and Ba 2015) and Adam with decoupled weight decay (Loshchilov and Hutter 2019), as in `torch.optim`.

use super::UpdateBuffers;
use crate::gpu::BufferId;
use lowland_shaders::{ADAM, Kernel};

/// w -= lr mhat / (sqrt(vhat) + eps). Decay is added to the gradient (Adam) or shrinks w by lr decay w before (AdamW).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Decay rates of the first and second moment.
    pub betas: [f32; 2],
    /// Term in the denominator.
    pub eps: f32,
}

impl Adam {
    pub(super) fn fill(self, hyper: &mut [f32; 12]) {
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
    (&ADAM, vec![b.grads, b.hyper, b.scheduled, b.clock, b.weights, b.first, b.second])
}
