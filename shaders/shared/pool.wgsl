// Sizes of a pool without padding; channels and strides in vec4s.
struct Pool {
  batch: u32, in_height: u32, in_width: u32, out_height: u32,
  out_width: u32, channels4: u32, kernel: u32, stride: u32,
  in_stride: u32, out_stride: u32, in_by_data: u32,
}
