//! Whole training steps of SGD, AdamW and SAM on a [`Network`].
use crate::batch_norm::Statistics;
use crate::network::Evaluation;
use crate::optim::{AdamW, Moments, Schedule, Sgd, l2_norm, learning_rate, sam_ascent};
use crate::{Network, Tensor, loss};

/// The step that is taken from the untouched weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Base {
    /// Gradient descent with momentum.
    Sgd(Sgd),
    /// Adam with decoupled decay.
    AdamW(AdamW),
}

/// How to train.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The base optimizer.
    pub base: Base,
    /// SAM's radius; 0 is the base optimizer alone.
    pub rho: f64,
    /// Learning rate before the schedule.
    pub lr: f64,
    /// How it changes.
    pub schedule: Schedule,
    /// Steps of linear warm-up.
    pub warmup: u64,
    /// Label smoothing of the loss.
    pub smoothing: f64,
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
    /// Steps done: `num_batches_tracked` of every batch norm.
    pub steps: u64,
    buffers: Vec<Option<Vec<f64>>>,
    moments: Vec<Moments>,
}

impl Trainer {
    /// A trainer at its start.
    pub fn new(network: Network, settings: Settings, parameters: Vec<Tensor>) -> Self {
        let running = network.norms().iter().map(|&(_, channels)| Statistics::initial(channels)).collect();
        let (buffers, moments) = (vec![None; parameters.len()], vec![Moments::default(); parameters.len()]);
        Self { network, settings, parameters, running, steps: 0, buffers, moments }
    }

    /// One step on one batch.
    ///
    /// Pass 1 at `w` gives `g` and updates the running statistics. With SAM, pass 2 at `w + rho g / |g|` gives the
    /// gradient that the base step takes from the untouched `w`, and leaves the running statistics alone.
    pub fn step(&mut self, x: &Tensor, labels: &[usize]) -> Record {
        let Settings { rho, smoothing, .. } = self.settings;
        let lr = learning_rate(self.settings.schedule, self.settings.lr, self.settings.warmup, self.steps);
        let Evaluation { loss, accuracy, mut gradient, statistics } =
            self.network.loss_and_gradient(&self.parameters, x, labels, smoothing);
        for (running, (batch, count)) in self.running.iter_mut().zip(&statistics) {
            running.update(batch, *count);
        }
        let flat = Tensor::concat(&gradient);
        let mut sam_loss = None;
        if rho != 0.0 {
            let ascent = shifted(&self.parameters, &sam_ascent(&flat, rho));
            let second = self.network.loss_and_gradient(&ascent, x, labels, smoothing);
            (sam_loss, gradient) = (Some(second.loss), second.gradient);
        }
        for (index, (weights, gradient)) in self.parameters.iter_mut().zip(&gradient).enumerate() {
            match self.settings.base {
                Base::Sgd(sgd) => sgd.step(lr, &mut weights.data, &gradient.data, &mut self.buffers[index]),
                Base::AdamW(adamw) => adamw.step(lr, &mut weights.data, &gradient.data, &mut self.moments[index]),
            }
        }
        self.steps += 1;
        Record { loss, sam_loss, accuracy, grad_norm: l2_norm(&flat), lr }
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
