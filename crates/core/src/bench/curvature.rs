//! Products with the curvature against gradients of the same batch.

use super::step::dataset;
use super::{LONG_ENOUGH, median};
use crate::data::{Dataset, Inputs};
use crate::gpu::{Gpu, Program};
use crate::model::{Init, Model};
use crate::plan::{DeviceData, GradientPlan, GradientSegment, View};
use crate::probe::{Curvature, Examples, Product, Subject};
use crate::rng::{Rng, Stream};
use crate::train::LaneState;
use crate::{Error, Result};
use web_time::Instant;

/// Products at initial weights on random data.
#[derive(Clone, Copy, Debug)]
pub struct CurvatureBench {
    /// Examples, all of them in one batch.
    pub batch: usize,
    /// Lanes at once.
    pub lanes: usize,
    /// Rounds; each times all of the work, and medians are told.
    pub rounds: usize,
}

/// Milliseconds, medians over the rounds, and what they are in gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvatureTime {
    /// A gradient of the mean loss, fetching of the examples included.
    pub gradient_ms: f64,
    /// H v, with the passes at the weights.
    pub hessian_ms: f64,
    /// H v where these are kept, as in Lanczos.
    pub hessian_kept_ms: f64,
    /// A Gauss-Newton product where they are kept.
    pub gauss_newton_kept_ms: f64,
    /// H v in gradients.
    pub hessian_ratio: f64,
    /// H v in gradients where the passes at the weights are kept.
    pub hessian_kept_ratio: f64,
    /// A Gauss-Newton product in gradients where they are kept.
    pub gauss_newton_kept_ratio: f64,
    /// Bytes on the device for products.
    pub gpu_bytes: u64,
}

impl CurvatureBench {
    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// [`Error::Input`] naming the flag.
    pub fn check(&self) -> Result<()> {
        let counts = [("batch", self.batch, 65_536), ("lanes", self.lanes, 256), ("rounds", self.rounds, 10_000)];
        match counts.into_iter().find(|(_, n, most)| !(1..=*most).contains(n)) {
            Some((name, n, most)) => Err(Error::input(format!("--{name} is {n}; it must be from 1 to {most}."))),
            None => Ok(()),
        }
    }

    /// Measures `model`.
    ///
    /// # Errors
    /// [`Error::Input`] where the model does not fit the adapter, [`Error::Run`] where the device is lost.
    pub async fn run(&self, gpu: &Gpu, model: &Model) -> Result<CurvatureTime> {
        let Self { batch, lanes, rounds } = *self;
        let data = half(dataset(model, batch)?, model);
        let (weights, directions) = drawn(model);
        let running = model.running().iter().flat_map(|t| match t.init {
            Init::Constant(value) => vec![value; t.kind.padded_len()],
            Init::Normal(_) => vec![0.0; t.kind.padded_len()],
        });
        let state = LaneState { weights, running: running.collect(), moments: Vec::new() };
        let subject = Subject { gpu, model, data: &data, examples: Examples::Train };
        let curvature = Curvature::in_batches(&subject, &vec![&state; lanes], batch, true).await?;
        gpu.queue.write_buffer(curvature.directions(), 0, bytemuck::cast_slice(&directions.repeat(lanes)));

        // The gradient as probes have it, of a network without room for anything more.
        let on_device = DeviceData::new(&data, gpu.max_binding());
        let plan = GradientPlan::new(model, on_device, View::Train, lanes, batch, gpu.family())?;
        let program = Program::new(gpu, &plan.recording, &plan.dispatches()).await?;
        plan.data_buffers.upload(gpu, &program, &plan.data, &data);
        program.write(gpu, plan.weights, bytemuck::cast_slice(&state.weights.repeat(lanes)));
        program.write(gpu, plan.running, bytemuck::cast_slice(&state.running.repeat(lanes)));

        let work = Work { gpu, curvature: &curvature, program: &program, plan: &plan };
        const KINDS: [Kind; 4] = [Kind::Gradient, Kind::Hessian, Kind::HessianKept, Kind::GaussNewtonKept];
        let mut runs = [1; KINDS.len()];
        for (kind, runs) in KINDS.into_iter().zip(&mut runs) {
            // The first run compiles.
            work.seconds(kind, 1).await?;
            while *runs < 1 << 12 && work.seconds(kind, *runs).await? < LONG_ENOUGH {
                *runs *= 2;
            }
        }
        let mut times: [Vec<f64>; KINDS.len()] = Default::default();
        for _ in 0..rounds {
            for ((kind, runs), times) in KINDS.into_iter().zip(runs).zip(&mut times) {
                times.push(1e3 * work.seconds(kind, runs).await? / runs as f64);
            }
        }
        let [gradient, hessian, kept, gauss_newton] = times.map(|mut times| median(&mut times));
        Ok(CurvatureTime {
            gradient_ms: gradient,
            hessian_ms: hessian,
            hessian_kept_ms: kept,
            gauss_newton_kept_ms: gauss_newton,
            hessian_ratio: hessian / gradient,
            hessian_kept_ratio: kept / gradient,
            gauss_newton_kept_ratio: gauss_newton / gradient,
            gpu_bytes: curvature.gpu_bytes(),
        })
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Gradient,
    Hessian,
    HessianKept,
    GaussNewtonKept,
}

struct Work<'a> {
    gpu: &'a Gpu,
    curvature: &'a Curvature,
    program: &'a Program,
    plan: &'a GradientPlan,
}

impl Work<'_> {
    /// Seconds of `runs` runs in one submission.
    async fn seconds(&self, kind: Kind, runs: usize) -> Result<f64> {
        let start = Instant::now();
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        for _ in 0..runs {
            match kind {
                Kind::Gradient => {
                    encoder.clear_buffer(self.program.buffer(self.plan.clock), 0, None);
                    let mut pass = encoder.begin_compute_pass(&Default::default());
                    self.program.encode(&mut pass, self.plan.index(GradientSegment::Gradient));
                    continue;
                }
                Kind::Hessian => self.curvature.forget(),
                Kind::HessianKept | Kind::GaussNewtonKept => {}
            }
            let product = if matches!(kind, Kind::GaussNewtonKept) { Product::GaussNewton } else { Product::Hessian };
            for slice in 0..self.curvature.slices() {
                self.curvature.encode(&mut encoder, product, slice);
            }
        }
        self.program.end_of(self.gpu, encoder).await?;
        Ok(start.elapsed().as_secs_f64())
    }
}

/// The first half of the training examples.
fn half(mut data: Dataset, model: &Model) -> Dataset {
    let examples = data.train.labels.len() / 2;
    data.train.labels.truncate(examples);
    if let Inputs::Floats(values) = &mut data.train.inputs {
        values.truncate(examples * model.input().len());
    }
    data
}

/// Initial weights, and a direction.
fn drawn(model: &Model) -> (Vec<f32>, Vec<f32>) {
    let mut rng = Rng::new(1, Stream::Data, 0);
    let (mut weights, mut direction) = (vec![0.0; model.parameter_floats()], vec![0.0; model.parameter_floats()]);
    for tensor in model.parameters() {
        let mut values = |init| -> Vec<f32> {
            let value = |rng: &mut Rng| match init {
                Init::Normal(deviation) => deviation * rng.normal(),
                Init::Constant(value) => value,
            };
            (0..tensor.kind.len()).map(|_| value(&mut rng)).collect()
        };
        tensor.pack(&values(tensor.init), &mut weights);
        tensor.pack(&values(Init::Normal(1.0)), &mut direction);
    }
    (weights, direction)
}
