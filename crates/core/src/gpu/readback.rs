//! A staging buffer that is filled by a submission and read when it has arrived.

use super::Gpu;
use crate::{Error, Result};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use web_time::Instant;

const PENDING: u8 = 0;
const READY: u8 = 1;
const FAILED: u8 = 2;

/// One staging buffer: `copy` into it, submit, `map`, and `take` what came.
#[derive(Debug)]
pub(crate) struct Readback {
    buffer: wgpu::Buffer,
    arrival: Arc<Arrival>,
    mapped: u64,
}

#[derive(Debug, Default)]
struct Arrival {
    state: AtomicU8,
    at: Mutex<Option<Instant>>,
    waker: Mutex<Option<Waker>>,
}

impl Readback {
    pub(crate) fn new(gpu: &Gpu, bytes: u64) -> Self {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let buffer = gpu.buffer("readback", bytes, usage);
        Self { buffer, arrival: Arc::default(), mapped: 0 }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.buffer.size()
    }

    /// Copies `bytes` of `from` at `offset` to `to` in this buffer.
    pub(crate) fn copy(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        from: &wgpu::Buffer,
        offset: u64,
        to: u64,
        bytes: u64,
    ) {
        encoder.copy_buffer_to_buffer(from, offset, &self.buffer, to, bytes);
    }

    /// Asks for the first `bytes` bytes once the submitted copies are done.
    pub(crate) fn map(&mut self, bytes: u64) {
        self.mapped = bytes;
        self.arrival = Arc::default();
        let arrival = Arc::clone(&self.arrival);
        self.buffer.slice(..bytes).map_async(wgpu::MapMode::Read, move |result| {
            *arrival.at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            arrival.state.store(if result.is_ok() { READY } else { FAILED }, Ordering::Release);
            if let Some(waker) = arrival.waker.lock().unwrap_or_else(PoisonError::into_inner).take() {
                waker.wake();
            }
        });
    }

    /// When it arrived: in a page between two frames, natively when the device was polled or given work.
    pub(crate) fn arrived_at(&self) -> Option<Instant> {
        *self.arrival.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has arrived, or `None` while it is on its way.
    pub(crate) fn take(&self) -> Result<Option<Vec<u8>>> {
        match self.arrival.state.load(Ordering::Acquire) {
            PENDING => Ok(None),
            READY => {
                let lost = |e| Error::run(format!("the device did not give a buffer back: {e}"));
                let bytes = self.buffer.slice(..self.mapped).get_mapped_range().map_err(lost)?.to_vec();
                self.buffer.unmap();
                Ok(Some(bytes))
            }
            _ => Err(Error::run("the device was lost while a buffer was read back.")),
        }
    }

    /// Waits for what was asked for. Natively somebody has to poll the device, so this does, in slices of a millisecond; for
    /// a caller that looks again by itself (a frame, with the waker that does nothing) it only looks.
    pub(crate) async fn wait(&self, gpu: &Gpu) -> Result<Vec<u8>> {
        std::future::poll_fn(|context| {
            *self.arrival.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
            #[cfg(not(target_family = "wasm"))]
            if context.waker().will_wake(Waker::noop()) {
                gpu.poll();
            } else {
                gpu.wait(std::time::Duration::from_millis(1));
                context.waker().wake_by_ref();
            }
            match gpu.check().and_then(|()| self.take()) {
                Err(error) => Poll::Ready(Err(error)),
                Ok(Some(bytes)) => Poll::Ready(Ok(bytes)),
                Ok(None) => Poll::Pending,
            }
        })
        .await
    }
}
