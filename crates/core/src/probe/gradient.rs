//! Gradients of groups of consecutive examples in inference mode, several groups at a time.

use super::sample::fit;
use super::{BUDGET, Subject, Sums, add_records, largest_that};
use crate::gpu::{BufferId, Dispatch, Program, Recording};
use crate::plan::{DeviceData, GradientPlan, GradientSegment, RING};
use crate::train::LaneState;
use crate::{Error, Result};

/// Weights and examples on the device.
#[derive(Debug)]
pub(super) struct Groups {
    plan: GradientPlan,
    program: Program,
    /// Groups at a time.
    pub(super) lanes: usize,
    batch: usize,
    /// Batches of a group.
    batches: usize,
    /// Batches of a submission.
    submission: usize,
    parameters: usize,
}

/// Examples per batch where a group has more.
const BATCH: usize = 500;
/// Examples of all lanes together, about.
const EXAMPLES: usize = 1000;

impl Groups {
    /// Prepares groups of `size` examples, which divides the number of examples.
    pub(super) async fn new(subject: &Subject<'_>, state: &LaneState, size: usize) -> Result<Self> {
        Self::with(subject, state, size, &|_| Vec::new()).await
    }

    /// The same with further segments, which [`Groups::run`] counts from 0.
    pub(super) async fn with(
        subject: &Subject<'_>,
        state: &LaneState,
        size: usize,
        extend: &dyn Fn(&mut GradientPlan) -> Vec<Vec<Dispatch>>,
    ) -> Result<Self> {
        subject.check(&[state])?;
        let Subject { gpu, model, data, examples } = *subject;
        let count = examples.len(data) / size;
        let (work, submission) = subject.work();
        let plan = |lanes: usize, batch: usize| {
            let data = DeviceData::new(data, gpu.max_binding());
            GradientPlan::new(model, data, examples.view(), lanes, batch, gpu.family())
        };
        let fits = |lanes: usize, batch: usize| {
            let fits = |mut plan: GradientPlan| {
                extend(&mut plan);
                plan.recording.bytes() <= BUDGET && plan.recording.largest().1 <= gpu.max_binding()
            };
            plan(lanes, batch).is_ok_and(fits)
        };
        // Of one group the last batch may be short; several groups are cut at the same places.
        let batch_of = |most: usize| match size {
            size if size <= most => size,
            _ if count == 1 => most,
            size => (1..=most).rev().find(|batch| size.is_multiple_of(*batch)).unwrap_or(1),
        };
        let mut most = BATCH;
        while most > 1 && !fits(1, batch_of(most)) {
            most /= 2;
        }
        let batch = batch_of(most);
        let batches = size.div_ceil(batch);
        let per_lane = 3 * model.multiply_adds().max(1) * batch as u64;
        let wanted = if batches > 1 { 1 } else { count.min(EXAMPLES / batch).min((work / per_lane) as usize) };
        let lanes = largest_that(wanted.clamp(1, Recording::TABLE_ROWS), |lanes| fits(lanes, batch));
        let mut plan = plan(lanes, batch)?;
        let more = extend(&mut plan);
        fit(&plan.recording, gpu.max_binding())?;
        let program = Program::new(gpu, &plan.recording, &[plan.dispatches(), more].concat()).await?;
        plan.data_buffers.upload(gpu, &program, &plan.data, data);
        if !state.running.is_empty() {
            program.write(gpu, plan.running, bytemuck::cast_slice(&state.running.repeat(lanes)));
        }
        gpu.check()?;
        let submission = (submission / (per_lane * lanes as u64)).clamp(1, RING as u64 / 4) as usize;
        let parameters = model.parameter_floats();
        Ok(Self { plan, program, lanes, batch, batches, submission, parameters })
    }

    /// The weights of each lane, for what is measured next.
    pub(super) fn set_weights(&self, subject: &Subject<'_>, weights: &[f32]) {
        self.program.write(subject.gpu, self.plan.weights, bytemuck::cast_slice(weights));
    }

    /// Runs segment `segment` of those that the plan was extended by.
    pub(super) fn run(&self, subject: &Subject<'_>, segment: usize) {
        self.program.run(subject.gpu, GradientPlan::SEGMENTS + segment);
    }

    /// Writes `data` to the start of a buffer.
    pub(super) fn write(&self, subject: &Subject<'_>, buffer: BufferId, data: &[u8]) {
        self.program.write(subject.gpu, buffer, data);
    }

    /// Reads `floats` floats from the start of a buffer.
    pub(super) async fn read(&self, subject: &Subject<'_>, buffer: BufferId, floats: usize) -> Result<Vec<f32>> {
        let bytes = self.program.read(subject.gpu, buffer, 4 * floats as u64).await?;
        Ok(bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect())
    }

    /// The same weights for all lanes, and loss and gradient of what is measured next are those of the first one: the sums stay
    /// on the device.
    pub(super) async fn gradient_on_device(&self, subject: &Subject<'_>) -> Result<Sums> {
        let sums = self.pass(subject, 0, GradientSegment::Gradient).await?;
        Ok(sums[0])
    }

    /// Sums of the losses of the groups from `first` on, a lane each.
    pub(super) async fn losses(&self, subject: &Subject<'_>, first: usize) -> Result<Vec<Sums>> {
        self.pass(subject, first, GradientSegment::Loss).await
    }

    /// The same with the sums of each group's batch gradients, as the arena has them, lane after lane; times
    /// [`Groups::scale`] they are the gradient of the group's mean loss.
    pub(super) async fn gradients(&self, subject: &Subject<'_>, first: usize) -> Result<(Vec<Sums>, Vec<f32>)> {
        let sums = self.pass(subject, first, GradientSegment::Gradient).await?;
        let bytes = (4 * self.parameters * self.lanes) as u64;
        let bytes = self.program.read(subject.gpu, self.plan.sum, bytes).await?;
        Ok((sums, bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect()))
    }

    /// A batch's gradient is divided by its size, and not by the examples that count in it.
    pub(super) fn scale(&self, sums: &Sums) -> f64 {
        self.batch as f64 / sums[3]
    }

    async fn pass(&self, subject: &Subject<'_>, first: usize, segment: GradientSegment) -> Result<Vec<Sums>> {
        let gpu = subject.gpu;
        let step = (first / self.lanes * self.batches) as u64;
        let cell = u32::try_from(step).map_err(|_| Error::run("there are more groups than steps can be counted."))?;
        self.program.write(gpu, self.plan.clock, bytemuck::cast_slice(&[cell, cell]));
        let mut sums: Vec<Sums> = vec![[0.0; 4]; self.lanes];
        for begin in (0..self.batches).step_by(self.submission) {
            let count = self.submission.min(self.batches - begin);
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            if begin == 0 {
                encoder.clear_buffer(self.program.buffer(self.plan.sum), 0, None);
            }
            let mut pass = encoder.begin_compute_pass(&Default::default());
            (0..count).for_each(|_| self.program.encode(&mut pass, self.plan.index(segment)));
            drop(pass);
            gpu.queue.submit([encoder.finish()]);
            let (first, count) = (step + begin as u64, count as u64);
            add_records(gpu, &self.program, self.plan.ring, first, count, &mut sums).await?;
        }
        Ok(sums)
    }
}
