//! What a trainer submits: steps, evaluations and snapshots, each a command buffer with a readback behind it.

use super::profile::Stopwatch;
use super::state::{LaneState, Snapshot};
use super::trainer::{MOST_STEPS, Setup, Trainer};
use super::work::{InFlight, Job, ring_ranges};
use crate::gpu::{BufferId, Gpu, Readback};
use crate::plan::{CLOCK_BYTES, Plan, RECORD_BYTES, Segment, View};
use std::sync::Arc;
use web_time::{Duration, Instant};

impl Trainer {
    /// Submits the next piece of work; false where there is none or nothing to read it back with.
    pub(super) fn submit_next(&mut self, gpu: &Gpu, budget: Duration) -> bool {
        let job = match self.agenda.front().copied() {
            Some(job) => job,
            None if self.submitted < self.setup.steps.min(self.allowed) && !self.stopped => {
                let fitting = budget.as_secs_f64() / self.step_seconds.unwrap_or(f64::INFINITY);
                let count = (fitting as u64).clamp(1, MOST_STEPS).min(self.steps_to_boundary());
                Job::Steps { first: self.submitted, count }
            }
            None => return false,
        };
        if let Job::Snapshot { .. } = job {
            let Some(mut readback) = self.idle_snapshot.take() else { return false };
            self.submit_snapshot(gpu, &mut readback);
            self.agenda.pop_front();
            self.sent(job, readback);
            return true;
        }
        let Some(readback) = self.idle.pop() else { return false };
        match job {
            Job::Steps { first, count } => self.submit_steps(gpu, readback, first, count),
            Job::Evaluate { view, step, first, count, .. } => {
                let fitting = budget.as_secs_f64() / self.batch_seconds.unwrap_or(f64::INFINITY);
                let part = (fitting as u64).clamp(1, MOST_STEPS).min(count);
                self.agenda.pop_front();
                if part < count {
                    let rest = Job::Evaluate { view, step, first: first + part, count: count - part, last: true };
                    self.agenda.push_front(rest);
                }
                self.submit_evaluation(gpu, readback, view, step, first, part, part == count);
            }
            Job::Snapshot { .. } => return false,
        }
        true
    }

    /// Steps until the next evaluation, checkpoint or end, or as many as are allowed.
    fn steps_to_boundary(&self) -> u64 {
        let to = |every: u64| every - self.submitted % every;
        let Setup { steps, eval_every, checkpoint_every, keep_every, .. } = self.setup;
        let own = [eval_every, checkpoint_every, keep_every.unwrap_or(checkpoint_every)];
        own.into_iter().map(|every| to(every.max(1))).fold(steps.min(self.allowed) - self.submitted, u64::min)
    }

    pub(super) fn submit_steps(&mut self, gpu: &Gpu, mut readback: Readback, first: u64, count: u64) {
        self.write_schedule(gpu, first, count);
        let (logged, quiet) = (self.plan.step_segments(true), self.plan.step_segments(false));
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        // A step that is logged has dispatches besides.
        let profiled = !first.is_multiple_of(self.setup.log_every.max(1)) && self.encode_profiled(&mut encoder);
        let timestamp_writes = self.stopwatch.as_ref().map(Stopwatch::writes);
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
        for step in first + u64::from(profiled)..first + count {
            let segments = if step.is_multiple_of(self.setup.log_every.max(1)) { &logged } else { &quiet };
            for segment in segments {
                self.program.encode(&mut pass, *segment);
            }
        }
        drop(pass);
        let bytes = self.copy_ring(&mut encoder, &readback, self.plan.buffers.ring, first, count);
        let bytes = self.copy_time(&mut encoder, &readback, bytes);
        gpu.queue.submit([encoder.finish()]);
        readback.map(bytes);
        if profiled {
            self.profile_sent();
        }
        self.sent(Job::Steps { first, count }, readback);
        self.submitted = first + count;
        let (done, setup) = (self.submitted, &self.setup);
        let (end, checkpoint) =
            (done == setup.steps, done.is_multiple_of(setup.checkpoint_every.max(1)) || setup.keeps(done));
        if end || done.is_multiple_of(setup.eval_every.max(1)) {
            self.schedule_evaluation(done, end);
        }
        if end || checkpoint {
            self.agenda.push_back(Job::Snapshot { step: done });
        }
    }

    fn write_schedule(&self, gpu: &Gpu, first: u64, count: u64) {
        let lanes = self.setup.lanes.len() as u64;
        let buffer = self.program.buffer(self.plan.buffers.scheduled);
        let mut step = first;
        for (offset, bytes) in ring_ranges(first, count, 16 * lanes) {
            let steps = step..step + bytes / (16 * lanes);
            step = steps.end;
            let entries: Vec<[f32; 4]> = steps
                .flat_map(|step| {
                    let lanes = self.optimizers.iter().zip(&self.moments_since);
                    lanes.map(move |(optimizer, since)| optimizer.scheduled(step, *since))
                })
                .collect();
            gpu.queue.write_buffer(buffer, offset, bytemuck::cast_slice(&entries));
        }
    }

    fn copy_ring(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        readback: &Readback,
        ring: BufferId,
        first: u64,
        count: u64,
    ) -> u64 {
        let slot = (RECORD_BYTES * self.setup.lanes.len()) as u64;
        let mut to = 0;
        for (offset, bytes) in ring_ranges(first, count, slot) {
            readback.copy(encoder, self.program.buffer(ring), offset, to, bytes);
            to += bytes;
        }
        to
    }

    /// Copies the time of the pass behind `bytes` bytes of metrics; how many there are then.
    fn copy_time(&self, encoder: &mut wgpu::CommandEncoder, readback: &Readback, bytes: u64) -> u64 {
        let Some(stopwatch) = &self.stopwatch else { return bytes };
        stopwatch.copy(encoder, readback, bytes);
        bytes + Stopwatch::BYTES
    }

    pub(super) fn schedule_evaluation(&mut self, step: u64, whole: bool) {
        for view in self.plan.data.views() {
            if view == (if whole { View::TrainHead } else { View::Train }) {
                continue;
            }
            let count = (self.plan.data.range(view).1.div_ceil(self.plan.eval_batch)) as u64;
            self.agenda.push_back(Job::Evaluate { view, step, first: 0, count, last: true });
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the fields of one job")]
    fn submit_evaluation(
        &mut self,
        gpu: &Gpu,
        mut readback: Readback,
        view: View,
        step: u64,
        first: u64,
        count: u64,
        last: bool,
    ) {
        if first == 0 {
            self.program.write(gpu, self.plan.buffers.eval_clock, &[0; CLOCK_BYTES]);
        }
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let segments = [Segment::EvalGather(view), Segment::EvalForward, Segment::EvalLog];
        let segments = segments.map(|segment| self.plan.index(segment));
        let timestamp_writes = self.stopwatch.as_ref().map(Stopwatch::writes);
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
        for _ in 0..count {
            for segment in segments.iter().flatten() {
                self.program.encode(&mut pass, *segment);
            }
        }
        drop(pass);
        let bytes = self.copy_ring(&mut encoder, &readback, self.plan.buffers.eval_ring, first, count);
        let bytes = self.copy_time(&mut encoder, &readback, bytes);
        gpu.queue.submit([encoder.finish()]);
        readback.map(bytes);
        self.sent(Job::Evaluate { view, step, first, count, last }, readback);
    }

    fn sent(&mut self, job: Job, readback: Readback) {
        let optimizers = Arc::clone(&self.optimizers);
        self.in_flight.push_back(InFlight { job, readback, submitted: Instant::now(), optimizers });
    }

    pub(super) fn submit_snapshot(&self, gpu: &Gpu, readback: &mut Readback) -> u64 {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let mut to = 0;
        let Buffers { weights, running, moments } = self.state_buffers();
        for (buffer, floats) in [weights, running].into_iter().chain(moments) {
            let bytes = 4 * (floats * self.setup.lanes.len()) as u64;
            if bytes > 0 {
                readback.copy(&mut encoder, self.program.buffer(buffer), 0, to, bytes);
                to += bytes;
            }
        }
        gpu.queue.submit([encoder.finish()]);
        readback.map(to);
        to
    }

    fn state_buffers(&self) -> Buffers {
        let (sizes, buffers) = (&self.plan.sizes, &self.plan.buffers);
        Buffers {
            weights: (buffers.weights, sizes.parameters),
            running: (buffers.running, sizes.running),
            moments: buffers.moments.iter().map(|buffer| (*buffer, sizes.parameters)).collect(),
        }
    }

    pub(super) fn parse_snapshot(&self, step: u64, bytes: &[u8]) -> Snapshot {
        let floats: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let lanes = self.setup.lanes.len();
        let (p, r) = (self.plan.sizes.parameters, self.plan.sizes.running);
        let part =
            |begin: usize, size: usize, lane: usize| floats[begin + lane * size..begin + (lane + 1) * size].to_vec();
        let state = |lane: usize| LaneState {
            weights: part(0, p, lane),
            running: part(lanes * p, r, lane),
            moments: (0..self.setup.lanes[lane].optimizer.moments())
                .map(|i| part(lanes * (p + r + i * p), p, lane))
                .collect(),
        };
        Snapshot { step, lanes: (0..lanes).map(state).collect() }
    }
}

/// The buffers of the state, each with the floats of a lane.
struct Buffers {
    weights: (BufferId, usize),
    running: (BufferId, usize),
    moments: Vec<(BufferId, usize)>,
}

/// Floats of a lane's state.
pub(super) fn state_floats(plan: &Plan) -> usize {
    plan.sizes.parameters * (1 + plan.buffers.moments.len()) + plan.sizes.running
}
