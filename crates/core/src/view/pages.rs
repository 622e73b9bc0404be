//! Parameters of pictures: a few pages in one buffer, taken in turn, so that several pictures of one submission each have
//! their own.

use crate::gpu::Gpu;

/// Pictures of one kind that one submission may hold.
pub(super) const PAGES: usize = 16;
/// Offsets of bound buffers are multiples of this.
pub(super) const ALIGN: u64 = 256;

/// A buffer of [`PAGES`] pages.
#[derive(Debug)]
pub(super) struct Pages {
    pub(super) buffer: wgpu::Buffer,
    stride: u64,
    next: usize,
}

impl Pages {
    /// Pages that hold parts of these sizes in bytes, each at an offset that can be bound.
    pub(super) fn new(gpu: &Gpu, parts: &[u64]) -> Self {
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let stride = parts.iter().map(|bytes| bytes.next_multiple_of(ALIGN)).sum();
        Self { buffer: gpu.buffer("pages of parameters", PAGES as u64 * stride, usage), stride, next: 0 }
    }

    /// Where `page` begins.
    pub(super) fn offset(&self, page: usize) -> u64 {
        page as u64 * self.stride
    }

    /// Takes the next page and writes `parts` into it, each at its offset. It is there from the next submission on.
    pub(super) fn write(&mut self, gpu: &Gpu, parts: &[(u64, &[u8])]) -> usize {
        let page = self.next;
        self.next = (page + 1) % PAGES;
        for (offset, bytes) in parts {
            gpu.queue.write_buffer(&self.buffer, self.offset(page) + offset, bytes);
        }
        page
    }

    /// A part of `page`, to be bound.
    pub(super) fn part(&self, page: usize, offset: u64, bytes: u64) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: &self.buffer,
            offset: self.offset(page) + offset,
            size: std::num::NonZeroU64::new(bytes),
        })
    }
}
