// What the tangents of batch norm and group norm share (the R-operator, Pearlmutter 1994). `images` sets of `pixels` pixels have
// statistics of their own: one of a batch norm, as many as the batch of a group norm. A set lies in `slices` slices of
// `per_slice` pixels, `stride` in vec4s. With xhat = (x - mean) / deviation, and means over what shares statistics:
// R{xhat} = (R{x} - mean(R{x}) - xhat R{deviation}) / deviation, R{deviation} = mean(xhat R{x}).
struct NormTangent {
  images: u32, pixels: u32, channels4: u32, slices: u32,
  per_slice: u32, stride: u32, in_by_data: u32,
}
// Of each set and channel; rmean and rdeviation are 0 where statistics are given, and where the input does not move.
struct Moves {
  mean: vec4f, inverse: vec4f, rmean: vec4f, rdeviation: vec4f, gamma: vec4f, rgamma: vec4f, rbeta: vec4f,
}
// Sums over a slice: dy, xhat dy, and their tangents.
struct Sums { dy: vec4f, product: vec4f, rdy: vec4f, rproduct: vec4f }
// Means, over what shares statistics, of gamma dy, gamma xhat dy, and their tangents; 0 where statistics are given.
struct Means { dy: vec4f, product: vec4f, rdy: vec4f, rproduct: vec4f }

fn rxhat_of(m: Moves, rx: vec4f, xhat: vec4f) -> vec4f { return m.inverse * (rx - m.rmean - xhat * m.rdeviation); }
