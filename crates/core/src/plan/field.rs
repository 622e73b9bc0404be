//! The plan of a field: the logits of fixed inputs under several sets of weights, which are copied from where others keep
//! them, or made as weighted sums of three of them.

use super::data::Visit;
use super::{CLOCK_BYTES, DataBuffers, DeviceData, Mixture, View};
use crate::Result;
use crate::config::Augment;
use crate::gpu::{BufferId, Dispatch, Family, Recording};
use crate::model::{Arenas, Mode, Model, Pass, Room, Sizes};

/// A part of the work: the place of its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldSegment {
    /// Scales and lays out the batch of inputs that the clock says; only when the field is made.
    Gather,
    /// All rows' weights and running statistics from the sources.
    Mix,
    /// The logits of the batch of inputs at hand.
    Forward,
}

/// What a plan is made for.
#[derive(Clone, Debug)]
pub(crate) struct FieldRequest<'a> {
    pub(crate) model: &'a Model,
    /// The inputs, as training examples.
    pub(crate) data: DeviceData,
    /// Sets of weights.
    pub(crate) rows: usize,
    /// Inputs that go through together.
    pub(crate) batch: usize,
    pub(crate) family: Family,
}

/// Buffers and dispatches, before a device is asked for anything.
#[derive(Debug)]
pub(crate) struct FieldPlan {
    pub(crate) recording: Recording,
    segments: [Vec<Dispatch>; 3],
    pub(crate) data: DeviceData,
    pub(crate) data_buffers: DataBuffers,
    pub(crate) buffers: FieldBuffers,
    /// Bytes of a batch's inputs.
    pub(crate) input_bytes: u64,
    /// Bytes of an input's logits.
    pub(crate) logit_bytes: u64,
}

/// The buffers that are written or read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldBuffers {
    /// The rows' weights, and what they are sums of where they are.
    pub(crate) mixture: Mixture,
    pub(crate) clock: BufferId,
    /// The batch of inputs at hand, and, where there are several, all of them.
    pub(crate) input: BufferId,
    pub(crate) inputs: BufferId,
    /// Its logits, and, where there are several batches, all of them: `[row][input][class]`, classes padded to vec4s.
    pub(crate) batch_logits: BufferId,
    pub(crate) logits: BufferId,
}

impl FieldPlan {
    pub(crate) fn new(request: &FieldRequest<'_>) -> Result<Self> {
        let FieldRequest { model, rows, batch, family, .. } = *request;
        let data = request.data.clone();
        let (_, inputs) = data.range(View::Train);
        let batches = inputs.div_ceil(batch);
        let (parameters, running) = (model.parameter_floats(), model.running_floats());
        let mut recording = Recording::default();
        let r = &mut recording;
        let mixture = Mixture::declare(r, model, rows);
        let unused = r.buffer("unused", 16);
        let labels = r.buffer("labels", (4 * batch) as u64);
        let clock = r.buffer("clock", CLOCK_BYTES as u64);
        let one_slot = r.table(vec![[0; 4]]);
        let data_buffers = data.declare(r);

        let sizes = Sizes { batch, lanes: rows, data_slots: 1, parameters, running };
        let mut network = model.connect(r, sizes, Room::Values)?;
        let (input, batch_logits) = (network.input().value, network.logits().value);
        let input_bytes = r.size(input);
        let logit_bytes = 16 * network.logits().example4() as u64;
        let (all_inputs, logits) = if batches > 1 {
            let all = r.buffer("inputs", input_bytes * batches as u64);
            (all, r.buffer("logits", logit_bytes * (rows * inputs) as u64))
        } else {
            (input, batch_logits)
        };

        let plain = Augment::default();
        let to = [clock, input, labels];
        let gather = data.record(
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
        let mut mix = mixture.mix_weights(r, 0);
        mix.extend(mixture.mix_statistics(r));
        let arenas = Arenas { grads: unused, running: mixture.running, unused, seeds: unused, clock };
        let pass = Pass { weights: mixture.weights, rows: mixture.rows, mode: Mode::Inference, batch };
        let forward = network.record(r, arenas, family, pass, None);
        let buffers = FieldBuffers { mixture, clock, input, inputs: all_inputs, batch_logits, logits };
        Ok(Self { recording, segments: [gather, mix, forward], data, data_buffers, buffers, input_bytes, logit_bytes })
    }

    /// The dispatches of all segments, in the order of [`FieldSegment`].
    pub(crate) fn dispatches(&self) -> &[Vec<Dispatch>] {
        &self.segments
    }
}
