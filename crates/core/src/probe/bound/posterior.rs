//! Learning a posterior N(m, s^2 I) by minimising a PAC-Bayes bound (Dziugaite and Roy 2017), and its certificate.

use super::Certificate;
use super::formulas;
use crate::gpu::Program;
use crate::plan::{DeviceData, Draw, PosteriorPlan, PosteriorSegment, RING};
use crate::probe::sample::fit;
use crate::probe::{Progress, Subject};
use crate::train::LaneState;
use crate::{Error, Result};
use lowland_shaders::params::Posterior;
use serde::Serialize;

/// How a posterior is learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearnOptions {
    /// Steps of Adam.
    pub steps: u64,
    /// Learning rate, of the mean's coordinates and of ln s.
    pub lr: f64,
    /// Examples of a step.
    pub batch: usize,
    /// The deviation that it starts with; by default a tenth of the weights' root mean square.
    pub sigma: Option<f64>,
}

/// The prior grid c exp(-j / b) of learned posteriors.
const GRID_C: f64 = 0.1;
const GRID_B: f64 = 100.0;

/// A learned posterior, and what it certifies.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Learned {
    /// Steps of Adam.
    pub steps: u64,
    /// Learning rate.
    pub lr: f64,
    /// Examples of a step.
    pub batch: usize,
    /// What was minimised instead of the 0-1 error: cross-entropy / ln 2, which is never below it.
    pub surrogate: &'static str,
    /// The deviation of the start.
    pub sigma_start: f64,
    /// s.
    pub sigma: f64,
    /// |m - m_P|^2.
    pub distance_squared: f64,
    /// The prior's place in the grid 0.1 exp(-j / 100).
    pub j: f64,
    /// s_P^2, rounded to the grid.
    pub prior_variance: f64,
    /// KL(Q | P).
    pub kl: f64,
    /// ln(n / delta_j).
    pub ln_n_over_delta: f64,
    /// McAllester's term.
    pub term: f64,
    /// The Monte-Carlo estimate of E_Q L on the training examples and its upper limit.
    #[serde(flatten)]
    pub certificate: Certificate,
    /// The limit of E_Q L plus the term.
    pub bound: f64,
    /// The same by the inverse of KL, (KL + ln(2 sqrt(n) / delta_j)) / n (Maurer 2004): tighter.
    pub bound_by_kl_inverse: f64,
    /// With this probability over the data and the draws both hold.
    pub confidence: f64,
    /// Whether the tighter one says nothing.
    pub vacuous: bool,
    /// The mean loss of draws of Q on the test examples, and its standard error.
    pub test_loss: f64,
    /// Its standard error.
    pub test_stderr: f64,
}

impl LearnOptions {
    /// Checks the numbers against `examples` training examples.
    ///
    /// # Errors
    /// [`Error::Input`] naming the flag.
    pub fn check(&self, examples: usize) -> Result<()> {
        if self.steps == 0 || self.steps > 10_000_000 {
            return Err(Error::input(format!("learn is {}; it must be from 1 to 10000000 steps.", self.steps)));
        }
        if !(self.lr.is_finite() && self.lr > 0.0) {
            return Err(Error::input(format!("learn-lr is {}; it must be a number above 0.", self.lr)));
        }
        if self.batch == 0 || self.batch > examples {
            let batch = self.batch;
            return Err(Error::input(format!("learn-batch is {batch}; there are {examples} training examples.")));
        }
        match self.sigma {
            Some(sigma) if !(sigma.is_finite() && sigma > 0.0) => {
                Err(Error::input(format!("sigma is {sigma}; it must be a number above 0.")))
            }
            _ => Ok(()),
        }
    }

    /// Learns it from `state` with the prior's mean `prior`: the mean and the deviation at the end.
    pub(super) async fn learn(
        &self,
        subject: &Subject<'_>,
        state: &LaneState,
        prior: &[f32],
        (delta, seed): (f64, u32),
        progress: Progress<'_>,
    ) -> Result<(LaneState, f64)> {
        let Subject { gpu, model, data, .. } = *subject;
        let examples = data.train.len();
        let start = self.sigma_start(state);
        let numbers = Posterior {
            examples: examples as f32,
            logs: formulas::ln_n_over_delta_j(examples as f64, delta, 1.0) as f32,
            grid_c: GRID_C as f32,
            grid_b: GRID_B as f32,
            surrogate: (1.0 / std::f64::consts::LN_2) as f32,
            lr: self.lr as f32,
            ..bytemuck::Zeroable::zeroed()
        };
        let device = DeviceData::new(data, gpu.max_binding());
        let plan = PosteriorPlan::new(model, device, self.batch, seed, numbers, gpu.family())?;
        fit(&plan.recording, gpu.max_binding())?;
        let program = Program::new(gpu, &plan.recording, &plan.dispatches()).await?;
        plan.data_buffers.upload(gpu, &program, &plan.data, data);
        program.write(gpu, plan.mean, bytemuck::cast_slice(&state.weights));
        program.write(gpu, plan.prior, bytemuck::cast_slice(prior));
        program.write(gpu, plan.places, bytemuck::cast_slice(&model.layout()));
        if !state.running.is_empty() {
            program.write(gpu, plan.running, bytemuck::cast_slice(&state.running));
        }
        let learned = [start.ln() as f32, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0f32];
        program.write(gpu, plan.learned, bytemuck::cast_slice(&learned));
        // Draws of the certificate count from 0 on; those of the learning come from another seed.
        let draw = Draw { seed: !seed, which: 0, scale: start as f32, epsilon: 0.0 };
        program.write(gpu, plan.draw, bytemuck::bytes_of(&draw));
        gpu.check()?;
        let (_, submission) = subject.work();
        let per_step = 3 * model.multiply_adds().max(1) * self.batch as u64;
        let chunk = (submission / per_step).clamp(1, RING as u64 / 4);
        let segment = PosteriorPlan::index(PosteriorSegment::Step);
        let mut done = 0;
        while done < self.steps {
            progress(done as usize, self.steps as usize);
            let some = chunk.min(self.steps - done);
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            let mut pass = encoder.begin_compute_pass(&Default::default());
            (0..some).for_each(|_| program.encode(&mut pass, segment));
            drop(pass);
            gpu.queue.submit([encoder.finish()]);
            done += some;
            // Nothing is used of it, but what is on its way has to end some time.
            program.read(gpu, plan.learned, 32).await?;
        }
        progress(self.steps as usize, self.steps as usize);
        let floats = |bytes: Vec<u8>| bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect::<Vec<f32>>();
        let weights = floats(program.read(gpu, plan.mean, 4 * model.parameter_floats() as u64).await?);
        let learned = floats(program.read(gpu, plan.learned, 32).await?);
        let sigma = f64::from(learned[0]).exp();
        if !(sigma.is_finite() && sigma > 0.0 && weights.iter().all(|w| w.is_finite())) {
            return Err(Error::run("learning the posterior diverged; take a smaller --learn-lr."));
        }
        Ok((LaneState { weights, ..state.clone() }, sigma))
    }

    /// The deviation that it starts with.
    pub(super) fn sigma_start(&self, state: &LaneState) -> f64 {
        let count = state.weights.iter().filter(|w| **w != 0.0).count().max(1) as f64;
        let squares: f64 = state.weights.iter().map(|w| f64::from(*w).powi(2)).sum();
        self.sigma.unwrap_or_else(|| 0.1 * (squares / count).sqrt().max(1e-6))
    }

    /// The numbers of the posterior N(m, `sigma`^2 I) that was learned.
    pub(super) fn numbers(
        &self,
        [n, k, delta]: [f64; 3],
        [start, sigma, distance]: [f64; 3],
        certificate: Certificate,
        test: (f64, f64),
    ) -> Learned {
        let (j, prior_variance) = formulas::learned_grid(GRID_C, GRID_B, sigma * sigma + distance / k);
        let kl = formulas::kl_gaussians(k, sigma * sigma, prior_variance, distance);
        let ln_n_over_delta = formulas::ln_n_over_delta_j(n, delta, j);
        let term = formulas::mcallester(kl, ln_n_over_delta, n);
        // ln(2 sqrt(n) / delta_j) = ln(n / delta_j) + ln 2 - ln(n) / 2.
        let inverse = (kl + ln_n_over_delta + std::f64::consts::LN_2 - 0.5 * n.ln()) / n;
        let limit = certificate.expected_loss_limit;
        let bound_by_kl_inverse = formulas::kl_inverse(limit.min(1.0), inverse);
        Learned {
            steps: self.steps,
            lr: self.lr,
            batch: self.batch,
            surrogate: "cross-entropy / ln 2",
            sigma_start: start,
            sigma,
            distance_squared: distance,
            j,
            prior_variance,
            kl,
            ln_n_over_delta,
            term,
            bound: limit + term,
            bound_by_kl_inverse,
            confidence: 1.0 - delta - certificate.delta,
            vacuous: bound_by_kl_inverse >= 1.0,
            certificate,
            test_loss: test.0,
            test_stderr: test.1,
        }
    }
}
