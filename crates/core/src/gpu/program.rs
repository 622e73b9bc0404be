//! A recording made real: buffers allocated, kernels compiled, bind groups built, once.

use super::{BufferId, Dispatch, Gpu, Pipeline, Readback, Recording};
use crate::{Error, Result};
use std::sync::{Arc, OnceLock};

/// Dispatches that are ready to be encoded again and again.
#[derive(Debug)]
pub struct Program {
    buffers: Vec<wgpu::Buffer>,
    segments: Vec<Segment>,
    params: wgpu::Buffer,
    tables: wgpu::Buffer,
    bytes: u64,
}

/// Dispatches that are encoded together.
#[derive(Debug)]
struct Segment {
    /// Where the parameters of the first one lie.
    offset: usize,
    /// Those that have not been compiled.
    waiting: Vec<Dispatch>,
    ready: OnceLock<Vec<Launch>>,
}

#[derive(Debug)]
struct Launch {
    pipeline: Arc<Pipeline>,
    bind_group: wgpu::BindGroup,
    groups: [u32; 3],
}

impl Launch {
    fn encode(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.dispatch_workgroups(self.groups[0], self.groups[1], self.groups[2]);
    }
}

/// Offsets of bound uniform buffers are multiples of this.
const ALIGN: usize = 256;
/// Bytes of a table.
const TABLE: usize = Recording::TABLE_ROWS * 16;

impl Program {
    /// Allocates and compiles. Each segment is a list of dispatches that are encoded together.
    ///
    /// # Errors
    /// [`Error::Input`] where the device has not enough memory, [`Error::Run`] where it refuses a kernel.
    pub async fn new(gpu: &Gpu, recording: &Recording, segments: &[Vec<Dispatch>]) -> Result<Self> {
        // Held until the pipelines are made.
        #[cfg(target_family = "wasm")]
        let _ahead = super::ahead::compile(gpu, segments.iter().flatten()).await;
        let out_of_memory = gpu.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let program = Self::allocate(gpu, recording, segments);
        (0..segments.len()).for_each(|segment| program.prepare(gpu, segment));
        // Both scopes are closed before anything is awaited: somebody else may open one on this device in between.
        let (invalid, exhausted) = (validation.pop(), out_of_memory.pop());
        let (invalid, exhausted) = (invalid.await, exhausted.await);
        match (exhausted, invalid) {
            (Some(_), _) => Err(Error::input(format!(
                "the device has no room for {} MB; use a smaller batch, fewer lanes or a smaller model.",
                recording.bytes() / 1_000_000
            ))),
            (None, Some(error)) => Err(Error::run(format!("the device refuses this plan: {error}"))),
            (None, None) => Ok(program),
        }
    }

    /// The same with kernels that are compiled when a segment is first asked for: [`Program::prepare`] comes before it is
    /// encoded. For what is not needed at once; what the device refuses is told by [`Gpu::check`].
    pub(crate) fn allocate(gpu: &Gpu, recording: &Recording, segments: &[Vec<Dispatch>]) -> Self {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let buffers: Vec<_> = recording.buffers.iter().map(|(label, bytes)| gpu.buffer(label, *bytes, usage)).collect();
        let uniform = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;

        let mut table_bytes = vec![0; recording.tables.len() * TABLE];
        for (table, to) in recording.tables.iter().zip(table_bytes.chunks_mut(TABLE)) {
            let from: &[u8] = bytemuck::cast_slice(table);
            to[..from.len()].copy_from_slice(from);
        }
        let tables = gpu.buffer("tables", table_bytes.len() as u64, uniform);
        gpu.queue.write_buffer(&tables, 0, &table_bytes);

        let dispatches = || segments.iter().flatten();
        let mut params_bytes = Vec::new();
        for dispatch in dispatches() {
            params_bytes.extend_from_slice(&dispatch.params);
            params_bytes.resize(params_bytes.len().next_multiple_of(ALIGN), 0);
        }
        let params = gpu.buffer("params", params_bytes.len() as u64, uniform);
        gpu.queue.write_buffer(&params, 0, &params_bytes);

        let mut offset = 0;
        let segments = segments
            .iter()
            .map(|dispatches| {
                let segment = Segment { offset, waiting: dispatches.clone(), ready: OnceLock::new() };
                offset += dispatches.iter().map(|d| d.params.len().next_multiple_of(ALIGN)).sum::<usize>();
                segment
            })
            .collect();
        let bytes = buffers.iter().map(wgpu::Buffer::size).sum::<u64>() + tables.size() + params.size();
        Self { buffers, segments, params, tables, bytes }
    }

    /// Compiles the kernels of `segment`, if they are not compiled yet.
    pub(crate) fn prepare(&self, gpu: &Gpu, segment: usize) {
        let Segment { offset, waiting, ready } = &self.segments[segment];
        ready.get_or_init(|| {
            let mut offset = *offset;
            let launch = |dispatch: &Dispatch| {
                let table = dispatch.table.0 * TABLE;
                let launch = launch(gpu, dispatch, &self.buffers, &self.params, offset, &self.tables, table);
                offset += dispatch.params.len().next_multiple_of(ALIGN);
                launch
            };
            waiting.iter().map(launch).collect()
        });
    }

    fn launches_of(&self, segment: usize) -> &[Launch] {
        let launches = self.segments[segment].ready.get();
        debug_assert!(launches.is_some(), "a segment is encoded that has not been prepared");
        launches.map_or(&[], Vec::as_slice)
    }

    /// Encodes all dispatches of `segment` into `pass`.
    pub fn encode(&self, pass: &mut wgpu::ComputePass<'_>, segment: usize) {
        self.launches_of(segment).iter().for_each(|launch| launch.encode(pass));
    }

    /// Encodes dispatch `launch` of `segment` alone.
    pub(crate) fn encode_one(&self, pass: &mut wgpu::ComputePass<'_>, segment: usize, launch: usize) {
        self.launches_of(segment)[launch].encode(pass);
    }

    /// Dispatches of `segment`.
    pub(crate) fn launches(&self, segment: usize) -> usize {
        self.segments[segment].waiting.len()
    }

    /// Submits what `encoder` holds and waits until the device has done it.
    pub(crate) async fn end_of(&self, gpu: &Gpu, mut encoder: wgpu::CommandEncoder) -> Result<()> {
        let Some(buffer) = self.buffers.first() else { return Ok(()) };
        let mut readback = Readback::new(gpu, 4);
        readback.copy(&mut encoder, buffer, 0, 0, 4);
        gpu.queue.submit([encoder.finish()]);
        readback.map(4);
        readback.wait(gpu).await.map(drop)
    }

    /// Runs `segment` once.
    pub fn run(&self, gpu: &Gpu, segment: usize) {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        self.encode(&mut encoder.begin_compute_pass(&Default::default()), segment);
        gpu.queue.submit([encoder.finish()]);
    }

    /// Writes `data` to the start of a buffer.
    pub fn write(&self, gpu: &Gpu, id: BufferId, data: &[u8]) {
        gpu.queue.write_buffer(self.buffer(id), 0, data);
    }

    /// Reads `bytes` bytes from the start of a buffer.
    ///
    /// # Errors
    /// [`Error::Run`] where the device is lost.
    pub async fn read(&self, gpu: &Gpu, id: BufferId, bytes: u64) -> Result<Vec<u8>> {
        gpu.read(self.buffer(id), 0, bytes).await
    }

    /// The buffer that the recording called `id`.
    pub fn buffer(&self, id: BufferId) -> &wgpu::Buffer {
        &self.buffers[id.0]
    }

    /// Bytes on the device, uniforms included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

fn launch(
    gpu: &Gpu,
    dispatch: &Dispatch,
    buffers: &[wgpu::Buffer],
    params: &wgpu::Buffer,
    params_offset: usize,
    tables: &wgpu::Buffer,
    table_offset: usize,
) -> Launch {
    debug_assert_eq!(dispatch.buffers.len() + 2, dispatch.kernel.bindings.len(), "{}", dispatch.kernel.name);
    let pipeline = gpu.pipeline(dispatch.kernel, &dispatch.overrides);
    let slice = |buffer, offset: usize, bytes: usize| {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer,
            offset: offset as u64,
            size: std::num::NonZeroU64::new(bytes as u64),
        })
    };
    let uniforms = [slice(params, params_offset, dispatch.params.len()), slice(tables, table_offset, TABLE)];
    let storage = dispatch.buffers.iter().map(|id| buffers[id.0].as_entire_binding());
    let entries: Vec<_> = uniforms
        .into_iter()
        .chain(storage)
        .zip(0..)
        .map(|(resource, binding)| wgpu::BindGroupEntry { binding, resource })
        .collect();
    let bind_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some(dispatch.kernel.name),
        layout: &pipeline.layout,
        entries: &entries,
    });
    Launch { pipeline, bind_group, groups: dispatch.groups }
}
