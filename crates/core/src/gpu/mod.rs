//! The device: choosing an adapter, compiling kernels, reading buffers back. Knows nothing of learning.

mod adapter;
#[cfg(target_family = "wasm")]
mod ahead;
mod pipelines;
mod program;
mod readback;
mod recording;

pub use adapter::{AdapterReport, adapters};
pub(crate) use pipelines::Pipeline;
pub use program::Program;
pub(crate) use readback::Readback;
pub(crate) use recording::fold;
pub use recording::{BufferId, Dispatch, Recording, TableId};

use crate::{Error, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Which adapter and which kernels to use.
#[derive(Clone, Debug, Default)]
pub struct GpuOptions {
    /// Part of the adapter's name, whatever the case; the best adapter otherwise.
    pub adapter: Option<String>,
    /// Tile family; chosen by the adapter otherwise.
    pub family: Option<Family>,
}

/// The families of dense and convolution kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Register tiles fed from workgroup memory: fast on GPUs.
    Shared,
    /// Register tiles alone: several times faster on software adapters, where workgroup memory and barriers are slow.
    Register,
    /// Register tiles whose weights the invocations of a subgroup of 8 hand round: faster still, where the adapter has
    /// subgroups of just this size. Elsewhere it is the same as `Register`.
    Subgroup,
}

/// An open device with its queue and its compiled kernels.
#[derive(Debug)]
pub struct Gpu {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    limits: wgpu::Limits,
    family: Family,
    pipelines: pipelines::Pipelines,
    fault: Arc<Fault>,
}

/// What went wrong on a device. Its callbacks write it, on whatever thread they run.
#[derive(Debug, Default)]
struct Fault {
    first: Mutex<Option<String>>,
    lost: AtomicBool,
}

impl Gpu {
    /// Opens the adapter that `options` ask for, or the best one: discrete, then integrated, software last.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no such adapter, with what to install.
    pub async fn open(options: &GpuOptions) -> Result<Self> {
        let adapter = adapter::choose(options.adapter.as_deref()).await?;
        let info = adapter.get_info();
        let (device, queue) = adapter.request_device(&Self::device_descriptor(&adapter)).await.map_err(|e| {
            Error::input(format!("{} cannot be opened: {e}. Choose another adapter with --adapter.", info.name))
        })?;
        Ok(Self::from_parts(info, device, queue, options.family))
    }

    /// What the engine asks of a device: WebGPU's baseline limits, buffers and bindings as large as the adapter has them,
    /// subgroups where they have the size that kernels are written for, and timestamps where there are any.
    pub fn device_descriptor(adapter: &wgpu::Adapter) -> wgpu::DeviceDescriptor<'static> {
        let offered = adapter.limits();
        let required_limits = wgpu::Limits {
            max_storage_buffer_binding_size: offered.max_storage_buffer_binding_size,
            max_buffer_size: offered.max_buffer_size,
            ..wgpu::Limits::default()
        };
        let subgroups =
            adapter.features().contains(wgpu::Features::SUBGROUP) && has_subgroups_of_8(&adapter.get_info());
        let subgroups = if subgroups { wgpu::Features::SUBGROUP } else { wgpu::Features::empty() };
        let required_features = subgroups | adapter.features() & wgpu::Features::TIMESTAMP_QUERY;
        wgpu::DeviceDescriptor { label: Some("lowland"), required_features, required_limits, ..Default::default() }
    }

    /// Wraps a device that somebody else opened, with [`Gpu::device_descriptor`] or more, and draws with, too. `family` is
    /// chosen by the adapter where it is `None`.
    ///
    /// The device's callbacks for errors and for its loss are the engine's from now on: an error that no scope catches, the
    /// other user's too, is told by [`Gpu::check`]. A shell that knows better than wgpu whether the adapter computes on
    /// the CPU says so in `info.device_type`.
    pub fn from_parts(
        info: wgpu::AdapterInfo,
        device: wgpu::Device,
        queue: wgpu::Queue,
        family: Option<Family>,
    ) -> Self {
        let fault = Arc::new(Fault::default());
        let on_error = Arc::clone(&fault);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| on_error.record(error.to_string())));
        let on_lost = Arc::clone(&fault);
        device.set_device_lost_callback(move |reason, message| {
            on_lost.record(format!("the device was lost ({reason:?}): {message}"));
            on_lost.lost.store(true, Ordering::Release);
        });
        let software = info.device_type == wgpu::DeviceType::Cpu;
        let subgroups = device.features().contains(wgpu::Features::SUBGROUP) && has_subgroups_of_8(&info);
        let family = match family.unwrap_or(if software { Family::Subgroup } else { Family::Shared }) {
            Family::Subgroup if !subgroups => Family::Register,
            family => family,
        };
        let limits = device.limits();
        Self { device, queue, info, limits, family, pipelines: pipelines::Pipelines::default(), fault }
    }

    /// The device, for those who draw or compute beside the engine.
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// The device's queue. What is submitted to it and to the engine is done in the order of the submissions.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// The adapter's name, driver and kind.
    pub fn info(&self) -> &wgpu::AdapterInfo {
        &self.info
    }

    /// The tile family in use.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Whether the adapter computes on the CPU.
    pub fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// The largest buffer a kernel can bind, in bytes.
    pub fn max_binding(&self) -> u64 {
        self.limits.max_storage_buffer_binding_size.min(self.limits.max_buffer_size)
    }

    /// Reports the first thing that went wrong on the device since it was opened.
    ///
    /// # Errors
    /// [`Error::Run`] with the driver's words.
    pub fn check(&self) -> Result<()> {
        // A browser may keep the adapter's name to itself.
        let name = if self.info.name.is_empty() { "the device" } else { &self.info.name };
        match self.fault.first.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(message) => Err(Error::run(format!("{name} gave up: {message}"))),
            None => Ok(()),
        }
    }

    /// Whether the device is lost, for whatever reason: nothing on it can be used or read any more.
    pub fn lost(&self) -> bool {
        self.fault.lost.load(Ordering::Acquire)
    }

    /// Lets callbacks of finished work run; never waits.
    pub(crate) fn poll(&self) {
        // A failed poll is a lost device, which the callback has recorded.
        let _ = self.device.poll(wgpu::PollType::Poll);
    }

    /// Waits until the device has done what was submitted, or `timeout` is over. For programs without a frame loop; the
    /// engine itself never calls it.
    #[cfg(not(target_family = "wasm"))]
    pub fn wait(&self, timeout: std::time::Duration) {
        let _ = self.device.poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(timeout) });
    }

    /// Copies `bytes` bytes of `buffer` from `offset` to the host.
    ///
    /// # Errors
    /// [`Error::Run`] where the device is lost.
    pub async fn read(&self, buffer: &wgpu::Buffer, offset: u64, bytes: u64) -> Result<Vec<u8>> {
        let mut readback = Readback::new(self, bytes);
        let mut encoder = self.device.create_command_encoder(&Default::default());
        readback.copy(&mut encoder, buffer, offset, 0, bytes);
        self.queue.submit([encoder.finish()]);
        readback.map(bytes);
        readback.wait(self).await
    }

    pub(crate) fn pipeline(
        &self,
        kernel: &'static lowland_shaders::Kernel,
        overrides: &[(&'static str, f64)],
    ) -> Arc<Pipeline> {
        self.pipelines.get(&self.device, kernel, overrides)
    }

    pub(crate) fn buffer(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        let size = bytes.max(16).next_multiple_of(4);
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: false,
        })
    }
}

impl Fault {
    /// Keeps the first message: what follows is mostly its consequence.
    fn record(&self, message: String) {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
    }
}

/// Whether subgroups have the size that the kernels of [`Family::Subgroup`] are written for.
fn has_subgroups_of_8(info: &wgpu::AdapterInfo) -> bool {
    (info.subgroup_min_size, info.subgroup_max_size) == (8, 8)
}
