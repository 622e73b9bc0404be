//! What the tangents of batch norm and group norm share: the kernels over pixels. They differ in how slices are added up.

use super::layer::{Emitter, TangentNode};
use crate::gpu::BufferId;
use lowland_shaders as shaders;
use lowland_shaders::params::NormTangent as Params;

/// The tangents of a norm at its place.
pub(super) struct NormTangent {
    params: Params,
    input_moves: bool,
    /// `Moves` of `shaders/shared/norm_tangent.wgsl`, for each set of pixels that shares statistics and each channel.
    pub(super) moves: BufferId,
    /// The slices' sums.
    pub(super) partial: BufferId,
    /// `Means`, for each set and channel.
    pub(super) means: BufferId,
}

/// Pixels that an invocation of the apply kernels works on.
const PIXELS_PER_INVOCATION: usize = 8;

impl NormTangent {
    /// Those of a norm whose batch is `images` sets of pixels with statistics of their own, each in `slices` slices.
    pub(super) fn new(at: &TangentNode<'_>, e: &mut Emitter<'_>, images: u32, slices: u32, per_slice: u32) -> Self {
        let input = &at.node.input;
        let example4 = input.example4();
        let pixels = e.sizes.batch * input.shape.height * input.shape.width / images as usize;
        let channels4 = example4 / (input.shape.height * input.shape.width);
        let params = Params {
            images,
            pixels: pixels as u32,
            channels4: channels4 as u32,
            slices,
            per_slice,
            stride: (e.sizes.batch * example4) as u32,
            in_by_data: u32::from(input.by_data),
        };
        let sets = images as usize * channels4;
        Self {
            params,
            input_moves: at.input_moves(),
            moves: e.scratch(at.node, "norm tangents", 28 * sets),
            partial: e.passing("norm tangent sums", 16 * sets * slices as usize),
            means: e.passing("norm tangent means", 16 * sets),
        }
    }

    /// Records R{z} of the output; `moves` are there.
    pub(super) fn forward(&self, at: &TangentNode<'_>, e: &mut Emitter<'_>) {
        let buffers = [at.node.input.value, at.tangent.input.value, self.moves, at.tangent.output.value];
        e.dispatch(&shaders::NORM_TANGENT_APPLY, &[self.moving()], &self.params, &buffers, self.apply_groups());
    }

    /// Records the slices' sums of the backward pass; false where the output has no gradient.
    pub(super) fn sums(&self, at: &TangentNode<'_>, e: &mut Emitter<'_>) -> bool {
        let (Some(dy), Some(rdy)) = (at.node.output.grad, at.tangent.output.grad) else { return false };
        let buffers = [at.node.input.value, at.tangent.input.value, dy, rdy, self.moves, self.partial];
        let Params { images, slices, channels4, .. } = self.params;
        let groups = ((images * slices * channels4) as usize).div_ceil(64);
        e.dispatch(&shaders::NORM_TANGENT_GRAD_STATS, &[self.moving()], &self.params, &buffers, groups);
        true
    }

    /// Records the tangent of the input's gradient, where the input moves; `means` are there.
    pub(super) fn backward(&self, at: &TangentNode<'_>, e: &mut Emitter<'_>) {
        let (Some(dy), Some(rdy)) = (at.node.output.grad, at.tangent.output.grad) else { return };
        let Some(rdx) = at.tangent.input.grad else { return };
        let buffers = [at.node.input.value, at.tangent.input.value, dy, rdy, self.moves, self.means, rdx];
        e.dispatch(&shaders::NORM_TANGENT_GRAD_APPLY, &[], &self.params, &buffers, self.apply_groups());
    }

    fn moving(&self) -> (&'static str, f64) {
        ("INPUT_MOVES", f64::from(u8::from(self.input_moves)))
    }

    fn apply_groups(&self) -> usize {
        let runs = (self.params.pixels as usize).div_ceil(PIXELS_PER_INVOCATION);
        ((self.params.images * self.params.channels4) as usize * runs).div_ceil(64)
    }
}
