//! Group normalisation (Wu and He 2018), PyTorch's meaning of its numbers.

use super::layer::{Emitter, Layer, Node, TangentNode};
use super::norm_tangent::NormTangent;
use super::tensor::{Init, Kind, Parameter, padded};
use crate::config::Activation;
use crate::data::Shape;
use crate::gpu::BufferId;
use lowland_shaders as shaders;
use lowland_shaders::params::{BatchNorm, GroupNorm as Params};

/// `activate(gamma (x - mean) / sqrt(variance + 1e-5) + beta)`, mean and (biased) variance those of an example's group of
/// channels. There are no running statistics: training and inference are the same.
#[derive(Clone, Debug)]
pub struct GroupNorm {
    /// Number of groups; the channels divide into them.
    pub groups: usize,
    /// Activation of the output.
    pub activation: Option<Activation>,
}

const EPSILON: f32 = 1e-5;
/// Pixels that an invocation of the apply kernels works on.
const PIXELS_PER_INVOCATION: usize = 8;

impl GroupNorm {
    /// The groups that `--norm group` takes: the largest divisor of `channels` up to 8 that leaves two channels a group.
    pub fn groups_for(channels: usize) -> usize {
        (1..=(channels / 2).clamp(1, 8)).rev().find(|groups| channels.is_multiple_of(*groups)).unwrap_or(1)
    }
}

impl Layer for GroupNorm {
    fn output(&self, input: Shape) -> Result<Shape, String> {
        let Self { groups, .. } = *self;
        if groups == 0 || !input.channels.is_multiple_of(groups) {
            return Err(format!("{} channels do not divide into {groups} groups", input.channels));
        }
        if input.len() == groups {
            return Err(format!("{groups} groups of {input} have one value each; take fewer groups"));
        }
        Ok(input)
    }

    fn activation(&self) -> Option<Activation> {
        self.activation
    }

    fn parameters(&self, input: Shape) -> Vec<Parameter> {
        let kind = Kind::Vector(input.channels);
        let gamma = Parameter { name: "weight", kind, init: Init::Constant(1.0) };
        vec![gamma, Parameter { name: "bias", kind, init: Init::Constant(0.0) }]
    }

    fn forward(&self, node: &Node, e: &mut Emitter<'_>) {
        let p = self.params(node, e);
        let (partial, norm) = scratch(node, e, &p);
        let stats = BatchNorm {
            count: p.batch * p.pixels,
            channels4: p.channels4,
            slices: p.batch * p.slices,
            per_slice: p.per_slice,
            stride: p.stride,
            partial_stride: p.batch * p.slices * p.channels4 * 2,
            in_by_data: p.in_by_data,
            ..BatchNorm::default()
        };
        let x = node.input.value;
        let groups = ((stats.slices * p.channels4) as usize).div_ceil(64);
        e.dispatch(&shaders::BATCH_NORM_STATS, &[], &stats, &[x, partial], groups);
        let groups = ((p.batch * p.groups) as usize).div_ceil(64);
        e.dispatch(&shaders::GROUP_NORM_FINISH, &[], &p, &[x, partial, norm], groups);
        let (save, z) = node.output.save_input(&e.arenas);
        let overrides = [node.output.activation_code(), save];
        let buffers = [x, norm, e.pass.weights, node.output.value, z];
        e.dispatch(&shaders::GROUP_NORM_APPLY, &overrides, &p, &buffers, apply_groups(&p));
    }

    fn backward(&self, node: &Node, e: &mut Emitter<'_>) {
        let Some(dy) = node.output.grad else { return };
        let p = self.params(node, e);
        let (partial, norm) = scratch(node, e, &p);
        let sums = e.passing("group norm gradient sums", (16 * p.batch * p.channels4) as usize);
        let (x, weights, grads) = (node.input.value, e.pass.weights, e.arenas.grads);
        let groups = ((p.batch * p.slices * p.channels4) as usize).div_ceil(64);
        e.dispatch(&shaders::GROUP_NORM_GRAD_STATS, &[], &p, &[x, dy, norm, partial], groups);
        let groups = ((p.batch * p.groups) as usize).div_ceil(64);
        e.dispatch(&shaders::GROUP_NORM_GRAD_MEANS, &[], &p, &[partial, weights, sums], groups);
        let groups = (p.channels4 as usize).div_ceil(64);
        e.dispatch(&shaders::GROUP_NORM_GRAD_FINISH, &[], &p, &[sums, grads], groups);
        let Some(dx) = node.input.grad else { return };
        let buffers = [x, dy, norm, sums, weights, node.input.saved, dx];
        let overrides = [node.input.activation_code()];
        e.dispatch(&shaders::GROUP_NORM_GRAD_APPLY, &overrides, &p, &buffers, apply_groups(&p));
    }

    fn forward_tangent(&self, at: &TangentNode<'_>, e: &mut Emitter<'_>) -> Option<BufferId> {
        let p = self.params(at.node, e);
        let tangent = NormTangent::new(at, e, p.batch, p.slices, p.per_slice);
        let (partial, norm) = scratch(at.node, e, &p);
        if at.input_moves() {
            let groups = ((p.batch * p.slices * p.channels4) as usize).div_ceil(64);
            let buffers = [at.node.input.value, at.tangent.input.value, norm, partial];
            e.dispatch(&shaders::GROUP_NORM_GRAD_STATS, &[], &p, &buffers, groups);
        }
        let flag = ("INPUT_MOVES", f64::from(u8::from(at.input_moves())));
        let groups = ((p.batch * p.groups) as usize).div_ceil(64);
        let buffers = [partial, norm, e.pass.weights, at.directions, tangent.moves];
        e.dispatch(&shaders::GROUP_NORM_TANGENT_FINISH, &[flag], &p, &buffers, groups);
        tangent.forward(at, e);
        None
    }

    fn backward_tangent(&self, at: &TangentNode<'_>, e: &mut Emitter<'_>) -> Option<BufferId> {
        let p = self.params(at.node, e);
        let tangent = NormTangent::new(at, e, p.batch, p.slices, p.per_slice);
        if tangent.sums(at, e) {
            let sums = e.passing("group norm gradient tangents", (8 * p.batch * p.channels4) as usize);
            let groups = ((p.batch * p.groups) as usize).div_ceil(64);
            let buffers = [tangent.partial, tangent.moves, sums, tangent.means];
            e.dispatch(&shaders::GROUP_NORM_TANGENT_GRAD_FINISH, &[], &p, &buffers, groups);
            let groups = (p.channels4 as usize).div_ceil(64);
            let buffers = [sums, e.arenas.grads];
            e.dispatch(&shaders::GROUP_NORM_GRAD_FINISH, &[("NUMBERS", 2.0)], &p, &buffers, groups);
            tangent.backward(at, e);
        }
        None
    }
}

impl GroupNorm {
    fn params(&self, node: &Node, e: &Emitter<'_>) -> Params {
        let shape = node.input.shape;
        let pixels = shape.height * shape.width;
        let channels4 = padded(shape.channels) / 4;
        let per_slice = per_slice(pixels);
        Params {
            batch: e.sizes.batch as u32,
            pixels: pixels as u32,
            channels: shape.channels as u32,
            channels4: channels4 as u32,
            groups: self.groups as u32,
            slices: (pixels / per_slice) as u32,
            per_slice: per_slice as u32,
            stride: (e.sizes.batch * node.input.example4()) as u32,
            weight_stride: (e.sizes.parameters / 4) as u32,
            gamma_offset: (node.parameters[0].offset / 4) as u32,
            beta_offset: (node.parameters[1].offset / 4) as u32,
            in_by_data: u32::from(node.input.by_data),
            epsilon: EPSILON,
        }
    }
}

/// Pixels of a slice: a divisor of the image's, so that no slice has two images; the whole image where it has no divisor
/// worth the while.
fn per_slice(pixels: usize) -> usize {
    (8..=pixels.min(64)).rev().find(|n| pixels.is_multiple_of(*n)).unwrap_or(pixels)
}

fn apply_groups(p: &Params) -> usize {
    let runs = (p.pixels as usize).div_ceil(PIXELS_PER_INVOCATION);
    ((p.batch * p.channels4) as usize * runs).div_ceil(64)
}

/// The slices' sums; and mean and 1 / deviation of each example and channel.
fn scratch(node: &Node, e: &mut Emitter<'_>, p: &Params) -> (BufferId, BufferId) {
    let channels = (p.batch * p.channels4) as usize;
    let partial = e.passing("group norm sums", 8 * channels * p.slices as usize);
    (partial, e.scratch(node, "group norm statistics", 8 * channels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_slices_divide() {
        for (channels, groups) in [(1, 1), (2, 1), (4, 2), (6, 3), (7, 1), (8, 4), (12, 6), (16, 8), (18, 6), (32, 8)] {
            assert_eq!(GroupNorm::groups_for(channels), groups, "{channels} channels");
        }
        for (pixels, slice) in [(1, 1), (49, 49), (64, 64), (784, 56), (1024, 64), (127, 127), (130, 26)] {
            assert_eq!(per_slice(pixels), slice, "{pixels} pixels");
        }
    }
}
