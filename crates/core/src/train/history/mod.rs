//! The path of a training: all lanes' weights at some steps, kept on the device within a bound of bytes.

mod coordinates;
mod principal;

pub use coordinates::{Axes, Coordinates, Place};
pub use principal::Principal;
pub(crate) use principal::principal_factors;

use super::slot::Slot;
use super::trainer::Trainer;
use crate::gpu::{Gpu, Program, Readback};
use crate::model::Model;
use crate::plan::{HistoryPlan, PRESENT};
use crate::{Error, Result};
use coordinates::Asked;

/// Weights and running statistics of all lanes at some steps. Recording is a copy on the device; nothing is read back.
///
/// When it is full, every second entry goes and the interval between entries doubles; the first and the newest stay.
#[derive(Debug)]
pub struct History {
    plan: HistoryPlan,
    program: Program,
    parameters: usize,
    running: usize,
    lanes: usize,
    /// In the order of their steps.
    entries: Vec<Entry>,
    capacity: usize,
    interval: u64,
    /// Counts trainings: answers about one that was forgotten are thrown away.
    course: u64,
    max_bytes: u64,
    /// Multiply-adds that a dispatch may have.
    work: u64,
    coordinates: Readback,
    asked: Option<Asked>,
    products: Readback,
    /// The lanes and chosen sets that principal directions are asked for.
    path: Option<principal::Path>,
}

/// A step whose weights are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Steps done.
    pub step: u64,
    /// Its place in the buffers.
    place: usize,
}

/// Entries at most: more than a curve or a slider can tell apart.
const MOST_ENTRIES: usize = 256;
/// Entries that are worth a history.
const FEWEST_ENTRIES: usize = 4;

impl History {
    /// Makes room for as many entries of `lanes` lanes as `max_bytes` bytes on the device hold, at most 256.
    ///
    /// # Errors
    /// [`Error::Input`] where there is not even room for four, or not on the device; [`Error::Run`] where that is lost.
    pub async fn new(gpu: &Gpu, model: &Model, lanes: usize, max_bytes: u64) -> Result<Self> {
        let (parameters, running) = (model.parameter_floats(), model.running_floats());
        if lanes == 0 || lanes > crate::gpu::Recording::TABLE_ROWS {
            return Err(Error::input(format!("a history of {lanes} lanes; a trainer has 1 to 256.")));
        }
        // Beside the buffers: tables, sizes of dispatches, and what is read back, which lies there twice.
        let bytes = |plan: &HistoryPlan, entries: usize| {
            plan.recording.bytes() + (32 << 10) + (16 * (entries + PRESENT) * lanes) as u64
        };
        let fits = |entries: &usize| {
            let plan = HistoryPlan::new(parameters, running, lanes, *entries);
            bytes(&plan, *entries) <= max_bytes && plan.recording.largest().1 <= gpu.max_binding()
        };
        let Some(capacity) = (FEWEST_ENTRIES..=MOST_ENTRIES).rev().find(fits) else {
            let plan = HistoryPlan::new(parameters, running, lanes, FEWEST_ENTRIES);
            return Err(Error::input(format!(
                "the path of {lanes} networks takes at least {} bytes on the device and may have {max_bytes}, in buffers of at \
                 most {} bytes; allow more, or train fewer or smaller networks.",
                bytes(&plan, FEWEST_ENTRIES),
                gpu.max_binding()
            )));
        };
        let plan = HistoryPlan::new(parameters, running, lanes, capacity);
        // Questions come later than the first moment that is kept, which training waits for.
        let out_of_memory = gpu.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let program = Program::allocate(gpu, &plan.recording, &plan.dispatches());
        if out_of_memory.pop().await.is_some() {
            return Err(Error::input(
                "the device has no room for the path of these networks; train fewer or smaller ones.",
            ));
        }
        let [dots, axes, gram] =
            [plan.buffers.dots, plan.buffers.axes, plan.buffers.gram].map(|b| plan.recording.size(b));
        Ok(Self {
            coordinates: Readback::new(gpu, dots + axes),
            products: Readback::new(gpu, gram),
            asked: None,
            path: None,
            work: if gpu.is_software() { 1 << 28 } else { 1 << 34 },
            entries: Vec::new(),
            interval: 1,
            course: 0,
            plan,
            program,
            parameters,
            running,
            lanes,
            capacity,
            max_bytes,
        })
    }

    /// Keeps the present weights of `trainer` where the last entry is at least an interval ago. Entries after its step are of
    /// another course and are forgotten. Whether it kept them.
    ///
    /// # Errors
    /// [`Error::Input`] where the trainer's lanes or network are others.
    pub fn record(&mut self, gpu: &Gpu, trainer: &Trainer) -> Result<bool> {
        self.check(trainer)?;
        let step = trainer.submitted();
        self.entries.retain(|entry| entry.step <= step);
        if self.entries.last().is_some_and(|last| step < last.step + self.interval) {
            return Ok(false);
        }
        if self.entries.len() == self.capacity {
            self.thin();
            if self.entries.last().is_some_and(|last| step < last.step + self.interval) {
                return Ok(false);
            }
        }
        // What principal directions are being made of stays until they are.
        let awaited = |place| self.path.as_ref().is_some_and(|path| path.has_entry(place, self.lanes));
        let taken = |place| awaited(place) || self.entries.iter().any(|entry| entry.place == place);
        let free = (0..self.capacity).find(|place| !taken(*place));
        let Some(place) = free else { return Ok(false) };
        let (parameters, running) = (self.parameters * self.lanes, self.running * self.lanes);
        let from = trainer.slot(0);
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let weights = self.program.buffer(self.plan.buffers.weights);
        copy(&mut encoder, (from.weights, from.weights_offset), (weights, place * parameters), parameters);
        let kept = self.program.buffer(self.plan.buffers.running);
        copy(&mut encoder, (from.running, from.running_offset), (kept, place * running), running);
        gpu.queue.submit([encoder.finish()]);
        self.entries.push(Entry { step, place });
        Ok(true)
    }

    fn check(&self, trainer: &Trainer) -> Result<()> {
        let sizes = trainer.plan.sizes;
        if (sizes.lanes, sizes.parameters, sizes.running) == (self.lanes, self.parameters, self.running) {
            return Ok(());
        }
        Err(Error::input("this history is of other networks than the trainer's; make a new one."))
    }

    /// Drops every second entry but the newest. The interval becomes that of what is left, and at least twice what it was.
    fn thin(&mut self) {
        let newest = self.entries.len().saturating_sub(1);
        let mut index = 0..;
        self.entries.retain(|_| index.next().is_some_and(|i: usize| i.is_multiple_of(2) || i == newest));
        let [Some(first), Some(last)] = [self.entries.first(), self.entries.last()] else { return };
        let gaps = self.entries.len().saturating_sub(1).max(1) as u64;
        self.interval = (2 * self.interval).max((last.step - first.step).div_ceil(gaps));
    }

    /// Forgets all entries, for a training that begins anew.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.interval = 1;
        self.course += 1;
    }

    /// The entries, in the order of their steps.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The number of the entry whose step is nearest to `step`, the earlier one of two.
    pub fn nearest(&self, step: u64) -> Option<usize> {
        (0..self.entries.len()).min_by_key(|i| self.entries[*i].step.abs_diff(step))
    }

    /// Where the weights of `lane` in entry number `entry` lie; `None` where there is no such entry or lane. It holds until
    /// the next [`History::record`].
    pub fn slot(&self, entry: usize, lane: usize) -> Option<Slot<'_>> {
        let place = self.entries.get(entry).filter(|_| lane < self.lanes)?.place * self.lanes + lane;
        Some(Slot {
            weights: self.program.buffer(self.plan.buffers.weights),
            weights_offset: (4 * place * self.parameters) as u64,
            running: self.program.buffer(self.plan.buffers.running),
            running_offset: (4 * place * self.running) as u64,
        })
    }

    /// Entries that there is room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Steps from an entry to the next, at least.
    pub fn interval(&self) -> u64 {
        self.interval
    }

    /// Bytes on the device, constant over the run.
    pub fn bytes(&self) -> u64 {
        self.program.bytes() + self.coordinates.bytes() + self.products.bytes()
    }

    /// The bound that it was made with.
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }
}

/// Copies `floats` floats; a place in `to` counts floats, one in `from` bytes.
fn copy(encoder: &mut wgpu::CommandEncoder, from: (&wgpu::Buffer, u64), to: (&wgpu::Buffer, usize), floats: usize) {
    if floats > 0 {
        encoder.copy_buffer_to_buffer(from.0, from.1, to.0, 4 * to.1 as u64, 4 * floats as u64);
    }
}
