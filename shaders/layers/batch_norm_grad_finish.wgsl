// Adds the slices in order: the gradients of beta and gamma, and their means, which the input's gradient needs.
#import shared/rows
#import shared/norm

@group(0) @binding(0) var<uniform> p: BatchNorm;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> partial: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> grads: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> means: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(global_invocation_id) id: vec3u) {
  let c = id.x;
  if c >= p.channels4 { return; }
  let r = rows.row[wg.z];
  var sum = vec4f(0.0);
  var product = vec4f(0.0);
  for (var s = 0u; s < p.slices; s++) {
    let o = r.work * p.partial_stride + (s * p.channels4 + c) * 2u;
    sum += partial[o];
    product += partial[o + 1u];
  }
  let g = r.work * p.grad_stride + c;
  grads[g + p.beta_offset] = sum;
  grads[g + p.gamma_offset] = product;
  let m = (r.work * p.channels4 + c) * 2u;
  means[m] = sum / f32(p.count);
  means[m + 1u] = product / f32(p.count);
}
