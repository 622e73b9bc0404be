//! The step as a list of dispatches in named segments, built once from model, batch and lanes, then only replayed.

mod data;
mod gradient;
mod sample;

use data::Visit;
pub(crate) use data::{DataBuffers, DeviceData, View};
pub(crate) use gradient::{GradientPlan, GradientSegment};
pub(crate) use sample::{SamplePlan, SampleRequest, SampleSegment};

use crate::config::Order;
use crate::gpu::{BufferId, Dispatch, Family, Recording, TableId, fold};
use crate::model::{Arenas, Init, Kind, LossBuffers, Mode, Model, Pass, Sizes};
use crate::optim::{self, Optimizer, UpdateBuffers};
use crate::{Error, Result};
use lowland_shaders::params::{Init as InitParams, Log, Update};
use lowland_shaders::{INIT, LOG};
use std::mem::{Discriminant, discriminant};

/// Steps whose schedule and metrics are on the device at a time.
pub(crate) const RING: usize = 1024;
/// Bytes of a lane's record in the ring: `Record` in `shaders/optim/log.wgsl`.
pub(crate) const RECORD_BYTES: usize = 48;

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
    Gather,
    Pass1,
    /// The gradient's norm of the lanes that climb.
    NormOfAscents,
    /// The gradient's norm of all lanes, on steps that are logged.
    NormOfAll,
    Ascend,
    Pass2,
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
}

/// The buffers that a trainer writes or reads.
#[derive(Clone, Debug)]
pub(crate) struct Buffers {
    pub(crate) weights: BufferId,
    pub(crate) running: BufferId,
    pub(crate) moments: Vec<BufferId>,
    pub(crate) hyper: BufferId,
    pub(crate) scheduled: BufferId,
    pub(crate) clock: BufferId,
    pub(crate) eval_clock: BufferId,
    pub(crate) ring: BufferId,
    pub(crate) eval_ring: BufferId,
    pub(crate) logits: BufferId,
}

/// What a plan is made for.
pub(crate) struct Request<'a> {
    pub(crate) model: &'a Model,
    pub(crate) data: DeviceData,
    pub(crate) lanes: &'a [Lane],
    pub(crate) batch: usize,
    pub(crate) order: Order,
    pub(crate) family: Family,
    /// Whether there are steps, or only evaluations.
    pub(crate) trains: bool,
}

impl Plan {
    pub(crate) fn new(request: Request<'_>) -> Result<Self> {
        let Request { model, data, lanes, batch, order, family, trains } = request;
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
        let lane_floats = |floats: usize| (4 * floats * lanes.len()) as u64;
        let r = &mut recording;
        let weights = r.buffer("weights", lane_floats(sizes.parameters));
        let training = |bytes| if trains { bytes } else { 0 };
        let grads = r.buffer("gradients", training(lane_floats(sizes.parameters)));
        let running = r.buffer("running statistics", lane_floats(sizes.running));
        let unused = r.buffer("unused", 16);
        let arenas = Arenas { grads, running, unused };
        let hyper = r.buffer("hyper-parameters", lane_floats(8));
        let scheduled = r.buffer("schedule", training(lane_floats(4 * RING)));
        let outcome = r.buffer("outcomes", (2 * 16 * batch * lanes.len()) as u64);
        let labels = r.buffer("labels", (4 * batch * sizes.data_slots) as u64);
        let squares = r.buffer("squares of gradients", lane_floats(2 * 256));
        let clock = r.buffer("clock", 8);
        let eval_clock = r.buffer("clock of evaluations", 8);
        let ring_bytes = (RECORD_BYTES * RING * lanes.len()) as u64;
        let ring = r.buffer("metrics", training(ring_bytes));
        let eval_ring = r.buffer("metrics of evaluations", ring_bytes);
        let kept = lanes.iter().map(|lane| lane.optimizer.moments()).max().unwrap_or(0);
        let moments: Vec<_> = (0..if trains { kept } else { 0 })
            .map(|i| r.buffer(format!("moment {i}"), lane_floats(sizes.parameters)))
            .collect();

        let row = |lane: usize, slot: u32| [lane as u32, slot, lane as u32, lane as u32];
        let all = r.table((0..lanes.len()).map(|i| row(i, slots[i])).collect());
        let evaluated = r.table((0..lanes.len()).map(|i| row(i, 0)).collect());
        let climbs: Vec<bool> = lanes.iter().map(|lane| lane.optimizer.rho > 0.0).collect();
        let climbing = r.table((0..lanes.len()).filter(|i| climbs[*i]).map(|i| row(i, slots[i])).collect());
        let seed_table = r.table(seeds.iter().map(|seed| [*seed, 0, 0, 0]).collect());
        let one_slot = r.table(vec![[0; 4]]);
        let lane_seeds = r.table(lanes.iter().map(|lane| [lane.seed, 0, 0, 0]).collect());

        let mut network = model.connect(r, sizes, trains)?;
        let mut segments = Vec::new();
        let data_buffers = data.declare(r);
        let loss = LossBuffers { labels, hyper, outcome, outcome_offset: 0 };
        let ascent_offset = batch * lanes.len();
        let input = network.input().clone();
        let gather = |r: &Recording, view, visit, seeds, clock| {
            data.record(r, model, view, visit, batch, seeds, &data_buffers, [clock, input.value, labels])
        };
        let visit = match order {
            Order::Shuffle => Visit::Shuffle,
            Order::File => Visit::Cycle,
        };
        let log = |r: &Recording, rows, clock, ring| {
            let (_, slices) = optim::norm_slices(sizes.parameters);
            let params = Log {
                batch: batch as u32,
                ascent_offset: ascent_offset as u32,
                slices,
                lanes: lanes.len() as u32,
                ring: RING as u32,
            };
            dispatch(r, &LOG, &[], &params, rows, &[outcome, squares, clock, ring], 1)
        };
        segments.push((Segment::Init, record_init(r, model, weights, lane_seeds)));
        if trains {
            segments.push((Segment::Gather, gather(r, View::Train, visit, seed_table, clock)));
            let pass = Pass { weights, rows: all, mode: Mode::Train { update_running: true } };
            segments.push((Segment::Pass1, network.record(r, arenas, family, pass, loss)));
            let norm = |r: &Recording, rows| vec![optim::record_norm(r, rows, sizes.parameters, grads, squares)];
            segments.push((Segment::NormOfAll, norm(r, all)));
            if climbs.contains(&true) {
                segments.push((Segment::NormOfAscents, norm(r, climbing)));
                let ascent = r.buffer("ascent", lane_floats(sizes.parameters));
                let buffers = [weights, grads, squares, scheduled, clock, ascent];
                let (n, table) = (lanes.len() as u32, RING as u32);
                let climb = optim::record_ascent(r, climbing, sizes.parameters, n, table, buffers);
                segments.push((Segment::Ascend, vec![climb]));
                let pass = Pass { weights: ascent, rows: climbing, mode: Mode::Train { update_running: false } };
                let loss = LossBuffers { outcome_offset: ascent_offset, ..loss };
                segments.push((Segment::Pass2, network.record(r, arenas, family, pass, loss)));
            }
            let update = Update {
                size4: (sizes.parameters / 4) as u32,
                stride: (sizes.parameters / 4) as u32,
                lanes: lanes.len() as u32,
                table: RING as u32,
            };
            let first = moments.first().copied().unwrap_or(unused);
            let second = moments.get(1).copied().unwrap_or(unused);
            let buffers = UpdateBuffers { grads, hyper, scheduled, clock, weights, first, second };
            let updates = bases(lanes)
                .into_iter()
                .map(|(kind, base)| {
                    let of_kind = |i: &usize| discriminant(&lanes[*i].optimizer.base) == kind;
                    let rows = r.table((0..lanes.len()).filter(of_kind).map(|i| row(i, slots[i])).collect());
                    optim::record_update(r, base, rows, update, buffers)
                })
                .collect();
            segments.push((Segment::Update, updates));
            segments.push((Segment::Log, vec![log(r, all, clock, ring)]));
        }
        for view in data.views() {
            segments.push((Segment::EvalGather(view), gather(r, view, Visit::Once, one_slot, eval_clock)));
        }
        let pass = Pass { weights, rows: evaluated, mode: Mode::Inference };
        segments.push((Segment::EvalForward, network.record(r, arenas, family, pass, loss)));
        segments.push((Segment::EvalLog, vec![log(r, evaluated, eval_clock, eval_ring)]));

        let logits = network.logits().value;
        let buffers =
            Buffers { weights, running, moments, hyper, scheduled, clock, eval_clock, ring, eval_ring, logits };
        Ok(Self { recording, segments, buffers, data, data_buffers, sizes, climbs })
    }

    /// The dispatches of all segments, in order.
    pub(crate) fn dispatches(&self) -> Vec<Vec<Dispatch>> {
        self.segments.iter().map(|(_, dispatches)| dispatches.clone()).collect()
    }

    /// The place of `segment`, if the plan has it.
    pub(crate) fn index(&self, segment: Segment) -> Option<usize> {
        self.segments.iter().position(|(name, _)| *name == segment)
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

fn slot_of(seeds: &mut Vec<u32>, seed: u32) -> u32 {
    let place = seeds.iter().position(|s| *s == seed).unwrap_or_else(|| {
        seeds.push(seed);
        seeds.len() - 1
    });
    place as u32
}

/// One base step of each kind that occurs.
fn bases(lanes: &[Lane]) -> Vec<(Discriminant<optim::BaseStep>, &optim::BaseStep)> {
    let mut kinds: Vec<(_, &optim::BaseStep)> = Vec::new();
    for lane in lanes {
        let kind = discriminant(&lane.optimizer.base);
        if kinds.iter().all(|(known, _)| *known != kind) {
            kinds.push((kind, &lane.optimizer.base));
        }
    }
    kinds
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
