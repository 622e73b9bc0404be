//! What may be done to a trainer while it trains: look where its weights lie, rest, change settings and examples. What takes
//! more (another batch, other kinds of steps) is a new trainer that starts from this one's snapshot.

use super::slot::Slot;
use super::trainer::Trainer;
use super::work::Job;
use crate::data::Dataset;
use crate::gpu::{BufferId, Gpu};
use crate::model::Sizes;
use crate::optim::Optimizer;
use crate::plan::DeviceData;
use crate::{Error, Result};

impl Trainer {
    /// Steps submitted so far, `start`'s included: what lies in the arenas when all that was submitted is done.
    pub fn submitted(&self) -> u64 {
        self.submitted
    }

    /// Where the weights and running statistics of `lane` lie on the device.
    pub fn slot(&self, lane: usize) -> Slot<'_> {
        self.slot_in(self.plan.buffers.weights, lane)
    }

    /// Where w + e of the last step submitted lies (w before that step; with `m` groups, e of the last one); `None` where
    /// `lane` does not climb, and before the first step of this trainer. The running statistics are those of
    /// [`Trainer::slot`].
    pub fn ascent_slot(&self, lane: usize) -> Option<Slot<'_>> {
        let ascent = self.plan.buffers.ascent.filter(|_| self.plan.climbs[lane] && self.submitted > self.start)?;
        Some(self.slot_in(ascent, lane))
    }

    fn slot_in(&self, weights: BufferId, lane: usize) -> Slot<'_> {
        let Sizes { parameters, running, .. } = self.plan.sizes;
        Slot {
            weights: self.program.buffer(weights),
            weights_offset: (4 * parameters * lane) as u64,
            running: self.program.buffer(self.plan.buffers.running),
            running_offset: (4 * running * lane) as u64,
        }
    }

    /// Lets [`Trainer::tick`] submit at most `steps` further steps from now on. With 0 training rests: what is on its way, and
    /// evaluations and checkpoints that are due or asked for, are still told. `u64::MAX`, as at the start, sets no limit.
    pub fn allow(&mut self, steps: u64) {
        self.allowed = self.submitted.saturating_add(steps);
    }

    /// Whether nothing is on its way and nothing but steps is left to submit.
    pub fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && self.agenda.is_empty()
    }

    /// Asks for an evaluation at the next step boundary, beside those of `eval_every`.
    pub fn evaluate_soon(&mut self) {
        let step = self.submitted;
        if !self.agenda.iter().any(|job| matches!(job, Job::Evaluate { step: due, .. } if *due == step)) {
            self.schedule_evaluation(step, step == self.setup.steps);
        }
    }

    /// Whether [`Trainer::retune`] can change to these optimizers, one a lane: the dispatches stay the same. They do not where
    /// a lane has another kind of base step, begins or ends to climb (rho 0 or not) or to clip, or climbs by other kernels
    /// (the plain 2-norm, or any other) or in another number of steps.
    pub fn can_retune(&self, optimizers: &[Optimizer]) -> bool {
        let lanes = &self.setup.lanes;
        optimizers.len() == lanes.len() && lanes.iter().zip(optimizers).all(|(lane, new)| lane.optimizer.is_like(new))
    }

    /// Changes the optimizers' numbers, one optimizer a lane, from the next step that is submitted on: learning rate and its
    /// schedule, rho, p, momentum, decay, norm of clipping, betas. Nothing is rebuilt and nobody waits.
    ///
    /// # Errors
    /// [`Error::Input`] where [`Trainer::can_retune`] says no; then nothing has changed.
    pub fn retune(&mut self, gpu: &Gpu, optimizers: &[Optimizer]) -> Result<()> {
        if !self.can_retune(optimizers) {
            return Err(Error::input(
                "these optimizers take other kernels than those in use; make a new trainer from this one's snapshot.",
            ));
        }
        for (lane, new) in self.setup.lanes.iter_mut().zip(optimizers) {
            lane.optimizer = new.clone();
        }
        self.optimizers = optimizers.into();
        self.write_hyper(gpu);
        Ok(())
    }

    pub(super) fn write_hyper(&self, gpu: &Gpu) {
        let smoothing = self.setup.label_smoothing;
        let hyper: Vec<[f32; 12]> = self.optimizers.iter().map(|optimizer| optimizer.hyper(smoothing)).collect();
        self.program.write(gpu, self.plan.buffers.hyper, bytemuck::cast_slice(&hyper));
    }

    /// Changes the examples and labels from the next submission on, where `data` has the sizes of the data set in use: as
    /// many examples of each part, of the same shape and kind, and as many classes. An evaluation that is under way starts
    /// again. False, and nothing has changed, where the sizes differ: that takes a new trainer.
    pub fn set_data(&mut self, gpu: &Gpu, data: &Dataset) -> bool {
        if data.classes != self.classes || DeviceData::new(data, gpu.max_binding()) != self.plan.data {
            return false;
        }
        self.plan.data_buffers.upload(gpu, &self.program, &self.plan.data, data);
        if let Some(Job::Evaluate { view, first, count, .. }) = self.agenda.front_mut() {
            *first = 0;
            *count = self.plan.data.range(*view).1.div_ceil(self.plan.eval_batch) as u64;
        }
        true
    }
}
