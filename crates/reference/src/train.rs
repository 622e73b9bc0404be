//! Whole training steps on a [`Network`]: groups, ascent, base step.
use crate::batch_norm::Statistics;
use crate::network::Evaluation;
use crate::optim::{Adam, Moments, RmsProp, Schedule, Sgd, clip, l2_norm, learning_rate};
use crate::{Network, Tensor, ascent, loss};

/// The step that is taken from the untouched weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Base {
    /// Gradient descent with momentum.
    Sgd(Sgd),
    /// Adam and AdamW.
    Adam(Adam),
    /// RMSprop.
    RmsProp(RmsProp),
}

/// How to train.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The base optimizer.
    pub base: Base,
    /// SAM's radius; 0 is the base optimizer alone.
    pub rho: f64,
    /// The norm of the ascent.
    pub p: f64,
    /// ASAM's scaling.
    pub adaptive: bool,
    /// Steps of the ascent, `rho / steps` each.
    pub ascent_steps: u32,
    /// Examples that climb together; all of the batch where it is 0.
    pub m: usize,
    /// The norm that the final gradient is clipped to.
    pub clip_norm: Option<f64>,
    /// Learning rate before the schedule.
    pub lr: f64,
    /// How it changes.
    pub schedule: Schedule,
    /// Steps of linear warm-up.
    pub warmup: u64,
    /// Label smoothing of the loss.
    pub smoothing: f64,
    /// Examples of an epoch.
    pub epoch: usize,
}

/// What a step measured, all before its update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record {
    /// Loss at the weights.
    pub loss: f64,
    /// Loss at `w + e`; none where rho is 0.
    pub sam_loss: Option<f64>,
    /// Share of the batch that was right at the weights.
    pub accuracy: f64,
    /// `|g|_2` over all parameters at the weights, before decay.
    pub grad_norm: f64,
    /// Learning rate of the step.
    pub lr: f64,
}

/// A network in training.
#[derive(Clone, Debug)]
pub struct Trainer {
    /// The layers.
    pub network: Network,
    /// How to train.
    pub settings: Settings,
    /// The weights, in the order of [`Network::parameters`].
    pub parameters: Vec<Tensor>,
    /// Running statistics, in the order of [`Network::norms`].
    pub running: Vec<Statistics>,
    /// Steps done.
    pub steps: u64,
    /// `num_batches_tracked` of every batch norm: groups seen.
    pub batches: u64,
    buffers: Vec<Option<Vec<f64>>>,
    moments: Vec<Moments>,
}

impl Trainer {
    /// A trainer at its start.
    pub fn new(network: Network, settings: Settings, parameters: Vec<Tensor>) -> Self {
        let running = network.norms().iter().map(|&(_, channels)| Statistics::initial(channels)).collect();
        let (buffers, moments) = (vec![None; parameters.len()], vec![Moments::default(); parameters.len()]);
        Self { network, settings, parameters, running, steps: 0, batches: 0, buffers, moments }
    }

    /// One step on one batch.
    ///
    /// In each group, pass 1 at `w` gives `g` and updates the running statistics; with SAM, passes at the steps of the
    /// ascent follow, which leave them alone. The base step takes the mean of the groups' last gradients, clipped, from the
    /// untouched `w`.
    pub fn step(&mut self, x: &Tensor, labels: &[usize]) -> Record {
        let Settings { rho, smoothing, m, p, adaptive, ascent_steps, .. } = self.settings;
        let m = if m == 0 { labels.len() } else { m };
        let groups = labels.len() / m;
        let epoch = (self.steps * labels.len() as u64).checked_div(self.settings.epoch as u64).unwrap_or(0);
        let Settings { schedule, lr, warmup, .. } = &self.settings;
        let lr = learning_rate(schedule, *lr, *warmup, self.steps, epoch);
        let size: usize = self.parameters.iter().map(|tensor| tensor.data.len()).sum();
        let (mut first, mut last) = (vec![0.0; size], vec![0.0; size]);
        let (mut mean_loss, mut mean_sam_loss, mut mean_accuracy) = (0.0, 0.0, 0.0);
        let share = 1.0 / groups as f64;
        let scale: Vec<f64> =
            self.parameters.iter().flat_map(|w| ascent::asam_scale(&w.data, adaptive && w.shape.len() > 1)).collect();
        for group in 0..groups {
            let x = x.examples(group * m..(group + 1) * m);
            let labels = &labels[group * m..(group + 1) * m];
            let Evaluation { loss, accuracy, gradient, statistics } =
                self.network.loss_and_gradient(&self.parameters, &x, labels, smoothing);
            for (running, (batch, count)) in self.running.iter_mut().zip(&statistics) {
                running.update(batch, *count);
            }
            self.batches += 1;
            let mut flat = Tensor::concat(&gradient);
            first.iter_mut().zip(&flat).for_each(|(sum, g)| *sum += share * g);
            let mut sam_loss = loss;
            let mut at = self.parameters.clone();
            for _ in 0..if rho == 0.0 { 0 } else { ascent_steps } {
                at = shifted(&at, &ascent::general(&flat, &scale, rho / f64::from(ascent_steps), p));
                let next = self.network.loss_and_gradient(&at, &x, labels, smoothing);
                (sam_loss, flat) = (next.loss, Tensor::concat(&next.gradient));
            }
            last.iter_mut().zip(&flat).for_each(|(sum, g)| *sum += share * g);
            mean_loss += share * loss;
            mean_sam_loss += share * sam_loss;
            mean_accuracy += share * accuracy;
        }
        if let Some(most) = self.settings.clip_norm {
            clip(&mut last, most);
        }
        let mut rest = last.as_slice();
        for (index, weights) in self.parameters.iter_mut().enumerate() {
            let gradient = rest.split_off(..weights.data.len()).unwrap_or_default();
            let (buffer, moments) = (&mut self.buffers[index], &mut self.moments[index]);
            match self.settings.base {
                Base::Sgd(sgd) => sgd.step(lr, &mut weights.data, gradient, buffer),
                Base::Adam(adam) => adam.step(lr, &mut weights.data, gradient, moments),
                Base::RmsProp(rmsprop) => rmsprop.step(lr, &mut weights.data, gradient, moments),
            }
        }
        self.steps += 1;
        let sam_loss = (rho != 0.0).then_some(mean_sam_loss);
        Record { loss: mean_loss, sam_loss, accuracy: mean_accuracy, grad_norm: l2_norm(&first), lr }
    }

    /// Mean plain cross-entropy and accuracy in inference mode.
    pub fn evaluate(&self, x: &Tensor, labels: &[usize]) -> (f64, f64) {
        let logits = self.network.infer(&self.parameters, &self.running, x);
        (loss::mean_cross_entropy(&logits, labels, 0.0), loss::fraction(&loss::correct(&logits, labels)))
    }
}

/// `w + e`, with `e` one after the other over all tensors.
fn shifted(parameters: &[Tensor], e: &[f64]) -> Vec<Tensor> {
    let mut rest = e.iter();
    let mut moved = parameters.to_vec();
    for (w, e) in moved.iter_mut().flat_map(|tensor| &mut tensor.data).zip(&mut rest) {
        *w += e;
    }
    assert_eq!(rest.len(), 0, "the perturbation has one value per weight");
    moved
}
