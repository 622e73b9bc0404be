//! Every dispatch of a training step by itself.

use super::{Peaks, StepBench, seconds};
use crate::Result;
use crate::gpu::{Dispatch, Gpu, Program, Recording};
use crate::model::Model;
use crate::train::Trainer;
use lowland_shaders::params::Geometry;

/// The time of one kernel at one size.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelTime {
    /// The kernel.
    pub kernel: &'static str,
    /// Its sizes, in words.
    pub size: String,
    /// Median seconds of a dispatch.
    pub seconds: f64,
    /// Operations a second of the convolutions (a dense layer is one), padding left out; 0 elsewhere.
    pub flops: f64,
    /// Bytes a second of the kernels that stream through their buffers, each counted once; 0 elsewhere.
    pub bytes_per_second: f64,
    /// The share of the peak that bounds it: of operations for convolutions, of bandwidth at that size for streams; 0 for
    /// kernels that are neither.
    pub peak_fraction: f64,
}

/// Times each dispatch of one step of `bench`, run over and over by itself.
///
/// # Errors
/// As for [`StepBench::run`].
pub async fn time_kernels(gpu: &Gpu, model: &Model, bench: &StepBench, peaks: &Peaks) -> Result<Vec<KernelTime>> {
    let data = super::dataset(model, bench.batch)?;
    let plan = Trainer::plan(model, &data, &bench.setup(1), gpu.family(), gpu.max_binding())?;
    let dispatches: Vec<Dispatch> = plan.step_dispatches();
    let segments: Vec<Vec<Dispatch>> = dispatches.iter().map(|dispatch| vec![dispatch.clone()]).collect();
    let program = Program::new(gpu, &plan.recording, &segments).await?;
    plan.data_buffers.upload(gpu, &program, &plan.data, &data);
    let mut times: Vec<KernelTime> = Vec::new();
    for (segment, dispatch) in dispatches.iter().enumerate() {
        let size = size(dispatch, &plan.recording);
        if times.iter().any(|known| known.kernel == dispatch.kernel.name && known.size == size) {
            continue;
        }
        let seconds = seconds(gpu, &program, segment, 5).await?;
        let flops = operations(dispatch) / seconds;
        let bytes = streamed(dispatch, &plan.recording) as f64;
        let bytes_per_second = bytes / seconds;
        let peak_fraction = if flops > 0.0 { flops / peaks.flops } else { bytes_per_second / peaks.bandwidth(bytes) };
        times.push(KernelTime { kernel: dispatch.kernel.name, size, seconds, flops, bytes_per_second, peak_fraction });
    }
    Ok(times)
}

fn geometry(dispatch: &Dispatch) -> Option<Geometry> {
    let convolves = dispatch.kernel.name.starts_with("conv_");
    convolves.then(|| bytemuck::try_pod_read_unaligned(&dispatch.params).ok()).flatten()
}

fn size(dispatch: &Dispatch, recording: &Recording) -> String {
    let rows = dispatch.groups[2];
    let lanes = if rows > 1 { format!(", {rows} rows") } else { String::new() };
    match geometry(dispatch) {
        Some(g) => format!(
            "{}x{}x{} {}->{} {}x{}{lanes}",
            g.batch,
            g.out_height,
            g.out_width,
            4 * g.in_channels4,
            4 * g.out_channels4,
            g.kernel_height,
            g.kernel_width
        ),
        None => match streamed(dispatch, recording) {
            0 => format!("{} workgroups{lanes}", dispatch.groups[0] * dispatch.groups[1]),
            bytes => format!("{} KiB{lanes}", bytes.div_ceil(1024)),
        },
    }
}

/// Multiplies and adds of a convolution or its gradients, over its padded channels.
fn operations(dispatch: &Dispatch) -> f64 {
    geometry(dispatch).map_or(0.0, |g| {
        let pixels = f64::from(g.batch) * f64::from(g.out_height) * f64::from(g.out_width);
        let taps = f64::from(g.kernel_height) * f64::from(g.kernel_width);
        2.0 * pixels
            * taps
            * 16.0
            * f64::from(g.in_channels4)
            * f64::from(g.out_channels4)
            * f64::from(dispatch.groups[2])
    })
}

/// Kernels that read or write every value of their large buffers once or twice.
const STREAMS: [&str; 16] = [
    "accumulate",
    "adam",
    "ascend",
    "ascend_p",
    "ascent_extremes",
    "ascent_powers",
    "batch_norm_apply",
    "batch_norm_grad_apply",
    "batch_norm_grad_stats",
    "batch_norm_stats",
    "clip",
    "max_pool_backward",
    "max_pool_backward_apart",
    "max_pool_forward",
    "norm_squares",
    "sgd",
];

/// Bytes that a stream goes through: the buffers that it binds, without tables of settings.
fn streamed(dispatch: &Dispatch, recording: &Recording) -> u64 {
    if !STREAMS.contains(&dispatch.kernel.name) {
        return 0;
    }
    let settings = ["schedule", "hyper-parameters", "clock", "unused", "squares of gradients"];
    let streams = dispatch.buffers.iter().filter(|id| !settings.contains(&recording.label(**id)));
    streams.map(|id| recording.size(*id)).sum()
}
