//! Residual addition, and an activation by itself.

use super::layer::{Edge, Emitter, Layer, Node};
use crate::config::Activation;
use crate::data::Shape;
use crate::gpu::BufferId;
use lowland_shaders as shaders;
use lowland_shaders::params::Add as Params;

/// `activate(x + b)`, b the output of an earlier layer (He et al. 2016).
#[derive(Clone, Debug)]
pub struct Add {
    /// The earlier layer's name.
    pub from: String,
    /// Activation of the sum.
    pub activation: Option<Activation>,
}

/// `activate(x)`, where the layer before cannot do it itself.
#[derive(Clone, Debug)]
pub struct Activate(pub Activation);

impl Layer for Add {
    fn output(&self, input: Shape) -> Result<Shape, String> {
        Ok(input)
    }

    fn activation(&self) -> Option<Activation> {
        self.activation
    }

    fn branch(&self) -> Option<&str> {
        Some(&self.from)
    }

    fn forward(&self, node: &Node, e: &mut Emitter<'_>) {
        forward(node, e);
    }

    fn backward(&self, node: &Node, e: &mut Emitter<'_>) {
        backward(node, e, &node.input, false);
    }

    fn backward_branch(&self, node: &Node, e: &mut Emitter<'_>) {
        if let Some(branch) = &node.branch {
            backward(node, e, branch, true);
        }
    }
}

impl Layer for Activate {
    fn output(&self, input: Shape) -> Result<Shape, String> {
        Ok(input)
    }

    fn activation(&self) -> Option<Activation> {
        Some(self.0)
    }

    fn passes_scale(&self) -> bool {
        true
    }

    fn forward(&self, node: &Node, e: &mut Emitter<'_>) {
        forward(node, e);
    }

    fn backward(&self, node: &Node, e: &mut Emitter<'_>) {
        backward(node, e, &node.input, false);
    }
}

pub(super) fn params(edge: &Edge, e: &Emitter<'_>) -> Params {
    Params { size4: (e.sizes.batch * edge.example4()) as u32, in_by_data: u32::from(edge.by_data) }
}

fn forward(node: &Node, e: &mut Emitter<'_>) {
    let p = params(&node.input, e);
    let (save, z) = node.output.save_input(&e.arenas);
    let (flag, branch) = match &node.branch {
        Some(branch) => (1.0, branch.value),
        // Not the spare bytes: z may be bound to them, to be written.
        None => (0.0, node.input.value),
    };
    let overrides = [("BRANCH", flag), node.output.activation_code(), save];
    let buffers = [node.input.value, branch, node.output.value, z];
    e.dispatch(&shaders::ADD_FORWARD, &overrides, &p, &buffers, (p.size4 as usize).div_ceil(64));
}

/// The gradient of the output as that of `edge`, which has it alone or shares it.
fn backward(node: &Node, e: &mut Emitter<'_>, edge: &Edge, shared: bool) {
    let (Some(dy), Some(dx)) = (node.output.grad, edge.grad) else { return };
    record_backward([dy, dx], edge, shared, e);
}

fn record_backward([from, to]: [BufferId; 2], edge: &Edge, shared: bool, e: &mut Emitter<'_>) {
    let p = params(edge, e);
    let overrides = [("ACCUMULATE", f64::from(u8::from(shared))), edge.activation_code()];
    e.dispatch(&shaders::ADD_BACKWARD, &overrides, &p, &[from, edge.saved, to], (p.size4 as usize).div_ceil(64));
}

/// The gradient of `edge` before its activation, from the one after it, that of `after`.
pub(super) fn through_activation(after: &Edge, edge: &Edge, e: &mut Emitter<'_>) {
    let (Some(from), Some(to)) = (after.grad, edge.grad) else { return };
    record_backward([from, to], edge, false, e);
}
