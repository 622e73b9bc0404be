//! The plan of probes that look at many sets of weights: each is a weighted sum of three given ones, made on the device, and a
//! lane of one evaluation.

use super::data::Visit;
use super::{CLOCK_BYTES, DataBuffers, DeviceData, Mixture, RECORD_BYTES, RING, View, dispatch};
use crate::Result;
use crate::config::Augment;
use crate::gpu::{BufferId, Dispatch, Family, Program, Recording};
use crate::model::{Arenas, First, LossBuffers, Mode, Model, Outputs, Pass, Room, Sizes};
use lowland_shaders::params::{AverageStatistics, SweepMeans};
use lowland_shaders::{AVERAGE_STATISTICS, LOG, SWEEP_MEANS};

/// A part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SampleSegment {
    /// The lanes' weights from the sources.
    Weights,
    /// The lanes' running statistics from the sources.
    Running,
    /// One batch of a view, fetched for the outputs of the first layer.
    Inputs(View),
    /// Its outputs under one of the sources.
    Outputs(usize),
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
    /// Sets of weights that others are sums of: two or three.
    pub(crate) sources: usize,
    /// Whether the first layer's outputs under the sources are computed once, for these are what the lanes' outputs are sums
    /// of; only for networks that have such a layer.
    pub(crate) first: Option<First>,
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
    /// The first layer's outputs of a batch, and of those that are kept, where there are any.
    pub(crate) first: Option<FirstOutputs>,
}

/// Where the outputs of the first layer under each source are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FirstOutputs {
    /// `[source][example][channel]` of one batch.
    pub(crate) batch: BufferId,
    /// The same of several: batch b of a view at b modulo `batches`.
    pub(crate) kept: BufferId,
    /// Batches that are kept.
    pub(crate) batches: usize,
    /// Bytes of one.
    pub(crate) bytes: u64,
}

/// Bytes of the outputs that are kept at most: half of WebGPU's baseline binding.
const KEPT: u64 = 64 << 20;

/// Batches whose outputs of the first layer have room.
pub(crate) fn kept(first: First, sources: usize, batch: usize) -> usize {
    (KEPT / (16 * sources * batch * first.outputs4).max(1) as u64) as usize
}

/// The buffers that are written or read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SampleBuffers {
    /// The lanes' weights and their sources; the fourth of a lane's factors is the place of its point.
    pub(crate) mixture: Mixture,
    /// The factors of all points, and the loss and accuracy of each, where they stay on the device.
    pub(crate) points: BufferId,
    pub(crate) means: BufferId,
    /// Statistics of one batch, which have to be cleared before a pass.
    pub(crate) batch_running: BufferId,
    pub(crate) clock: BufferId,
    pub(crate) ring: BufferId,
}

impl SamplePlan {
    pub(crate) fn new(request: &SampleRequest<'_>) -> Result<Self> {
        let SampleRequest { model, lanes, batch, statistics, views, points, family, sources, .. } = *request;
        let data = request.data.clone();
        let running = model.running_floats();
        let mut recording = Recording::default();
        let r = &mut recording;
        let unused = r.buffer("unused", 16);
        let hyper = r.buffer("hyper-parameters", (48 * lanes) as u64);
        let seeds = r.buffer("seeds", (4 * lanes) as u64);
        let squares = r.buffer("squares of gradients", 16);
        let of_batch = if statistics.is_some() { 4 * running * lanes } else { 0 };
        let buffers = SampleBuffers {
            mixture: Mixture::declare(r, model, lanes),
            points: r.buffer("points", (16 * points.next_multiple_of(lanes)) as u64),
            means: r.buffer("means of points", (8 * points) as u64),
            batch_running: r.buffer("statistics of a batch", of_batch as u64),
            clock: r.buffer("clock", CLOCK_BYTES as u64),
            ring: r.buffer("metrics", (RECORD_BYTES * RING * lanes) as u64),
        };
        let Mixture { weights, running: lanes_running, rows, .. } = buffers.mixture;
        let one_slot = r.table(vec![[0; 4]]);
        let data_buffers = data.declare(r);
        let mut segments = Vec::new();
        let plain = Augment::default();
        // A pass for statistics has batches of its own and needs all weights.
        let first = request.first.filter(|_| statistics.is_none());
        let left = first.map_or(0, |first| first.parameters);
        segments.push((SampleSegment::Weights, buffers.mixture.mix_weights(r, left)));
        if running > 0 {
            segments.push((SampleSegment::Running, buffers.mixture.mix_statistics(r)));
        }
        let first_outputs = first.map(|first| {
            let bytes = (16 * sources * batch * first.outputs4) as u64;
            let most = views.iter().map(|view| data.range(*view).1.div_ceil(batch)).max().unwrap_or(1);
            let batches = kept(first, sources, batch).clamp(1, most.max(1));
            FirstOutputs {
                batch: r.buffer("outputs of the first layer", bytes),
                kept: r.buffer("outputs of the first layer that are kept", bytes * batches as u64),
                batches,
                bytes,
            }
        });

        let pass_over = |r: &mut Recording, batch: usize, running_arena: BufferId, mode: Mode| {
            let sizes = Sizes { batch, lanes, data_slots: 1, parameters: model.parameter_floats(), running };
            let labels = r.buffer("labels", (4 * batch) as u64);
            let outcome = r.buffer("outcomes", (16 * batch * lanes) as u64);
            let mut network = model.connect(r, sizes, Room::Values)?;
            let to = [buffers.clock, network.input().value, labels];
            let arenas = Arenas { grads: unused, running: running_arena, unused, seeds, clock: buffers.clock };
            let loss = LossBuffers { labels, hyper, outcome, outcome_offset: 0 };
            let pass = Pass { weights, rows, mode, batch };
            let (mut under_sources, mut forward) = (Vec::new(), Vec::new());
            match first.zip(first_outputs) {
                None => forward = network.record(r, arenas, family, pass, loss),
                Some((first, of)) => {
                    let from = (buffers.mixture.sources, sources);
                    under_sources = network.record_first(first, r, arenas, family, from, (batch, of.batch));
                    let factors = buffers.mixture.factors;
                    let outputs = Outputs { factors, kept: of.kept, batches: of.batches, sources };
                    forward.extend(network.record_after_first(first, outputs, r, arenas, family, pass, loss));
                }
            }
            Result::Ok((forward, under_sources, to, outcome))
        };
        if let Some(batch) = statistics.filter(|_| running > 0) {
            let (forward, _, to, _) = pass_over(r, batch, buffers.batch_running, Mode::Statistics)?;
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
        let (forward, under_sources, to, outcome) = pass_over(r, batch, lanes_running, Mode::Inference)?;
        segments.extend(under_sources.into_iter().enumerate().map(|(i, list)| (SampleSegment::Outputs(i), list)));
        for view in views {
            let mut list =
                data.record(r, family, model, *view, Visit::Once, batch, 0..batch, plain, one_slot, &data_buffers, to);
            if first_outputs.is_some() {
                segments.push((SampleSegment::Inputs(*view), list.clone()));
            }
            list.extend(forward.iter().cloned());
            let p = super::log_of_outcomes(batch, lanes);
            list.push(dispatch(r, &LOG, &[], &p, rows, &[outcome, squares, buffers.clock, buffers.ring], 1));
            segments.push((SampleSegment::Evaluate(*view), list));
        }
        if let (Some(view), true) = (views.first(), points > 0) {
            let batches = data.range(*view).1.div_ceil(batch) as u32;
            let p = SweepMeans { batches, lanes: lanes as u32, points: points as u32 };
            let list = [buffers.mixture.factors, buffers.ring, buffers.means];
            segments.push((SampleSegment::Means, vec![dispatch(r, &SWEEP_MEANS, &[], &p, rows, &list, 1)]));
        }
        Ok(Self { recording, segments, data, data_buffers, buffers, first: first_outputs })
    }

    /// Copies the first layer's outputs of a batch to their place among those that are kept.
    pub(crate) fn keep(&self, program: &Program, encoder: &mut wgpu::CommandEncoder, batch: usize) {
        let Some(of) = &self.first else { return };
        let (from, to) = (program.buffer(of.batch), program.buffer(of.kept));
        encoder.copy_buffer_to_buffer(from, 0, to, (batch % of.batches) as u64 * of.bytes, of.bytes);
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
