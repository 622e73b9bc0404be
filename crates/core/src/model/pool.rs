//! Max pool, average pool and global average pool.

use super::layer::{Edge, Emitter, Layer, Node, TangentNode};
use super::tensor::padded;
use crate::data::Shape;
use crate::gpu::BufferId;
use lowland_shaders::params::Pool;
use lowland_shaders::{self as shaders, Kernel};

/// The maximum of each window, without padding.
#[derive(Clone, Debug)]
pub struct MaxPool {
    /// Height and width of a window.
    pub kernel: usize,
    /// Step from window to window.
    pub stride: usize,
}

/// The mean of each window, without padding.
#[derive(Clone, Debug)]
pub struct AvgPool {
    /// Height and width of a window.
    pub kernel: usize,
    /// Step from window to window.
    pub stride: usize,
}

/// The mean over the whole image, per channel.
#[derive(Clone, Debug)]
pub struct GlobalAvgPool;

/// Windows of a row that an invocation of the kernels of max pool takes.
const WINDOWS: usize = 4;
/// Pixels that an invocation of the kernels of global average pool takes; in the forward one, at least.
const PIXELS: usize = 8;

impl Layer for MaxPool {
    fn output(&self, input: Shape) -> Result<Shape, String> {
        windows(input, self.kernel, self.stride)
    }

    fn passes_scale(&self) -> bool {
        true
    }

    fn forward(&self, node: &Node, e: &mut Emitter<'_>) {
        self.record_forward(&shaders::MAX_POOL_FORWARD, node, &[node.input.value, node.output.value], e);
    }

    fn backward(&self, node: &Node, e: &mut Emitter<'_>) {
        let (Some(dy), Some(dx)) = (node.output.grad, node.input.grad) else { return };
        let p = params(node, e, self.kernel, self.stride);
        let mut overrides = vec![node.input.activation_code()];
        let (kernel, invocations) = if self.kernel <= self.stride {
            let along = |size: usize| size.div_ceil(self.stride);
            let shape = node.input.shape;
            overrides.push(("KERNEL", self.kernel as f64));
            overrides.push(("STRIDE", self.stride as f64));
            overrides.push(("SAVED_IS_X", f64::from(u8::from(node.input.saved == node.input.value))));
            let runs = along(shape.height) * along(shape.width).div_ceil(WINDOWS) * padded(shape.channels) / 4;
            (&shaders::MAX_POOL_BACKWARD_APART, runs)
        } else {
            (&shaders::MAX_POOL_BACKWARD, node.input.example4())
        };
        let buffers = [node.input.value, dy, node.input.saved, dx];
        let groups = (e.sizes.batch * invocations).div_ceil(64);
        e.dispatch(kernel, &overrides, &p, &buffers, groups);
    }

    // Linear where the maxima are: they are those of the values, not of the tangents.

    fn forward_tangent(&self, at: &TangentNode<'_>, e: &mut Emitter<'_>) -> Option<BufferId> {
        let buffers = [at.node.input.value, at.tangent.input.value, at.tangent.output.value];
        self.record_forward(&shaders::MAX_POOL_TANGENT, at.node, &buffers, e);
        None
    }

    fn backward_tangent(&self, at: &TangentNode<'_>, e: &mut Emitter<'_>) -> Option<BufferId> {
        let input = Edge { value: at.node.input.value, ..at.tangent.input.clone() };
        self.backward(&Node { input, ..at.tangent.clone() }, e);
        None
    }
}

impl MaxPool {
    fn record_forward(&self, kernel: &'static Kernel, node: &Node, buffers: &[BufferId], e: &mut Emitter<'_>) {
        let p = params(node, e, self.kernel, self.stride);
        let shape = node.output.shape;
        let runs = shape.height * shape.width.div_ceil(WINDOWS) * padded(shape.channels) / 4;
        let groups = (e.sizes.batch * runs).div_ceil(64);
        e.dispatch(kernel, &[("KERNEL", self.kernel as f64)], &p, buffers, groups);
    }
}

impl Layer for AvgPool {
    fn output(&self, input: Shape) -> Result<Shape, String> {
        windows(input, self.kernel, self.stride)
    }

    fn passes_scale(&self) -> bool {
        true
    }

    fn forward(&self, node: &Node, e: &mut Emitter<'_>) {
        let p = params(node, e, self.kernel, self.stride);
        let groups = (e.sizes.batch * node.output.example4()).div_ceil(64);
        e.dispatch(&shaders::AVG_POOL_FORWARD, &[], &p, &[node.input.value, node.output.value], groups);
    }

    fn backward(&self, node: &Node, e: &mut Emitter<'_>) {
        let (Some(dy), Some(dx)) = (node.output.grad, node.input.grad) else { return };
        let p = params(node, e, self.kernel, self.stride);
        let groups = (e.sizes.batch * node.input.example4()).div_ceil(64);
        let buffers = [dy, node.input.saved, dx];
        e.dispatch(&shaders::AVG_POOL_BACKWARD, &[node.input.activation_code()], &p, &buffers, groups);
    }
}

impl Layer for GlobalAvgPool {
    fn output(&self, input: Shape) -> Result<Shape, String> {
        Ok(Shape { channels: input.channels, height: 1, width: 1 })
    }

    fn passes_scale(&self) -> bool {
        true
    }

    fn forward(&self, node: &Node, e: &mut Emitter<'_>) {
        let p = params(node, e, 0, 0);
        let lanes = e.lanes(node.input.shape.height * node.input.shape.width, PIXELS, 16);
        let groups = (e.sizes.batch * node.output.example4() * lanes).div_ceil(64);
        let overrides = [("LANES", lanes as f64)];
        e.dispatch(&shaders::GLOBAL_AVG_POOL_FORWARD, &overrides, &p, &[node.input.value, node.output.value], groups);
    }

    fn backward(&self, node: &Node, e: &mut Emitter<'_>) {
        let (Some(dy), Some(dx)) = (node.output.grad, node.input.grad) else { return };
        let p = params(node, e, 0, 0);
        let shape = node.input.shape;
        let runs = (shape.height * shape.width).div_ceil(PIXELS) * padded(shape.channels) / 4;
        let groups = (e.sizes.batch * runs).div_ceil(64);
        let buffers = [dy, node.input.saved, dx];
        e.dispatch(&shaders::GLOBAL_AVG_POOL_BACKWARD, &[node.input.activation_code()], &p, &buffers, groups);
    }
}

/// The shape of windows without padding; what does not fill one at the right and bottom edge is dropped.
fn windows(input: Shape, kernel: usize, stride: usize) -> Result<Shape, String> {
    if kernel == 0 || stride == 0 || input.height < kernel || input.width < kernel {
        let Shape { channels, height, width } = input;
        return Err(format!(
            "windows of {kernel}x{kernel} with stride {stride} do not fit an input of {channels}x{height}x{width}"
        ));
    }
    let along = |size: usize| (size - kernel) / stride + 1;
    Ok(Shape { channels: input.channels, height: along(input.height), width: along(input.width) })
}

fn params(node: &Node, e: &Emitter<'_>, kernel: usize, stride: usize) -> Pool {
    let (input, output) = (&node.input, &node.output);
    Pool {
        batch: e.sizes.batch as u32,
        in_height: input.shape.height as u32,
        in_width: input.shape.width as u32,
        out_height: output.shape.height as u32,
        out_width: output.shape.width as u32,
        channels4: (padded(input.shape.channels) / 4) as u32,
        kernel: kernel as u32,
        stride: stride as u32,
        in_stride: (e.sizes.batch * input.example4()) as u32,
        out_stride: (e.sizes.batch * output.example4()) as u32,
        in_by_data: u32::from(input.by_data),
    }
}
