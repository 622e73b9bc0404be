//! Generalisation bounds of given weights, every term by name: a finite class, PAC-Bayes with a grid of priors, SAM's in three
//! forms, a posterior that is learned, and the assumption that SAM's bound rests on.

pub mod formulas;
mod posterior;
mod terms;

pub use posterior::{LearnOptions, Learned};
pub use terms::{Assumption, Bound, Certificate, FiniteClass, PacBayes, SamBound, SamBounds};

use super::cloud::{Cloud, CloudOptions, Spot, mean_and_error};
use super::{Examples, Progress, SharpnessOptions, Subject};
use crate::plan::{Draw, Scaling};
use crate::train::LaneState;
use crate::{Error, Result};
use serde::Serialize;

/// A loss in [0, 1]. Cross-entropy is none: bounds say nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BoundedLoss {
    /// 1 for a wrong answer, else 0.
    Error,
    /// min(cross-entropy, 1).
    Clipped,
}

impl BoundedLoss {
    /// The loss of a measured point.
    fn of(self, spot: &Spot) -> f64 {
        match self {
            Self::Error => 1.0 - spot.accuracy,
            Self::Clipped => spot.loss,
        }
    }
}

/// Where the prior's mean is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Prior<'a> {
    /// 0.
    Zero,
    /// The weights that the training started from, as weights lie in an arena.
    Init(&'a [f32]),
}

/// Which bounds are computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundOptions {
    /// Radius of the ball.
    pub rho: f64,
    /// 1 - delta is the confidence of each bound.
    pub delta: f64,
    /// The loss.
    pub loss: BoundedLoss,
    /// ln #H of the finite class; by default 32 k ln 2, the networks of k floats.
    pub ln_hypotheses: Option<f64>,
    /// Steps of the projected ascent that estimates the maximum over the ball.
    pub ascent_steps: u32,
    /// Draws of each Monte-Carlo estimate.
    pub samples: usize,
    /// The share of wrong certificates that their limits allow, delta'.
    pub sample_delta: f64,
    /// Seed of the draws.
    pub seed: u32,
    /// Learns a posterior.
    pub learn: Option<LearnOptions>,
}

const MAX_ESTIMATE: &str =
    "the largest of L_S at w, after one step of the ascent and after the projected ascent, all along the cross-entropy";

impl BoundOptions {
    /// Checks the numbers against `examples` training examples.
    ///
    /// # Errors
    /// [`Error::Input`] naming the flag.
    pub fn check(&self, examples: usize) -> Result<()> {
        let between = |what: &str, value: f64| match value > 0.0 && value < 1.0 {
            true => Ok(()),
            false => Err(Error::input(format!("{what} is {value}; it must be above 0 and below 1."))),
        };
        if !(self.rho.is_finite() && self.rho > 0.0) {
            return Err(Error::input(format!("rho is {}; a bound needs a number above 0.", self.rho)));
        }
        between("delta", self.delta)?;
        between("sample-delta", self.sample_delta)?;
        if let Some(ln) = self.ln_hypotheses
            && !(ln.is_finite() && ln >= 0.0)
        {
            return Err(Error::input(format!("hypotheses is {ln}; ln #H must be a number from 0 on.")));
        }
        if !(2..=1_000_000).contains(&self.samples) {
            let samples = self.samples;
            return Err(Error::input(format!("certificate-samples is {samples}; it must be from 2 to 1000000.")));
        }
        SharpnessOptions { rho: self.rho, ascent_steps: self.ascent_steps, ..Default::default() }.check(1)?;
        self.learn.map_or(Ok(()), |learn| learn.check(examples))
    }

    /// Computes them at `state`; training and test examples are those of the data set.
    ///
    /// # Errors
    /// [`Error::Input`] for numbers or weights that do not fit, [`Error::Run`] where the device is lost.
    pub async fn measure(
        &self,
        subject: &Subject<'_>,
        state: &LaneState,
        prior: Prior<'_>,
        progress: Progress<'_>,
    ) -> Result<Bound> {
        self.check(subject.data.train.len())?;
        let subject = &Subject { examples: Examples::Train, ..*subject };
        let (model, data) = (subject.model, subject.data);
        let (n, k) = (data.train.len(), model.parameter_count());
        if n < 2 || data.test.is_empty() {
            return Err(Error::input("a bound needs two training examples and a test example at least."));
        }
        let zero = vec![0.0; state.weights.len()];
        let centre = match prior {
            Prior::Zero => zero.as_slice(),
            Prior::Init(weights) => weights,
        };
        if centre.len() != state.weights.len() {
            return Err(Error::input(format!("the prior's mean is not one of the weights of {}.", model.name())));
        }
        let (size, parameters) = (n as f64, k as f64);
        let distance_squared = distance(&state.weights, centre);

        let parts = [Examples::Train, Examples::Test];
        let clip = self.loss == BoundedLoss::Clipped;
        let options = CloudOptions { parts: &parts, scaling: Scaling::Plain, unit: false, clip, points: self.samples };
        let cloud = Cloud::new(subject, state, options).await?;
        let value = |spot: &Spot| self.loss.of(spot);
        let here = cloud.centre(subject).await?;
        let (loss, test_loss) = (value(&here[0]), value(&here[1]));
        let variance = formulas::variance_of_ball(size, parameters, self.rho);
        let certificate = self.certificate(subject, &cloud, variance.sqrt(), progress).await?;
        let (certificate, (test_loss_perturbed, stderr)) = certificate;
        let max_loss = self.largest(subject, state, &cloud, loss).await?;

        let grid = formulas::grid_prior(size, parameters, variance, distance_squared, self.delta);
        let term = formulas::mcallester(grid.kl, grid.ln_n_over_delta, size);
        let bound = certificate.expected_loss_limit + term;
        let pac_bayes = PacBayes {
            posterior_variance: variance,
            ln_c: grid.ln_c,
            j: grid.j,
            grid_reached: grid.reached,
            prior_variance: grid.variance,
            kl: grid.kl,
            kl_bound: grid.kl_bound,
            ln_n_over_delta: grid.ln_n_over_delta,
            ln_bound: grid.ln_bound,
            certificate,
            term,
            bound,
            vacuous: bound >= 1.0,
        };
        let difference = test_loss_perturbed - test_loss;
        let verdict = match difference {
            d if d >= 2.0 * stderr => "holds",
            d if d <= -2.0 * stderr && stderr > 0.0 => "fails",
            _ => "undecided",
        };
        let assumption = Assumption {
            sigma: variance.sqrt(),
            test_examples: data.test.len(),
            test_loss,
            test_loss_perturbed,
            stderr,
            samples: self.samples,
            verdict,
        };
        let learned = match self.learn {
            None => None,
            Some(learn) => {
                let numbers = (self.delta, self.seed);
                let (posterior, sigma) = learn.learn(subject, state, centre, numbers, progress).await?;
                cloud.set_centre(subject, &posterior.weights);
                let (certificate, test) = self.certificate(subject, &cloud, sigma, progress).await?;
                let far = distance(&posterior.weights, centre);
                let start = learn.sigma_start(state);
                Some(learn.numbers([size, parameters, self.delta], [start, sigma, far], certificate, test))
            }
        };
        let mut bound = Bound {
            loss_kind: self.loss,
            n,
            k,
            rho: self.rho,
            delta: self.delta,
            prior: if prior == Prior::Zero { "zero" } else { "init" },
            weights_squared: distance(&state.weights, &zero),
            distance_squared,
            loss,
            max_loss,
            max_estimate: MAX_ESTIMATE,
            finite_class: self.finite_class(loss, size, parameters),
            pac_bayes,
            sam: self.sam(max_loss, size, parameters, distance_squared),
            assumption,
            learned,
            notes: Vec::new(),
        };
        bound.notes = terms::notes(&bound);
        Ok(bound)
    }

    /// E_Q L at the cloud's centre with deviation `sigma`, and the mean and standard error on the test examples.
    async fn certificate(
        &self,
        subject: &Subject<'_>,
        cloud: &Cloud,
        sigma: f64,
        progress: Progress<'_>,
    ) -> Result<(Certificate, (f64, f64))> {
        let draw = Draw { seed: self.seed, which: 0, scale: sigma as f32, epsilon: 0.0 };
        let spots = cloud.draws(subject, self.samples, draw, progress).await?;
        let of = |part: usize| mean_and_error(spots.iter().map(move |spot| self.loss.of(&spot[part])));
        let ((mean, stderr), test) = (of(0), of(1));
        let samples = self.samples as f64;
        let certificate = Certificate {
            samples: self.samples,
            delta: self.sample_delta,
            expected_loss: mean,
            expected_loss_stderr: stderr,
            expected_loss_limit: formulas::monte_carlo_limit(mean, samples, self.sample_delta),
            expected_loss_limit_hoeffding: formulas::hoeffding_limit(mean, samples, self.sample_delta),
        };
        Ok((certificate, test))
    }

    /// The largest loss that the ascents find in the ball.
    async fn largest(&self, subject: &Subject<'_>, state: &LaneState, cloud: &Cloud, loss: f64) -> Result<f64> {
        let one = SharpnessOptions { rho: self.rho, ..Default::default() };
        let step = 2.5 * self.rho / f64::from(self.ascent_steps);
        let many = SharpnessOptions { ascent_steps: self.ascent_steps, projected: Some(step), ..one };
        let mut largest = loss;
        for ascent in [one, many] {
            let (_, reached) = ascent.climb(subject, state, &mut |_, _| {}).await?;
            cloud.set_centre(subject, &reached);
            largest = largest.max(self.loss.of(&cloud.centre(subject).await?[0]));
        }
        cloud.set_centre(subject, &state.weights);
        Ok(largest)
    }

    fn finite_class(&self, loss: f64, n: f64, k: f64) -> FiniteClass {
        let ln_hypotheses = self.ln_hypotheses.unwrap_or_else(|| formulas::ln_hypotheses_of_floats(k));
        let term = formulas::finite_class(ln_hypotheses, n, self.delta);
        let hypotheses = match self.ln_hypotheses {
            Some(_) => "given",
            None => "all networks of k floats of 32 bits: ln #H = 32 k ln 2",
        };
        FiniteClass { ln_hypotheses, hypotheses, term, bound: loss + term, vacuous: loss + term >= 1.0 }
    }

    fn sam(&self, max_loss: f64, n: f64, k: f64, distance: f64) -> SamBounds {
        let roots = formulas::sam_roots(n, k, distance, self.rho, self.delta);
        let form = |max_factor: f64, outside: f64, term: f64| {
            let bound = max_factor * max_loss + outside + term;
            SamBound { max_factor, outside, term, bound, vacuous: bound >= 1.0 }
        };
        let outside = 1.0 / n.sqrt();
        SamBounds {
            deck: form(1.0, 0.0, roots.deck),
            paper: form(1.0, 0.0, roots.paper),
            exact: form(1.0 - outside, outside, roots.exact),
        }
    }
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
}
