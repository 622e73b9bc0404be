//! Where the time of a step goes, by the device's own clock: now and then one step of the training is encoded with a
//! timestamp before and after each of its dispatches.

use super::trainer::Trainer;
use crate::Result;
use crate::gpu::{Gpu, Readback};
use crate::plan::Segment;

/// The time of one dispatch of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// What it belongs to: `data`, `forward`, `backward`, `ascend` or `update`. SAM's two passes count together.
    pub part: &'static str,
    /// The kernel.
    pub kernel: &'static str,
    /// How long the device took.
    pub seconds: f64,
}

/// Times each chunk by the device's clock: between two frames the device draws, too, and what a frame sees of a chunk's
/// time is mostly that.
#[derive(Debug)]
pub(super) struct Stopwatch {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    tick_seconds: f64,
}

impl Stopwatch {
    /// Bytes that a chunk's timestamps take in its readback.
    pub(super) const BYTES: u64 = 16;

    /// A stopwatch, where the device has timestamps.
    pub(super) fn new(gpu: &Gpu) -> Option<Self> {
        gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY).then(|| Self {
            queries: gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("time of a chunk"),
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            }),
            resolved: gpu.buffer(
                "time of a chunk",
                Self::BYTES,
                wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            ),
            tick_seconds: f64::from(gpu.queue.get_timestamp_period()) * 1e-9,
        })
    }

    /// For the pass that is timed.
    pub(super) fn writes(&self) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        }
    }

    /// Copies the pass's timestamps behind what else is read back.
    pub(super) fn copy(&self, encoder: &mut wgpu::CommandEncoder, readback: &Readback, to: u64) {
        encoder.resolve_query_set(&self.queries, 0..2, &self.resolved, 0);
        readback.copy(encoder, &self.resolved, 0, to, Self::BYTES);
    }

    /// Seconds of the pass whose timestamps are the end of `bytes`; nothing for a clock that says nonsense.
    pub(super) fn seconds(&self, bytes: &[u8]) -> Option<f64> {
        let [begin, end] = bytemuck::pod_read_unaligned::<[u64; 2]>(bytes.last_chunk::<16>()?);
        let seconds = end.checked_sub(begin)? as f64 * self.tick_seconds;
        (seconds > 0.0 && seconds < 60.0).then_some(seconds)
    }
}

/// Timestamps of one step on their way.
#[derive(Debug)]
pub(super) struct Profiler {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    readback: Readback,
    /// Part and kernel of each dispatch of a step.
    dispatches: Vec<(&'static str, &'static str)>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Rests,
    Wanted,
    OnItsWay,
}

impl Trainer {
    /// Asks for the timings of one of the next steps; false where the device has no timestamps, or a step so many
    /// dispatches that no query set holds them. [`Trainer::take_profile`] gives them some ticks later.
    pub fn profile(&mut self, gpu: &Gpu) -> bool {
        if !gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return false;
        }
        if self.profiler.is_none() {
            let dispatches: Vec<_> = self.plan.parts_of_step().collect();
            let count = 2 * dispatches.len() as u32;
            if count > wgpu::QUERY_SET_MAX_QUERIES {
                return false;
            }
            let queries = gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timings of a step"),
                ty: wgpu::QueryType::Timestamp,
                count,
            });
            let bytes = u64::from(count) * 8;
            let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
            let resolved = gpu.buffer("timings", bytes, usage);
            let readback = Readback::new(gpu, bytes);
            self.profiler = Some(Profiler { queries, resolved, readback, dispatches, state: State::Rests });
        }
        if let Some(profiler) = self.profiler.as_mut().filter(|profiler| profiler.state == State::Rests) {
            profiler.state = State::Wanted;
        }
        true
    }

    /// The timings that were asked for, once they have arrived: of each dispatch of a step, in order.
    ///
    /// # Errors
    /// [`crate::Error::Run`] where the device is lost.
    pub fn take_profile(&mut self, gpu: &Gpu) -> Result<Option<Vec<Timing>>> {
        let Some(profiler) = self.profiler.as_mut().filter(|profiler| profiler.state == State::OnItsWay) else {
            return Ok(None);
        };
        let Some(bytes) = profiler.readback.take()? else { return Ok(None) };
        profiler.state = State::Rests;
        let ticks: Vec<u64> = bytes.chunks_exact(8).map(bytemuck::pod_read_unaligned).collect();
        let seconds = f64::from(gpu.queue.get_timestamp_period()) * 1e-9;
        let timing = |(&(part, kernel), pair): (&(&'static str, &'static str), &[u64])| Timing {
            part,
            kernel,
            // A clock that was reset in between tells nothing.
            seconds: pair[1].saturating_sub(pair[0]) as f64 * seconds,
        };
        Ok(Some(profiler.dispatches.iter().zip(ticks.chunks_exact(2)).map(timing).collect()))
    }

    /// Encodes a step with timestamps, if one is wanted; false, and nothing encoded, otherwise.
    pub(super) fn encode_profiled(&mut self, encoder: &mut wgpu::CommandEncoder) -> bool {
        let Some(profiler) = self.profiler.as_mut().filter(|profiler| profiler.state == State::Wanted) else {
            return false;
        };
        let mut query = 0;
        for segment in self.plan.step_segments(false) {
            for launch in 0..self.program.launches(segment) {
                let writes = wgpu::ComputePassTimestampWrites {
                    query_set: &profiler.queries,
                    beginning_of_pass_write_index: Some(query),
                    end_of_pass_write_index: Some(query + 1),
                };
                let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes: Some(writes) };
                self.program.encode_one(&mut encoder.begin_compute_pass(&descriptor), segment, launch);
                query += 2;
            }
        }
        encoder.resolve_query_set(&profiler.queries, 0..query, &profiler.resolved, 0);
        profiler.readback.copy(encoder, &profiler.resolved, 0, 0, u64::from(query) * 8);
        true
    }

    /// Follows the submission of what [`Trainer::encode_profiled`] encoded.
    pub(super) fn profile_sent(&mut self) {
        if let Some(profiler) = &mut self.profiler {
            profiler.readback.map(profiler.readback.bytes());
            profiler.state = State::OnItsWay;
        }
    }
}

impl crate::plan::Plan {
    /// Part and kernel of each dispatch of a step that is not logged.
    fn parts_of_step(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.step_segments(false).into_iter().flat_map(|index| {
            let (segment, dispatches) = self.segment(index);
            let mut backward = false;
            dispatches.iter().map(move |dispatch| {
                let name = dispatch.kernel.name;
                let part = match segment {
                    Segment::Pass1 | Segment::Pass2 if backward => "backward",
                    Segment::Pass1 | Segment::Pass2 => "forward",
                    // Mostly a backward pass and its derivative.
                    Segment::SecondOrder => "backward",
                    Segment::NormOfAscents | Segment::Ascend => "ascend",
                    Segment::Gather(_) | Segment::Log => "data",
                    _ => "update",
                };
                backward |= name == lowland_shaders::SOFTMAX_CROSS_ENTROPY.name;
                (part, name)
            })
        })
    }
}
