//! Convolution and dense layers; a dense layer is a 1x1 convolution of a 1x1 image.

use super::layer::{Edge, Emitter, Layer, Node, TangentNode};
use super::tensor::{Init, Kind, Parameter, padded};
use crate::config::Activation;
use crate::data::Shape;
use crate::gpu::{BufferId, Family};
use lowland_shaders::params::{Geometry, ReduceSlices};
use lowland_shaders::{self as shaders, Kernel};

/// `activate(conv(x, w) + b)` with square stride and zero padding.
#[derive(Clone, Debug)]
pub struct Conv2d {
    /// Output channels.
    pub outputs: usize,
    /// Kernel height and width.
    pub kernel: (usize, usize),
    /// Stride.
    pub stride: usize,
    /// Zeros around the image.
    pub padding: usize,
    /// Whether there is a bias.
    pub bias: bool,
    /// Activation of the output.
    pub activation: Option<Activation>,
    /// Gain of the initial weights.
    pub gain: f32,
}

/// `activate(W x + b)` on flat inputs.
#[derive(Clone, Debug)]
pub struct Dense {
    /// Output features.
    pub outputs: usize,
    /// Activation of the output.
    pub activation: Option<Activation>,
    /// Gain of the initial weights.
    pub gain: f32,
}

impl Dense {
    fn as_conv(&self) -> Conv2d {
        let Self { outputs, activation, gain } = *self;
        Conv2d { outputs, kernel: (1, 1), stride: 1, padding: 0, bias: true, activation, gain }
    }
}

impl Layer for Dense {
    fn output(&self, input: Shape) -> Result<Shape, String> {
        if input.height * input.width != 1 {
            return Err(format!("a dense layer takes flat inputs, not {input}; put flatten or a pool before it"));
        }
        self.as_conv().output(input)
    }
    fn activation(&self) -> Option<Activation> {
        self.activation
    }
    fn parameters(&self, input: Shape) -> Vec<Parameter> {
        let mut parameters = self.as_conv().parameters(input);
        parameters[0].kind = Kind::Matrix { outputs: self.outputs, inputs: input.channels, kernel: None };
        parameters
    }
    fn multiply_adds(&self, input: Shape) -> u64 {
        self.as_conv().multiply_adds(input)
    }
    fn is_linear(&self) -> bool {
        true
    }
    fn forward(&self, node: &Node, emitter: &mut Emitter<'_>) {
        self.as_conv().forward(node, emitter);
    }
    fn backward(&self, node: &Node, emitter: &mut Emitter<'_>) {
        self.as_conv().backward(node, emitter);
    }
    fn forward_tangent(&self, at: &TangentNode<'_>, emitter: &mut Emitter<'_>) -> Option<BufferId> {
        self.as_conv().forward_tangent(at, emitter)
    }
    fn backward_tangent(&self, at: &TangentNode<'_>, emitter: &mut Emitter<'_>) -> Option<BufferId> {
        self.as_conv().backward_tangent(at, emitter)
    }
}

impl Layer for Conv2d {
    fn output(&self, input: Shape) -> Result<Shape, String> {
        let along =
            |size: usize, kernel: usize| (size + 2 * self.padding).checked_sub(kernel).map(|n| n / self.stride + 1);
        if self.outputs == 0 || self.stride == 0 || self.kernel.0 * self.kernel.1 == 0 {
            return Err("outputs, kernel and stride must be at least 1".into());
        }
        match (along(input.height, self.kernel.0), along(input.width, self.kernel.1)) {
            (Some(height), Some(width)) => Ok(Shape { channels: self.outputs, height, width }),
            _ => Err(format!(
                "a {}x{} kernel with padding {} does not fit an input of {input}",
                self.kernel.0, self.kernel.1, self.padding
            )),
        }
    }

    fn activation(&self) -> Option<Activation> {
        self.activation
    }

    fn parameters(&self, input: Shape) -> Vec<Parameter> {
        let fan_in = input.channels * self.kernel.0 * self.kernel.1;
        let kind = Kind::Matrix { outputs: self.outputs, inputs: input.channels, kernel: Some(self.kernel) };
        let weight = Parameter { name: "weight", kind, init: Init::Normal(self.gain / (fan_in as f32).sqrt()) };
        let bias = Parameter { name: "bias", kind: Kind::Vector(self.outputs), init: Init::Constant(0.0) };
        if self.bias { vec![weight, bias] } else { vec![weight] }
    }

    fn multiply_adds(&self, input: Shape) -> u64 {
        let pixels = self.output(input).map_or(0, |s| s.height * s.width);
        (pixels * self.outputs * input.channels * self.kernel.0 * self.kernel.1) as u64
    }

    fn forward(&self, node: &Node, e: &mut Emitter<'_>) {
        let g = self.geometry(node, e);
        let (save, z) = node.output.save_input(&e.arenas);
        let mut overrides = vec![self.bias_override(), node.output.activation_code(), save];
        let buffers = [node.input.value, e.pass.weights, node.output.value, z];
        let (pixels, columns) = ((g.batch * g.out_height * g.out_width) as usize, g.out_channels4 as usize);
        if is_small_dense(e.family, &g) {
            let wide = columns.min(2);
            overrides.push(("WIDE", wide as f64));
            let groups = dense_groups(pixels.div_ceil(4) * columns.div_ceil(wide));
            return e.dispatch(&shaders::DENSE_FORWARD, &overrides, &g, &buffers, groups);
        }
        let kernel = match e.family {
            Family::Register => &shaders::CONV_FORWARD_REGISTER,
            Family::Subgroup => &shaders::CONV_FORWARD_SUBGROUP,
            Family::Shared if is_deep(pixels, columns) => &shaders::CONV_FORWARD_DEEP,
            Family::Shared => &shaders::CONV_FORWARD_SHARED,
        };
        overrides.extend(sizes(kernel, &g));
        let groups = tiles(e.family, pixels, columns, &mut overrides);
        e.dispatch(kernel, &overrides, &g, &buffers, groups);
    }

    fn backward(&self, node: &Node, e: &mut Emitter<'_>) {
        let Some(dy) = node.output.grad else { return };
        self.grad_weight(node, e, dy);
        self.grad_input(node, e, dy);
    }

    // Bilinear in weights and input, so each of its maps moves by the sum of two of its kind.

    fn forward_tangent(&self, at: &TangentNode<'_>, e: &mut Emitter<'_>) -> Option<BufferId> {
        // V x + v_b
        let along = Node { input: at.node.input.clone(), ..at.tangent.clone() };
        e.with_weights(at.directions, |e| self.forward(&along, e));
        // W R{x}
        at.input_moves().then(|| {
            let second = e.passing("second term of a tangent", 4 * e.sizes.batch * at.tangent.output.example4());
            let output = Edge { value: second, saved: second, ..at.tangent.output.clone() };
            Self { bias: false, ..self.clone() }.forward(&Node { output, ..at.tangent.clone() }, e);
            second
        })
    }

    fn backward_tangent(&self, at: &TangentNode<'_>, e: &mut Emitter<'_>) -> Option<BufferId> {
        let (Some(dy), Some(moved)) = (at.node.output.grad, at.tangent.output.grad) else { return None };
        // R{dy} x^T and its sum
        self.grad_weight(&Node { input: at.node.input.clone(), ..at.tangent.clone() }, e, moved);
        at.tangent.input.grad?;
        // dy R{x}^T; the bias has no such term
        let weight = Node { parameters: at.tangent.parameters[..1].to_vec(), ..at.tangent.clone() };
        e.with_grads(at.cross, |e| Self { bias: false, ..self.clone() }.grad_weight(&weight, e, dy));
        // W^T R{dy}
        self.grad_input(&at.tangent, e, moved);
        // V^T dy
        let second = e.passing("second term of a gradient's tangent", 4 * e.sizes.batch * at.tangent.input.example4());
        let input = Edge { grad: Some(second), ..at.tangent.input.clone() };
        e.with_weights(at.directions, |e| self.grad_input(&Node { input, ..at.tangent.clone() }, e, dy));
        Some(second)
    }
}

impl Conv2d {
    /// The gradient of the input, where it has one.
    fn grad_input(&self, node: &Node, e: &mut Emitter<'_>, dy: BufferId) {
        let Some(dx) = node.input.grad else { return };
        let g = self.geometry(node, e);
        let (pixels, columns) = ((g.batch * g.in_height * g.in_width) as usize, g.in_channels4 as usize);
        let mut overrides = vec![node.input.activation_code()];
        let buffers = [dy, e.pass.weights, node.input.saved, dx];
        if is_small_dense(e.family, &g) {
            let groups = dense_groups(pixels.div_ceil(4) * columns);
            return e.dispatch(&shaders::DENSE_GRAD_INPUT, &overrides, &g, &buffers, groups);
        }
        let kernel = match e.family {
            Family::Register => &shaders::CONV_GRAD_INPUT_REGISTER,
            Family::Subgroup => &shaders::CONV_GRAD_INPUT_SUBGROUP,
            Family::Shared if is_deep(pixels, columns) => &shaders::CONV_GRAD_INPUT_DEEP,
            Family::Shared => &shaders::CONV_GRAD_INPUT_SHARED,
        };
        overrides.extend(sizes(kernel, &g));
        let groups = tiles(e.family, pixels, columns, &mut overrides);
        e.dispatch(kernel, &overrides, &g, &buffers, groups);
    }
}

/// The sizes that a kernel takes as constants, because it divides by them.
fn sizes(kernel: &Kernel, g: &Geometry) -> impl Iterator<Item = (&'static str, f64)> {
    let all = [("STRIDE", f64::from(g.stride)), ("KERNEL_WIDTH", f64::from(g.kernel_width))];
    all.into_iter().filter(|(name, _)| kernel.overrides.contains(name))
}

/// Workgroups of a forward or input-gradient dispatch over `pixels` x `columns` vec4s, and `WIDE` where tiles have it: how
/// many pairs of vec4s one takes. A wider one shares each load among more of them, but takes longer to compile.
fn tiles(family: Family, pixels: usize, columns: usize, overrides: &mut Vec<(&'static str, f64)>) -> usize {
    if family == Family::Shared {
        let (high, wide) = if is_deep(pixels, columns) { (16, 4) } else { (64, 16) };
        return pixels.div_ceil(high) * columns.div_ceil(wide);
    }
    let wide = match columns {
        0..=2 => 1,
        3..=31 => 2,
        _ => 4,
    };
    overrides.push(("WIDE", wide as f64));
    pixels.div_ceil(64) * columns.div_ceil(2 * wide)
}

/// Whether the small tiles of the `deep` kernels do more than those of the `shared` ones: these are too few for a GPU, or
/// mostly empty.
fn is_deep(pixels: usize, columns: usize) -> bool {
    columns <= 4 || pixels.div_ceil(64) * columns.div_ceil(16) < 256
}

/// Whether a layer is dense and so small that software adapters are faster without tiles; these take long to compile, too.
/// By the layer's sizes alone: all batches go the same way.
fn is_small_dense(family: Family, g: &Geometry) -> bool {
    family != Family::Shared && is_dense(g) && g.in_channels4 <= SMALL && g.out_channels4 <= SMALL
}

/// Vec4s of inputs and of outputs of a small layer.
const SMALL: u32 = 8;

fn is_dense(g: &Geometry) -> bool {
    [g.in_height, g.in_width, g.kernel_height, g.kernel_width, g.stride, g.padding] == [1, 1, 1, 1, 1, 0]
}

/// Workgroups for `invocations` of a `dense` kernel.
fn dense_groups(invocations: usize) -> usize {
    invocations.div_ceil(shaders::DENSE_FORWARD.workgroup_size as usize)
}

/// The kernel for weight gradients of these sizes, and the invocations (for `Shared`, workgroups) that it takes for a slice.
fn grad_weight_kernel(family: Family, g: &Geometry, blocks: usize) -> (&'static Kernel, usize) {
    let (inputs, columns) = (g.in_channels4 as usize, g.out_channels4 as usize);
    let taps = (g.kernel_height as usize, g.kernel_width as usize);
    let windows = taps.0.div_ceil(3) * taps.1.div_ceil(3);
    let several = taps.0 * taps.1 > 3;
    // A subgroup has a lane for each vec4 of outputs.
    let lanes = family == Family::Subgroup && columns > 4;
    match family {
        Family::Shared => (&shaders::CONV_GRAD_WEIGHT_SHARED, blocks.div_ceil(8) * columns.div_ceil(8)),
        _ if lanes && several && g.stride == 1 => {
            let tiles = 8 * windows * inputs.div_ceil(2) * columns.div_ceil(8);
            (&shaders::CONV_GRAD_WEIGHT_WINDOW_SUBGROUP, tiles)
        }
        _ if lanes => {
            let tiles = 8 * (taps.0 * taps.1 * inputs).div_ceil(8) * columns.div_ceil(16);
            (&shaders::CONV_GRAD_WEIGHT_SUBGROUP, tiles)
        }
        _ if several && g.stride <= 3 => (&shaders::CONV_GRAD_WEIGHT_WINDOW, windows * inputs * columns.div_ceil(2)),
        _ if is_dense(g) => (&shaders::DENSE_GRAD_WEIGHT, blocks.div_ceil(2) * columns.div_ceil(2)),
        _ => (&shaders::CONV_GRAD_WEIGHT_REGISTER, blocks.div_ceil(2) * columns.div_ceil(2)),
    }
}

impl Conv2d {
    fn bias_override(&self) -> (&'static str, f64) {
        ("BIAS", f64::from(u8::from(self.bias)))
    }

    fn geometry(&self, node: &Node, e: &Emitter<'_>) -> Geometry {
        let (input, output) = (&node.input, &node.output);
        let weight = node.parameters[0].offset / 4;
        let stride4 = |edge: &Edge| (e.sizes.batch * edge.example4()) as u32;
        Geometry {
            batch: e.sizes.batch as u32,
            in_height: input.shape.height as u32,
            in_width: input.shape.width as u32,
            in_channels4: (padded(input.shape.channels) / 4) as u32,
            out_height: output.shape.height as u32,
            out_width: output.shape.width as u32,
            out_channels4: (padded(output.shape.channels) / 4) as u32,
            kernel_height: self.kernel.0 as u32,
            kernel_width: self.kernel.1 as u32,
            stride: self.stride as u32,
            padding: self.padding as u32,
            in_by_data: u32::from(input.by_data),
            weight_offset: weight as u32,
            bias_offset: (node.parameters.get(1).map_or(0, |bias| bias.offset) / 4) as u32,
            weight_stride: (e.sizes.parameters / 4) as u32,
            in_stride: stride4(input),
            out_stride: stride4(output),
            slices: 1,
            rows_per_slice: (e.sizes.batch * output.shape.height) as u32,
            grad_offset: weight as u32,
            grad_stride: (e.sizes.parameters / 4) as u32,
            grad_slice_stride: 0,
        }
    }

    /// The gradient of weight and bias: at once where the output is large, else in slices of the batch (split-K) that a
    /// second dispatch adds in order. The number of slices follows from sizes alone, so the sum never depends on the
    /// device or on the lanes beside it.
    fn grad_weight(&self, node: &Node, e: &mut Emitter<'_>, dy: BufferId) {
        let mut g = self.geometry(node, e);
        let blocks = (g.kernel_height * g.kernel_width * g.in_channels4) as usize + usize::from(self.bias);
        let rows = e.sizes.batch * node.output.shape.height;
        let (kernel, tiles) = grad_weight_kernel(e.family, &g, blocks);
        let long_enough = (rows * node.output.shape.width / 128).max(1);
        let size4 = node.parameters.iter().map(|p| p.kind.padded_len() / 4).sum::<usize>();
        // No larger than the layer's output: lanes that fit a binding with one fit with the other.
        let room = (g.out_stride as usize / size4).max(1);
        let slices = match e.family {
            Family::Shared => (512 / tiles).clamp(1, long_enough.min(rows).min(room)),
            _ => (1024 / tiles).clamp(1, long_enough.min(rows)),
        };
        g.rows_per_slice = rows.div_ceil(slices) as u32;
        g.slices = rows.div_ceil(g.rows_per_slice as usize) as u32;
        let slices = g.slices as usize;
        let mut out = e.arenas.grads;
        if slices > 1 {
            out = e.passing("partial weight gradients", 4 * size4 * slices);
            (g.grad_offset, g.grad_stride, g.grad_slice_stride) = (0, (slices * size4) as u32, size4 as u32);
        }
        let mut overrides = vec![self.bias_override()];
        overrides.extend(sizes(kernel, &g));
        let groups = match e.family {
            Family::Shared => tiles * slices,
            _ => (tiles * slices).div_ceil(kernel.workgroup_size as usize),
        };
        e.dispatch(kernel, &overrides, &g, &[node.input.value, dy, out], groups);
        if slices > 1 {
            let lanes = e.lanes(slices, 8, 16);
            let p = ReduceSlices {
                size4: size4 as u32,
                slices: slices as u32,
                partial_stride: (slices * size4) as u32,
                out_offset: (node.parameters[0].offset / 4) as u32,
                out_stride: (e.sizes.parameters / 4) as u32,
                lanes: lanes as u32,
            };
            let grads = e.arenas.grads;
            e.dispatch(&shaders::REDUCE_SLICES, &[], &p, &[out, grads], (size4 * lanes).div_ceil(64));
        }
    }
}
