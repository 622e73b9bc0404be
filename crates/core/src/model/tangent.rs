//! The derivative of a pass along a direction of weight space: H v and Gauss-Newton products (the R-operator, Pearlmutter 1994).
//!
//! R{x} = d/dt x(w + t v) at t = 0. A layer states how its own map moves; everything here is the same for all of them.
//! Activations are applied here: R{y} = f'(z) R{z}, and backward, with the gradients a after and d = f'(z) a before it,
//! R{d} = f'(z) R{a} + f''(z) R{z} a.

use super::layer::{Arenas, Edge, Emitter, Node, Pass, Sizes, TangentNode};
use super::loss::{self, LossBuffers};
use super::network::Network;
use super::{Model, add};
use crate::config::Activation;
use crate::gpu::{BufferId, Dispatch, Family, Recording};
use lowland_shaders as shaders;
use serde::Serialize;

/// Which matrix a direction is multiplied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Product {
    /// The Hessian of the loss.
    Hessian,
    /// The Gauss-Newton matrix J^T (diag p - p p^T) J, J the derivative of the logits: never negative, and the Hessian where
    /// the network is linear in its weights.
    GaussNewton,
}

/// Buffers for tangents: of values and gradients between the layers.
#[derive(Debug)]
pub(crate) struct Tangents {
    /// R{value}, and R{gradient before the activation} where the edge moves. No activations.
    edges: Vec<Edge>,
    /// R{z} of edges whose activation bends.
    before: Vec<Option<BufferId>>,
}

/// A pass along a direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TangentPass {
    /// The pass at w that it is the derivative of: it has been recorded with the same network, with gradients for
    /// [`Product::Hessian`].
    pub(crate) pass: Pass,
    /// Which product.
    pub(crate) product: Product,
    /// The directions, an arena like that of the weights.
    pub(crate) directions: BufferId,
    /// Arenas like that of gradients. The product is the sum of the two; for [`Product::GaussNewton`] the second is not used.
    pub(crate) products: [BufferId; 2],
}

impl Model {
    /// Declares tangents, which networks of these sizes may share.
    pub(crate) fn connect_tangents(&self, recording: &mut Recording, sizes: Sizes) -> Tangents {
        let mut edges: Vec<Edge> = Vec::new();
        let mut before = Vec::new();
        for index in 0..=self.layers.len() {
            let place = index.checked_sub(1).map(|layer| &self.layers[layer]);
            let shape = place.map_or(self.input, |place| place.output);
            let by_data = place.is_none();
            let value = recording.buffer("tangents", if by_data { 16 } else { 0 });
            let mut edge = Edge { shape, value, saved: value, grad: None, activation: None, by_data };
            let bytes = (16 * sizes.lanes * sizes.batch * edge.example4()) as u64;
            let moved = |edge: usize| edges[edge].grad.is_some();
            let moves = place.is_some_and(|place| {
                !place.parameters.is_empty() || moved(index - 1) || place.branch.is_some_and(|layer| moved(layer + 1))
            });
            if !by_data {
                recording.grow(value, bytes);
            }
            if moves {
                edge.grad = Some(recording.buffer("tangents of gradients", bytes));
            }
            let bends = moves && place.and_then(|place| place.layer.activation()).is_some_and(Activation::bends);
            before.push(bends.then(|| recording.buffer("tangents before activations", bytes)));
            edges.push(edge);
        }
        Tangents { edges, before }
    }
}

impl Network<'_> {
    /// Records the derivative of a pass that this network has gone through: forward, loss, backward.
    pub(crate) fn record_tangent(
        &mut self,
        recording: &mut Recording,
        arenas: Arenas,
        family: Family,
        tangents: &Tangents,
        along: TangentPass,
        loss: LossBuffers,
    ) -> Vec<Dispatch> {
        let TangentPass { pass, product, directions, products: [products, cross] } = along;
        let mut emitter = Emitter {
            recording,
            scratch: &mut self.scratch,
            sizes: Sizes { batch: pass.batch, ..self.sizes },
            arenas: Arenas { grads: products, ..arenas },
            family,
            pass,
            dispatches: Vec::new(),
        };
        let e = &mut emitter;
        let moving = |edge: usize| tangents.edges[edge].grad.is_some();
        let at = |index: usize| {
            let node = &self.nodes[index].1;
            let tangent = Node {
                input: tangents.edges[index].clone(),
                branch: self.branches[index].map(|edge| tangents.edges[edge].clone()),
                output: tangents.edges[index + 1].clone(),
                ..node.clone()
            };
            TangentNode { node, tangent, directions, cross }
        };
        for index in (0..self.nodes.len()).filter(|index| moving(index + 1)) {
            let second = self.nodes[index].0.forward_tangent(&at(index), e);
            let edge = index + 1;
            activate(&self.edges[edge], tangents.edges[edge].value, second, tangents.before[edge], e);
        }
        let logits = self.edges.len() - 1;
        loss::record_tangent(&self.edges[logits], &tangents.edges[logits], self.classes, loss, e);
        for index in (0..self.nodes.len()).rev().filter(|index| moving(index + 1)) {
            let (layer, node) = &self.nodes[index];
            let branching = (index..self.nodes.len()).filter(|other| self.branches[*other] == Some(index));
            if product == Product::GaussNewton {
                // The backward pass as it is, from other gradients of the logits on.
                let plain = |index: usize| {
                    let edge = |edge: usize| Edge { grad: tangents.edges[edge].grad, ..self.edges[edge].clone() };
                    let branch = self.branches[index].map(edge);
                    Node { input: edge(index), branch, output: edge(index + 1), ..self.nodes[index].1.clone() }
                };
                layer.backward(&plain(index), e);
                branching.for_each(|other| self.nodes[other].0.backward_branch(&plain(other), e));
                continue;
            }
            let second = layer.backward_tangent(&at(index), e);
            branching.for_each(|other| self.nodes[other].0.backward_branch_tangent(&at(other), e));
            if let Some(grad) = tangents.edges[index].grad {
                let bent = tangents.before[index].zip(node.input.grad);
                deactivate(&self.edges[index], grad, second, bent, e);
            }
        }
        emitter.dispatches
    }
}

/// R{z} in `tangent`, and `second` where it has another term, becomes R{y}; R{z} stays in `before`.
fn activate(edge: &Edge, tangent: BufferId, second: Option<BufferId>, before: Option<BufferId>, e: &mut Emitter<'_>) {
    if edge.activation.is_none() && second.is_none() {
        return;
    }
    let flags = [("SECOND", flag(second.is_some())), ("KEEP", flag(before.is_some())), edge.activation_code()];
    let p = add::params(edge, e);
    // Not the spare bytes: `before` may be bound to them, to be written.
    let buffers = [edge.saved, second.unwrap_or(edge.saved), tangent, before.unwrap_or(e.arenas.unused)];
    e.dispatch(&shaders::ACTIVATE_TANGENT, &flags, &p, &buffers, (p.size4 as usize).div_ceil(64));
}

/// R{a} in `grad`, and `second` where it has another term, becomes R{d}. `bent`: R{z} and a, where the activation bends.
fn deactivate(
    edge: &Edge,
    grad: BufferId,
    second: Option<BufferId>,
    bent: Option<(BufferId, BufferId)>,
    e: &mut Emitter<'_>,
) {
    if edge.activation.is_none() && second.is_none() {
        return;
    }
    let flags = [("SECOND", flag(second.is_some())), ("BENT", flag(bent.is_some())), edge.activation_code()];
    let p = add::params(edge, e);
    let unused = e.arenas.unused;
    let (before, after) = bent.unwrap_or((unused, unused));
    let buffers = [edge.saved, second.unwrap_or(unused), before, after, grad];
    e.dispatch(&shaders::ACTIVATION_GRAD_TANGENT, &flags, &p, &buffers, (p.size4 as usize).div_ceil(64));
}

fn flag(on: bool) -> f64 {
    f64::from(u8::from(on))
}
