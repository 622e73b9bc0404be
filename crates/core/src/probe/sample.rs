//! The sampler: sets of weights that are weighted sums of three given ones, measured as lanes of one evaluation.

use super::{
    BINDING, BUDGET, Examples, Progress, STATISTICS_BATCH, Statistics, Subject, Sums, add_records, largest_that,
};
use crate::gpu::{Gpu, Program, Recording};
use crate::plan::{CLOCK_BYTES, DeviceData, RING, SamplePlan, SampleRequest, SampleSegment, View, kept};
use crate::train::LaneState;
use crate::{Error, Result};

/// The factors of the three sources.
pub(crate) type Factors = [f32; 3];

/// Loss and accuracy at one set of weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) loss: f32,
    pub(crate) accuracy: f32,
}

/// How points are measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sampling<'a> {
    /// Batch norm's running statistics.
    pub(crate) statistics: Statistics,
    /// The parts of the data set that are measured.
    pub(crate) parts: &'a [Examples],
    /// Points that are expected.
    pub(crate) points: usize,
    /// Whether the linearity of a first dense layer is made use of, where it pays.
    pub(crate) linear: bool,
}

/// Sources and data on the device.
#[derive(Debug)]
pub(crate) struct Sampler {
    plan: SamplePlan,
    program: Program,
    lanes: usize,
    batch: usize,
    sources: usize,
    statistics: Option<usize>,
    /// Batches of a submission.
    batches: usize,
    views: Vec<View>,
}

/// Examples per batch of an evaluation: that of `train::Evaluator`, so that equal weights have equal losses.
const BATCH: usize = 250;

/// The outputs of a first layer pay from this many points on for each source.
pub(crate) const POINTS_PER_SOURCE: usize = 2;

impl Sampler {
    /// Prepares lanes for two or three sources, as many as memory and the time of a dispatch allow.
    pub(crate) async fn new(subject: &Subject<'_>, sources: &[&LaneState], how: Sampling<'_>) -> Result<Self> {
        subject.check(sources)?;
        let Subject { gpu, model, data, .. } = *subject;
        let largest = data.train.len().max(data.test.len()).max(1);
        let batch = BATCH.min(largest);
        let views: Vec<View> = how.parts.iter().map(|part| part.view()).collect();
        let recompute = how.statistics == Statistics::Recompute && model.running_floats() > 0;
        let pays = how.linear && !recompute && how.points >= POINTS_PER_SOURCE * sources.len();
        let mut request = SampleRequest {
            model,
            data: DeviceData::new(data, gpu.max_binding()),
            lanes: 1,
            batch,
            statistics: None,
            views: &views,
            sources: sources.len(),
            first: model.first().filter(|first| pays && kept(*first, sources.len(), batch) > 0),
            points: 0,
            family: gpu.family(),
        };
        // By the baseline's binding, not by the adapter's: the statistics follow from sizes alone.
        request.statistics = recompute.then(|| statistics_batch(&request, data.train.len())).transpose()?;
        let (work, submission) = subject.work();
        let each = request.first.map_or(model.multiply_adds().max(1), |first| first.rest(model));
        let per_lane = each * batch.max(request.statistics.unwrap_or(0)) as u64;
        let most = how.points.min(Recording::TABLE_ROWS).min((work / per_lane).max(1) as usize).max(1);
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
        let mixture = plan.buffers.mixture;
        for (i, state) in sources.iter().enumerate() {
            for (buffer, values) in [(mixture.sources, &state.weights), (mixture.running_sources, &state.running)] {
                let offset = (4 * i * values.len()) as u64;
                gpu.queue.write_buffer(program.buffer(buffer), offset, bytemuck::cast_slice(values));
            }
        }
        gpu.check()?;
        let batches = (submission / (per_lane * lanes as u64)).clamp(1, RING as u64 / 4) as usize;
        let (sources, statistics) = (sources.len(), request.statistics);
        Ok(Self { lanes, batch, sources, statistics, batches, views, plan, program })
    }

    /// Measures sets of weights: for each, what was asked for in the order of the parts. Losses do not depend on which other
    /// sets are measured with it.
    pub(crate) async fn measure(
        &self,
        subject: &Subject<'_>,
        factors: &[Factors],
        progress: Progress<'_>,
    ) -> Result<Vec<Vec<Sample>>> {
        let gpu = subject.gpu;
        let mut sums: Vec<Vec<Sums>> = vec![vec![[0.0; 4]; self.views.len()]; factors.len()];
        let blocks = self.blocks();
        for (i, block) in blocks.iter().enumerate() {
            if self.plan.first.is_some() {
                for (view, first, count) in block {
                    self.outputs(gpu, self.views[*view], *first, *count).await?;
                }
            }
            for first in (0..factors.len()).step_by(self.lanes) {
                progress((i * factors.len() + first) / blocks.len(), factors.len());
                let some = &factors[first..factors.len().min(first + self.lanes)];
                self.mix(subject, some).await?;
                for (view, from, count) in block {
                    let measured = self.evaluate(gpu, self.views[*view], *from, *count).await?;
                    for (sums, more) in sums[first..].iter_mut().zip(&measured[..some.len()]) {
                        sums[*view].iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
                    }
                }
            }
        }
        progress(factors.len(), factors.len());
        let sample = |[loss, right, _, examples]: &Sums| Sample {
            loss: (loss / examples) as f32,
            accuracy: (right / examples) as f32,
        };
        Ok(sums.iter().map(|views| views.iter().map(sample).collect()).collect())
    }

    /// The batches that are gone through before the next points come: view, first batch, count. Without outputs that are kept,
    /// all of them; else as many as are kept.
    fn blocks(&self) -> Vec<Vec<(usize, usize, usize)>> {
        let count = |view: &View| self.plan.data.range(*view).1.div_ceil(self.batch);
        let all = self.views.iter().enumerate().map(|(i, view)| (i, 0, count(view)));
        match &self.plan.first {
            None => vec![all.collect()],
            Some(of) => all
                .flat_map(|(view, _, count)| {
                    let starts = (0..count).step_by(of.batches);
                    starts.map(move |first| vec![(view, first, of.batches.min(count - first))])
                })
                .collect(),
        }
    }

    /// Computes and keeps the first layer's outputs of some batches under each source.
    async fn outputs(&self, gpu: &Gpu, view: View, first: usize, count: usize) -> Result<()> {
        for batch in first..first + count {
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            self.set_clock(gpu, batch);
            let list = (0..self.sources).map(SampleSegment::Outputs);
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for segment in [SampleSegment::Inputs(view)].into_iter().chain(list) {
                self.plan.index(segment).into_iter().for_each(|segment| self.program.encode(&mut pass, segment));
            }
            drop(pass);
            self.plan.keep(&self.program, &mut encoder, batch);
            gpu.queue.submit([encoder.finish()]);
            // Nothing is read, but what is on its way has to end some time.
            if (batch - first) % 16 == 15 {
                self.wait(gpu).await?;
            }
        }
        Ok(())
    }

    /// Makes the lanes' weights and running statistics.
    async fn mix(&self, subject: &Subject<'_>, factors: &[Factors]) -> Result<()> {
        let gpu = subject.gpu;
        // Lanes that are not needed repeat the last one.
        let lane = |i: usize| factors.get(i.min(factors.len().saturating_sub(1))).copied().unwrap_or_default();
        let table: Vec<[f32; 4]> = (0..self.lanes).map(lane).map(|[a, b, c]| [a, b, c, 0.0]).collect();
        self.program.write(gpu, self.plan.buffers.mixture.factors, bytemuck::cast_slice(&table));
        let combine = [self.plan.index(SampleSegment::Weights), self.plan.index(SampleSegment::Running)];
        combine.into_iter().flatten().for_each(|segment| self.program.run(gpu, segment));
        if let (Some(batch), Some(segment)) = (self.statistics, self.plan.index(SampleSegment::Statistics)) {
            let count = subject.data.train.len() / batch;
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            encoder.clear_buffer(self.program.buffer(self.plan.buffers.batch_running), 0, None);
            gpu.queue.submit([encoder.finish()]);
            self.set_clock(gpu, 0);
            for first in (0..count).step_by(self.batches) {
                self.submit(gpu, segment, self.batches.min(count - first));
                self.wait(gpu).await?;
            }
        }
        Ok(())
    }

    /// The lanes' sums over `count` batches of a view from `from` on.
    async fn evaluate(&self, gpu: &Gpu, view: View, from: usize, count: usize) -> Result<Vec<Sums>> {
        let mut sums: Vec<Sums> = vec![[0.0; 4]; self.lanes];
        let Some(segment) = self.plan.index(SampleSegment::Evaluate(view)) else { return Ok(sums) };
        self.set_clock(gpu, from);
        for first in (from..from + count).step_by(self.batches) {
            let some = self.batches.min(from + count - first);
            self.submit(gpu, segment, some);
            add_records(gpu, &self.program, self.plan.buffers.ring, first as u64, some as u64, &mut sums).await?;
        }
        Ok(sums)
    }

    /// The batch that comes next, in order with what is submitted.
    fn set_clock(&self, gpu: &Gpu, batch: usize) {
        let mut clock = [0; CLOCK_BYTES];
        clock[4..8].copy_from_slice(&(batch as u32).to_le_bytes());
        self.program.write(gpu, self.plan.buffers.clock, &clock);
    }

    async fn wait(&self, gpu: &Gpu) -> Result<()> {
        gpu.read(self.program.buffer(self.plan.buffers.clock), 0, 8).await.map(drop)
    }

    fn submit(&self, gpu: &Gpu, segment: usize, count: usize) {
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
