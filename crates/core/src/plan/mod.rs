//! The step as a list of dispatches in named segments, built once from model, batch and lanes, then only replayed.

mod cloud;
mod curvature;
mod data;
mod field;
mod gradient;
mod history;
mod lanczos;
mod meter;
mod mixture;
mod posterior;
mod sample;
mod search;
mod second_order;
mod step;

pub(crate) use cloud::{CloudPlan, CloudRequest, CloudSegment, Scaling};
pub(crate) use curvature::{CurvaturePlan, CurvatureRequest, CurvatureSegment};
use data::Visit;
pub(crate) use data::{DataBuffers, DeviceData, View};
pub(crate) use field::{FieldPlan, FieldRequest, FieldSegment};
pub(crate) use gradient::{GradientPlan, GradientSegment};
pub(crate) use history::{HistoryPlan, HistorySegment, MOST_CHOSEN, PRESENT};
pub(crate) use lanczos::{LanczosPlan, LanczosRequest, LanczosSegment};
pub(crate) use meter::{MeterPlan, MeterSegment};
use mixture::Mixture;
pub(crate) use posterior::{PosteriorPlan, PosteriorSegment};
pub(crate) use sample::{SamplePlan, SampleRequest, SampleSegment, kept};
pub(crate) use search::{SearchPlan, SearchSegment};

use crate::config::{Augment, Order};
use crate::gpu::{BufferId, Dispatch, Family, Recording, TableId, fold};
use crate::model::{Arenas, Init, Kind, LossBuffers, Mode, Model, Network, Pass, Room, Sizes};
use crate::optim::{self, Optimizer};
use crate::{Error, Result};
use lowland_shaders::params::{Init as InitParams, Log};
use lowland_shaders::{INIT, LOG};

/// Steps whose schedule and metrics are on the device at a time.
pub(crate) const RING: usize = 1024;
/// Bytes of the clock: `Clock` in `shaders/shared/clock.wgsl`.
pub(crate) const CLOCK_BYTES: usize = 12;
/// Bytes of a lane's record in the ring: `Record` in `shaders/shared/record.wgsl`.
pub(crate) const RECORD_BYTES: usize = 48;

/// What a row draws at random: `Draw` in `shaders/shared/noise.wgsl`.
#[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct Draw {
    /// Its seed.
    pub(crate) seed: u32,
    /// Which of the seed's draws.
    pub(crate) which: u32,
    /// Deviation, radius or step.
    pub(crate) scale: f32,
    /// What is added to |w|; of Keskar's box, its size.
    pub(crate) epsilon: f32,
}

/// Sets of weights that a sum is made of: `Combine` in `shaders/probe/combine.wgsl`.
pub(crate) const SOURCES: usize = 3;

/// What a lane is: its data, its optimizer, its name.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Its name in columns and files, for instance `sam`.
    pub label: String,
    /// Seed of its initial weights and of the order of its examples.
    pub seed: u32,
    /// What it is trained with.
    pub optimizer: Optimizer,
}

/// A part of the step, or of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Segment {
    Init,
    /// Fetches a group of the batch, by its number.
    Gather(usize),
    Pass1,
    /// The gradient's norm of the lanes that climb by it.
    NormOfAscents,
    /// The gradient's norm of all lanes, on steps that are logged.
    NormOfAll,
    /// All steps of the ascent.
    Ascend,
    Pass2,
    /// Adds SAM's second-order term to the gradient of the second pass.
    SecondOrder,
    /// The cosine between the two gradients into the step's record, on steps that are logged.
    SecondOrderLog,
    /// Adds a group's first gradient to the mean over groups, on steps that are logged.
    MeanOfPass1,
    /// Adds a group's final gradient to the mean over groups.
    MeanOfGroups,
    /// The norm of the mean of the groups' first gradients, on steps that are logged.
    NormOfMean,
    Clip,
    Update,
    Log,
    EvalGather(View),
    EvalForward,
    EvalLog,
}

/// Everything that is decided before the device is asked for anything.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) recording: Recording,
    segments: Vec<(Segment, Vec<Dispatch>)>,
    pub(crate) buffers: Buffers,
    pub(crate) data: DeviceData,
    pub(crate) data_buffers: DataBuffers,
    pub(crate) sizes: Sizes,
    /// Which lanes climb.
    pub(crate) climbs: Vec<bool>,
    /// Examples that climb together.
    group: usize,
    /// Examples of a batch of an evaluation.
    pub(crate) eval_batch: usize,
}

/// The buffers that a step, an evaluation or a trainer names.
#[derive(Clone, Debug)]
pub(crate) struct Buffers {
    pub(crate) weights: BufferId,
    pub(crate) running: BufferId,
    pub(crate) moments: Vec<BufferId>,
    pub(crate) hyper: BufferId,
    pub(crate) seeds: BufferId,
    pub(crate) scheduled: BufferId,
    pub(crate) clock: BufferId,
    pub(crate) eval_clock: BufferId,
    pub(crate) ring: BufferId,
    pub(crate) eval_ring: BufferId,
    pub(crate) logits: BufferId,
    /// Where each parameter lies in PyTorch's order, for ascents that ask.
    pub(crate) layout: Option<BufferId>,
    /// w + e, where a lane climbs.
    pub(crate) ascent: Option<BufferId>,
    grads: BufferId,
    unused: BufferId,
    outcome: BufferId,
    labels: BufferId,
    squares: BufferId,
}

impl Buffers {
    fn arenas(&self) -> Arenas {
        Arenas { grads: self.grads, running: self.running, unused: self.unused, seeds: self.seeds, clock: self.clock }
    }

    fn loss(&self, outcome_offset: usize) -> LossBuffers {
        LossBuffers { labels: self.labels, hyper: self.hyper, outcome: self.outcome, outcome_offset }
    }
}

/// What a plan is made for.
pub(crate) struct Request<'a> {
    pub(crate) model: &'a Model,
    pub(crate) data: DeviceData,
    pub(crate) lanes: &'a [Lane],
    pub(crate) batch: usize,
    /// Examples of a batch that climb together; divides it.
    pub(crate) group: usize,
    pub(crate) order: Order,
    /// Of the training examples.
    pub(crate) augment: Augment,
    pub(crate) family: Family,
    /// Whether there are steps, or only evaluations.
    pub(crate) trains: bool,
}

impl Plan {
    pub(crate) fn new(request: Request<'_>) -> Result<Self> {
        let Request { model, lanes, batch, group, family, trains, .. } = request;
        let data = request.data.clone();
        if lanes.len() > Recording::TABLE_ROWS {
            let most = Recording::TABLE_ROWS;
            return Err(Error::input(format!("{} lanes at once; a trainer has at most {most}.", lanes.len())));
        }
        let mut seeds: Vec<u32> = Vec::new();
        let slots: Vec<u32> = lanes.iter().map(|lane| slot_of(&mut seeds, lane.seed)).collect();
        let sizes = Sizes {
            batch,
            lanes: lanes.len(),
            data_slots: if trains { seeds.len() } else { 1 },
            parameters: model.parameter_floats(),
            running: model.running_floats(),
        };
        let mut recording = Recording::default();
        let r = &mut recording;
        let lane_floats = |floats: usize| (4 * floats * lanes.len()) as u64;
        let training = |bytes| if trains { bytes } else { 0 };
        let eval_batch = if trains { batch.max(eval_batch(model, &data)) } else { batch };
        let moments = lanes.iter().map(|lane| lane.optimizer.moments()).max().unwrap_or(0);
        let ring_bytes = (RECORD_BYTES * RING * lanes.len()) as u64;
        let b = Buffers {
            weights: r.buffer("weights", lane_floats(sizes.parameters)),
            grads: r.buffer("gradients", training(lane_floats(sizes.parameters))),
            running: r.buffer("running statistics", lane_floats(sizes.running)),
            unused: r.buffer("unused", 16),
            hyper: r.buffer("hyper-parameters", lane_floats(12)),
            seeds: r.buffer("seeds", 4 * lanes.len() as u64),
            scheduled: r.buffer("schedule", training(lane_floats(4 * RING))),
            outcome: r.buffer("outcomes", (16 * lanes.len() * eval_batch.max(2 * batch)) as u64),
            labels: r.buffer("labels", (4 * eval_batch.max(batch * sizes.data_slots)) as u64),
            squares: r.buffer("squares of gradients", lane_floats(2 * 256)),
            clock: r.buffer("clock", CLOCK_BYTES as u64),
            eval_clock: r.buffer("clock of evaluations", CLOCK_BYTES as u64),
            ring: r.buffer("metrics", training(ring_bytes)),
            eval_ring: r.buffer("metrics of evaluations", ring_bytes),
            moments: (0..if trains { moments } else { 0 })
                .map(|i| r.buffer(format!("moment {i}"), lane_floats(sizes.parameters)))
                .collect(),
            layout: None,
            ascent: None,
            logits: BufferId::default(),
        };
        let mut network = model.connect(r, sizes, if trains { Room::Gradients } else { Room::Values })?;
        let data_buffers = data.declare(r);
        let mut plan = Self {
            buffers: Buffers { logits: network.logits().value, ..b },
            segments: Vec::new(),
            climbs: lanes.iter().map(|lane| lane.optimizer.ascent.climbs()).collect(),
            data_buffers,
            recording,
            data,
            sizes,
            group,
            eval_batch,
        };
        let lane_seeds = plan.recording.table(lanes.iter().map(|lane| [lane.seed, 0, 0, 0]).collect());
        let init = record_init(&plan.recording, model, plan.buffers.weights, lane_seeds);
        plan.segments.push((Segment::Init, init));
        if trains {
            step::record(&mut plan, &mut network, model, &request, &seeds, &slots)?;
        }
        if eval_batch > batch {
            let larger = Sizes { batch: eval_batch, data_slots: 1, ..sizes };
            let mut network = model.connect(&mut plan.recording, larger, Room::Values)?;
            plan.buffers.logits = network.logits().value;
            plan.record_evaluation(&mut network, model, family);
        } else {
            plan.record_evaluation(&mut network, model, family);
        }
        Ok(plan)
    }

    fn record_evaluation(&mut self, network: &mut Network<'_>, model: &Model, family: Family) {
        let batch = self.eval_batch;
        let one_slot = self.recording.table(vec![[0; 4]]);
        let rows = self.recording.table(dispatch_rows(self.sizes.lanes));
        let b = &self.buffers;
        let to = [b.eval_clock, network.input().value, b.labels];
        for view in self.data.views() {
            let from = &self.data_buffers;
            let (r, none) = (&self.recording, Augment::default());
            let gather =
                self.data.record(r, family, model, view, Visit::Once, batch, 0..batch, none, one_slot, from, to);
            self.segments.push((Segment::EvalGather(view), gather));
        }
        let pass = Pass { weights: b.weights, rows, mode: Mode::Inference, batch };
        let forward = network.record(&mut self.recording, b.arenas(), family, pass, b.loss(0));
        self.segments.push((Segment::EvalForward, forward));
        let log = self.record_log(rows, batch, batch, b.eval_clock, b.eval_ring);
        self.segments.push((Segment::EvalLog, vec![log]));
    }

    /// Closes a step, a group of it, or a batch of an evaluation.
    fn record_log(&self, rows: TableId, examples: usize, whole: usize, clock: BufferId, ring: BufferId) -> Dispatch {
        let (_, slices) = optim::norm_slices(self.sizes.parameters);
        let params = Log {
            batch: examples as u32,
            whole: whole as u32,
            ascent_offset: self.ascent_offset() as u32,
            slices,
            lanes: self.sizes.lanes as u32,
            ring: RING as u32,
        };
        let b = &self.buffers;
        dispatch(&self.recording, &LOG, &[], &params, rows, &[b.outcome, b.squares, clock, ring], 1)
    }

    /// Where the outcomes at w + e begin.
    fn ascent_offset(&self) -> usize {
        self.sizes.batch * self.sizes.lanes
    }

    /// Groups that a step goes through one after the other.
    pub(crate) fn groups(&self) -> usize {
        self.sizes.batch / self.group
    }

    /// The dispatches of all segments, in order.
    pub(crate) fn dispatches(&self) -> Vec<Vec<Dispatch>> {
        self.segments.iter().map(|(_, dispatches)| dispatches.clone()).collect()
    }

    /// The segments of a step, in order; those that only a step needs whose metrics are read where it is `logged`.
    pub(crate) fn step_segments(&self, logged: bool) -> Vec<usize> {
        use Segment::{Ascend, Clip, Gather, Log, MeanOfGroups, MeanOfPass1, NormOfMean, Pass1, Pass2};
        use Segment::{SecondOrder, SecondOrderLog, Update};
        let groups = self.groups();
        // Of a step in groups the norm that is logged is that of their mean.
        let norm = if logged && groups == 1 { Segment::NormOfAll } else { Segment::NormOfAscents };
        let mut step = Vec::new();
        for group in 0..groups {
            step.extend([Gather(group), Pass1, norm]);
            step.extend(logged.then_some(MeanOfPass1));
            step.extend([Ascend, Pass2, SecondOrder, MeanOfGroups]);
            if group + 1 < groups {
                step.push(Log);
                step.extend(logged.then_some(SecondOrderLog));
            }
        }
        step.extend(logged.then_some(NormOfMean));
        step.extend([Clip, Update, Log]);
        step.extend(logged.then_some(SecondOrderLog));
        step.into_iter().filter_map(|segment| self.index(segment)).collect()
    }

    /// The dispatches of a step that is not logged.
    pub(crate) fn step_dispatches(&self) -> Vec<Dispatch> {
        self.step_segments(false).into_iter().flat_map(|segment| self.segments[segment].1.clone()).collect()
    }

    /// The place of `segment`, if the plan has it.
    pub(crate) fn index(&self, segment: Segment) -> Option<usize> {
        self.segments.iter().position(|(name, _)| *name == segment)
    }

    /// The name and the dispatches of the segment at `index`.
    pub(crate) fn segment(&self, index: usize) -> (Segment, &[Dispatch]) {
        let (segment, dispatches) = &self.segments[index];
        (*segment, dispatches)
    }

    /// Checks that no buffer is larger than the device can bind.
    pub(crate) fn fits(&self, max_binding: u64) -> Result<()> {
        let (label, bytes) = self.recording.largest();
        if bytes <= max_binding {
            return Ok(());
        }
        Err(Error::input(format!(
            "the buffer of {label} would have {bytes} bytes, the adapter binds at most {max_binding}; use a smaller batch or model."
        )))
    }
}

/// Examples of a batch of an evaluation, where that of a step is smaller: a small network's batches are cheap, and each has its
/// dispatches. It follows from network and data alone, so that the sums of an evaluation have one order.
fn eval_batch(model: &Model, data: &DeviceData) -> usize {
    const BATCH: u64 = 250;
    // Multiply-adds of a lane's layer: all lanes of a trainer stay below what `Trainer::split` allows a dispatch.
    const LAYER: u64 = 1 << 22;
    let largest = data.views().into_iter().map(|view| data.range(view).1).max().unwrap_or(0);
    (BATCH.min(LAYER / model.heaviest_layer().max(1)) as usize).min(largest)
}

fn slot_of(seeds: &mut Vec<u32>, seed: u32) -> u32 {
    let place = seeds.iter().position(|s| *s == seed).unwrap_or_else(|| {
        seeds.push(seed);
        seeds.len() - 1
    });
    place as u32
}

fn record_init(r: &Recording, model: &Model, weights: BufferId, seeds: TableId) -> Vec<Dispatch> {
    let tensors = model.parameters().iter().zip(0..);
    tensors
        .map(|(tensor, index)| {
            let (taps, inputs, outputs) = match tensor.kind {
                Kind::Matrix { outputs, inputs, kernel } => (kernel.map_or(1, |(h, w)| h * w), inputs, outputs),
                Kind::Vector(n) => (1, 1, n),
            };
            let matrix = matches!(tensor.kind, Kind::Matrix { .. });
            let (scale, constant) = match tensor.init {
                Init::Normal(deviation) => (deviation, 0.0),
                Init::Constant(value) => (value, 1.0),
            };
            let params = InitParams {
                offset: tensor.offset as u32,
                stride: model.parameter_floats() as u32,
                taps: taps as u32,
                inputs: inputs as u32,
                inputs_padded: if matrix { inputs.next_multiple_of(4) } else { 1 } as u32,
                outputs: outputs as u32,
                outputs_padded: outputs.next_multiple_of(4) as u32,
                tensor: index,
                scale,
            };
            let groups = tensor.kind.padded_len().div_ceil(64);
            dispatch(r, &INIT, &[("CONSTANT", constant)], &params, seeds, &[weights], groups)
        })
        .collect()
}

/// The rows of lanes that share one batch and have everything else to themselves.
fn dispatch_rows(lanes: usize) -> Vec<[u32; 4]> {
    (0..lanes as u32).map(|lane| [lane, 0, lane, lane]).collect()
}

/// The numbers of a log that adds up one batch's outcomes and nothing else: no norm, no loss of an ascent.
fn log_of_outcomes(batch: usize, lanes: usize) -> Log {
    let (batch, lanes) = (batch as u32, lanes as u32);
    Log { batch, whole: batch, ascent_offset: 0, slices: 0, lanes, ring: RING as u32 }
}

fn dispatch(
    r: &Recording,
    kernel: &'static lowland_shaders::Kernel,
    overrides: &[(&'static str, f64)],
    params: &impl bytemuck::Pod,
    table: TableId,
    buffers: &[BufferId],
    groups: usize,
) -> Dispatch {
    let [x, y] = fold(groups);
    Dispatch {
        kernel,
        overrides: overrides.to_vec(),
        params: bytemuck::bytes_of(params).to_vec(),
        table,
        buffers: buffers.to_vec(),
        groups: [x, y, r.rows(table)],
    }
}
