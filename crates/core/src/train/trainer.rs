//! Replays a plan in chunks: submits what fits a time budget, reads back what has arrived, never waits.

use super::event::{Event, Part, StepMetrics, Trouble};
use super::state::{LaneState, Snapshot};
use super::work::{InFlight, Job, Record, Tally, ring_ranges};
use crate::config::Order;
use crate::data::Dataset;
use crate::gpu::{BufferId, Family, Gpu, Program, Readback, Recording};
use crate::model::Model;
use crate::plan::{DeviceData, Lane, Plan, RECORD_BYTES, RING, Request, Segment, View};
use crate::{Error, Result};
use std::collections::VecDeque;
use web_time::{Duration, Instant};

/// What to train, and how often to look.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The lanes; all have the same batch and the same number of steps.
    pub lanes: Vec<Lane>,
    /// Examples per step.
    pub batch: usize,
    /// Order of the examples.
    pub order: Order,
    /// Label smoothing of the training loss.
    pub label_smoothing: f32,
    /// Steps in all.
    pub steps: u64,
    /// Steps between [`Event::Step`]s.
    pub log_every: u64,
    /// Steps between evaluations; there is always one at the end.
    pub eval_every: u64,
    /// Steps between [`Event::Checkpoint`]s; there is always one at the end.
    pub checkpoint_every: u64,
}

/// Trains the lanes of one [`Setup`].
#[derive(Debug)]
pub struct Trainer {
    setup: Setup,
    plan: Plan,
    program: Program,
    classes: usize,
    /// Steps submitted.
    submitted: u64,
    /// Work that comes before the next step.
    agenda: VecDeque<Job>,
    in_flight: VecDeque<InFlight>,
    idle: Vec<Readback>,
    idle_snapshot: Option<Readback>,
    tallies: Vec<Tally>,
    in_trouble: Vec<bool>,
    step_seconds: Option<f64>,
    batch_seconds: Option<f64>,
    last_arrival: Option<Instant>,
    finished: bool,
}

/// Chunks on their way at a time: one runs, one waits, one is read.
const IN_FLIGHT: usize = 3;
/// Most steps of a chunk: the chunks on their way have to fit the ring.
const MOST_STEPS: u64 = (RING / 4) as u64;

impl Trainer {
    /// Prepares everything on the device: the data set, the weights (drawn by each lane's seed, or those of `start`) and
    /// all buffers. `start.step` steps count as done.
    ///
    /// # Errors
    /// [`Error::Input`] for a setup that does not fit the data or the adapter, [`Error::Run`] where the device refuses.
    pub async fn new(gpu: &Gpu, model: &Model, data: &Dataset, setup: Setup, start: Option<&Snapshot>) -> Result<Self> {
        let plan = Self::plan(model, data, &setup, gpu.family(), gpu.max_binding())?;
        let program = Program::new(gpu, &plan.recording, &plan.dispatches()).await?;
        plan.data_buffers.upload(gpu, &program, &plan.data, data);
        let hyper: Vec<f32> =
            setup.lanes.iter().flat_map(|lane| lane.optimizer.hyper(setup.label_smoothing)).collect();
        program.write(gpu, plan.buffers.hyper, bytemuck::cast_slice(&hyper));
        let lanes = setup.lanes.len();
        let chunk = RECORD_BYTES as u64 * MOST_STEPS * lanes as u64;
        let idle = (0..IN_FLIGHT).map(|_| Readback::new(gpu, chunk)).collect();
        let state_bytes = 4 * lanes as u64 * state_floats(&plan) as u64;
        let mut trainer = Self {
            classes: model.classes(),
            submitted: start.map_or(0, |snapshot| snapshot.step),
            agenda: VecDeque::new(),
            in_flight: VecDeque::new(),
            idle,
            idle_snapshot: Some(Readback::new(gpu, state_bytes)),
            tallies: vec![Tally::default(); lanes],
            in_trouble: vec![false; lanes],
            step_seconds: None,
            batch_seconds: None,
            last_arrival: None,
            finished: false,
            setup,
            plan,
            program,
        };
        trainer.set_state(gpu, model, start)?;
        if start.is_none_or(|snapshot| snapshot.step == 0) {
            trainer.schedule_evaluation(0, trainer.setup.steps == 0);
            if trainer.setup.steps == 0 {
                trainer.agenda.push_back(Job::Snapshot { step: 0 });
            }
        }
        gpu.check()?;
        Ok(trainer)
    }

    fn plan(model: &Model, data: &Dataset, setup: &Setup, family: Family, max_binding: u64) -> Result<Plan> {
        if setup.batch == 0 || setup.batch > data.train.len() {
            let most = data.train.len();
            return Err(Error::input(format!(
                "batch {} does not fit the training set of {most} examples; take 1 to {most}.",
                setup.batch
            )));
        }
        let plan = Plan::new(Request {
            model,
            data: DeviceData::new(data, max_binding),
            lanes: &setup.lanes,
            batch: setup.batch,
            order: setup.order,
            family,
            trains: true,
        })?;
        plan.fits(max_binding)?;
        Ok(plan)
    }

    /// Cuts `setup` into setups whose lanes fit into WebGPU's baseline binding and 2 GiB together. It follows from sizes
    /// alone, so a run has the same parts on every device.
    pub fn split(model: &Model, data: &Dataset, setup: Setup) -> Vec<Setup> {
        const BINDING: u64 = 128 << 20;
        const TOTAL: u64 = 2 << 30;
        let fits = |lanes: usize| {
            let some = Setup { lanes: setup.lanes[..lanes].to_vec(), ..setup.clone() };
            Self::plan(model, data, &some, Family::Register, BINDING).is_ok_and(|plan| plan.recording.bytes() <= TOTAL)
        };
        let (mut most, mut too_many) = (1, setup.lanes.len().min(Recording::TABLE_ROWS) + 1);
        while too_many - most > 1 {
            let middle = usize::midpoint(most, too_many);
            if fits(middle) { most = middle } else { too_many = middle }
        }
        setup.lanes.chunks(most).map(|lanes| Setup { lanes: lanes.to_vec(), ..setup.clone() }).collect()
    }

    /// Bytes on the device, constant over the run.
    pub fn gpu_bytes(&self) -> u64 {
        let idle = self.idle.iter().chain(&self.idle_snapshot);
        self.program.bytes() + idle.chain(self.in_flight.iter().map(|w| &w.readback)).map(Readback::bytes).sum::<u64>()
    }

    /// Whether all work has come back.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// The setup it was made from.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Steps a second by the last chunks, once some have come back.
    pub fn steps_per_second(&self) -> Option<f64> {
        self.step_seconds.map(|s| 1.0 / s)
    }

    /// Does what can be done without waiting: submits chunks of about `budget` each, and returns what has arrived.
    ///
    /// # Errors
    /// [`Error::Run`] where the device is lost.
    pub fn tick(&mut self, gpu: &Gpu, budget: Duration) -> Result<Vec<Event>> {
        gpu.poll();
        gpu.check()?;
        let mut events = Vec::new();
        while let Some(work) = self.in_flight.front() {
            let Some(bytes) = work.readback.take()? else { break };
            if let Some(work) = self.in_flight.pop_front() {
                self.arrived(work, &bytes, &mut events);
            }
        }
        while self.in_flight.len() < IN_FLIGHT && self.submit_next(gpu, budget) {}
        if !self.finished && self.in_flight.is_empty() {
            self.finished = true;
            events.push(Event::Finished);
        }
        Ok(events)
    }

    /// Submits no further step: what was submitted, and the evaluations that are due there, are still told, then the
    /// trainer is finished.
    pub fn stop(&mut self) {
        self.setup.steps = self.submitted;
    }

    /// Asks for an [`Event::Checkpoint`] at the next step boundary.
    pub fn checkpoint_soon(&mut self) {
        self.agenda.push_back(Job::Snapshot { step: self.submitted });
    }

    /// The state after the steps submitted so far.
    ///
    /// # Errors
    /// [`Error::Run`] where the device is lost.
    pub async fn snapshot(&self, gpu: &Gpu) -> Result<Snapshot> {
        let mut readback = Readback::new(gpu, 4 * (self.setup.lanes.len() * state_floats(&self.plan)) as u64);
        let bytes = self.submit_snapshot(gpu, &mut readback);
        let bytes = readback.wait(gpu).await.map(|b| b[..bytes as usize].to_vec())?;
        Ok(self.parse_snapshot(self.submitted, &bytes))
    }

    fn set_state(&mut self, gpu: &Gpu, model: &Model, start: Option<&Snapshot>) -> Result<()> {
        let lanes = self.setup.lanes.len();
        let clock = [self.submitted as u32; 2];
        self.program.write(gpu, self.plan.buffers.clock, bytemuck::cast_slice(&clock));
        let Some(start) = start else {
            if let Some(init) = self.plan.index(Segment::Init) {
                self.program.run(gpu, init);
            }
            let mut running = vec![0.0; model.running_floats()];
            for tensor in model.running() {
                let crate::model::Init::Constant(value) = tensor.init else { continue };
                tensor.pack(&vec![value; tensor.kind.len()], &mut running);
            }
            self.program.write(gpu, self.plan.buffers.running, bytemuck::cast_slice(&running.repeat(lanes)));
            return Ok(());
        };
        if start.lanes.len() != lanes {
            let there = start.lanes.len();
            return Err(Error::input(format!("the state to start from has {there} lanes, the run has {lanes}.")));
        }
        let write = |buffer: BufferId, part: &dyn Fn(&LaneState) -> Option<&Vec<f32>>| {
            let size = self.program.buffer(buffer).size() / lanes as u64;
            for (lane, state) in start.lanes.iter().enumerate() {
                if let Some(values) = part(state) {
                    let offset = lane as u64 * size;
                    gpu.queue.write_buffer(self.program.buffer(buffer), offset, bytemuck::cast_slice(values));
                }
            }
        };
        write(self.plan.buffers.weights, &|state| Some(&state.weights));
        if !model.running().is_empty() {
            write(self.plan.buffers.running, &|state| Some(&state.running));
        }
        for (i, buffer) in self.plan.buffers.moments.iter().enumerate() {
            write(*buffer, &|state| state.moments.get(i));
        }
        Ok(())
    }

    /// Submits the next piece of work; false where there is none or nothing to read it back with.
    fn submit_next(&mut self, gpu: &Gpu, budget: Duration) -> bool {
        let job = match self.agenda.front().copied() {
            Some(job) => job,
            None if self.submitted < self.setup.steps => {
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
            self.in_flight.push_back(InFlight { job, readback, submitted: Instant::now() });
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

    /// Steps until the next evaluation, checkpoint or end.
    fn steps_to_boundary(&self) -> u64 {
        let to = |every: u64| every - self.submitted % every;
        let Setup { steps, eval_every, checkpoint_every, .. } = self.setup;
        to(eval_every.max(1)).min(to(checkpoint_every.max(1))).min(steps - self.submitted)
    }

    fn submit_steps(&mut self, gpu: &Gpu, mut readback: Readback, first: u64, count: u64) {
        self.write_schedule(gpu, first, count);
        let (logged, quiet) = (self.step_segments(true), self.step_segments(false));
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for step in first..first + count {
            let segments = if step.is_multiple_of(self.setup.log_every.max(1)) { &logged } else { &quiet };
            for segment in segments {
                self.program.encode(&mut pass, *segment);
            }
        }
        drop(pass);
        let bytes = self.copy_ring(&mut encoder, &readback, self.plan.buffers.ring, first, count);
        gpu.queue.submit([encoder.finish()]);
        readback.map(bytes);
        self.in_flight.push_back(InFlight { job: Job::Steps { first, count }, readback, submitted: Instant::now() });
        self.submitted = first + count;
        let (done, setup) = (self.submitted, &self.setup);
        let (end, checkpoint) = (done == setup.steps, done.is_multiple_of(setup.checkpoint_every.max(1)));
        if end || done.is_multiple_of(setup.eval_every.max(1)) {
            self.schedule_evaluation(done, end);
        }
        if end || checkpoint {
            self.agenda.push_back(Job::Snapshot { step: done });
        }
    }

    fn step_segments(&self, logged: bool) -> Vec<usize> {
        let norm = if logged { Segment::NormOfAll } else { Segment::NormOfAscents };
        use Segment::{Ascend, Gather, Log, Pass1, Pass2, Update};
        let step = [Gather, Pass1, norm, Ascend, Pass2, Update, Log];
        step.into_iter().filter_map(|segment| self.plan.index(segment)).collect()
    }

    fn write_schedule(&self, gpu: &Gpu, first: u64, count: u64) {
        let lanes = self.setup.lanes.len() as u64;
        let buffer = self.program.buffer(self.plan.buffers.scheduled);
        let mut step = first;
        for (offset, bytes) in ring_ranges(first, count, 16 * lanes) {
            let steps = step..step + bytes / (16 * lanes);
            step = steps.end;
            let entries: Vec<[f32; 4]> = steps
                .flat_map(|step| self.setup.lanes.iter().map(move |lane| lane.optimizer.scheduled(step)))
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

    fn schedule_evaluation(&mut self, step: u64, whole: bool) {
        for view in self.plan.data.views() {
            if view == (if whole { View::TrainHead } else { View::Train }) {
                continue;
            }
            let count = (self.plan.data.range(view).1.div_ceil(self.setup.batch)) as u64;
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
            self.program.write(gpu, self.plan.buffers.eval_clock, &[0; 8]);
        }
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let segments = [Segment::EvalGather(view), Segment::EvalForward, Segment::EvalLog];
        let segments = segments.map(|segment| self.plan.index(segment));
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for _ in 0..count {
            for segment in segments.iter().flatten() {
                self.program.encode(&mut pass, *segment);
            }
        }
        drop(pass);
        let bytes = self.copy_ring(&mut encoder, &readback, self.plan.buffers.eval_ring, first, count);
        gpu.queue.submit([encoder.finish()]);
        readback.map(bytes);
        let job = Job::Evaluate { view, step, first, count, last };
        self.in_flight.push_back(InFlight { job, readback, submitted: Instant::now() });
    }

    fn submit_snapshot(&self, gpu: &Gpu, readback: &mut Readback) -> u64 {
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

    fn parse_snapshot(&self, step: u64, bytes: &[u8]) -> Snapshot {
        let floats: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let lanes = self.setup.lanes.len();
        let (p, r) = (self.plan.sizes.parameters, self.plan.sizes.running);
        let part = |begin: usize, size: usize, lane: usize| floats[begin + lane * size..begin + (lane + 1) * size].to_vec();
        let state = |lane: usize| LaneState {
            weights: part(0, p, lane),
            running: part(lanes * p, r, lane),
            moments: (0..self.setup.lanes[lane].optimizer.moments())
                .map(|i| part(lanes * (p + r + i * p), p, lane))
                .collect(),
        };
        Snapshot { step, lanes: (0..lanes).map(state).collect() }
    }

    /// Turns what a submission brought back into events.
    fn arrived(&mut self, work: InFlight, bytes: &[u8], events: &mut Vec<Event>) {
        let now = Instant::now();
        let busy = now - self.last_arrival.map_or(work.submitted, |last| last.max(work.submitted));
        self.last_arrival = Some(now);
        let smooth = |old: &mut Option<f64>, count: u64| {
            let new = busy.as_secs_f64() / count as f64;
            *old = Some(old.map_or(new, |old| 0.5 * (old + new)));
        };
        let lanes = self.setup.lanes.len();
        match work.job {
            Job::Snapshot { step } => {
                events.push(Event::Checkpoint(Box::new(self.parse_snapshot(step, bytes))));
                self.idle_snapshot = Some(work.readback);
                return;
            }
            Job::Steps { first, count } => {
                smooth(&mut self.step_seconds, count);
                let records: Vec<Record> = bytes.chunks_exact(RECORD_BYTES).map(bytemuck::pod_read_unaligned).collect();
                for (i, record) in records.iter().enumerate() {
                    let (step, lane) = (first + (i / lanes) as u64, i % lanes);
                    if step.is_multiple_of(self.setup.log_every.max(1)) {
                        self.logged(step, lane, record, events);
                    }
                }
            }
            Job::Evaluate { view, step, count, last, .. } => {
                smooth(&mut self.batch_seconds, count);
                let records = bytes.chunks_exact(RECORD_BYTES).map(bytemuck::pod_read_unaligned::<Record>);
                for (i, record) in records.enumerate() {
                    self.tallies[i % lanes].add(&record);
                }
                if last {
                    for lane in 0..lanes {
                        let evaluations = std::mem::take(&mut self.tallies[lane]).evaluations(lane, step, view);
                        self.look_for_collapse(&evaluations, events);
                        events.extend(evaluations.into_iter().map(Event::Evaluation));
                    }
                }
            }
        }
        self.idle.push(work.readback);
    }

    fn logged(&mut self, step: u64, lane: usize, record: &Record, events: &mut Vec<Event>) {
        let [loss, correct, _, count] = record.sums();
        let metrics = StepMetrics {
            lane,
            step,
            loss: loss / count,
            sam_loss: self.plan.climbs[lane].then_some(record.ascent_loss / count),
            accuracy: correct / count,
            grad_norm: record.grad_norm,
            lr: self.setup.lanes[lane].optimizer.schedule.lr(step),
            rho: self.setup.lanes[lane].optimizer.rho,
        };
        events.push(Event::Step(metrics));
        if !(metrics.loss.is_finite() && metrics.grad_norm.is_finite()) {
            self.trouble(lane, step, Trouble::Diverged, events);
        }
    }

    fn look_for_collapse(&mut self, evaluations: &[super::Evaluation], events: &mut Vec<Event>) {
        for e in evaluations.iter().filter(|e| e.part == Part::Test && e.step > 0) {
            let uniform = (self.classes as f32).ln();
            if (e.loss - uniform).abs() < 2e-3 * uniform && e.accuracy < 1.5 / self.classes as f32 {
                self.trouble(e.lane, e.step, Trouble::Collapsed, events);
            }
        }
    }

    fn trouble(&mut self, lane: usize, step: u64, trouble: Trouble, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.in_trouble[lane], true) {
            events.push(Event::Trouble { lane, step, trouble });
        }
    }
}

/// The buffers of the state, each with the floats of a lane.
struct Buffers {
    weights: (BufferId, usize),
    running: (BufferId, usize),
    moments: Vec<(BufferId, usize)>,
}

/// Floats of a lane's state.
fn state_floats(plan: &Plan) -> usize {
    plan.sizes.parameters * (1 + plan.buffers.moments.len()) + plan.sizes.running
}
