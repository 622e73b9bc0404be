//! The recorded multi-layer perceptrons as functions of their parameters in f64.

use crate::fixture::Fixture;
use lowland::config::Activation;
use lowland::data::Dataset;
use lowland::model::{Model, Style};
use lowland::train::LaneState;
use lowland_reference::{Network, Tensor, loss};

/// A network, its data and the weights that were recorded as `a`.
#[derive(Debug)]
pub struct Mlp {
    /// The engine's network.
    pub model: Model,
    /// The examples.
    pub data: Dataset,
    /// The weights on the device.
    pub state: LaneState,
    /// The same in PyTorch's order.
    pub parameters: Vec<f64>,
    twin: Network,
    x: Tensor,
    labels: Vec<usize>,
}

impl Mlp {
    /// Reads `tests/fixtures/NAME.safetensors`, the first `examples` of it.
    ///
    /// # Panics
    /// Where it is no perceptron.
    pub fn read(name: &str, examples: usize) -> Self {
        let fixture = Fixture::read(name);
        let mut data = fixture.data();
        let text = |key: &str| fixture.network[key].as_str().unwrap();
        let relu = text("activation") == "relu";
        let activation = if relu { Activation::Relu } else { Activation::Tanh };
        let style = Style { activation, norm: None, dropout: 0.0 };
        let model = Model::parse(text("model"), data.shape, data.classes, style).unwrap();
        let state = fixture.state(&model, "a");
        let hidden: Vec<usize> =
            text("model").strip_prefix("mlp:").unwrap().split(',').map(|n| n.parse().unwrap()).collect();
        let of = if relu { lowland_reference::Activation::Relu } else { lowland_reference::Activation::Tanh };
        let twin = Network::mlp(data.shape.len(), &hidden, data.classes, of, false);
        let parameters: Vec<f64> =
            model.parameters().iter().flat_map(|t| t.unpack(&state.weights)).map(f64::from).collect();
        let features = data.shape.len();
        data.train.labels.truncate(examples);
        if let lowland::data::Inputs::Bytes(bytes) = &mut data.train.inputs {
            bytes.truncate(examples * features);
        }
        data.test = data.train.clone();
        let (mean, std) = (f64::from(data.scaling.mean[0]), f64::from(data.scaling.std[0]));
        let inputs = &fixture.values("inputs")[..examples * features];
        let x = inputs.iter().map(|byte| (byte - mean) / std).collect();
        let x = Tensor::new(&[examples, features], x);
        let labels = data.train.labels.iter().map(|label| usize::from(*label)).collect();
        Self { model, data, state, parameters, twin, x, labels }
    }

    fn tensors(&self, parameters: &[f64]) -> Vec<Tensor> {
        let mut begin = 0;
        let shapes = self.twin.parameters();
        let tensors = shapes.iter().map(|(_, shape)| {
            let end = begin + shape.iter().product::<usize>();
            let tensor = Tensor::new(shape, parameters[begin..end].to_vec());
            begin = end;
            tensor
        });
        tensors.collect()
    }

    /// Mean loss and its gradient of all examples.
    pub fn loss_and_gradient(&self, parameters: &[f64]) -> (f64, Vec<f64>) {
        self.of_batch(parameters, &(0..self.labels.len()).collect::<Vec<_>>())
    }

    /// The same of some examples.
    pub fn of_batch(&self, parameters: &[f64], examples: &[usize]) -> (f64, Vec<f64>) {
        let features = self.x.data.len() / self.labels.len();
        let x = examples.iter().flat_map(|i| self.x.data[i * features..(i + 1) * features].iter().copied()).collect();
        let labels: Vec<usize> = examples.iter().map(|i| self.labels[*i]).collect();
        let x = Tensor::new(&[examples.len(), features], x);
        let found = self.twin.loss_and_gradient(&self.tensors(parameters), &x, &labels, 0.0);
        (found.loss, found.gradient.into_iter().flat_map(|tensor| tensor.data).collect())
    }

    /// Mean loss, mean of min(loss, 1) and share of wrong answers.
    pub fn losses(&self, parameters: &[f64]) -> [f64; 3] {
        let logits = self.twin.infer(&self.tensors(parameters), &[], &self.x);
        let each = loss::cross_entropy(&logits, &self.labels, 0.0);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let clipped: Vec<f64> = each.iter().map(|loss| loss.min(1.0)).collect();
        [mean(&each), mean(&clipped), 1.0 - loss::fraction(&loss::correct(&logits, &self.labels))]
    }

    /// A parameter vector in PyTorch's order as the device has it.
    pub fn arena(&self, parameters: &[f64]) -> Vec<f32> {
        let mut arena = vec![0.0; self.model.parameter_floats()];
        let mut begin = 0;
        for tensor in self.model.parameters() {
            let end = begin + tensor.kind.len();
            let values: Vec<f32> = parameters[begin..end].iter().map(|value| *value as f32).collect();
            tensor.pack(&values, &mut arena);
            begin = end;
        }
        arena
    }

    /// Whether each parameter is a weight, neither bias nor norm.
    pub fn is_weight(&self) -> Vec<bool> {
        let each = |(name, shape): &(String, Vec<usize>)| vec![name.ends_with("weight"); shape.iter().product()];
        self.twin.parameters().iter().flat_map(each).collect()
    }
}
