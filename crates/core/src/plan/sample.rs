//! The plan of probes that look at many sets of weights: each is a weighted sum of three given ones, made on the device, and a
//! lane of one evaluation.

use super::data::Visit;
use super::{
    CLOCK_BYTES, DataBuffers, DeviceData, RECORD_BYTES, RING, SOURCES, View, combine, dispatch, dispatch_rows,
};
use crate::Result;
use crate::config::Augment;
use crate::gpu::{BufferId, Dispatch, Family, Recording};
use crate::model::{Arenas, LossBuffers, Mode, Model, Pass, Room, Sizes};
use lowland_shaders::params::{AverageStatistics, SweepMeans};
use lowland_shaders::{AVERAGE_STATISTICS, LOG, SWEEP_MEANS};

/// A part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SampleSegment {
    /// The lanes' weights from the sources.
    Weights,
    /// The lanes' running statistics from the sources.
    Running,
    /// One batch of training examples: its statistics, taken into the mean over batches.
    Statistics,
    /// One batch of a view, measured.
    Evaluate(View),
    /// The means of all batches, to the places of the lanes' points.
    Means,
}

/// What a plan is made for.
#[derive(Clone, Debug)]
pub(crate) struct SampleRequest<'a> {
    pub(crate) model: &'a Model,
    pub(crate) data: DeviceData,
    pub(crate) lanes: usize,
    pub(crate) batch: usize,
    /// Examples per batch of the pass that recomputes running statistics, where there is one.
    pub(crate) statistics: Option<usize>,
    pub(crate) views: &'a [View],
    /// Points whose means stay on the device; 0 where the host adds up the records.
    pub(crate) points: usize,
    pub(crate) family: Family,
}

/// Buffers and dispatches, before a device is asked for anything.
#[derive(Debug)]
pub(crate) struct SamplePlan {
    pub(crate) recording: Recording,
    segments: Vec<(SampleSegment, Vec<Dispatch>)>,
    pub(crate) data: DeviceData,
    pub(crate) data_buffers: DataBuffers,
    pub(crate) buffers: SampleBuffers,
}

/// The buffers that are written or read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SampleBuffers {
    /// Three factors of each lane, and the place of its point.
    pub(crate) factors: BufferId,
    /// The same of all points, and the loss and accuracy of each, where they stay on the device.
    pub(crate) points: BufferId,
    pub(crate) means: BufferId,
    /// Three sets of weights.
    pub(crate) sources: BufferId,
    /// Three sets of running statistics.
    pub(crate) running_sources: BufferId,
    /// Statistics of one batch, which have to be cleared before a pass.
    pub(crate) batch_running: BufferId,
    pub(crate) clock: BufferId,
    pub(crate) ring: BufferId,
}

impl SamplePlan {
    pub(crate) fn new(request: &SampleRequest<'_>) -> Result<Self> {
        let SampleRequest { model, lanes, batch, statistics, views, points, family, .. } = *request;
        let data = request.data.clone();
        let (parameters, running) = (model.parameter_floats(), model.running_floats());
        let mut recording = Recording::default();
        let r = &mut recording;
        let arena = |r: &mut Recording, name, floats: usize, sets: usize| r.buffer(name, (4 * floats * sets) as u64);
        let weights = arena(r, "weights", parameters, lanes);
        let lanes_running = arena(r, "running statistics", running, lanes);
        let unused = r.buffer("unused", 16);
        let hyper = r.buffer("hyper-parameters", (48 * lanes) as u64);
        let seeds = r.buffer("seeds", (4 * lanes) as u64);
        let squares = r.buffer("squares of gradients", 16);
        let buffers = SampleBuffers {
            factors: r.buffer("factors", (16 * lanes) as u64),
            points: r.buffer("points", (16 * points.next_multiple_of(lanes)) as u64),
            means: r.buffer("means of points", (8 * points) as u64),
            sources: arena(r, "sources", parameters, SOURCES),
            running_sources: arena(r, "running statistics of the sources", running, SOURCES),
            batch_running: arena(r, "statistics of a batch", running, if statistics.is_some() { lanes } else { 0 }),
            clock: r.buffer("clock", CLOCK_BYTES as u64),
            ring: r.buffer("metrics", (RECORD_BYTES * RING * lanes) as u64),
        };
        let rows = r.table(dispatch_rows(lanes));
        let one_slot = r.table(vec![[0; 4]]);
        let data_buffers = data.declare(r);
        let mut segments = Vec::new();
        let plain = Augment::default();

        let weights_of_lanes = [buffers.factors, buffers.sources, weights];
        segments.push((SampleSegment::Weights, combine(r, parameters, rows, weights_of_lanes)));
        if running > 0 {
            let running_of_lanes = [buffers.factors, buffers.running_sources, lanes_running];
            segments.push((SampleSegment::Running, combine(r, running, rows, running_of_lanes)));
        }

        let pass_over = |r: &mut Recording, batch: usize, running_arena: BufferId, mode: Mode| {
            let sizes = Sizes { batch, lanes, data_slots: 1, parameters, running };
            let labels = r.buffer("labels", (4 * batch) as u64);
            let outcome = r.buffer("outcomes", (16 * batch * lanes) as u64);
            let mut network = model.connect(r, sizes, Room::Values)?;
            let input = network.input().value;
            let arenas = Arenas { grads: unused, running: running_arena, unused, seeds, clock: buffers.clock };
            let loss = LossBuffers { labels, hyper, outcome, outcome_offset: 0 };
            let forward = network.record(r, arenas, family, Pass { weights, rows, mode, batch }, loss);
            Result::Ok((forward, [buffers.clock, input, labels], outcome))
        };
        if let Some(batch) = statistics.filter(|_| running > 0) {
            let (forward, to, _) = pass_over(r, batch, buffers.batch_running, Mode::Statistics)?;
            let mut list = data.record(
                r,
                family,
                model,
                View::Train,
                Visit::Once,
                batch,
                0..batch,
                plain,
                one_slot,
                &data_buffers,
                to,
            );
            list.extend(forward);
            let p = AverageStatistics { size4: (running / 4) as u32 };
            let to = [buffers.batch_running, buffers.clock, lanes_running];
            list.push(dispatch(r, &AVERAGE_STATISTICS, &[], &p, rows, &to, running.div_ceil(4 * 64)));
            segments.push((SampleSegment::Statistics, list));
        }
        let (forward, to, outcome) = pass_over(r, batch, lanes_running, Mode::Inference)?;
        for view in views {
            let mut list =
                data.record(r, family, model, *view, Visit::Once, batch, 0..batch, plain, one_slot, &data_buffers, to);
            list.extend(forward.iter().cloned());
            let p = super::log_of_outcomes(batch, lanes);
            list.push(dispatch(r, &LOG, &[], &p, rows, &[outcome, squares, buffers.clock, buffers.ring], 1));
            segments.push((SampleSegment::Evaluate(*view), list));
        }
        if let (Some(view), true) = (views.first(), points > 0) {
            let batches = data.range(*view).1.div_ceil(batch) as u32;
            let p = SweepMeans { batches, lanes: lanes as u32, points: points as u32 };
            let list = [buffers.factors, buffers.ring, buffers.means];
            segments.push((SampleSegment::Means, vec![dispatch(r, &SWEEP_MEANS, &[], &p, rows, &list, 1)]));
        }
        Ok(Self { recording, segments, data, data_buffers, buffers })
    }

    /// The dispatches of all segments, in order.
    pub(crate) fn dispatches(&self) -> Vec<Vec<Dispatch>> {
        self.segments.iter().map(|(_, dispatches)| dispatches.clone()).collect()
    }

    /// The place of `segment`, if the plan has it.
    pub(crate) fn index(&self, segment: SampleSegment) -> Option<usize> {
        self.segments.iter().position(|(name, _)| *name == segment)
    }
}
