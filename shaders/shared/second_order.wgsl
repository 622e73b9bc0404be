// The term that SAM drops (Foret et al. 2021, 3 and C.4): the gradient of w -> L(w + e(w)) is g_s + H v, g_s the gradient at w + e,
// v = rho / |g| (g_s - ghat ghat.g_s), ghat = g / |g|. `slices` of `per_slice` vec4s, `stride` of an arena; `share` is a group's
// part of its batch.
struct SecondOrder {
  size4: u32, per_slice: u32, stride: u32, slices: u32, lanes: u32, table: u32, ring: u32, share: f32,
}
