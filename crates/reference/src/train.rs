//! Whole training steps on a [`Network`]: groups, ascent, base step.
use crate::batch_norm::Statistics;
use crate::network::Evaluation;
use crate::optim::{Adam, Moments, RmsProp, Schedule, Sgd, clip, l2_norm, learning_rate};
use crate::{Mode, Network, Tensor, ascent, loss};

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
    /// Whether SAM's gradient is the whole one, `g_s + H v`, with the term that the paper drops.
    pub second_order: bool,
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
    /// The cosine between `g_s + H v` and `g_s`, the mean over the groups; none without the second-order term.
    pub second_order_cosine: Option<f64>,
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
    /// ascent follow, which leave them alone; with the second-order term `H v` at `w` on the same examples is added, in training
    /// mode. The base step takes the mean of the groups' last gradients, clipped, from the
    /// untouched `w`.
    pub fn step(&mut self, x: &Tensor, labels: &[usize]) -> Record {
        let Settings { rho, smoothing, m, p, adaptive, ascent_steps, second_order, .. } = self.settings;
        let m = if m == 0 { labels.len() } else { m };
        let groups = labels.len() / m;
        let epoch = (self.steps * labels.len() as u64).checked_div(self.settings.epoch as u64).unwrap_or(0);
        let Settings { schedule, lr, warmup, .. } = &self.settings;
        let lr = learning_rate(schedule, *lr, *warmup, self.steps, epoch);
        let size: usize = self.parameters.iter().map(|tensor| tensor.data.len()).sum();
        let (mut first, mut last) = (vec![0.0; size], vec![0.0; size]);
        let (mut mean_loss, mut mean_sam_loss, mut mean_accuracy, mut mean_cosine) = (0.0, 0.0, 0.0, 0.0);
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
            let at_weights = flat.clone();
            first.iter_mut().zip(&flat).for_each(|(sum, g)| *sum += share * g);
            let mut sam_loss = loss;
            let mut at = self.parameters.clone();
            for _ in 0..if rho == 0.0 { 0 } else { ascent_steps } {
                at = shifted(&at, &ascent::general(&flat, &scale, rho / f64::from(ascent_steps), p));
                let next = self.network.loss_and_gradient(&at, &x, labels, smoothing);
                (sam_loss, flat) = (next.loss, Tensor::concat(&next.gradient));
            }
            if second_order && rho != 0.0 {
                let v = ascent::dropped_direction(&at_weights, &flat, rho);
                let v = unflat(&self.parameters, &v);
                let product = self.network.hessian_vector(&self.parameters, &v, &x, labels, Mode::Training, smoothing);
                let full: Vec<f64> = flat.iter().zip(Tensor::concat(&product)).map(|(g, hv)| g + hv).collect();
                mean_cosine += share * ascent::cosine(&full, &flat);
                flat = full;
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
        Record {
            loss: mean_loss,
            sam_loss,
            accuracy: mean_accuracy,
            grad_norm: l2_norm(&first),
            lr,
            second_order_cosine: (second_order && rho != 0.0).then_some(mean_cosine),
        }
    }

    /// Mean plain cross-entropy and accuracy in inference mode.
    pub fn evaluate(&self, x: &Tensor, labels: &[usize]) -> (f64, f64) {
        let logits = self.network.infer(&self.parameters, &self.running, x);
        (loss::mean_cross_entropy(&logits, labels, 0.0), loss::fraction(&loss::correct(&logits, labels)))
    }
}

/// Values one after the other as tensors of the shapes of `parameters`.
fn unflat(parameters: &[Tensor], values: &[f64]) -> Vec<Tensor> {
    shifted(&parameters.iter().map(|tensor| Tensor::zeros(&tensor.shape)).collect::<Vec<_>>(), values)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Activation;
    use crate::testing::Random;

    /// With the second-order term the step goes along the gradient of `w -> L(w + e(w))`: with lr 1 and nothing else, what a
    /// step takes off the weights is that gradient.
    #[test]
    fn the_whole_gradient_is_that_of_the_loss_at_the_ascent() {
        let mut random = Random::new(31);
        let networks =
            [Network::mlp(12, &[5], 3, Activation::Tanh, false), Network::cnn(2, &[3, 2], 3, Activation::Gelu, true)];
        for (network, shape) in networks.into_iter().zip([[6, 1, 3, 4], [4, 2, 6, 5]]) {
            let parameters: Vec<Tensor> = network.parameters().iter().map(|(_, shape)| random.tensor(shape)).collect();
            let (x, labels) = (random.tensor(&shape), (0..shape[0]).map(|_| random.below(3)).collect::<Vec<_>>());
            let (rho, smoothing, m) = (0.2, 0.1, shape[0] / 2);
            let settings = Settings {
                base: Base::Sgd(Sgd { momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 }),
                rho,
                p: 2.0,
                adaptive: false,
                ascent_steps: 1,
                second_order: true,
                m,
                clip_norm: None,
                lr: 1.0,
                schedule: Schedule::Constant,
                warmup: 0,
                smoothing,
                epoch: 0,
            };
            let mut trainer = Trainer::new(network.clone(), settings, parameters.clone());
            let record = trainer.step(&x, &labels);
            let cosine = record.second_order_cosine.unwrap_or_default();
            assert!(cosine > 0.3 && cosine < 0.999_99, "{cosine}");
            let at_ascent = |at: &[Tensor]| -> f64 {
                let groups = (0..2).map(|group| {
                    let (x, labels) = (x.examples(group * m..(group + 1) * m), &labels[group * m..(group + 1) * m]);
                    let gradient = Tensor::concat(&network.loss_and_gradient(at, &x, labels, smoothing).gradient);
                    network.loss(&shifted(at, &ascent::sam(&gradient, rho)), &x, labels, smoothing)
                });
                groups.sum::<f64>() / 2.0
            };
            let h = 1e-4;
            for tensor in 0..parameters.len() {
                for index in 0..parameters[tensor].data.len() {
                    let along = |by: f64| {
                        let mut moved = parameters.clone();
                        moved[tensor].data[index] += by;
                        at_ascent(&moved)
                    };
                    let slope = 8.0 * (along(h) - along(-h)) - (along(2.0 * h) - along(-2.0 * h));
                    let expected = slope / (12.0 * h);
                    let found = parameters[tensor].data[index] - trainer.parameters[tensor].data[index];
                    assert!((found - expected).abs() < 1e-6 * (1.0 + expected.abs()), "{found} for {expected}");
                }
            }
        }
    }
}
