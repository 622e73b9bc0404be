//! The plan of learning a Gaussian posterior by minimising a PAC-Bayes bound: nothing is read back on the way.

use super::data::Visit;
use super::{CLOCK_BYTES, DataBuffers, DeviceData, Draw, RECORD_BYTES, RING, View, dispatch};
use crate::Result;
use crate::config::Augment;
use crate::gpu::{BufferId, Dispatch, Family, Recording};
use crate::model::{Arenas, LossBuffers, Mode, Model, Pass, Room, Sizes};
use crate::optim::norm_slices;
use lowland_shaders::params::{Perturb, Posterior};
use lowland_shaders::{LOG, PERTURB, POSTERIOR_STEP, POSTERIOR_SUMS};

/// A part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PosteriorSegment {
    /// A step: a draw w = m + s xi, its loss and gradient on a batch, and the steps of m and of ln s.
    Step,
}

/// Buffers and dispatches, before a device is asked for anything.
#[derive(Debug)]
pub(crate) struct PosteriorPlan {
    pub(crate) recording: Recording,
    segments: Vec<Vec<Dispatch>>,
    pub(crate) data: DeviceData,
    pub(crate) data_buffers: DataBuffers,
    /// The posterior's mean.
    pub(crate) mean: BufferId,
    /// The prior's mean.
    pub(crate) prior: BufferId,
    /// ln s and what belongs to it: `Learned` in `shaders/shared/posterior.wgsl`.
    pub(crate) learned: BufferId,
    /// One [`Draw`].
    pub(crate) draw: BufferId,
    pub(crate) places: BufferId,
    pub(crate) running: BufferId,
}

impl PosteriorPlan {
    /// Steps on batches of `batch` training examples in the order of `seed`. `numbers` has all but the sizes.
    pub(crate) fn new(
        model: &Model,
        data: DeviceData,
        batch: usize,
        seed: u32,
        numbers: Posterior,
        family: Family,
    ) -> Result<Self> {
        let (parameters, running_floats) = (model.parameter_floats(), model.running_floats());
        let mut recording = Recording::default();
        let r = &mut recording;
        let arena = |r: &mut Recording, name, floats: usize| r.buffer(name, 4 * floats as u64);
        let [mean, prior, places, weights, grads, first, second] =
            ["mean", "prior's mean", "layout of parameters", "weights", "gradients", "moment 0", "moment 1"]
                .map(|name| arena(r, name, parameters));
        let running = arena(r, "running statistics", running_floats);
        let learned = r.buffer("learned", 32);
        let draw = r.buffer("draw", std::mem::size_of::<Draw>() as u64);
        let sums = arena(r, "sums", 2 * 256);
        let hyper = r.buffer("hyper-parameters", 48);
        let seeds = r.buffer("seeds", 4);
        let unused = r.buffer("unused", 16);
        let labels = r.buffer("labels", (4 * batch) as u64);
        let outcome = r.buffer("outcomes", (16 * batch) as u64);
        let clock = r.buffer("clock", CLOCK_BYTES as u64);
        let ring = r.buffer("metrics", (RECORD_BYTES * RING) as u64);
        let rows = r.table(vec![[0; 4]]);
        let order = r.table(vec![[seed, 0, 0, 0]]);
        let data_buffers = data.declare(r);

        let sizes = Sizes { batch, lanes: 1, data_slots: 1, parameters, running: running_floats };
        let mut network = model.connect(r, sizes, Room::Gradients)?;
        let to = [clock, network.input().value, labels];
        let (view, visit, plain) = (View::Train, Visit::Shuffle, Augment::default());
        let mut step = data.record(r, family, model, view, visit, batch, 0..batch, plain, order, &data_buffers, to);
        let size4 = (parameters / 4) as u32;
        let (per_slice, slices) = norm_slices(parameters);
        let p = Perturb { size4, slices };
        let list = [draw, places, mean, unused, weights];
        step.push(dispatch(r, &PERTURB, &[], &p, rows, &list, (size4 as usize).div_ceil(256)));
        let arenas = Arenas { grads, running, unused, seeds, clock };
        let loss = LossBuffers { labels, hyper, outcome, outcome_offset: 0 };
        step.extend(network.record(r, arenas, family, Pass { weights, rows, mode: Mode::Gradient, batch }, loss));
        let p = Posterior { size4, per_slice, slices, parameters: model.parameter_count() as u32, ..numbers };
        let list = [draw, places, grads, mean, prior, sums];
        step.push(dispatch(r, &POSTERIOR_SUMS, &[], &p, rows, &list, slices as usize));
        let list = [sums, grads, prior, learned, draw, mean, first, second];
        step.push(dispatch(r, &POSTERIOR_STEP, &[], &p, rows, &list, (size4 as usize).div_ceil(64)));
        step.push(dispatch(r, &POSTERIOR_STEP, &[("SIGMA", 1.0)], &p, rows, &list, 1));
        let p = super::log_of_outcomes(batch, 1);
        step.push(dispatch(r, &LOG, &[], &p, rows, &[outcome, unused, clock, ring], 1));
        let segments = vec![step];
        Ok(Self { recording, segments, data, data_buffers, mean, prior, learned, draw, places, running })
    }

    /// The dispatches of all segments, in order.
    pub(crate) fn dispatches(&self) -> Vec<Vec<Dispatch>> {
        self.segments.clone()
    }

    /// The place of `segment`.
    pub(crate) fn index(segment: PosteriorSegment) -> usize {
        segment as usize
    }
}
