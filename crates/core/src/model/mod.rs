//! Networks: from a description to layers, shapes, tensors and the passes' dispatches.

mod activation;
mod add;
mod batch_norm;
mod conv;
mod dropout;
mod first;
mod flatten;
mod group_norm;
mod layer;
mod list;
mod loss;
mod network;
mod norm_tangent;
mod pool;
mod rescale;
mod spec;
mod tangent;
mod tensor;

pub use add::{Activate, Add};
pub use batch_norm::BatchNorm;
pub use conv::{Conv2d, Dense};
pub use dropout::Dropout;
pub(crate) use first::{First, Outputs};
pub use flatten::Flatten;
pub use group_norm::GroupNorm;
pub use layer::{Arenas, Edge, Emitter, Layer, Mode, Node, Pass, Sizes, TangentNode};
pub(crate) use list::load as load_list;
pub(crate) use loss::LossBuffers;
pub(crate) use network::{Network, Room};
pub use pool::{AvgPool, GlobalAvgPool, MaxPool};
pub use rescale::Rescaling;
pub use spec::Style;
pub use tangent::Product;
pub(crate) use tangent::{TangentPass, Tangents};
pub use tensor::{Init, Kind, Parameter, Tensor};

use crate::data::Shape;
use crate::{Error, Result};
use std::fmt;

/// A network's description: named layers for inputs of one shape.
///
/// ```
/// use lowland::{data::Shape, model::{Dense, Model}, config::Activation};
/// let points = Shape { channels: 2, height: 1, width: 1 };
/// let hidden = Dense { outputs: 32, activation: Some(Activation::Relu), gain: 1.4 };
/// let head = Dense { outputs: 3, activation: None, gain: 1.0 };
/// let model = Model::new("mine", points, 3)
///     .with("layers.0", hidden)
///     .and_then(|model| model.with("layers.1", head))?;
/// assert_eq!(model.parameter_count(), 2 * 32 + 32 + 32 * 3 + 3);
/// # Ok::<(), lowland::Error>(())
/// ```
#[derive(Debug)]
pub struct Model {
    name: String,
    /// The list of layers that it was read from, as JSON.
    list: Option<String>,
    input: Shape,
    flat: bool,
    classes: usize,
    layers: Vec<Place>,
    parameters: Vec<Tensor>,
    running: Vec<Tensor>,
    parameter_floats: usize,
    running_floats: usize,
}

/// Most values of one layer: weights, and outputs of one example. More could not be bound anyway, and sums of fewer cannot
/// overflow.
const MOST_VALUES: u64 = 1 << 30;

#[derive(Debug)]
struct Place {
    name: String,
    layer: Box<dyn Layer>,
    branch: Option<usize>,
    input: Shape,
    output: Shape,
    parameters: std::ops::Range<usize>,
    running: std::ops::Range<usize>,
}

impl Model {
    /// A network without layers for inputs of shape `input`.
    pub fn new(name: impl Into<String>, input: Shape, classes: usize) -> Self {
        Self {
            name: name.into(),
            list: None,
            input,
            flat: false,
            classes,
            layers: Vec::new(),
            parameters: Vec::new(),
            running: Vec::new(),
            parameter_floats: 0,
            running_floats: 0,
        }
    }

    /// The same for inputs that are taken as one row of features, channel, row, column.
    pub fn flat(name: impl Into<String>, input: Shape, classes: usize) -> Self {
        let input = Shape { channels: input.len(), height: 1, width: 1 };
        Self { flat: true, ..Self::new(name, input, classes) }
    }

    /// Adds a layer; its tensors are called `name.weight` and so on.
    ///
    /// # Errors
    /// [`Error::Input`] with the layer's name and the sizes that do not fit.
    pub fn with(mut self, name: &str, layer: impl Layer + 'static) -> Result<Self> {
        let input = self.output();
        let wrong = |why: String| Error::input(format!("layer {name} of {}: {why}.", self.name));
        let output = layer.output(input).map_err(wrong)?;
        if self.layers.iter().any(|place| place.name == name) {
            return Err(wrong("another layer has this name".into()));
        }
        let branch = layer.branch().map(|from| self.branch(from, input)).transpose().map_err(wrong)?;
        let product = |sizes: &[usize]| sizes.iter().fold(1, |n: u64, size| n.saturating_mul(*size as u64));
        let weights = layer.parameters(input).iter().map(|p| product(&p.kind.shape())).max().unwrap_or(0);
        let values = weights.max(product(&[output.channels, output.height, output.width]));
        if values > MOST_VALUES {
            return Err(wrong(format!(
                "from {input} to {output} it has {values} weights or outputs; at most {MOST_VALUES} are possible"
            )));
        }
        let add = |list: Vec<Parameter>, tensors: &mut Vec<Tensor>, floats: &mut usize| {
            let first = tensors.len();
            for Parameter { name: own, kind, init } in list {
                tensors.push(Tensor { name: format!("{name}.{own}"), kind, init, offset: *floats });
                *floats += kind.padded_len();
            }
            first..tensors.len()
        };
        let parameters = add(layer.parameters(input), &mut self.parameters, &mut self.parameter_floats);
        let running = add(layer.running(input), &mut self.running, &mut self.running_floats);
        self.layers.push(Place {
            name: name.into(),
            layer: Box::new(layer),
            branch,
            input,
            output,
            parameters,
            running,
        });
        Ok(self)
    }

    /// The place of the layer `from`, whose output is added to one of shape `input`.
    fn branch(&self, from: &str, input: Shape) -> Result<usize, String> {
        let index = self.layers.iter().position(|place| place.name == from);
        let index = index.ok_or_else(|| format!("there is no earlier layer '{from}' to add"))?;
        let output = self.layers[index].output;
        if output != input {
            return Err(format!("the output of {from}, {output}, cannot be added to {input}"));
        }
        Ok(index)
    }

    /// The shape of the last layer's output.
    pub fn output(&self) -> Shape {
        self.layers.last().map_or(self.input, |place| place.output)
    }

    /// What messages call it, for instance `cnn:16,32`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The description that it was made from: its short name or its list of layers.
    pub fn description(&self) -> &str {
        self.list.as_deref().unwrap_or(&self.name)
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The shape of an input, flattened where the network takes it so.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// Whether inputs are taken as one row of features.
    pub fn is_flat(&self) -> bool {
        self.flat
    }

    /// Trained tensors, in the order of the layers.
    pub fn parameters(&self) -> &[Tensor] {
        &self.parameters
    }

    /// Running statistics, in the order of the layers.
    pub fn running(&self) -> &[Tensor] {
        &self.running
    }

    /// Number of trained values.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(|t| t.kind.len()).sum()
    }

    /// The fewest values of one example that a layer with running statistics sees in a channel; `None` without such layers.
    pub fn fewest_normalised(&self) -> Option<usize> {
        let normalising = self.layers.iter().filter(|place| !place.running.is_empty());
        normalising.map(|place| place.input.height * place.input.width).min()
    }

    /// Floats of one set of weights in an arena.
    pub fn parameter_floats(&self) -> usize {
        self.parameter_floats
    }

    /// Floats of one set of running statistics in an arena.
    pub fn running_floats(&self) -> usize {
        self.running_floats
    }

    /// For each float of an arena: its parameter's place in PyTorch's order, with bit 31 where it belongs to a weight and
    /// not to a bias or a norm. Padding comes last.
    pub(crate) fn layout(&self) -> Vec<u32> {
        const WEIGHT: u32 = 1 << 31;
        let mut layout = vec![WEIGHT - 1; self.parameter_floats];
        let places = self.parameters.iter().flat_map(|tensor| {
            let weight = if matches!(tensor.kind, Kind::Matrix { .. }) { WEIGHT } else { 0 };
            tensor.places().map(move |place| (place, weight))
        });
        for ((place, weight), order) in places.zip(0u32..) {
            layout[place] = order | weight;
        }
        layout
    }

    /// Multiply-adds of one example's forward pass.
    pub fn multiply_adds(&self) -> u64 {
        let each = self.layers.iter().map(|place| place.layer.multiply_adds(place.input));
        each.fold(0, u64::saturating_add)
    }

    /// The same of the first layer that has any.
    pub fn multiply_adds_of_first(&self) -> u64 {
        self.layers.iter().map(|place| place.layer.multiply_adds(place.input)).find(|n| *n > 0).unwrap_or(0)
    }

    /// Values of one example between the layers and at the end.
    pub fn activations(&self) -> usize {
        self.layers.iter().map(|place| place.output.len()).sum()
    }

    /// Multiply-adds of one example's forward pass in the layer that has the most.
    pub fn heaviest_layer(&self) -> u64 {
        self.layers.iter().map(|place| place.layer.multiply_adds(place.input)).max().unwrap_or(0)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.height * self.width == 1 {
            write!(f, "{} features", self.channels)
        } else {
            write!(f, "{}x{}x{}", self.channels, self.height, self.width)
        }
    }
}
