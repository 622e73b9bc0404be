//! Sets of weights that the app keeps for itself: the start, and moments that are being measured.

use lowland::gpu::Gpu;
use lowland::model::Model;
use lowland::train::Slot;
use wgpu::{Buffer, BufferUsages, CommandEncoder, Queue};

/// A few sets of weights and running statistics of one model, on the device.
#[derive(Debug)]
pub struct Weights {
    weights: Buffer,
    running: Buffer,
    weight_bytes: u64,
    running_bytes: u64,
}

impl Weights {
    /// Room for `sets` sets, all zero.
    pub fn new(gpu: &Gpu, model: &Model, sets: u64) -> Self {
        let buffer = |label, bytes: u64| {
            gpu.device().create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: bytes.max(16),
                usage: BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        let weight_bytes = 4 * model.parameter_floats() as u64;
        let running_bytes = 4 * model.running_floats() as u64;
        Self {
            weights: buffer("kept-weights", sets * weight_bytes),
            running: buffer("kept-statistics", sets * running_bytes),
            weight_bytes,
            running_bytes,
        }
    }

    /// Where set `set` lies.
    pub fn slot(&self, set: u64) -> Slot<'_> {
        Slot {
            weights: &self.weights,
            weights_offset: set * self.weight_bytes,
            running: &self.running,
            running_offset: set * self.running_bytes,
        }
    }

    /// Records a copy of `from` into set `set`. Both must be of one model, and not lie in the same buffer.
    pub fn copy(&self, encoder: &mut CommandEncoder, set: u64, from: Slot<'_>) {
        for (from, offset, to, bytes) in [
            (from.weights, from.weights_offset, &self.weights, self.weight_bytes),
            (from.running, from.running_offset, &self.running, self.running_bytes),
        ] {
            if bytes > 0 {
                encoder.copy_buffer_to_buffer(from, offset, to, set * bytes, bytes);
            }
        }
    }

    /// Writes weights from the host into set `set`; its running statistics become zero, as those of a direction are.
    pub fn write_direction(&self, queue: &Queue, set: u64, weights: &[f32]) {
        queue.write_buffer(&self.weights, set * self.weight_bytes, bytemuck::cast_slice(weights));
        if self.running_bytes > 0 {
            queue.write_buffer(&self.running, set * self.running_bytes, &vec![0; self.running_bytes as usize]);
        }
    }

    /// Writes weights and running statistics from the host into set `set`.
    pub fn write(&self, queue: &Queue, set: u64, weights: &[f32], running: &[f32]) {
        queue.write_buffer(&self.weights, set * self.weight_bytes, bytemuck::cast_slice(weights));
        if !running.is_empty() {
            queue.write_buffer(&self.running, set * self.running_bytes, bytemuck::cast_slice(running));
        }
    }

    /// Whether a model's weights have the same sizes.
    pub fn fits(&self, model: &Model) -> bool {
        (self.weight_bytes, self.running_bytes)
            == (4 * model.parameter_floats() as u64, 4 * model.running_floats() as u64)
    }

    /// Bytes on the device.
    pub fn bytes(&self) -> u64 {
        self.weights.size() + self.running.size()
    }
}
