//! Whole training steps on random data that lies on the device.

use super::{Peaks, median};
use crate::config::{Augment, Config, Order, Schedule as Shape};
use crate::data::{Dataset, Inputs, Scaling, Shape as Example, Split};
use crate::gpu::Gpu;
use crate::model::Model;
use crate::optim::{Ascent, BaseStep, Epochs, Optimizer, Schedule, Sgd};
use crate::rng::{Rng, Stream};
use crate::train::{Lane, Setup, Trainer};
use crate::{Error, Result};
use web_time::{Duration, Instant};

/// A network in training: learning rate 0.05, momentum 0.9, decay 5e-4, rho 0.05.
#[derive(Clone, Debug)]
pub struct StepBench {
    /// What it is trained with: `sgd` or `sam`.
    pub sam: bool,
    /// Examples a step.
    pub batch: usize,
    /// Lanes at once.
    pub lanes: usize,
    /// Steps before the first that counts.
    pub warmup: u64,
    /// Steps that count.
    pub steps: u64,
}

/// Times of steps.
#[derive(Clone, Debug, PartialEq)]
pub struct StepTime {
    /// Seconds from the start (see [`Steps::start`]) to the end of the first step.
    pub first_step: f64,
    /// Median seconds of a step that the host waits for.
    pub median: f64,
    /// The shortest of them.
    pub min: f64,
    /// Seconds of a step where the host waits at the end only.
    pub free: f64,
    /// Seconds of this process's CPU time a step; none where the clock knows none.
    pub cpu: Option<f64>,
    /// Bytes on the device.
    pub gpu_bytes: u64,
    /// The least time of a step on this adapter over the median.
    pub floor_fraction: f64,
    /// Loss of the first step.
    pub loss_first: f32,
    /// Loss of the last step.
    pub loss_last: f32,
}

/// What a measurement needs of its surroundings.
pub struct Steps<'a> {
    /// The device.
    pub gpu: &'a Gpu,
    /// The network.
    pub model: &'a Model,
    /// The adapter's peaks.
    pub peaks: &'a Peaks,
    /// What the first step's time counts from.
    pub start: Instant,
    /// CPU time of this process so far, where the platform tells.
    pub cpu: fn() -> Option<Duration>,
}

/// Random inputs in [-1, 1) and labels, two batches of them.
///
/// # Errors
/// [`Error::Input`] for batches of more than a GiB.
pub fn dataset(model: &Model, batch: usize) -> Result<Dataset> {
    let bytes = 8 * batch as u128 * model.input().len() as u128;
    if bytes > 1 << 30 {
        return Err(Error::input(format!(
            "two batches of {batch} inputs take {bytes} bytes, more than a GiB; take a smaller batch or input."
        )));
    }
    Ok(random_examples(model, 2 * batch))
}

/// Random inputs in [-1, 1) and labels, the same in all splits.
pub(super) fn random_examples(model: &Model, examples: usize) -> Dataset {
    let mut rng = Rng::new(0, Stream::Data, 0);
    let shape = model.input();
    let split = Split {
        inputs: Inputs::Floats((0..examples * shape.len()).map(|_| 2.0 * rng.uniform() - 1.0).collect()),
        labels: (0..examples).map(|_| rng.below(model.classes() as u32) as u16).collect(),
        flipped: Vec::new(),
    };
    let Example { channels, .. } = shape;
    let scaling = Scaling { mean: vec![0.0; channels], std: vec![1.0; channels] };
    Dataset {
        name: "random".into(),
        shape,
        classes: model.classes(),
        train: split.clone(),
        val: None,
        test: split,
        scaling,
    }
}

impl StepBench {
    /// What is trained: `steps` steps, each logged.
    pub fn setup(&self, steps: u64) -> Setup {
        let Self { batch, lanes, sam, .. } = *self;
        let epochs = Config::default().epochs_of(2 * batch, batch);
        let schedule = Schedule { lr: 0.05, shape: Shape::Constant, warmup: 0, steps, epochs: Epochs { ..epochs } };
        let optimizer = Optimizer {
            base: BaseStep::Sgd(Sgd { momentum: 0.9, dampening: 0.0, nesterov: false }),
            ascent: if sam { Ascent::sam(0.05) } else { Ascent::none() },
            schedule,
            weight_decay: 5e-4,
            clip_norm: None,
        };
        let label = if sam { "sam" } else { "sgd" };
        let lane = |seed| Lane { label: label.into(), seed, optimizer: optimizer.clone() };
        Setup {
            lanes: (0..lanes as u32).map(lane).collect(),
            batch,
            m: batch,
            order: Order::File,
            label_smoothing: 0.0,
            augment: Augment::default(),
            steps,
            log_every: 1,
            eval_every: steps,
            checkpoint_every: steps,
            keep_every: None,
        }
    }

    /// Trains and times.
    ///
    /// # Errors
    /// [`crate::Error::Input`] where the model does not fit the adapter, [`crate::Error::Run`] where the device is lost.
    pub async fn run(&self, on: Steps<'_>) -> Result<StepTime> {
        let Steps { gpu, model, peaks, start, cpu } = on;
        let data = dataset(model, self.batch)?;
        // The steps that the host waits for, and as many that it does not.
        let all = 1 + self.warmup + 2 * self.steps;
        let mut trainer = Trainer::new(gpu, model, &data, self.setup(all), None).await?;
        let loss_first = trainer.steps_now(gpu, 1).await?;
        let first_step = start.elapsed().as_secs_f64();
        for _ in 0..self.warmup {
            trainer.steps_now(gpu, 1).await?;
        }
        let (mut times, cpu_start) = (Vec::new(), cpu());
        for _ in 0..self.steps {
            let begin = Instant::now();
            trainer.steps_now(gpu, 1).await?;
            times.push(begin.elapsed().as_secs_f64());
        }
        let cpu = cpu_start.zip(cpu()).map(|(from, to)| (to - from).as_secs_f64() / self.steps as f64);
        let begin = Instant::now();
        let loss_last = trainer.steps_now(gpu, self.steps).await?;
        let free = begin.elapsed().as_secs_f64() / self.steps as f64;
        let middle = median(&mut times);
        Ok(StepTime {
            first_step,
            median: middle,
            min: times.first().copied().unwrap_or(0.0),
            free,
            cpu,
            gpu_bytes: trainer.gpu_bytes(),
            floor_fraction: self.floor(model, peaks, trainer.dispatches_per_step()) / middle,
            loss_first,
            loss_last,
        })
    }

    /// The least seconds of a step. Operations: forward, weight gradient, input gradient but of the first layer, a
    /// multiply-add being two. Bytes: each activation written and read forward, read and its gradient written and read
    /// twice backward; weights, gradients and momentum eight times. SAM pays the passes twice.
    fn floor(&self, model: &Model, peaks: &Peaks, dispatches: usize) -> f64 {
        let passes = if self.sam { 2.0 } else { 1.0 };
        let (batch, lanes) = (self.batch as f64, self.lanes as f64);
        let (all, first) = (model.multiply_adds() as f64, model.multiply_adds_of_first() as f64);
        let operations = passes * lanes * 2.0 * batch * (3.0 * all - first);
        let activations = passes * (2.0 * model.input().len() as f64 + 6.0 * model.activations() as f64);
        let bytes = 4.0 * lanes * (batch * activations + 8.0 * model.parameter_count() as f64);
        peaks.floor(operations, bytes, dispatches)
    }
}
