//! The sampler: sets of weights that are weighted sums of three given ones, measured as lanes of one evaluation.

use super::{BINDING, BUDGET, Examples, STATISTICS_BATCH, Statistics, Subject, Sums, add_records, largest_that};
use crate::gpu::{Program, Recording};
use crate::plan::{DeviceData, RING, SamplePlan, SampleRequest, SampleSegment, View};
use crate::train::LaneState;
use crate::{Error, Result};

/// The factors of the three sources.
pub(super) type Factors = [f32; 3];

/// Loss and accuracy at one set of weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) loss: f32,
    pub(super) accuracy: f32,
}

/// Sources and data on the device.
#[derive(Debug)]
pub(super) struct Sampler {
    plan: SamplePlan,
    program: Program,
    lanes: usize,
    batch: usize,
    statistics: Option<usize>,
    /// Batches of a submission.
    batches: usize,
    views: Vec<View>,
}

/// Examples per batch of an evaluation: that of `train::Evaluator`, so that equal weights have equal losses.
const BATCH: usize = 250;

impl Sampler {
    /// Prepares up to `points` lanes, as many as memory and the time of a dispatch allow.
    pub(super) async fn new(
        subject: &Subject<'_>,
        sources: &[&LaneState],
        statistics: Statistics,
        parts: &[Examples],
        points: usize,
    ) -> Result<Self> {
        subject.check(sources)?;
        let Subject { gpu, model, data, .. } = *subject;
        let largest = data.train.len().max(data.test.len()).max(1);
        let batch = BATCH.min(largest);
        let views: Vec<View> = parts.iter().map(|part| part.view()).collect();
        let recompute = statistics == Statistics::Recompute && model.running_floats() > 0;
        let mut request = SampleRequest {
            model,
            data: DeviceData::new(data, gpu.max_binding()),
            lanes: 1,
            batch,
            statistics: None,
            views: &views,
            points: 0,
            family: gpu.family(),
        };
        // By the baseline's binding, not by the adapter's: the statistics follow from sizes alone.
        request.statistics = recompute.then(|| statistics_batch(&request, data.train.len())).transpose()?;
        let (work, submission) = subject.work();
        let per_lane = model.multiply_adds().max(1) * batch.max(request.statistics.unwrap_or(0)) as u64;
        let most = points.min(Recording::TABLE_ROWS).min((work / per_lane).max(1) as usize).max(1);
        let fits = |lanes: usize| {
            let plan = SamplePlan::new(&SampleRequest { lanes, ..request.clone() });
            plan.is_ok_and(|plan| plan.recording.bytes() <= BUDGET && plan.recording.largest().1 <= gpu.max_binding())
        };
        let lanes = largest_that(most, fits);
        request.lanes = lanes;
        let plan = SamplePlan::new(&request)?;
        fit(&plan.recording, gpu.max_binding())?;
        let program = Program::new(gpu, &plan.recording, &plan.dispatches()).await?;
        plan.data_buffers.upload(gpu, &program, &plan.data, data);
        for (i, state) in sources.iter().enumerate() {
            for (buffer, values) in
                [(plan.buffers.sources, &state.weights), (plan.buffers.running_sources, &state.running)]
            {
                let offset = (4 * i * values.len()) as u64;
                gpu.queue.write_buffer(program.buffer(buffer), offset, bytemuck::cast_slice(values));
            }
        }
        gpu.check()?;
        let batches = (submission / (per_lane * lanes as u64)).clamp(1, RING as u64 / 4) as usize;
        Ok(Self { lanes, batch, statistics: request.statistics, batches, views, plan, program })
    }

    /// Sets of weights that are measured at once.
    pub(super) fn lanes(&self) -> usize {
        self.lanes
    }

    /// Measures up to [`Sampler::lanes`] sets of weights: for each, what was asked for in the order of the parts.
    pub(super) async fn measure(&self, subject: &Subject<'_>, factors: &[Factors]) -> Result<Vec<Vec<Sample>>> {
        let gpu = subject.gpu;
        // Lanes that are not needed repeat the last one.
        let lane = |i: usize| factors.get(i.min(factors.len().saturating_sub(1))).copied().unwrap_or_default();
        let table: Vec<[f32; 4]> = (0..self.lanes).map(lane).map(|[a, b, c]| [a, b, c, 0.0]).collect();
        self.program.write(gpu, self.plan.buffers.factors, bytemuck::cast_slice(&table));
        let combine = [self.plan.index(SampleSegment::Weights), self.plan.index(SampleSegment::Running)];
        combine.into_iter().flatten().for_each(|segment| self.program.run(gpu, segment));
        if let (Some(batch), Some(segment)) = (self.statistics, self.plan.index(SampleSegment::Statistics)) {
            let count = subject.data.train.len() / batch;
            self.reset(gpu, &[self.plan.buffers.clock, self.plan.buffers.batch_running]);
            for first in (0..count).step_by(self.batches) {
                self.submit(gpu, segment, self.batches.min(count - first));
                // Nothing is read, but what is on its way has to end some time.
                gpu.read(self.program.buffer(self.plan.buffers.clock), 0, 8).await?;
            }
        }
        let mut samples = vec![Vec::new(); factors.len()];
        for view in &self.views {
            let Some(segment) = self.plan.index(SampleSegment::Evaluate(*view)) else { continue };
            let count = self.plan.data.range(*view).1.div_ceil(self.batch);
            let mut sums: Vec<Sums> = vec![[0.0; 4]; self.lanes];
            self.reset(gpu, &[self.plan.buffers.clock]);
            for first in (0..count).step_by(self.batches) {
                let some = self.batches.min(count - first);
                self.submit(gpu, segment, some);
                let ring = self.plan.buffers.ring;
                add_records(gpu, &self.program, ring, first as u64, some as u64, &mut sums).await?;
            }
            for (list, [loss, right, _, examples]) in samples.iter_mut().zip(sums) {
                list.push(Sample { loss: (loss / examples) as f32, accuracy: (right / examples) as f32 });
            }
        }
        Ok(samples)
    }

    /// Clears buffers, in order with what is submitted.
    fn reset(&self, gpu: &crate::gpu::Gpu, buffers: &[crate::gpu::BufferId]) {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        buffers.iter().for_each(|buffer| encoder.clear_buffer(self.program.buffer(*buffer), 0, None));
        gpu.queue.submit([encoder.finish()]);
    }

    fn submit(&self, gpu: &crate::gpu::Gpu, segment: usize, count: usize) {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        (0..count).for_each(|_| self.program.encode(&mut pass, segment));
        drop(pass);
        gpu.queue.submit([encoder.finish()]);
    }
}

/// Examples per batch of the pass for statistics: the set in equal batches of at most [`STATISTICS_BATCH`].
fn statistics_batch(request: &SampleRequest<'_>, examples: usize) -> Result<usize> {
    let equal = |most: usize| examples / examples.div_ceil(most);
    let mut most = STATISTICS_BATCH;
    loop {
        let plan = SamplePlan::new(&SampleRequest { statistics: Some(equal(most)), ..request.clone() })?;
        if most <= 32 || plan.recording.largest().1 <= BINDING {
            break;
        }
        most /= 2;
    }
    let batch = equal(most);
    if request.model.fewest_normalised().is_some_and(|pixels| pixels * batch < 2) {
        return Err(Error::input(
            "batch norm has no variance of one value; measure more training examples, or take --bn interpolate.",
        ));
    }
    Ok(batch)
}

/// Checks that no buffer is larger than the device can bind.
pub(crate) fn fit(recording: &Recording, max_binding: u64) -> Result<()> {
    match recording.largest() {
        (label, bytes) if bytes > max_binding => Err(Error::input(format!(
            "the buffer of {label} would have {bytes} bytes, the adapter binds at most {max_binding}; a smaller model fits."
        ))),
        _ => Ok(()),
    }
}
