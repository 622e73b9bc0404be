//! A model with its buffers: the tensors between the layers, and the dispatches of a pass.

use super::layer::{Arenas, Edge, Emitter, Layer, Node, Pass, Sizes};
use super::loss::{self, LossBuffers};
use super::{Model, add};
use crate::config::Activation;
use crate::data::Shape;
use crate::gpu::{BufferId, Dispatch, Family, Recording};
use crate::{Error, Result};
use std::collections::HashMap;

/// What a network has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// Values.
    Values,
    /// Their gradients, too.
    Gradients,
    /// What derivatives of both along a direction are computed from, too ([`super::Tangents`]).
    Tangents,
}

/// A model with its buffers declared, ready to record passes.
pub(crate) struct Network<'a> {
    /// Layers at their places. In a network with room for tangents, an input whose activation bends is without it here, and its
    /// gradient is the one after the activation.
    pub(super) nodes: Vec<(&'a dyn Layer, Node)>,
    /// The input, and each layer's output.
    pub(super) edges: Vec<Edge>,
    /// The edges of the layers' second inputs.
    pub(super) branches: Vec<Option<usize>>,
    pub(super) classes: usize,
    pub(super) sizes: Sizes,
    pub(super) scratch: HashMap<(usize, &'static str), BufferId>,
}

impl Model {
    /// Declares the tensors between the layers, and whatever else there is to be `room` for.
    pub(crate) fn connect(&self, recording: &mut Recording, sizes: Sizes, room: Room) -> Result<Network<'_>> {
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
                saved: BufferId::default(),
                grad: None,
                activation,
                by_data,
            };
            let slots = if by_data { sizes.data_slots } else { sizes.lanes };
            let bytes = (16 * slots * sizes.batch * edge.example4()) as u64;
            recording.grow(edge.value, bytes);
            edge.saved = edge.value;
            if edge.activation.is_some_and(Activation::saves_input) {
                edge.saved = recording.buffer("pre-activation", bytes);
            }
            if room != Room::Values && !by_data {
                edge.grad = Some(recording.buffer("gradient", bytes));
            }
            edge
        };
        let mut edges = vec![edge(recording, self.input, None, true)];
        edges.extend(self.layers.iter().map(|place| edge(recording, place.output, place.layer.activation(), false)));
        // As inputs of layers; one gradient for all that share an edge.
        let inputs: Vec<Edge> = edges
            .iter()
            .map(|edge| {
                let bends = edge.activation.is_some_and(Activation::bends);
                if room != Room::Tangents || !bends {
                    return edge.clone();
                }
                let bytes = recording.size(edge.value);
                let after = recording.buffer("gradient after the activation", bytes);
                Edge { grad: Some(after), activation: None, ..edge.clone() }
            })
            .collect();
        let branches: Vec<Option<usize>> =
            self.layers.iter().map(|place| place.branch.map(|layer| layer + 1)).collect();
        let places = self.layers.iter().enumerate();
        let nodes = places.map(|(index, place)| {
            let node = Node {
                index,
                input: inputs[index].clone(),
                branch: branches[index].map(|edge| inputs[edge].clone()),
                output: edges[index + 1].clone(),
                parameters: self.parameters[place.parameters.clone()].to_vec(),
                running: self.running[place.running.clone()].to_vec(),
            };
            (place.layer.as_ref(), node)
        });
        let nodes = nodes.collect();
        Ok(Network { nodes, edges, branches, classes: self.classes, sizes, scratch: HashMap::new() })
    }
}

impl Network<'_> {
    /// The network's input batch.
    pub(crate) fn input(&self) -> &Edge {
        &self.edges[0]
    }

    /// The last layer's output.
    pub(crate) fn logits(&self) -> &Edge {
        &self.edges[self.edges.len() - 1]
    }

    /// Reads the batch that another network of the model reads, instead of one of its own.
    pub(crate) fn read_input_of(&mut self, other: &Self) {
        let input = other.edges[0].value;
        for edge in [&mut self.edges[0], &mut self.nodes[0].1.input] {
            (edge.value, edge.saved) = (input, input);
        }
    }

    /// Takes over the buffers of another network that nothing stays in from one dispatch to the next but one.
    pub(crate) fn share_passing(&mut self, other: &Self) {
        let passing = other.scratch.iter().filter(|(key, _)| key.0 == usize::MAX);
        self.scratch.extend(passing.map(|(key, buffer)| (*key, *buffer)));
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

    /// The same from the layer at `begin` on, whose input is there; a pass backward begins at 0.
    pub(super) fn record_from(
        &mut self,
        begin: usize,
        recording: &mut Recording,
        arenas: Arenas,
        family: Family,
        pass: Pass,
        loss: Option<LossBuffers>,
    ) -> Vec<Dispatch> {
        let scratch = &mut self.scratch;
        let sizes = Sizes { batch: pass.batch, ..self.sizes };
        let mut emitter = Emitter { recording, scratch, sizes, arenas, family, pass, dispatches: Vec::new() };
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
                for other in index..self.nodes.len() {
                    if self.branches[other] == Some(index) {
                        let (branching, other) = &self.nodes[other];
                        branching.backward_branch(other, &mut emitter);
                    }
                }
                // The layers gave the gradient after the activation where tangents need it, too.
                if node.input.grad != self.edges[index].grad {
                    add::through_activation(&node.input, &self.edges[index], &mut emitter);
                }
            }
        }
        emitter.dispatches
    }
}
