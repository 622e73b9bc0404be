// Sizes of a convolution. A dense layer is one with a 1x1 image and a 1x1 kernel. Channels count in vec4s, and so do
// all offsets and strides. Images are [height][width][channel], weights [tap][input channel][output channel], the bias
// follows the weights.
struct Geometry {
  batch: u32, in_height: u32, in_width: u32, in_channels4: u32,
  out_height: u32, out_width: u32, out_channels4: u32, kernel_height: u32,
  kernel_width: u32, stride: u32, padding: u32, in_by_data: u32,
  weight_offset: u32, bias_offset: u32, weight_stride: u32, in_stride: u32,
  out_stride: u32, slices: u32, rows_per_slice: u32, grad_offset: u32,
  grad_stride: u32, grad_slice_stride: u32,
}
