//! Batch normalisation (Ioffe and Szegedy 2015), PyTorch's meaning of its numbers.

use super::layer::{Emitter, Layer, Mode, Node, TangentNode};
use super::norm_tangent::NormTangent;
use super::tensor::{Init, Kind, Parameter, padded};
use crate::config::Activation;
use crate::data::Shape;
use crate::gpu::{BufferId, Family};
use lowland_shaders as shaders;
use lowland_shaders::params::BatchNorm as Params;

/// `activate(gamma (x - mean) / sqrt(variance + 1e-5) + beta)` per channel.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// Activation of the output.
    pub activation: Option<Activation>,
}

const EPSILON: f32 = 1e-5;
const MOMENTUM: f32 = 0.1;
/// Pixels that an invocation of the apply kernels works on.
const PIXELS_PER_INVOCATION: usize = 8;

impl Layer for BatchNorm {
    fn output(&self, input: Shape) -> Result<Shape, String> {
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

    fn running(&self, input: Shape) -> Vec<Parameter> {
        let kind = Kind::Vector(input.channels);
        let mean = Parameter { name: "running_mean", kind, init: Init::Constant(0.0) };
        vec![mean, Parameter { name: "running_var", kind, init: Init::Constant(1.0) }]
    }

    fn forward(&self, node: &Node, e: &mut Emitter<'_>) {
        let p = params(node, e);
        let (partial, norm) = scratch(node, e, &p);
        let channels4 = p.channels4 as usize;
        if e.pass.mode.by_batch() {
            let groups = (channels4 * p.slices as usize).div_ceil(64);
            e.dispatch(&shaders::BATCH_NORM_STATS, &[], &p, &[node.input.value, partial], groups);
        }
        let flag = |on| f64::from(u8::from(on));
        let overrides = [
            ("INFERENCE", flag(!e.pass.mode.by_batch())),
            ("UPDATE", flag(matches!(e.pass.mode, Mode::Train { update_running: true } | Mode::Statistics))),
        ];
        let lanes = if e.pass.mode.by_batch() { p.lanes as usize } else { 1 };
        let groups = (channels4 * lanes).div_ceil(64);
        let buffers = [node.input.value, partial, e.pass.weights, e.arenas.running, norm];
        e.dispatch(&shaders::BATCH_NORM_FINISH, &overrides, &p, &buffers, groups);
        let (save, z) = node.output.save_input(&e.arenas);
        let overrides = [node.output.activation_code(), save];
        let groups = ((p.count as usize).div_ceil(PIXELS_PER_INVOCATION) * channels4).div_ceil(64);
        e.dispatch(&shaders::BATCH_NORM_APPLY, &overrides, &p, &[node.input.value, norm, node.output.value, z], groups);
    }

    fn backward(&self, node: &Node, e: &mut Emitter<'_>) {
        let Some(dy) = node.output.grad else { return };
        let p = params(node, e);
        let (partial, norm) = scratch(node, e, &p);
        let channels4 = p.channels4 as usize;
        let means = e.passing("batch norm gradient means", 8 * channels4);
        let groups = (channels4 * p.slices as usize).div_ceil(64);
        let x = node.input.value;
        e.dispatch(&shaders::BATCH_NORM_GRAD_STATS, &[], &p, &[x, dy, norm, partial], groups);
        let buffers = [partial, e.arenas.grads, means];
        let groups = (channels4 * p.lanes as usize).div_ceil(64);
        e.dispatch(&shaders::BATCH_NORM_GRAD_FINISH, &[], &p, &buffers, groups);
        let Some(dx) = node.input.grad else { return };
        let groups = ((p.count as usize).div_ceil(PIXELS_PER_INVOCATION) * channels4).div_ceil(64);
        let buffers = [x, dy, norm, means, node.input.saved, dx];
        let inference = ("INFERENCE", f64::from(u8::from(!e.pass.mode.by_batch())));
        let overrides = [node.input.activation_code(), inference];
        e.dispatch(&shaders::BATCH_NORM_GRAD_APPLY, &overrides, &p, &buffers, groups);
    }

    fn forward_tangent(&self, at: &TangentNode<'_>, e: &mut Emitter<'_>) -> Option<BufferId> {
        let p = params(at.node, e);
        let tangent = NormTangent::new(at, e, 1, p.slices, p.per_slice);
        let (partial, norm) = scratch(at.node, e, &p);
        let channels4 = p.channels4 as usize;
        let by_batch = at.input_moves() && e.pass.mode.by_batch();
        if by_batch {
            let groups = (channels4 * p.slices as usize).div_ceil(64);
            let buffers = [at.node.input.value, at.tangent.input.value, norm, partial];
            e.dispatch(&shaders::BATCH_NORM_GRAD_STATS, &[], &p, &buffers, groups);
        }
        let lanes = if by_batch { p.lanes as usize } else { 1 };
        let buffers = [partial, norm, e.pass.weights, at.directions, tangent.moves];
        let flag = ("BY_BATCH", f64::from(u8::from(by_batch)));
        e.dispatch(&shaders::BATCH_NORM_TANGENT_FINISH, &[flag], &p, &buffers, (channels4 * lanes).div_ceil(64));
        tangent.forward(at, e);
        None
    }

    fn backward_tangent(&self, at: &TangentNode<'_>, e: &mut Emitter<'_>) -> Option<BufferId> {
        let p = params(at.node, e);
        let tangent = NormTangent::new(at, e, 1, p.slices, p.per_slice);
        if tangent.sums(at, e) {
            let buffers = [tangent.partial, tangent.moves, e.arenas.grads, tangent.means];
            let flag = ("INFERENCE", f64::from(u8::from(!e.pass.mode.by_batch())));
            let groups = ((p.channels4 * p.lanes) as usize).div_ceil(64);
            e.dispatch(&shaders::BATCH_NORM_TANGENT_GRAD_FINISH, &[flag], &p, &buffers, groups);
            tangent.backward(at, e);
        }
        None
    }
}

fn params(node: &Node, e: &Emitter<'_>) -> Params {
    let shape = node.input.shape;
    let count = e.sizes.batch * shape.height * shape.width;
    let channels4 = padded(shape.channels) / 4;
    // From family and sizes alone, so that the sum never depends on the device; enough invocations to fill one.
    let (invocations, most) = if e.family == Family::Shared { (8192, 2048) } else { (1024, 256) };
    let per_slice = count.div_ceil((invocations / channels4).clamp(1, most)).max(16);
    let slices = count.div_ceil(per_slice);
    Params {
        count: count as u32,
        channels4: channels4 as u32,
        slices: slices as u32,
        per_slice: per_slice as u32,
        stride: (count * channels4) as u32,
        partial_stride: (slices * channels4 * 2) as u32,
        weight_stride: (e.sizes.parameters / 4) as u32,
        gamma_offset: (node.parameters[0].offset / 4) as u32,
        beta_offset: (node.parameters[1].offset / 4) as u32,
        state_stride: (e.sizes.running / 4) as u32,
        mean_offset: (node.running[0].offset / 4) as u32,
        var_offset: (node.running[1].offset / 4) as u32,
        grad_stride: (e.sizes.parameters / 4) as u32,
        epsilon: EPSILON,
        momentum: if e.pass.mode == Mode::Statistics { 1.0 } else { MOMENTUM },
        in_by_data: u32::from(node.input.by_data),
        lanes: e.lanes(slices, 4, 64) as u32,
    }
}

/// The slices' sums, and each channel's mean, 1 / deviation, gamma / deviation and beta.
fn scratch(node: &Node, e: &mut Emitter<'_>, p: &Params) -> (BufferId, BufferId) {
    let partial = e.passing("batch norm sums", 4 * p.partial_stride as usize);
    (partial, e.scratch(node, "batch norm statistics", 16 * p.channels4 as usize))
}
