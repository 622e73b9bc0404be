//! The plan of probes that look at random points around given weights: a lane a point, drawn on the device.

use super::data::Visit;
use super::{CLOCK_BYTES, DataBuffers, DeviceData, Draw, RECORD_BYTES, RING, View, dispatch, dispatch_rows};
use crate::Result;
use crate::config::Augment;
use crate::gpu::{BufferId, Dispatch, Family, Recording};
use crate::model::{Arenas, LossBuffers, Mode, Model, Pass, Room, Sizes};
use crate::optim::norm_slices;
use lowland_shaders::params::{ClipOutcomes, NoiseSquares, Perturb};
use lowland_shaders::{CLIP_OUTCOMES, LOG, NOISE_SQUARES, PERTURB};

/// What random numbers are multiplied by, parameter by parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scaling {
    /// 1.
    Plain,
    /// ASAM's T: |w| + epsilon on weights, 1 on biases and norms.
    Weights,
    /// |w| + epsilon everywhere.
    All,
}

/// A part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloudSegment {
    /// The lanes' weights from their draws.
    Draw,
    /// One batch of a view, measured.
    Evaluate(View),
}

/// What a plan is made for.
#[derive(Clone, Debug)]
pub(crate) struct CloudRequest<'a> {
    pub(crate) model: &'a Model,
    pub(crate) data: DeviceData,
    pub(crate) lanes: usize,
    pub(crate) batch: usize,
    pub(crate) views: &'a [View],
    pub(crate) scaling: Scaling,
    /// Directions of unit length.
    pub(crate) unit: bool,
    /// Losses are cut off at 1.
    pub(crate) clip: bool,
    pub(crate) family: Family,
}

/// Buffers and dispatches, before a device is asked for anything.
#[derive(Debug)]
pub(crate) struct CloudPlan {
    pub(crate) recording: Recording,
    segments: Vec<(CloudSegment, Vec<Dispatch>)>,
    pub(crate) data: DeviceData,
    pub(crate) data_buffers: DataBuffers,
    /// What the points lie around.
    pub(crate) centre: BufferId,
    /// Running statistics, `[lane][value]`.
    pub(crate) running: BufferId,
    /// A [`Draw`] a lane.
    pub(crate) draws: BufferId,
    /// The layout of the parameters.
    pub(crate) places: BufferId,
    pub(crate) clock: BufferId,
    pub(crate) ring: BufferId,
}

impl CloudPlan {
    pub(crate) fn new(request: &CloudRequest<'_>) -> Result<Self> {
        let CloudRequest { model, lanes, batch, views, scaling, unit, clip, family, .. } = *request;
        let data = request.data.clone();
        let (parameters, running_floats) = (model.parameter_floats(), model.running_floats());
        let mut recording = Recording::default();
        let r = &mut recording;
        let arena = |r: &mut Recording, name, floats: usize| r.buffer(name, 4 * floats as u64);
        let centre = arena(r, "centre", parameters);
        let places = arena(r, "layout of parameters", parameters);
        let weights = arena(r, "weights", parameters * lanes);
        let running = arena(r, "running statistics", running_floats * lanes);
        let draws = r.buffer("draws", (std::mem::size_of::<Draw>() * lanes) as u64);
        let squares = arena(r, "squares of draws", if unit { 2 * 256 * lanes } else { 4 });
        let hyper = r.buffer("hyper-parameters", (48 * lanes) as u64);
        let seeds = r.buffer("seeds", (4 * lanes) as u64);
        let unused = r.buffer("unused", 16);
        let labels = r.buffer("labels", (4 * batch) as u64);
        let outcome = r.buffer("outcomes", (16 * batch * lanes) as u64);
        let clock = r.buffer("clock", CLOCK_BYTES as u64);
        let ring = r.buffer("metrics", (RECORD_BYTES * RING * lanes) as u64);
        let rows = r.table(dispatch_rows(lanes));
        let one_slot = r.table(vec![[0; 4]]);
        let data_buffers = data.declare(r);

        let size4 = parameters / 4;
        let (per_slice, slices) = norm_slices(parameters);
        let mut draw = Vec::new();
        if unit {
            let p = NoiseSquares { size4: size4 as u32, per_slice };
            draw.push(dispatch(r, &NOISE_SQUARES, &[], &p, rows, &[draws, places, squares], slices as usize));
        }
        let p = Perturb { size4: size4 as u32, slices };
        let overrides = [("SCALING", f64::from(scaling as u32)), ("UNIT", f64::from(u8::from(unit)))];
        let list = [draws, places, centre, squares, weights];
        draw.push(dispatch(r, &PERTURB, &overrides, &p, rows, &list, size4.div_ceil(256)));
        let mut segments = vec![(CloudSegment::Draw, draw)];

        let sizes = Sizes { batch, lanes, data_slots: 1, parameters, running: running_floats };
        let mut network = model.connect(r, sizes, Room::Values)?;
        let to = [clock, network.input().value, labels];
        let arenas = Arenas { grads: unused, running, unused, seeds, clock };
        let loss = LossBuffers { labels, hyper, outcome, outcome_offset: 0 };
        let forward = network.record(r, arenas, family, Pass { weights, rows, mode: Mode::Inference, batch }, loss);
        for view in views {
            let once = Visit::Once;
            let plain = Augment::default();
            let mut list =
                data.record(r, family, model, *view, once, batch, 0..batch, plain, one_slot, &data_buffers, to);
            list.extend(forward.iter().cloned());
            if clip {
                let p = ClipOutcomes { batch: batch as u32 };
                list.push(dispatch(r, &CLIP_OUTCOMES, &[], &p, rows, &[outcome], batch.div_ceil(64)));
            }
            let p = super::log_of_outcomes(batch, lanes);
            list.push(dispatch(r, &LOG, &[], &p, rows, &[outcome, unused, clock, ring], 1));
            segments.push((CloudSegment::Evaluate(*view), list));
        }
        Ok(Self { recording, segments, data, data_buffers, centre, running, draws, places, clock, ring })
    }

    /// The dispatches of all segments, in order.
    pub(crate) fn dispatches(&self) -> Vec<Vec<Dispatch>> {
        self.segments.iter().map(|(_, dispatches)| dispatches.clone()).collect()
    }

    /// The place of `segment`, if the plan has it.
    pub(crate) fn index(&self, segment: CloudSegment) -> Option<usize> {
        self.segments.iter().position(|(name, _)| *name == segment)
    }
}
