//! Small networks, for tests of whole models: layers one after the other, and additions of what came earlier.
use crate::batch_norm::{self, Statistics};
use crate::conv::{self, Conv};
use crate::pool::{self, AvgPool, MaxPool};
use crate::{Activation, Tensor, dense, group_norm, loss};

/// One layer. Those with parameters carry the name that the tensors' names begin with.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// `NAME.weight` of shape `[outputs, inputs]` and `NAME.bias`.
    Dense {
        /// What its tensors are called.
        name: String,
        /// Values in.
        inputs: usize,
        /// Values out.
        outputs: usize,
    },
    /// `NAME.weight` of shape `[outputs, inputs, kernel, kernel]` and, where it is there, `NAME.bias`.
    Conv {
        /// What its tensors are called.
        name: String,
        /// Channels in.
        inputs: usize,
        /// Channels out.
        outputs: usize,
        /// Side of the kernel.
        kernel: usize,
        /// Stride and padding.
        conv: Conv,
        /// Whether there is a bias.
        bias: bool,
    },
    /// `NAME.weight` and `NAME.bias` of shape `[channels]`, and running statistics beside them.
    BatchNorm {
        /// What its tensors are called.
        name: String,
        /// Channels.
        channels: usize,
    },
    /// `NAME.weight` and `NAME.bias` of shape `[channels]`.
    GroupNorm {
        /// What its tensors are called.
        name: String,
        /// Channels.
        channels: usize,
        /// Groups of channels.
        groups: usize,
    },
    /// A function of each value.
    Activation(Activation),
    /// In training each value times that of the mask: 0 or 1 / (1 - p).
    Dropout(Tensor),
    /// Adds the output of an earlier layer.
    Add {
        /// That layer's place.
        from: usize,
    },
    /// The mean of each window.
    AvgPool(AvgPool),
    /// The largest of each window.
    MaxPool(MaxPool),
    /// The mean of each channel.
    GlobalAveragePool,
    /// `[n, c, h, w]` to `[n, c h w]`.
    Flatten,
}

/// Layers one after the other. Parameters are a list of tensors in the order of [`Network::parameters`].
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The layers, from input to logits.
    pub layers: Vec<Layer>,
}

/// How a network runs.
#[derive(Clone, Copy, Debug)]
pub enum Mode<'a> {
    /// Batch norm takes the batch's own statistics, and dropout its mask.
    Training,
    /// Batch norm takes these running statistics, in the order of [`Network::norms`]; dropout does nothing.
    Inference(&'a [Statistics]),
}

/// A batch's loss and gradient.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Mean loss.
    pub loss: f64,
    /// Share of examples whose first maximum is the label.
    pub accuracy: f64,
    /// One gradient per parameter.
    pub gradient: Vec<Tensor>,
    /// In training mode the batch's statistics and its values per channel, for each batch norm in order.
    pub statistics: Vec<(Statistics, usize)>,
}

impl Mode<'_> {
    /// What dropout leaves of values or of a gradient.
    pub(crate) fn drop(self, mask: &Tensor, values: &Tensor) -> Tensor {
        match self {
            Self::Training => values.zip(&mask.reshaped(&values.shape), |value, mask| value * mask),
            Self::Inference(_) => values.clone(),
        }
    }
}

impl Layer {
    /// Names and shapes of its parameters.
    pub(crate) fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        match self {
            Self::Dense { name, inputs, outputs } => {
                vec![(format!("{name}.weight"), vec![*outputs, *inputs]), (format!("{name}.bias"), vec![*outputs])]
            }
            Self::Conv { name, inputs, outputs, kernel, bias, .. } => {
                let weight = (format!("{name}.weight"), vec![*outputs, *inputs, *kernel, *kernel]);
                let bias = bias.then(|| (format!("{name}.bias"), vec![*outputs]));
                [weight].into_iter().chain(bias).collect()
            }
            Self::BatchNorm { name, channels } | Self::GroupNorm { name, channels, .. } => {
                vec![(format!("{name}.weight"), vec![*channels]), (format!("{name}.bias"), vec![*channels])]
            }
            _ => Vec::new(),
        }
    }
}

impl Network {
    /// `mlp:a,b`: dense layers, after each but the last batch norm (if asked for) and the activation.
    pub fn mlp(inputs: usize, hidden: &[usize], classes: usize, activation: Activation, batch_norm: bool) -> Self {
        let mut layers = vec![Layer::Flatten];
        let mut width = inputs;
        for (index, &outputs) in hidden.iter().enumerate() {
            layers.push(Layer::Dense { name: format!("layers.{index}"), inputs: width, outputs });
            if batch_norm {
                layers.push(Layer::BatchNorm { name: format!("norms.{index}"), channels: outputs });
            }
            layers.push(Layer::Activation(activation));
            width = outputs;
        }
        layers.push(Layer::Dense { name: format!("layers.{}", hidden.len()), inputs: width, outputs: classes });
        Self { layers }
    }

    /// `cnn:a,b`: blocks of conv 3x3 (padding 1, no bias), batch norm (if asked for) and activation, max-pool 2
    /// between blocks, global average pool, dense.
    pub fn cnn(inputs: usize, channels: &[usize], classes: usize, activation: Activation, batch_norm: bool) -> Self {
        let mut layers = Vec::new();
        let mut width = inputs;
        for (index, &outputs) in channels.iter().enumerate() {
            if index > 0 {
                layers.push(Layer::MaxPool(MaxPool { kernel: 2, stride: 2 }));
            }
            let (name, conv) = (format!("blocks.{index}.conv"), Conv { stride: 1, padding: 1 });
            layers.push(Layer::Conv { name, inputs: width, outputs, kernel: 3, conv, bias: false });
            if batch_norm {
                layers.push(Layer::BatchNorm { name: format!("blocks.{index}.norm"), channels: outputs });
            }
            layers.push(Layer::Activation(activation));
            width = outputs;
        }
        layers.push(Layer::GlobalAveragePool);
        layers.push(Layer::Dense { name: "head".into(), inputs: width, outputs: classes });
        Self { layers }
    }

    /// Names and shapes of the parameters, in the order of the layers.
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        self.layers.iter().flat_map(Layer::parameters).collect()
    }

    /// Name and channels of each batch norm, in the order of the layers.
    pub fn norms(&self) -> Vec<(String, usize)> {
        let norm = |layer: &Layer| match layer {
            Layer::BatchNorm { name, channels } => Some((name.clone(), *channels)),
            _ => None,
        };
        self.layers.iter().filter_map(norm).collect()
    }

    /// Logits in inference mode: batch norm uses the running statistics given.
    pub fn infer(&self, parameters: &[Tensor], running: &[Statistics], x: &Tensor) -> Tensor {
        self.forward(parameters, Mode::Inference(running), x).0
    }

    /// Mean loss in training mode: batch norm uses the batch's own statistics.
    pub fn loss(&self, parameters: &[Tensor], x: &Tensor, labels: &[usize], smoothing: f64) -> f64 {
        let (logits, _) = self.forward(parameters, Mode::Training, x);
        loss::mean_cross_entropy(&logits, labels, smoothing)
    }

    /// Mean loss and its gradient with respect to each parameter, in training mode.
    pub fn loss_and_gradient(&self, parameters: &[Tensor], x: &Tensor, labels: &[usize], smoothing: f64) -> Evaluation {
        self.evaluate(parameters, x, labels, Mode::Training, smoothing)
    }

    /// Mean loss and its gradient with respect to each parameter.
    pub fn evaluate(
        &self,
        parameters: &[Tensor],
        x: &Tensor,
        labels: &[usize],
        mode: Mode<'_>,
        smoothing: f64,
    ) -> Evaluation {
        let (logits, inputs) = self.forward(parameters, mode, x);
        let mut dy = loss::grad_logits(&logits, labels, smoothing);
        let mut norms = self.norms().len();
        let mut end = parameters.len();
        let mut gradient = Vec::new(); // last parameter first
        let mut statistics = Vec::new(); // last norm first
        let mut branches: Vec<Option<Tensor>> = vec![None; self.layers.len()]; // of the outputs, by later additions
        for (place, (layer, x)) in self.layers.iter().zip(&inputs).enumerate().rev() {
            if let Some(branch) = &branches[place] {
                dy = dy.zip(branch, |a, b| a + b);
            }
            let own = &parameters[end - layer.parameters().len()..end];
            end -= own.len();
            dy = match layer {
                Layer::Dense { .. } => {
                    gradient.push(dense::grad_bias(&dy));
                    gradient.push(dense::grad_weight(x, &dy));
                    dense::grad_input(&dy, &own[0])
                }
                Layer::Conv { conv, bias, .. } => {
                    if *bias {
                        gradient.push(conv::grad_bias(&dy));
                    }
                    gradient.push(conv.grad_weight(x, &dy, &own[0].shape));
                    conv.grad_input(&dy, &own[0], &x.shape)
                }
                Layer::BatchNorm { .. } => {
                    norms -= 1;
                    let found = match mode {
                        Mode::Training => {
                            let batch = Statistics::of_batch(x);
                            let found = batch_norm::backward(x, &own[0], &batch, &dy);
                            statistics.push((batch, batch_norm::count(x)));
                            found
                        }
                        Mode::Inference(running) => batch_norm::inference_backward(x, &own[0], &running[norms], &dy),
                    };
                    gradient.push(found.dbeta);
                    gradient.push(found.dgamma);
                    found.dx
                }
                Layer::GroupNorm { groups, .. } => {
                    let found = group_norm::backward(x, *groups, &own[0], &dy);
                    gradient.push(found.dbeta);
                    gradient.push(found.dgamma);
                    found.dx
                }
                Layer::Dropout(mask) => mode.drop(mask, &dy),
                Layer::Add { from } => {
                    let sum = |other: Tensor| other.zip(&dy, |a, b| a + b);
                    branches[*from] = Some(branches[*from].take().map_or_else(|| dy.clone(), sum));
                    dy
                }
                Layer::AvgPool(pool) => pool.grad_input(&dy, &x.shape),
                Layer::Activation(activation) => x.zip(&dy, |z, dy| dy * activation.derivative(z)),
                Layer::MaxPool(pool) => pool::max_grad_input(&dy, &pool.forward(x).1, &x.shape),
                Layer::GlobalAveragePool => pool::global_average_grad_input(&dy, &x.shape),
                Layer::Flatten => dy.reshaped(&x.shape),
            };
        }
        gradient.reverse();
        statistics.reverse();
        let accuracy = loss::fraction(&loss::correct(&logits, labels));
        Evaluation { loss: loss::mean_cross_entropy(&logits, labels, smoothing), accuracy, gradient, statistics }
    }

    /// Logits, and the input of each layer.
    pub(crate) fn forward(&self, all: &[Tensor], mode: Mode<'_>, x: &Tensor) -> (Tensor, Vec<Tensor>) {
        let shapes: Vec<_> = self.parameters().into_iter().map(|(_, shape)| shape).collect();
        assert_eq!(all.iter().map(|tensor| tensor.shape.clone()).collect::<Vec<_>>(), shapes);

        let (mut inputs, mut x) = (Vec::new(), x.clone());
        let (mut begin, mut norm) = (0, 0);
        for layer in &self.layers {
            let own = &all[begin..begin + layer.parameters().len()];
            begin += own.len();
            let y = match layer {
                Layer::Dense { .. } => dense::forward(&x, &own[0], &own[1]),
                Layer::Conv { conv, .. } => conv.forward(&x, &own[0], own.get(1)),
                Layer::BatchNorm { .. } => {
                    norm += 1;
                    match mode {
                        Mode::Inference(running) => batch_norm::inference(&x, &own[0], &own[1], &running[norm - 1]),
                        Mode::Training => batch_norm::forward(&x, &own[0], &own[1]).0,
                    }
                }
                Layer::GroupNorm { groups, .. } => group_norm::forward(&x, *groups, &own[0], &own[1]),
                Layer::Dropout(mask) => mode.drop(mask, &x),
                // The output of a layer is the input of the next, and of the one before this x itself.
                Layer::Add { from } => x.zip(inputs.get(from + 1).unwrap_or(&x), |a, b| a + b),
                Layer::AvgPool(pool) => pool.forward(&x),
                Layer::Activation(activation) => x.map(|z| activation.value(z)),
                Layer::MaxPool(pool) => pool.forward(&x).0,
                Layer::GlobalAveragePool => pool::global_average(&x),
                Layer::Flatten => x.reshaped(&[x.shape[0], x.data.len() / x.shape[0]]),
            };
            inputs.push(std::mem::replace(&mut x, y));
        }
        (x, inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, check_gradient};

    fn check(network: &Network, x_shape: &[usize], smoothing: f64) {
        let mut random = Random::new(8);
        let x = random.tensor(x_shape);
        let labels: Vec<usize> = (0..x_shape[0]).map(|_| random.below(3)).collect();
        let parameters: Vec<Tensor> = network.parameters().iter().map(|(_, shape)| random.tensor(shape)).collect();
        let found = network.loss_and_gradient(&parameters, &x, &labels, smoothing);
        assert_eq!(found.loss, network.loss(&parameters, &x, &labels, smoothing));
        for (index, (name, _)) in network.parameters().iter().enumerate() {
            check_gradient(name, &parameters[index], &found.gradient[index], |moved| {
                let mut parameters = parameters.clone();
                parameters[index] = moved.clone();
                network.loss(&parameters, &x, &labels, smoothing)
            });
        }
    }

    #[test]
    fn whole_gradients_are_those_of_central_differences() {
        for activation in [Activation::Gelu, Activation::Silu, Activation::Tanh] {
            for norm in [false, true] {
                check(&Network::mlp(12, &[5, 4], 3, activation, norm), &[6, 1, 3, 4], 0.0);
                check(&Network::cnn(2, &[3, 2, 4], 3, activation, norm), &[4, 2, 6, 5], 0.1);
            }
        }
    }

    #[test]
    fn additions_reach_both_their_inputs() {
        let mut random = Random::new(9);
        let name = |index: usize| format!("layers.{index}");
        let conv = |index, inputs, bias| {
            let conv = Conv { stride: 1, padding: 1 };
            Layer::Conv { name: name(index), inputs, outputs: 4, kernel: 3, conv, bias }
        };
        let mask = random.tensor(&[3, 4, 4, 3]).map(|value| if value > 0.0 { 2.0 } else { 0.0 });
        let layers = vec![
            conv(0, 2, true),
            Layer::GroupNorm { name: name(1), channels: 4, groups: 2 },
            Layer::Activation(Activation::Tanh),
            conv(3, 4, false),
            Layer::Add { from: 2 },
            Layer::Dropout(mask),
            Layer::Add { from: 2 },
            Layer::Add { from: 6 },
            Layer::AvgPool(AvgPool { kernel: 2, stride: 1 }),
            Layer::Flatten,
            Layer::Dense { name: name(10), inputs: 24, outputs: 3 },
        ];
        check(&Network { layers }, &[3, 2, 4, 3], 0.0);
    }

    #[test]
    fn tensors_have_the_names_of_the_contract() {
        let names = |network: Network| network.parameters().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let mlp = Network::mlp(4, &[3], 2, Activation::Relu, true);
        assert_eq!(mlp.norms(), [("norms.0".into(), 3)]);
        assert_eq!(
            names(mlp),
            ["layers.0.weight", "layers.0.bias", "norms.0.weight", "norms.0.bias", "layers.1.weight", "layers.1.bias"]
        );
        let cnn = Network::cnn(3, &[8], 2, Activation::Relu, true);
        assert_eq!(cnn.parameters()[0], ("blocks.0.conv.weight".into(), vec![8, 3, 3, 3]));
        assert_eq!(names(cnn)[1..], ["blocks.0.norm.weight", "blocks.0.norm.bias", "head.weight", "head.bias"]);
    }
}
