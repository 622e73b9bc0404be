//! An image as one row of features.

use super::layer::{Emitter, Layer, Node};
use super::tensor::padded;
use crate::data::Shape;
use lowland_shaders as shaders;
use lowland_shaders::params::Flatten as Params;

/// `[channel][row][column]` as one row of features, in PyTorch's order.
#[derive(Clone, Debug)]
pub struct Flatten;

impl Layer for Flatten {
    fn output(&self, input: Shape) -> Result<Shape, String> {
        Ok(Shape { channels: input.len(), height: 1, width: 1 })
    }

    fn passes_scale(&self) -> bool {
        true
    }

    fn forward(&self, node: &Node, e: &mut Emitter<'_>) {
        let groups = (e.sizes.batch * node.output.example4()).div_ceil(64);
        e.dispatch(&shaders::FLATTEN_FORWARD, &[], &params(node, e), &[node.input.value, node.output.value], groups);
    }

    fn backward(&self, node: &Node, e: &mut Emitter<'_>) {
        let (Some(dy), Some(dx)) = (node.output.grad, node.input.grad) else { return };
        let groups = (e.sizes.batch * node.input.example4()).div_ceil(64);
        let buffers = [dy, node.input.saved, dx];
        e.dispatch(&shaders::FLATTEN_BACKWARD, &[node.input.activation_code()], &params(node, e), &buffers, groups);
    }
}

fn params(node: &Node, e: &Emitter<'_>) -> Params {
    let shape = node.input.shape;
    Params {
        batch: e.sizes.batch as u32,
        pixels: (shape.height * shape.width) as u32,
        channels: shape.channels as u32,
        channels4: (padded(shape.channels) / 4) as u32,
        features4: node.output.example4() as u32,
        in_by_data: u32::from(node.input.by_data),
    }
}
