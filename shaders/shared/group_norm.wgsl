// Sizes of a group norm over images of `pixels` pixels; offsets and strides in vec4s. An image lies in `slices` slices of
// `per_slice` pixels. Partial sums lie as [image][slice][channel vec4][2].
struct GroupNorm {
  batch: u32, pixels: u32, channels: u32, channels4: u32,
  groups: u32, slices: u32, per_slice: u32, stride: u32,
  weight_stride: u32, gamma_offset: u32, beta_offset: u32, in_by_data: u32,
  epsilon: f32,
}
