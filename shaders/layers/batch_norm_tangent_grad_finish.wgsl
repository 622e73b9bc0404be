// Adds the slices of norm_tangent_grad_stats.wgsl: the tangents of the gradients of beta and gamma, and the means that the tangent
// of the input's gradient needs, 0 where statistics are given (INFERENCE). Each of `lanes` invocations adds every `lanes`th
// slice, then these are added as a tree.
#import shared/rows
#import shared/norm
#import shared/norm_tangent

@group(0) @binding(0) var<uniform> p: BatchNorm;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> partial: array<Sums>;
@group(0) @binding(3) var<storage, read> moves: array<Moves>;
@group(0) @binding(4) var<storage, read_write> grads: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> means: array<Means>;

override INFERENCE: bool = false;

var<workgroup> shares: array<Sums, 64>;                      // [lane][channel vec4]

fn add(a: Sums, b: Sums) -> Sums {
  return Sums(a.dy + b.dy, a.product + b.product, a.rdy + b.rdy, a.rproduct + b.rproduct);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  let channels = 64u / p.lanes;                              // of this workgroup
  let lane = li / channels;
  let c = wg.x * channels + li % channels;
  let base = r.work * p.slices * p.channels4 + min(c, p.channels4 - 1u);
  var all = Sums(vec4f(0.0), vec4f(0.0), vec4f(0.0), vec4f(0.0));
  for (var s = lane; s < p.slices; s += p.lanes) { all = add(all, partial[base + s * p.channels4]); }
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
  grads[g + p.beta_offset] = all.rdy;
  grads[g + p.gamma_offset] = all.rproduct;
  let k = r.work * p.channels4 + c;
  let m = moves[k];
  let scale = select(1.0 / f32(p.count), 0.0, INFERENCE);
  let rdy = m.gamma * all.rdy + m.rgamma * all.dy;
  let rproduct = m.gamma * all.rproduct + m.rgamma * all.product;
  means[k] = Means(scale * m.gamma * all.dy, scale * m.gamma * all.product, scale * rdy, scale * rproduct);
}
