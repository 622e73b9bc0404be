//! A network that begins with a dense layer is linear in that layer's tensors: under a sum of sets of weights the layer's output,
//! before its activation, is the same sum of outputs. Probes that look at many sums of few sets compute those once.

use super::layer::{Arenas, Emitter, Mode, Node, Pass, Sizes};
use super::{LossBuffers, Model, Network};
use crate::gpu::{BufferId, Dispatch, Family, Recording, TableId, fold};
use lowland_shaders::COMBINE_OUTPUTS;
use lowland_shaders::params::CombineOutputs;

/// Inputs from which on a sum of outputs costs less than the outputs themselves, with some room.
const FEWEST_INPUTS: usize = 16;

/// The first layer with tensors, where it is dense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct First {
    place: usize,
    /// Floats of its tensors, which come first in an arena.
    pub(crate) parameters: usize,
    /// Its multiply-adds for an example.
    pub(crate) multiply_adds: u64,
    /// Vec4s of its output for an example.
    pub(crate) outputs4: usize,
}

impl First {
    /// About the multiply-adds for an example of all that is not its own, sums of its outputs among them: they take about as
    /// long as four for each.
    pub(crate) fn rest(&self, model: &Model) -> u64 {
        model.multiply_adds() - self.multiply_adds + 16 * self.outputs4 as u64
    }
}

/// What the sums of a first layer are made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outputs {
    /// Three factors of each row.
    pub(crate) factors: BufferId,
    /// `[batch modulo kept][source][example][channel]`, before the activation.
    pub(crate) kept: BufferId,
    /// Batches that have room in it.
    pub(crate) batches: usize,
    /// Sets of weights.
    pub(crate) sources: usize,
}

impl Model {
    /// The first layer with tensors, where it is dense, has enough inputs, and nobody looks past it.
    pub(crate) fn first(&self) -> Option<First> {
        let place = self.layers.iter().position(|place| !place.parameters.is_empty() || !place.running.is_empty())?;
        let first = &self.layers[place];
        let apart = self.layers.iter().all(|other| other.branch.is_none_or(|branch| branch >= place));
        let apart = apart && self.layers[..place].iter().all(|other| other.branch.is_none());
        let linear = first.layer.is_linear() && first.running.is_empty() && first.input.channels >= FEWEST_INPUTS;
        (linear && apart).then(|| First {
            place,
            parameters: self.parameters[first.parameters.clone()].iter().map(|t| t.kind.padded_len()).sum(),
            multiply_adds: first.layer.multiply_adds(first.input),
            outputs4: super::tensor::padded(first.output.channels) / 4,
        })
    }
}

impl Network<'_> {
    /// Records the outputs of the first dense layer before its activation, for each of some sets of weights a list of
    /// dispatches, into `to`: `[source][example][channel]`. The first list begins with the layers before it, which have no
    /// tensors.
    pub(crate) fn record_first(
        &mut self,
        first: First,
        recording: &mut Recording,
        arenas: Arenas,
        family: Family,
        (weights, sources): (BufferId, usize),
        (batch, to): (usize, BufferId),
    ) -> Vec<Vec<Dispatch>> {
        let sizes = Sizes { batch, ..self.sizes };
        let mut lists = Vec::new();
        for source in 0..sources as u32 {
            let pass = |rows: TableId| Pass { weights, rows, mode: Mode::Inference, batch };
            let (once, row) = (recording.table(vec![[0; 4]]), recording.table(vec![[source, 0, source, 0]]));
            let scratch = &mut self.scratch;
            let dispatches = Vec::new();
            let mut emitter = Emitter { recording, scratch, sizes, arenas, family, pass: pass(once), dispatches };
            for (layer, node) in self.nodes[..first.place].iter().filter(|_| source == 0) {
                layer.forward(node, &mut emitter);
            }
            let (layer, node) = &self.nodes[first.place];
            emitter.pass = pass(row);
            // All sources share the input, and there is no activation.
            let node = Node {
                index: node.index,
                input: super::Edge { by_data: true, ..node.input.clone() },
                branch: None,
                output: super::Edge { value: to, saved: to, activation: None, ..node.output.clone() },
                parameters: node.parameters.clone(),
                running: Vec::new(),
            };
            layer.forward(&node, &mut emitter);
            lists.push(emitter.dispatches);
        }
        lists
    }

    /// Records a forward pass whose first dense layer's outputs are sums of those that are kept.
    #[allow(clippy::too_many_arguments, reason = "those of `record`, and what replaces the first layer")]
    pub(crate) fn record_after_first(
        &mut self,
        first: First,
        outputs: Outputs,
        recording: &mut Recording,
        arenas: Arenas,
        family: Family,
        pass: Pass,
        loss: LossBuffers,
    ) -> Vec<Dispatch> {
        let output = &self.nodes[first.place].1.output;
        let size4 = pass.batch * first.outputs4;
        let p = CombineOutputs { size4: size4 as u32, sources: outputs.sources as u32, kept: outputs.batches as u32 };
        let [x, y] = fold(size4.div_ceil(512));
        let mut dispatches = vec![Dispatch {
            kernel: &COMBINE_OUTPUTS,
            overrides: vec![output.activation_code()],
            params: bytemuck::bytes_of(&p).to_vec(),
            table: pass.rows,
            buffers: vec![outputs.factors, arenas.clock, outputs.kept, output.value],
            groups: [x, y, recording.rows(pass.rows)],
        }];
        dispatches.extend(self.record_from(first.place + 1, recording, arenas, family, pass, Some(loss)));
        dispatches
    }
}
