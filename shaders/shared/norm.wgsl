// Sizes of a batch norm over `count` pixels; offsets and strides in vec4s. Partial sums lie as [slice][channel vec4][2].
struct BatchNorm {
  count: u32, channels4: u32, slices: u32, per_slice: u32,
  stride: u32, partial_stride: u32, weight_stride: u32, gamma_offset: u32,
  beta_offset: u32, state_stride: u32, mean_offset: u32, var_offset: u32,
  grad_stride: u32, epsilon: f32, momentum: f32, in_by_data: u32,
  lanes: u32,                                                // invocations that merge a channel's slices: a power of 2
}
