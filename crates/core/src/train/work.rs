//! Work that is on its way to the device and back.

use super::event::{Evaluation, Part};
use crate::gpu::Readback;
use crate::optim::Optimizer;
use crate::plan::{RECORD_BYTES, RING, View};
use std::sync::Arc;
use web_time::Instant;

/// A submission that has not come back.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) job: Job,
    pub(super) readback: Readback,
    pub(super) submitted: Instant,
    /// What its steps are done with.
    pub(super) optimizers: Arc<[Optimizer]>,
}

/// What a submission does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Job {
    /// Steps `first .. first + count`.
    Steps { first: u64, count: u64 },
    /// Batches `first .. first + count` of an evaluation at `step`.
    Evaluate { view: View, step: u64, first: u64, count: u64, last: bool },
    /// The state after `step` steps.
    Snapshot { step: u64 },
}

/// One lane's record of one step or batch, as `shaders/shared/record.wgsl` has it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct Record {
    /// Loss, correct, among the top 5, count: sums over examples with their own label.
    pub(super) clean: [f32; 4],
    /// The same over examples whose label was moved.
    pub(super) flipped: [f32; 4],
    pub(super) grad_norm: f32,
    pub(super) ascent_loss: f32,
    pub(super) second_order_cosine: f32,
    unused: f32,
}

const _: () = assert!(size_of::<Record>() == RECORD_BYTES);

impl Record {
    /// Loss, correct, among the top 5, count: sums over all examples.
    pub(crate) fn sums(&self) -> [f32; 4] {
        std::array::from_fn(|i| self.clean[i] + self.flipped[i])
    }
}

/// The ring's byte ranges of slots `first .. first + count`, at most two: it may wrap.
pub(crate) fn ring_ranges(first: u64, count: u64, slot_bytes: u64) -> impl Iterator<Item = (u64, u64)> {
    let begin = first % RING as u64;
    let before_end = count.min(RING as u64 - begin);
    [(begin, before_end), (0, count - before_end)]
        .into_iter()
        .filter(|(_, n)| *n > 0)
        .map(move |(at, n)| (at * slot_bytes, n * slot_bytes))
}

/// The sums of an evaluation on its way, per lane, in f64 and in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    clean: [f64; 4],
    flipped: [f64; 4],
}

impl Tally {
    pub(super) fn add(&mut self, record: &Record) {
        for i in 0..4 {
            self.clean[i] += f64::from(record.clean[i]);
            self.flipped[i] += f64::from(record.flipped[i]);
        }
    }

    /// The finished measurements: the view itself and, on training data with moved labels, its two parts.
    pub(super) fn evaluations(&self, lane: usize, step: u64, view: View) -> Vec<Evaluation> {
        let whole = std::array::from_fn(|i| self.clean[i] + self.flipped[i]);
        let measure = |part, sums: [f64; 4]| Evaluation {
            lane,
            step,
            part,
            loss: (sums[0] / sums[3]) as f32,
            accuracy: (sums[1] / sums[3]) as f32,
            top5: (sums[2] / sums[3]) as f32,
            examples: sums[3] as u64,
        };
        match view {
            View::Val => vec![measure(Part::Val, whole)],
            View::Test => vec![measure(Part::Test, whole)],
            View::Train | View::TrainHead if self.flipped[3] > 0.0 => {
                let parts = [(Part::TrainClean, self.clean), (Part::TrainFlipped, self.flipped)];
                let parts = parts.into_iter().filter(|(_, sums)| sums[3] > 0.0);
                [(Part::Train, whole)].into_iter().chain(parts).map(|(part, sums)| measure(part, sums)).collect()
            }
            View::Train | View::TrainHead => vec![measure(Part::Train, whole)],
        }
    }
}
