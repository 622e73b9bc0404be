//! What a layer is: its shape rule, its tensors, and the dispatches of its forward and backward pass.

use super::tensor::{Parameter, Tensor, padded};
use crate::config::Activation;
use crate::data::Shape;
use crate::gpu::{BufferId, Dispatch, Family, Recording, TableId, fold};
use lowland_shaders::Kernel;
use std::collections::HashMap;
use std::fmt::Debug;

/// One layer. A new one is a file with a struct that implements this, and a line in the list that names it.
pub trait Layer: Debug + Send + Sync {
    /// The shape of its output, or why it cannot take `input`.
    ///
    /// # Errors
    /// A sentence with the sizes that do not fit; the model adds the layer's name.
    fn output(&self, input: Shape) -> Result<Shape, String>;

    /// The activation that its output has gone through. Gradients of a tensor are those before that activation: whoever
    /// computes the gradient of its input multiplies it by the derivative.
    fn activation(&self) -> Option<Activation> {
        None
    }

    /// The earlier layer whose output is its second input, by name; it has the shape of the first.
    fn branch(&self) -> Option<&str> {
        None
    }

    /// Trained tensors, in order.
    fn parameters(&self, _input: Shape) -> Vec<Parameter> {
        Vec::new()
    }

    /// Tensors that training updates by other means, such as running statistics.
    fn running(&self, _input: Shape) -> Vec<Parameter> {
        Vec::new()
    }

    /// Multiply-adds of one example's forward pass.
    fn multiply_adds(&self, _input: Shape) -> u64 {
        0
    }

    /// Whether its output before the activation is linear in its tensors, with few values against these: a dense layer. Of a
    /// network that begins so, the output under a sum of weights is the same sum of outputs.
    fn is_linear(&self) -> bool {
        false
    }

    /// Whether, its activation aside, it has no tensors and its output grows c-fold where its input does, for c above 0.
    fn passes_scale(&self) -> bool {
        false
    }

    /// Records the output from the input.
    fn forward(&self, node: &Node, emitter: &mut Emitter<'_>);

    /// Records the gradients of its parameters and, where the input has a gradient, of the input.
    fn backward(&self, node: &Node, emitter: &mut Emitter<'_>);

    /// Adds the gradient of the second input to what is there: the layer that follows the branching point has written its
    /// own share by then.
    fn backward_branch(&self, _node: &Node, _emitter: &mut Emitter<'_>) {}

    /// Records R{z}, how the output before its activation moves along a direction of weight space, from how the input moves,
    /// into `at.tangent.output.value`; the network applies the activation. A second term may be left in another buffer of
    /// that size, which is returned and added later. As it stands it serves layers that are linear in their input and have no
    /// parameters: it is their own forward pass.
    fn forward_tangent(&self, at: &TangentNode<'_>, emitter: &mut Emitter<'_>) -> Option<BufferId> {
        self.forward(&at.tangent, emitter);
        None
    }

    /// Records the same of the backward pass (the R-operator, Pearlmutter 1994): how the gradients of the parameters move,
    /// into the arena of gradients and (a second term) into `at.cross`; and, where the input moves, how the gradient of the
    /// input moves, taken after the input's activation, into `at.tangent.input.grad`. A second term as above.
    fn backward_tangent(&self, at: &TangentNode<'_>, emitter: &mut Emitter<'_>) -> Option<BufferId> {
        self.backward(&at.tangent, emitter);
        None
    }

    /// Adds the same of the second input.
    fn backward_branch_tangent(&self, at: &TangentNode<'_>, emitter: &mut Emitter<'_>) {
        self.backward_branch(&at.tangent, emitter);
    }
}

/// A tensor between two layers.
#[derive(Clone, Debug)]
pub struct Edge {
    /// The shape of one example.
    pub shape: Shape,
    /// `[slot][example][height][width][channel]`, channels padded to vec4s.
    pub value: BufferId,
    /// What the activation's derivative is computed from.
    pub saved: BufferId,
    /// The gradient before the activation; the network's input has none.
    pub grad: Option<BufferId>,
    /// The activation that made `value`.
    pub activation: Option<Activation>,
    /// Whether slots count batches (the network's input) or rows of work.
    pub by_data: bool,
}

/// A layer at its place in a network.
#[derive(Clone, Debug)]
pub struct Node {
    /// Place in the network, which scratch buffers are known by.
    pub index: usize,
    /// Input.
    pub input: Edge,
    /// The second input, where the layer has one.
    pub branch: Option<Edge>,
    /// Output.
    pub output: Edge,
    /// Its trained tensors.
    pub parameters: Vec<Tensor>,
    /// Its running tensors.
    pub running: Vec<Tensor>,
}

/// A layer at its place in the derivative of a pass along a direction: R{x} = d/dt x(w + t v) at t = 0.
#[derive(Debug)]
pub struct TangentNode<'a> {
    /// Values and gradients of the pass at w. A gradient of its input is not wanted here; that of its output is the one before
    /// the output's activation.
    pub node: &'a Node,
    /// The same place with tangents for values and gradients. No edge has an activation: whoever owns the tangents applies
    /// the derivatives of activations to them. Where the input does not move (no trained tensor comes before it) it has no
    /// gradient, and its value must not be read by layers with parameters.
    pub tangent: Node,
    /// The directions v, an arena like that of the weights.
    pub directions: BufferId,
    /// An arena like that of gradients, for second terms of R{dL/dw}: the two are added at the end. Zero where nobody writes.
    pub cross: BufferId,
}

impl TangentNode<'_> {
    /// Whether the input moves along the direction.
    pub fn input_moves(&self) -> bool {
        self.tangent.input.grad.is_some()
    }
}

/// How a network runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Training: layers use the batch's own statistics, and move the running ones where this says so.
    Train {
        /// True in SAM's first pass and in SGD, false in SAM's second.
        update_running: bool,
    },
    /// Evaluation.
    Inference,
    /// Evaluation with gradients: the loss that [`Mode::Inference`] measures, and its derivatives.
    Gradient,
    /// A forward pass for statistics: layers use the batch's own, which replace the running ones.
    Statistics,
}

impl Mode {
    /// Whether gradients are computed.
    pub fn differentiates(self) -> bool {
        matches!(self, Self::Train { .. } | Self::Gradient)
    }

    /// Whether layers normalise by the batch's own statistics instead of the running ones.
    pub fn by_batch(self) -> bool {
        matches!(self, Self::Train { .. } | Self::Statistics)
    }
}

/// One pass: which weights, for which rows, and how.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// The arena of weights.
    pub weights: BufferId,
    /// The rows of the z axis.
    pub rows: TableId,
    /// How the network runs.
    pub mode: Mode,
    /// Examples that go through together: the batch, or a group of it. At most [`Sizes::batch`].
    pub batch: usize,
}

/// The sizes that all layers share.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Examples per pass; buffers have room for the largest pass.
    pub batch: usize,
    /// Lanes: rows that work at the same time.
    pub lanes: usize,
    /// Batches that are in use at the same time.
    pub data_slots: usize,
    /// Floats of a lane in the arenas of weights and gradients.
    pub parameters: usize,
    /// Floats of a lane in the arena of running tensors.
    pub running: usize,
}

/// The arenas of a trainer.
#[derive(Clone, Copy, Debug)]
pub struct Arenas {
    /// Gradients, `[row of work][parameter]`.
    pub grads: BufferId,
    /// Running tensors, `[lane][value]`.
    pub running: BufferId,
    /// Sixteen bytes for bindings that a variant does not use.
    pub unused: BufferId,
    /// The lanes' seeds.
    pub seeds: BufferId,
    /// The clock, whose step random numbers are drawn for.
    pub clock: BufferId,
}

/// Records dispatches of one pass.
pub struct Emitter<'a> {
    /// Where buffers are declared.
    pub recording: &'a mut Recording,
    /// Scratch buffers by node and name.
    pub scratch: &'a mut HashMap<(usize, &'static str), BufferId>,
    /// Sizes.
    pub sizes: Sizes,
    /// Arenas.
    pub arenas: Arenas,
    /// Tile family.
    pub family: Family,
    /// The pass.
    pub pass: Pass,
    /// What was recorded.
    pub dispatches: Vec<Dispatch>,
}

impl Edge {
    /// Vec4s of one example.
    pub(crate) fn example4(&self) -> usize {
        self.shape.height * self.shape.width * padded(self.shape.channels) / 4
    }

    /// `ACTIVATION` for kernels that compute this edge's value or its gradient.
    pub(crate) fn activation_code(&self) -> (&'static str, f64) {
        ("ACTIVATION", self.activation.map_or(0.0, Activation::code))
    }

    /// `SAVE_Z` and the buffer for z, for kernels that compute this edge's value.
    pub(crate) fn save_input(&self, arenas: &Arenas) -> ((&'static str, f64), BufferId) {
        if self.saved == self.value { (("SAVE_Z", 0.0), arenas.unused) } else { (("SAVE_Z", 1.0), self.saved) }
    }
}

impl Emitter<'_> {
    /// Records a launch over `groups` workgroups, and the rows of the pass in z.
    pub fn dispatch(
        &mut self,
        kernel: &'static Kernel,
        overrides: &[(&'static str, f64)],
        params: &impl bytemuck::Pod,
        buffers: &[BufferId],
        groups: usize,
    ) {
        let [x, y] = fold(groups);
        self.dispatches.push(Dispatch {
            kernel,
            overrides: overrides.to_vec(),
            params: bytemuck::bytes_of(params).to_vec(),
            table: self.pass.rows,
            buffers: buffers.to_vec(),
            groups: [x, y, self.recording.rows(self.pass.rows)],
        });
    }

    /// A buffer of `floats` floats for each lane, private to `node`; the same one in every pass.
    pub fn scratch(&mut self, node: &Node, name: &'static str, floats: usize) -> BufferId {
        self.room((node.index, name), floats)
    }

    /// A buffer of at least `floats` floats for each lane, for what one dispatch leaves to the next one only.
    pub fn passing(&mut self, name: &'static str, floats: usize) -> BufferId {
        self.room((usize::MAX, name), floats)
    }

    /// Passes differ in their batch, so a buffer grows to what the largest of them needs.
    fn room(&mut self, key: (usize, &'static str), floats: usize) -> BufferId {
        let bytes = (4 * floats * self.sizes.lanes) as u64;
        let buffer = *self.scratch.entry(key).or_insert_with(|| self.recording.buffer(key.1, bytes));
        self.recording.grow(buffer, bytes);
        buffer
    }

    /// Records with another arena of weights.
    pub fn with_weights<T>(&mut self, weights: BufferId, record: impl FnOnce(&mut Self) -> T) -> T {
        let own = std::mem::replace(&mut self.pass.weights, weights);
        let result = record(self);
        self.pass.weights = own;
        result
    }

    /// Records with another arena of gradients.
    pub fn with_grads<T>(&mut self, grads: BufferId, record: impl FnOnce(&mut Self) -> T) -> T {
        let own = std::mem::replace(&mut self.arenas.grads, grads);
        let result = record(self);
        self.arenas.grads = own;
        result
    }

    /// Invocations that share a sum of `terms`: a power of 2, each with at least `each` of them. One for families of software
    /// adapters, which have few cores and pay for each barrier.
    pub(crate) fn lanes(&self, terms: usize, each: usize, most: usize) -> usize {
        let wide = if self.family == Family::Shared { (terms / each).clamp(1, most) } else { 1 };
        1 << wide.ilog2()
    }

    /// Whether the pass trains.
    pub fn trains(&self) -> bool {
        matches!(self.pass.mode, Mode::Train { .. })
    }
}
