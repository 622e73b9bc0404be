//! A loss surface against as many evaluations.

use super::median;
use super::step::random_examples;
use crate::gpu::Gpu;
use crate::model::{Init, Model, Tensor};
use crate::probe::{Axes, Examples, Normalisation, Statistics, Subject, Surface, SurfaceOptions};
use crate::rng::{Rng, Stream};
use crate::train::{Evaluator, LaneState};
use crate::{Error, Result};
use web_time::{Duration, Instant};

/// A surface around initial weights along two random, filter-normalised directions, on random examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SurfaceBench {
    /// Examples.
    pub examples: usize,
    /// Points along each axis.
    pub grid: usize,
    /// How often each way is timed; medians count.
    pub repeat: usize,
}

/// Times of the same points, measured in three ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurfaceTime {
    /// Points of the grid.
    pub points: usize,
    /// Seconds of the surface, its preparation on the device included.
    pub surface: f64,
    /// Seconds of the same by whole evaluations, side by side.
    pub plain: f64,
    /// Seconds of as many evaluations of given weights, one after the other, without their preparation.
    pub evaluations: f64,
    /// Seconds of this process's CPU time for each of the three, where the clock knows any: what they take on a software adapter,
    /// whatever else its processors do.
    pub cpu: Option<[f64; 3]>,
    /// The largest difference between a loss of the surface and that of the plain way, as a share of the larger one.
    pub difference: f64,
    /// Whether the network's first layer is dense and the surface makes use of its linearity.
    pub linear: bool,
}

impl SurfaceBench {
    /// Measures; `cpu` is the CPU time of this process so far, where the platform tells.
    ///
    /// # Errors
    /// [`Error::Input`] for sizes that do not fit, [`Error::Run`] where the device is lost.
    pub async fn run(&self, gpu: &Gpu, model: &Model, cpu: fn() -> Option<Duration>) -> Result<SurfaceTime> {
        let bytes = 4 * self.examples as u128 * model.input().len() as u128;
        if self.examples == 0 || bytes > 1 << 30 {
            return Err(Error::input(format!(
                "{} examples take {bytes} bytes; take 1 or more, but less than a GiB.",
                self.examples
            )));
        }
        let data = random_examples(model, self.examples);
        let subject = Subject { gpu, model, data: &data, examples: Examples::Train };
        let options = SurfaceOptions { grid: self.grid, range: 1.0, statistics: Statistics::Interpolate };
        options.check()?;
        let state = initial(model);
        let axes = Axes::random(model, &state, Normalisation::Filter, 0);
        let silent = &mut |_: usize, _: usize| ();
        // The first of each compiles.
        let mut surface = options.along(&subject, &state, &axes, silent).await?;
        let mut plain = options.along_plainly(&subject, &state, &axes, silent).await?;
        let evaluator = Evaluator::new(gpu, model, &data, &state).await?;
        evaluator.train(gpu).await?;
        let points = self.grid * self.grid;
        let (mut times, mut cpu_times) = ([const { Vec::new() }; 3], [const { Vec::new() }; 3]);
        for _ in 0..self.repeat.max(1) {
            for (way, (times, cpu_times)) in times.iter_mut().zip(&mut cpu_times).enumerate() {
                let (start, cpu_start) = (Instant::now(), cpu());
                match way {
                    0 => surface = options.along(&subject, &state, &axes, silent).await?,
                    1 => plain = options.along_plainly(&subject, &state, &axes, silent).await?,
                    _ => {
                        for _ in 0..points {
                            evaluator.set_weights(gpu, &state);
                            evaluator.train(gpu).await?;
                        }
                    }
                }
                times.push(start.elapsed().as_secs_f64());
                cpu_times.extend(cpu_start.zip(cpu()).map(|(from, to)| (to - from).as_secs_f64()));
            }
        }
        let [surface_times, plain_times, evaluations] = &mut times;
        let known = cpu_times.iter().all(|times| !times.is_empty());
        Ok(SurfaceTime {
            points,
            surface: median(surface_times),
            plain: median(plain_times),
            evaluations: median(evaluations),
            cpu: known.then(|| cpu_times.each_mut().map(|times| median(times))),
            difference: difference(&surface, &plain),
            linear: model.first().is_some(),
        })
    }
}

fn difference(one: &Surface, other: &Surface) -> f64 {
    let pairs = one.loss.iter().flatten().zip(other.loss.iter().flatten());
    pairs
        .map(|(a, b)| (f64::from(*a), f64::from(*b)))
        .filter(|(a, b)| a != b && (a.is_finite() || b.is_finite()))
        .map(|(a, b)| (a - b).abs() / a.abs().max(b.abs()))
        .fold(0.0, |most, off| if off <= most { most } else { off })
}

/// Weights as the device would begin with, from another stream of random numbers.
fn initial(model: &Model) -> LaneState {
    let mut rng = Rng::new(0, Stream::Init, 0);
    let mut fill = |tensors: &[Tensor], floats: usize| {
        let mut arena = vec![0.0; floats];
        for tensor in tensors {
            let value = |rng: &mut Rng| match tensor.init {
                Init::Normal(deviation) => deviation * rng.normal(),
                Init::Constant(value) => value,
            };
            let values: Vec<f32> = (0..tensor.kind.len()).map(|_| value(&mut rng)).collect();
            tensor.pack(&values, &mut arena);
        }
        arena
    };
    LaneState {
        weights: fill(model.parameters(), model.parameter_floats()),
        running: fill(model.running(), model.running_floats()),
        moments: Vec::new(),
    }
}
