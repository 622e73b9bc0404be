//! Measures given weights: loss, accuracy and logits of a part of the data set.

use super::event::Evaluation;
use super::state::LaneState;
use super::work::{Record, Tally, ring_ranges};
use crate::Result;
use crate::config::{Augment, Order};
use crate::data::Dataset;
use crate::gpu::{Gpu, Program};
use crate::model::Model;
use crate::optim::{Ascent, BaseStep, Epochs, Optimizer, Schedule, Sgd};
use crate::plan::{CLOCK_BYTES, DeviceData, Lane, Plan, RECORD_BYTES, RING, Request, Segment, View};

/// Weights and data on the device, ready to be measured in inference mode.
#[derive(Debug)]
pub struct Evaluator {
    plan: Plan,
    program: Program,
    classes: usize,
    batch: usize,
}

const BATCH: usize = 250;

impl Evaluator {
    /// Uploads `data` and the weights of `state`.
    ///
    /// # Errors
    /// [`crate::Error::Input`] where the model does not fit the data or the adapter, [`crate::Error::Run`] where the
    /// device refuses.
    pub async fn new(gpu: &Gpu, model: &Model, data: &Dataset, state: &LaneState) -> Result<Self> {
        let plan = plan(gpu, model, data, 0)?;
        plan.fits(gpu.max_binding())?;
        let program = Program::new(gpu, &plan.recording, &plan.dispatches()).await?;
        plan.data_buffers.upload(gpu, &program, &plan.data, data);
        let batch = plan.eval_batch;
        let evaluator = Self { plan, program, classes: model.classes(), batch };
        evaluator.set_weights(gpu, state);
        gpu.check()?;
        Ok(evaluator)
    }

    /// Uploads other weights of the same network, which are measured from then on.
    pub(crate) fn set_weights(&self, gpu: &Gpu, state: &LaneState) {
        self.program.write(gpu, self.plan.buffers.weights, bytemuck::cast_slice(&state.weights));
        if !state.running.is_empty() {
            self.program.write(gpu, self.plan.buffers.running, bytemuck::cast_slice(&state.running));
        }
    }

    /// Measures the training examples (with their labels as they are), in whole and in its parts.
    ///
    /// # Errors
    /// [`crate::Error::Run`] where the device is lost.
    pub async fn train(&self, gpu: &Gpu) -> Result<Vec<Evaluation>> {
        self.measure(gpu, View::Train).await
    }

    /// Measures the test examples.
    ///
    /// # Errors
    /// [`crate::Error::Run`] where the device is lost.
    pub async fn test(&self, gpu: &Gpu) -> Result<Vec<Evaluation>> {
        self.measure(gpu, View::Test).await
    }

    /// Measures the validation examples; nothing where there are none.
    ///
    /// # Errors
    /// [`crate::Error::Run`] where the device is lost.
    pub async fn val(&self, gpu: &Gpu) -> Result<Vec<Evaluation>> {
        self.measure(gpu, View::Val).await
    }

    async fn measure(&self, gpu: &Gpu, view: View) -> Result<Vec<Evaluation>> {
        let batches = self.plan.data.range(view).1.div_ceil(self.batch);
        let mut tally = Tally::default();
        self.program.write(gpu, self.plan.buffers.eval_clock, &[0; CLOCK_BYTES]);
        for first in (0..batches).step_by(RING / 4) {
            let count = (batches - first).min(RING / 4);
            for _ in 0..count {
                self.run_batch(gpu, view);
            }
            for (offset, bytes) in ring_ranges(first as u64, count as u64, RECORD_BYTES as u64) {
                let ring = self.program.buffer(self.plan.buffers.eval_ring);
                let bytes = gpu.read(ring, offset, bytes).await?;
                bytes.chunks_exact(RECORD_BYTES).for_each(|r| tally.add(&bytemuck::pod_read_unaligned::<Record>(r)));
            }
        }
        Ok(if batches == 0 { Vec::new() } else { tally.evaluations(0, 0, view) })
    }

    /// The test examples' logits, `classes` values each, in order.
    ///
    /// # Errors
    /// [`crate::Error::Run`] where the device is lost.
    pub async fn test_logits(&self, gpu: &Gpu) -> Result<Vec<f32>> {
        self.logits(gpu, View::Test).await
    }

    /// The training examples' logits, `classes` values each, in order.
    ///
    /// # Errors
    /// [`crate::Error::Run`] where the device is lost.
    pub async fn train_logits(&self, gpu: &Gpu) -> Result<Vec<f32>> {
        self.logits(gpu, View::Train).await
    }

    /// The validation examples' logits, `classes` values each, in order.
    ///
    /// # Errors
    /// [`crate::Error::Run`] where the device is lost.
    pub async fn val_logits(&self, gpu: &Gpu) -> Result<Vec<f32>> {
        self.logits(gpu, View::Val).await
    }

    async fn logits(&self, gpu: &Gpu, view: View) -> Result<Vec<f32>> {
        let examples = self.plan.data.range(view).1;
        let padded = self.classes.next_multiple_of(4);
        let mut logits = Vec::with_capacity(examples * self.classes);
        self.program.write(gpu, self.plan.buffers.eval_clock, &[0; CLOCK_BYTES]);
        for first in (0..examples).step_by(self.batch) {
            self.run_batch(gpu, view);
            let bytes = self.program.read(gpu, self.plan.buffers.logits, (4 * padded * self.batch) as u64).await?;
            let rows = bytes.chunks_exact(4 * padded).take(examples - first);
            for row in rows {
                logits.extend(row[..4 * self.classes].chunks_exact(4).map(bytemuck::pod_read_unaligned::<f32>));
            }
        }
        Ok(logits)
    }

    fn run_batch(&self, gpu: &Gpu, view: View) {
        let segments = [Segment::EvalGather(view), Segment::EvalForward, Segment::EvalLog];
        for segment in segments.into_iter().filter_map(|segment| self.plan.index(segment)) {
            self.program.run(gpu, segment);
        }
    }
}

/// The plan of evaluations of one lane of `seed`.
fn plan(gpu: &Gpu, model: &Model, data: &Dataset, seed: u32) -> Result<Plan> {
    let largest = data.train.len().max(data.test.len()).max(1);
    let epochs = Epochs { examples: 1, every: 1 };
    let schedule = Schedule { lr: 0.0, shape: crate::config::Schedule::Constant, warmup: 0, steps: 0, epochs };
    let base = BaseStep::Sgd(Sgd { momentum: 0.0, dampening: 0.0, nesterov: false });
    let optimizer = Optimizer { base, ascent: Ascent::none(), schedule, weight_decay: 0.0, clip_norm: None };
    let batch = BATCH.min(largest);
    Plan::new(Request {
        model,
        data: DeviceData::new(data, gpu.max_binding()),
        lanes: &[Lane { label: "evaluated".into(), seed, optimizer }],
        batch,
        group: batch,
        order: Order::File,
        augment: Augment::default(),
        family: gpu.family(),
        trains: false,
    })
}

/// The weights that a training of `seed` starts from (He et al. 2015), drawn on the device.
///
/// # Errors
/// [`crate::Error::Input`] where the model does not fit the data or the adapter, [`crate::Error::Run`] where the device is lost.
pub async fn initial_weights(gpu: &Gpu, model: &Model, data: &Dataset, seed: u32) -> Result<Vec<f32>> {
    let plan = plan(gpu, model, data, seed)?;
    plan.fits(gpu.max_binding())?;
    let program = Program::new(gpu, &plan.recording, &plan.dispatches()).await?;
    if let Some(segment) = plan.index(Segment::Init) {
        program.run(gpu, segment);
    }
    let bytes = program.read(gpu, plan.buffers.weights, 4 * model.parameter_floats() as u64).await?;
    Ok(bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect())
}
