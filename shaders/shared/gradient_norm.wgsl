// The norm of a gradient from the slices of norm_squares.wgsl, added by a fixed tree in each workgroup of 64.
var<workgroup> norm_tree: array<vec2f, 64>;

fn gradient_norm(li: u32) -> f32 {
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if li < half { norm_tree[li] += norm_tree[li + half]; }
  }
  workgroupBarrier();
  let total = norm_tree[0];
  return select(sqrt(total.x), sqrt(total.y) * 5.421010862e-20, total.x < 1e-20);
}
