//! Replays a plan in chunks: submits what fits a time budget, reads back what has arrived, never waits.

use super::event::{Event, Trouble};
use super::profile::{Profiler, Stopwatch};
use super::state::{LaneState, Snapshot};
use super::submit::state_floats;
use super::work::{InFlight, Job, Tally};
use crate::config::{Augment, Order};
use crate::data::Dataset;
use crate::gpu::{BufferId, Family, Gpu, Program, Readback, Recording};
use crate::model::Model;
use crate::optim::Optimizer;
use crate::plan::{DeviceData, Lane, Plan, RECORD_BYTES, RING, Request, Segment};
use crate::{Error, Result};
use std::collections::VecDeque;
use std::sync::Arc;
use web_time::{Duration, Instant};

/// What to train, and how often to look.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The lanes; all have the same batch, groups and number of steps.
    pub lanes: Vec<Lane>,
    /// Examples per step.
    pub batch: usize,
    /// The m of m-sharpness: examples of a batch that climb, and are normalised, together. It divides the batch.
    pub m: usize,
    /// Order of the examples.
    pub order: Order,
    /// Label smoothing of the training loss.
    pub label_smoothing: f32,
    /// Augmentation of the training examples.
    pub augment: Augment,
    /// Steps in all.
    pub steps: u64,
    /// Steps between [`Event::Step`]s.
    pub log_every: u64,
    /// Steps between evaluations; there is always one at the end.
    pub eval_every: u64,
    /// Steps between [`Event::Checkpoint`]s; there is always one at the end.
    pub checkpoint_every: u64,
    /// Steps between checkpoints besides these, whose weights are kept.
    pub keep_every: Option<u64>,
}

impl Setup {
    /// Whether the weights after `step` steps are kept because of their step.
    pub(crate) fn keeps(&self, step: u64) -> bool {
        self.keep_every.is_some_and(|every| step.is_multiple_of(every.max(1)))
    }
}

/// Trains the lanes of one [`Setup`].
#[derive(Debug)]
pub struct Trainer {
    pub(super) setup: Setup,
    /// Those of the setup, for what is on its way: they may change before it arrives.
    pub(super) optimizers: Arc<[Optimizer]>,
    /// The step that each lane's moments were zero at.
    pub(super) moments_since: Vec<u64>,
    pub(super) plan: Plan,
    pub(super) program: Program,
    pub(super) classes: usize,
    /// Steps that were done before this trainer.
    pub(super) start: u64,
    /// Steps submitted.
    pub(super) submitted: u64,
    /// Work that comes before the next step.
    pub(super) agenda: VecDeque<Job>,
    pub(super) in_flight: VecDeque<InFlight>,
    pub(super) idle: Vec<Readback>,
    pub(super) idle_snapshot: Option<Readback>,
    pub(super) tallies: Vec<Tally>,
    /// What was told of each lane already.
    pub(super) told: Vec<Vec<Trouble>>,
    /// The step of a lane's last evaluation, where it looked collapsed: the start of a slow lane can, once.
    pub(super) suspects: Vec<Option<u64>>,
    pub(super) step_seconds: Option<f64>,
    pub(super) batch_seconds: Option<f64>,
    pub(super) last_arrival: Option<Instant>,
    /// The last step that may be submitted for now.
    pub(super) allowed: u64,
    pub(super) profiler: Option<Profiler>,
    pub(super) stopwatch: Option<Stopwatch>,
    /// Whether no further step is submitted.
    pub(super) stopped: bool,
    pub(super) finished: bool,
}

/// Chunks on their way at a time: one runs, one waits, one is read.
const IN_FLIGHT: usize = 3;
/// Most steps of a chunk: the chunks on their way have to fit the ring.
pub(super) const MOST_STEPS: u64 = (RING / 4) as u64;

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
        let seeds: Vec<u32> = setup.lanes.iter().map(|lane| lane.seed).collect();
        program.write(gpu, plan.buffers.seeds, bytemuck::cast_slice(&seeds));
        if let Some(layout) = plan.buffers.layout {
            program.write(gpu, layout, bytemuck::cast_slice(&model.layout()));
        }
        let lanes = setup.lanes.len();
        let chunk = RECORD_BYTES as u64 * MOST_STEPS * lanes as u64;
        let idle = (0..IN_FLIGHT).map(|_| Readback::new(gpu, chunk + Stopwatch::BYTES)).collect();
        let state_bytes = 4 * lanes as u64 * state_floats(&plan) as u64;
        let first = start.map_or(0, |snapshot| snapshot.step);
        let mut trainer = Self {
            classes: model.classes(),
            start: first,
            submitted: first,
            agenda: VecDeque::new(),
            in_flight: VecDeque::new(),
            idle,
            idle_snapshot: Some(Readback::new(gpu, state_bytes)),
            tallies: vec![Tally::default(); lanes],
            told: vec![Vec::new(); lanes],
            suspects: vec![None; lanes],
            step_seconds: None,
            batch_seconds: None,
            last_arrival: None,
            allowed: u64::MAX,
            profiler: None,
            stopwatch: Stopwatch::new(gpu),
            stopped: false,
            finished: false,
            optimizers: setup.lanes.iter().map(|lane| lane.optimizer.clone()).collect(),
            moments_since: vec![0; lanes],
            setup,
            plan,
            program,
        };
        trainer.set_state(gpu, model, start)?;
        trainer.write_hyper(gpu);
        if start.is_none_or(|snapshot| snapshot.step == 0) {
            trainer.schedule_evaluation(0, trainer.setup.steps == 0);
            if trainer.setup.steps == 0 {
                trainer.agenda.push_back(Job::Snapshot { step: 0 });
            }
        }
        gpu.check()?;
        Ok(trainer)
    }

    /// Does `count` steps and waits for them: for measurements. The mean loss of the last one over the lanes.
    ///
    /// # Errors
    /// [`Error::Run`] where the device is lost.
    pub async fn steps_now(&mut self, gpu: &Gpu, count: u64) -> Result<f32> {
        let mut loss = f32::NAN;
        let end = (self.submitted + count).min(self.setup.steps);
        while self.submitted < end {
            let Some(readback) = self.idle.pop() else { return Err(Error::run("the trainer is at work already.")) };
            let part = (end - self.submitted).min(MOST_STEPS);
            self.submit_steps(gpu, readback, self.submitted, part);
            let Some(work) = self.in_flight.pop_back() else { break };
            let bytes = work.readback.wait(gpu).await?;
            let mut events = Vec::new();
            self.arrived(work, &bytes, &mut events);
            let last = events.iter().filter_map(|event| match event {
                Event::Step(metrics) if metrics.step + 1 == self.submitted => Some(metrics.loss),
                _ => None,
            });
            let losses: Vec<f32> = last.collect();
            loss = losses.iter().sum::<f32>() / losses.len() as f32;
        }
        Ok(loss)
    }

    /// Dispatches of a step that is not logged.
    pub(crate) fn dispatches_per_step(&self) -> usize {
        self.plan.step_dispatches().len()
    }

    pub(crate) fn plan(model: &Model, data: &Dataset, setup: &Setup, family: Family, max_binding: u64) -> Result<Plan> {
        if setup.batch == 0 || setup.batch > data.train.len() {
            let most = data.train.len();
            return Err(Error::input(format!(
                "batch {} does not fit the training set of {most} examples; take 1 to {most}.",
                setup.batch
            )));
        }
        if setup.m == 0 || !setup.batch.is_multiple_of(setup.m) {
            let Setup { m, batch, .. } = setup;
            return Err(Error::input(format!("m is {m}, which does not divide the batch of {batch}; take a divisor.")));
        }
        let ascents = setup.lanes.iter().map(|lane| &lane.optimizer.ascent);
        if ascents.filter(|ascent| ascent.adds_second_order()).any(|ascent| !ascent.has_second_order()) {
            return Err(Error::input(
                "the second-order term is there for SAM with p = 2 and one ascent step; leave it or the others out.",
            ));
        }
        let plan = Plan::new(Request {
            model,
            data: DeviceData::new(data, max_binding),
            lanes: &setup.lanes,
            batch: setup.batch,
            group: setup.m,
            order: setup.order,
            augment: setup.augment,
            family,
            trains: true,
        })?;
        plan.fits(max_binding)?;
        Ok(plan)
    }

    /// Finds out whether `setup` can be trained on this device, without a buffer on it.
    ///
    /// # Errors
    /// [`Error::Input`] for what [`Trainer::new`] would refuse.
    pub fn check(gpu: &Gpu, model: &Model, data: &Dataset, setup: &Setup) -> Result<()> {
        Self::plan(model, data, setup, gpu.family(), gpu.max_binding()).map(drop)
    }

    /// Cuts `setup` into setups whose lanes fit into WebGPU's baseline binding and 2 GiB together, and whose dispatches
    /// stay short. It follows from sizes alone, so a run has the same parts on every device.
    pub fn split(model: &Model, data: &Dataset, setup: Setup) -> Vec<Setup> {
        const BINDING: u64 = 128 << 20;
        const TOTAL: u64 = 2 << 30;
        // Multiply-adds of a layer over all lanes: some 50 ms of a software adapter, far less than 10 ms of a GPU. Lanes
        // beyond that gain nothing from each other and would keep the device from answering.
        const DISPATCH: u64 = 1 << 30;
        let heaviest = model.heaviest_layer().saturating_mul(setup.batch as u64).max(1);
        let short = usize::try_from(DISPATCH / heaviest).unwrap_or(usize::MAX).max(1);
        let fits = |lanes: usize| {
            let some = Setup { lanes: setup.lanes[..lanes].to_vec(), ..setup.clone() };
            Self::plan(model, data, &some, Family::Register, BINDING).is_ok_and(|plan| plan.recording.bytes() <= TOTAL)
        };
        let (mut most, mut too_many) = (1, setup.lanes.len().min(Recording::TABLE_ROWS).min(short) + 1);
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

    /// Steps a second by the last chunks, once some have come back: as the device alone takes for them, where it has a clock.
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
        let busy = !self.in_flight.is_empty();
        while let Some(work) = self.in_flight.front() {
            let Some(bytes) = work.readback.take()? else { break };
            if let Some(work) = self.in_flight.pop_front() {
                self.arrived(work, &bytes, &mut events);
            }
        }
        if busy && self.in_flight.is_empty() {
            self.ran_dry();
        }
        while self.in_flight.len() < IN_FLIGHT && self.submit_next(gpu, budget) {}
        let ended = self.stopped || self.submitted == self.setup.steps;
        if !self.finished && ended && self.is_idle() {
            self.finished = true;
            events.push(Event::Finished);
        }
        Ok(events)
    }

    /// Submits no further step: what was submitted, and the evaluations that are due there, are still told, then the
    /// trainer is finished.
    pub fn stop(&mut self) {
        self.stopped = true;
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
        let clock = [self.submitted as u32, self.submitted as u32, 0];
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
        let fresh = |state: &LaneState| if state.moments.is_empty() { self.start } else { 0 };
        self.moments_since = start.lanes.iter().map(fresh).collect();
        Ok(())
    }
}
