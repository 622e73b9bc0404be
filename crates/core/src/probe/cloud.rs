//! Random points around given weights, drawn on the device and measured as lanes of one evaluation.

use super::sample::fit;
use super::{BUDGET, Examples, Subject, Sums, add_records, largest_that};
use crate::gpu::{Program, Recording};
use crate::plan::{CloudPlan, CloudRequest, CloudSegment, DeviceData, Draw, RING, Scaling, View};
use crate::train::LaneState;
use crate::{Error, Result};

/// What a cloud is made for.
#[derive(Clone, Copy, Debug)]
pub(super) struct CloudOptions<'a> {
    /// What is measured at each point.
    pub(super) parts: &'a [Examples],
    pub(super) scaling: Scaling,
    /// Directions of unit length.
    pub(super) unit: bool,
    /// Losses are cut off at 1.
    pub(super) clip: bool,
    /// Points wanted in all.
    pub(super) points: usize,
}

/// Mean loss and share of right answers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spot {
    pub(super) loss: f64,
    pub(super) accuracy: f64,
}

/// Centre and data on the device.
#[derive(Debug)]
pub(super) struct Cloud {
    plan: CloudPlan,
    program: Program,
    lanes: usize,
    batch: usize,
    /// Batches of a submission.
    batches: usize,
    views: Vec<View>,
}

/// Examples per batch, as those of `train::Evaluator`.
const BATCH: usize = 250;

impl Cloud {
    pub(super) async fn new(subject: &Subject<'_>, state: &LaneState, options: CloudOptions<'_>) -> Result<Self> {
        subject.check(&[state])?;
        let Subject { gpu, model, data, .. } = *subject;
        let batch = BATCH.min(data.train.len().max(data.test.len()).max(1));
        let views: Vec<View> = options.parts.iter().map(|part| part.view()).collect();
        let mut request = CloudRequest {
            model,
            data: DeviceData::new(data, gpu.max_binding()),
            lanes: 1,
            batch,
            views: &views,
            scaling: options.scaling,
            unit: options.unit,
            clip: options.clip,
            family: gpu.family(),
        };
        let (work, submission) = subject.work();
        let per_lane = model.multiply_adds().max(1) * batch as u64;
        let most = options.points.min(Recording::TABLE_ROWS).min((work / per_lane).max(1) as usize).max(1);
        let fits = |lanes: usize| {
            let plan = CloudPlan::new(&CloudRequest { lanes, ..request.clone() });
            plan.is_ok_and(|plan| plan.recording.bytes() <= BUDGET && plan.recording.largest().1 <= gpu.max_binding())
        };
        let lanes = largest_that(most, fits);
        request.lanes = lanes;
        let plan = CloudPlan::new(&request)?;
        fit(&plan.recording, gpu.max_binding())?;
        let program = Program::new(gpu, &plan.recording, &plan.dispatches()).await?;
        plan.data_buffers.upload(gpu, &program, &plan.data, data);
        program.write(gpu, plan.places, bytemuck::cast_slice(&model.layout()));
        program.write(gpu, plan.centre, bytemuck::cast_slice(&state.weights));
        if !state.running.is_empty() {
            program.write(gpu, plan.running, bytemuck::cast_slice(&state.running.repeat(lanes)));
        }
        gpu.check()?;
        let batches = (submission / (per_lane * lanes as u64)).clamp(1, RING as u64 / 4) as usize;
        Ok(Self { plan, program, lanes, batch, batches, views })
    }

    /// Points that are measured at once.
    pub(super) fn lanes(&self) -> usize {
        self.lanes
    }

    /// What the next points lie around.
    pub(super) fn set_centre(&self, subject: &Subject<'_>, weights: &[f32]) {
        self.program.write(subject.gpu, self.plan.centre, bytemuck::cast_slice(weights));
    }

    /// What is measured at the centre itself, part by part.
    pub(super) async fn centre(&self, subject: &Subject<'_>) -> Result<Vec<Spot>> {
        let spots = self.measure(subject, &[Draw::default()]).await?;
        spots.into_iter().next().ok_or_else(|| Error::run("nothing was measured."))
    }

    /// Measures up to [`Cloud::lanes`] points: for each, what was asked for in the order of the parts.
    pub(super) async fn measure(&self, subject: &Subject<'_>, draws: &[Draw]) -> Result<Vec<Vec<Spot>>> {
        let gpu = subject.gpu;
        // Lanes that are not needed stay at the centre.
        let mut table = draws.to_vec();
        table.resize(self.lanes, Draw::default());
        self.program.write(gpu, self.plan.draws, bytemuck::cast_slice(&table));
        if let Some(segment) = self.plan.index(CloudSegment::Draw) {
            self.program.run(gpu, segment);
        }
        let mut spots = vec![Vec::new(); draws.len()];
        for view in &self.views {
            let Some(segment) = self.plan.index(CloudSegment::Evaluate(*view)) else { continue };
            let count = self.plan.data.range(*view).1.div_ceil(self.batch);
            let mut sums: Vec<Sums> = vec![[0.0; 4]; self.lanes];
            for first in (0..count).step_by(self.batches) {
                let some = self.batches.min(count - first);
                let mut encoder = gpu.device.create_command_encoder(&Default::default());
                if first == 0 {
                    encoder.clear_buffer(self.program.buffer(self.plan.clock), 0, None);
                }
                let mut pass = encoder.begin_compute_pass(&Default::default());
                (0..some).for_each(|_| self.program.encode(&mut pass, segment));
                drop(pass);
                gpu.queue.submit([encoder.finish()]);
                add_records(gpu, &self.program, self.plan.ring, first as u64, some as u64, &mut sums).await?;
            }
            for (list, [loss, right, _, examples]) in spots.iter_mut().zip(sums) {
                list.push(Spot { loss: loss / examples, accuracy: right / examples });
            }
        }
        Ok(spots)
    }

    /// Measures the draws 0 .. `count` of `seed`, each of `scale`.
    pub(super) async fn draws(
        &self,
        subject: &Subject<'_>,
        count: usize,
        draw: Draw,
        progress: super::Progress<'_>,
    ) -> Result<Vec<Vec<Spot>>> {
        let mut all = Vec::with_capacity(count);
        while all.len() < count {
            progress(all.len(), count);
            let some = self.lanes().min(count - all.len());
            let which = |i: usize| draw.which + (all.len() + i) as u32;
            let draws: Vec<Draw> = (0..some).map(|i| Draw { which: which(i), ..draw }).collect();
            all.extend(self.measure(subject, &draws).await?);
        }
        progress(count, count);
        Ok(all)
    }
}

/// Mean of `values` and its standard error; 0 of a single one.
pub(super) fn mean_and_error(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let squares: f64 = values.map(|v| (v - mean).powi(2)).sum();
    (mean, if n > 1.0 { (squares / (n - 1.0) / n).sqrt() } else { 0.0 })
}
