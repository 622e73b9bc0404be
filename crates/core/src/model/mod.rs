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
mod pool;
mod spec;
mod tensor;

pub use add::{Activate, Add};
pub use batch_norm::BatchNorm;
pub use conv::{Conv2d, Dense};
pub use dropout::Dropout;
pub(crate) use first::{First, Outputs};
pub use flatten::Flatten;
pub use group_norm::GroupNorm;
pub use layer::{Arenas, Edge, Emitter, Layer, Mode, Node, Pass, Sizes};
pub(crate) use list::load as load_list;
pub(crate) use loss::LossBuffers;
pub use pool::{AvgPool, GlobalAvgPool, MaxPool};
pub use spec::Style;
pub use tensor::{Init, Kind, Parameter, Tensor};

use crate::data::Shape;
use crate::gpu::{Dispatch, Family, Recording};
use crate::{Error, Result};
use std::collections::HashMap;
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

    /// Declares the tensors between the layers, their gradients where it `trains` (or only measures them).
    pub(crate) fn connect(&self, recording: &mut Recording, sizes: Sizes, trains: bool) -> Result<Network<'_>> {
        if (self.output().channels, self.output().height * self.output().width) != (self.classes, 1) {
            return Err(Error::input(format!(
                "{} ends with {}, but the data has {} classes.",
                self.name,
                self.output(),
                self.classes
            )));
        }
        if self.parameters.is_empty() {
            return Err(Error::input(format!("{} has no layer that can be trained.", self.name)));
        }
        if self.layers.last().is_some_and(|place| place.layer.activation().is_some()) {
            return Err(Error::input(format!("{} ends with an activation; it must end with logits.", self.name)));
        }
        let edge = |recording: &mut Recording, shape: Shape, activation, by_data: bool| {
            let mut edge = Edge {
                shape,
                value: recording.buffer("activations", 0),
                saved: crate::gpu::BufferId::default(),
                grad: None,
                activation,
                by_data,
            };
            let slots = if by_data { sizes.data_slots } else { sizes.lanes };
            let bytes = (16 * slots * sizes.batch * edge.example4()) as u64;
            recording.grow(edge.value, bytes);
            edge.saved = edge.value;
            if edge.activation.is_some_and(crate::config::Activation::saves_input) {
                edge.saved = recording.buffer("pre-activation", bytes);
            }
            if trains && !by_data {
                edge.grad = Some(recording.buffer("gradient", bytes));
            }
            edge
        };
        let mut input = edge(recording, self.input, None, true);
        let mut nodes: Vec<(&dyn Layer, Node)> = Vec::new();
        for (index, place) in self.layers.iter().enumerate() {
            let output = edge(recording, place.output, place.layer.activation(), false);
            nodes.push((
                place.layer.as_ref(),
                Node {
                    index,
                    input: input.clone(),
                    branch: place.branch.map(|index| nodes[index].1.output.clone()),
                    output: output.clone(),
                    parameters: self.parameters[place.parameters.clone()].to_vec(),
                    running: self.running[place.running.clone()].to_vec(),
                },
            ));
            input = output;
        }
        Ok(Network { nodes, classes: self.classes, sizes, scratch: HashMap::new() })
    }
}

/// A model with its buffers declared, ready to record passes.
pub(crate) struct Network<'a> {
    nodes: Vec<(&'a dyn Layer, Node)>,
    classes: usize,
    sizes: Sizes,
    scratch: HashMap<(usize, &'static str), crate::gpu::BufferId>,
}

impl Network<'_> {
    /// The network's input batch.
    pub(crate) fn input(&self) -> &Edge {
        &self.nodes[0].1.input
    }

    /// The last layer's output.
    pub(crate) fn logits(&self) -> &Edge {
        &self.nodes[self.nodes.len() - 1].1.output
    }

    /// Records a pass: forward, loss (where its buffers are given), and backward where the mode asks for gradients.
    pub(crate) fn record(
        &mut self,
        recording: &mut Recording,
        arenas: Arenas,
        family: Family,
        pass: Pass,
        loss: impl Into<Option<LossBuffers>>,
    ) -> Vec<Dispatch> {
        self.record_from(0, recording, arenas, family, pass, loss.into())
    }

    /// The same from the layer at `begin` on; backward only from the first.
    fn record_from(
        &mut self,
        begin: usize,
        recording: &mut Recording,
        arenas: Arenas,
        family: Family,
        pass: Pass,
        loss: Option<LossBuffers>,
    ) -> Vec<Dispatch> {
        let mut emitter = Emitter {
            recording,
            scratch: &mut self.scratch,
            sizes: Sizes { batch: pass.batch, ..self.sizes },
            arenas,
            family,
            pass,
            dispatches: Vec::new(),
        };
        for (layer, node) in &self.nodes[begin..] {
            layer.forward(node, &mut emitter);
        }
        if let (Some((_, last)), Some(loss)) = (self.nodes.last(), loss) {
            loss::record(&last.output, self.classes, loss, &mut emitter);
        }
        if pass.mode.differentiates() {
            for (index, (layer, node)) in self.nodes.iter().enumerate().rev() {
                layer.backward(node, &mut emitter);
                // The gradient of its input stands; layers that take it as a second input add theirs.
                for (branching, other) in &self.nodes[index..] {
                    if other.branch.as_ref().is_some_and(|branch| branch.value == node.input.value) {
                        branching.backward_branch(other, &mut emitter);
                    }
                }
            }
        }
        emitter.dispatches
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
