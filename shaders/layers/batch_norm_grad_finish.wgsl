// Adds the slices: the gradients of beta and gamma, and their means, which the input's gradient needs. Each of `lanes`
// invocations adds every `lanes`th slice, then these are added as a tree.
#import shared/rows
#import shared/norm

struct Sums { beta: vec4f, gamma: vec4f }

@group(0) @binding(0) var<uniform> p: BatchNorm;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> partial: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> grads: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> means: array<vec4f>;

var<workgroup> shares: array<Sums, 64>;                      // [lane][channel vec4]

fn add(a: Sums, b: Sums) -> Sums { return Sums(a.beta + b.beta, a.gamma + b.gamma); }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  let channels = 64u / p.lanes;                              // of this workgroup
  let lane = li / channels;
  let c = wg.x * channels + li % channels;
  let base = r.work * p.partial_stride + min(c, p.channels4 - 1u) * 2u;
  var all = Sums(vec4f(0.0), vec4f(0.0));
  for (var s = lane; s < p.slices; s += p.lanes) {
    let o = base + s * p.channels4 * 2u;
    all = add(all, Sums(partial[o], partial[o + 1u]));
  }
  shares[li] = all;
  for (var half = p.lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if lane < half {
      all = add(all, shares[li + half * channels]);
      shares[li] = all;
    }
  }
  if lane > 0u || c >= p.channels4 { return; }
  let g = r.work * p.grad_stride + c;
  grads[g + p.beta_offset] = all.beta;
  grads[g + p.gamma_offset] = all.gamma;
  let m = (r.work * p.channels4 + c) * 2u;
  means[m] = all.beta / f32(p.count);
  means[m + 1u] = all.gamma / f32(p.count);
}
