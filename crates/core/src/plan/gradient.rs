//! The plan of probes that need gradients of given weights: groups of consecutive examples as lanes, each with weights of its
//! own, in inference mode.

use super::data::Visit;
use super::{CLOCK_BYTES, DataBuffers, DeviceData, RECORD_BYTES, RING, View, dispatch};
use crate::Result;
use crate::config::Augment;
use crate::gpu::{BufferId, Dispatch, Family, Recording};
use crate::model::{Arenas, LossBuffers, Mode, Model, Pass, Room, Sizes};
use lowland_shaders::params::AddGradients;
use lowland_shaders::{ADD_GRADIENTS, LOG};

/// A part of the work. Each works on one batch of each lane and moves the clock on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GradientSegment {
    /// Loss and gradient; the gradient of the batch's mean loss is added to the lane's sum.
    Gradient,
    /// The loss alone.
    Loss,
}

/// Buffers and dispatches, before a device is asked for anything.
#[derive(Debug)]
pub(crate) struct GradientPlan {
    pub(crate) recording: Recording,
    segments: Vec<(GradientSegment, Vec<Dispatch>)>,
    pub(crate) data: DeviceData,
    pub(crate) data_buffers: DataBuffers,
    /// Weights, `[lane][parameter]`.
    pub(crate) weights: BufferId,
    /// Running statistics, `[lane][value]`.
    pub(crate) running: BufferId,
    /// Sums of gradients, `[lane][parameter]`.
    pub(crate) sum: BufferId,
    pub(crate) clock: BufferId,
    pub(crate) ring: BufferId,
}

impl GradientPlan {
    /// Segments of a plan.
    pub(crate) const SEGMENTS: usize = 2;

    /// Lanes whose batches of `batch` examples lie one after the other in `view`: step t of the clock is the batches
    /// `t * lanes .. (t + 1) * lanes`. Examples beyond the view count for nothing.
    pub(crate) fn new(
        model: &Model,
        data: DeviceData,
        view: View,
        lanes: usize,
        batch: usize,
        family: Family,
    ) -> Result<Self> {
        let (parameters, running_floats) = (model.parameter_floats(), model.running_floats());
        let mut recording = Recording::default();
        let r = &mut recording;
        let arena = |r: &mut Recording, name, floats: usize| r.buffer(name, (4 * floats * lanes) as u64);
        let weights = arena(r, "weights", parameters);
        let grads = arena(r, "gradients", parameters);
        let sum = arena(r, "sums of gradients", parameters);
        let running = arena(r, "running statistics", running_floats);
        // Zero, and so without label smoothing.
        let hyper = r.buffer("hyper-parameters", (48 * lanes) as u64);
        let squares = r.buffer("squares of gradients", 16);
        let outcome = r.buffer("outcomes", (16 * batch * lanes) as u64);
        let labels = r.buffer("labels", (4 * batch * lanes) as u64);
        let clock = r.buffer("clock", CLOCK_BYTES as u64);
        let ring = r.buffer("metrics", (RECORD_BYTES * RING * lanes) as u64);
        let seeds = r.buffer("seeds", (4 * lanes) as u64);
        let arenas = Arenas { grads, running, unused: r.buffer("unused", 16), seeds, clock };
        let rows = r.table((0..lanes as u32).map(|lane| [lane; 4]).collect());
        let one_slot = r.table(vec![[0; 4]]);
        let data_buffers = data.declare(r);

        let sizes = Sizes { batch, lanes, data_slots: lanes, parameters, running: running_floats };
        let mut network = model.connect(r, sizes, Room::Gradients)?;
        // One gather fills the slots of all lanes: they lie one after the other.
        let to = [clock, network.input().value, labels];
        let all = batch * lanes;
        let plain = Augment::default();
        let gather = data.record(r, family, model, view, Visit::Once, all, 0..all, plain, one_slot, &data_buffers, to);
        let loss = LossBuffers { labels, hyper, outcome, outcome_offset: 0 };
        let gradient = network.record(r, arenas, family, Pass { weights, rows, mode: Mode::Gradient, batch }, loss);
        let forward = network.record(r, arenas, family, Pass { weights, rows, mode: Mode::Inference, batch }, loss);
        let p = AddGradients { size4: (parameters / 4) as u32, stride: (parameters / 4) as u32 };
        let add = dispatch(r, &ADD_GRADIENTS, &[], &p, rows, &[grads, sum], parameters.div_ceil(4 * 512));
        let p = super::log_of_outcomes(batch, lanes);
        let log = dispatch(r, &LOG, &[], &p, rows, &[outcome, squares, clock, ring], 1);
        let segments = vec![
            (GradientSegment::Gradient, [gather.clone(), gradient, vec![add, log.clone()]].concat()),
            (GradientSegment::Loss, [gather, forward, vec![log]].concat()),
        ];
        Ok(Self { recording, segments, data, data_buffers, weights, running, sum, clock, ring })
    }

    /// The dispatches of all segments, in order.
    pub(crate) fn dispatches(&self) -> Vec<Vec<Dispatch>> {
        self.segments.iter().map(|(_, dispatches)| dispatches.clone()).collect()
    }

    /// The place of `segment`.
    pub(crate) fn index(&self, segment: GradientSegment) -> usize {
        usize::from(segment == GradientSegment::Loss)
    }
}
