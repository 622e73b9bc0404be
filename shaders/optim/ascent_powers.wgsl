// The sum of (|h| / max |h|)^q of each slice, by a fixed tree: scaled by the largest, no power over- or underflows where
// it matters.
#import shared/rows
#import shared/ascent
#import shared/extremes

@group(0) @binding(0) var<uniform> p: Ascend;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;
@group(0) @binding(3) var<storage, read> grads: array<vec4f>;
@group(0) @binding(4) var<storage, read> hyper: array<Hyper>;
@group(0) @binding(5) var<storage, read> places: array<vec4u>;
@group(0) @binding(6) var<storage, read_write> extremes: array<f32>;

var<workgroup> tree: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  let h = hyper[r.lane];
  var lead = Extreme(-1.0, ORDER);
  for (var i = 0u; i < p.slices; i++) {
    let o = (r.work * 256u + i) * 4u;
    lead = leading(lead, Extreme(extremes[o], bitcast<u32>(extremes[o + 1u])));
  }
  let inverse = 1.0 / max(lead.value, 1e-37);
  var sum = 0.0;
  let end = min((wg.x + 1u) * p.per_slice, p.size4);
  for (var i = wg.x * p.per_slice + li; i < end; i += 64u) {
    let scale = ascent_scale(h.adaptive, weights[r.lane * p.stride + i], places[i]);
    let u = abs(grads[r.work * p.stride + i] * scale) * inverse;
    sum += dot(ratio_power(u, h.power + 1.0), vec4f(1.0));
  }
  tree[li] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if li < half { tree[li] += tree[li + half]; }
    workgroupBarrier();
  }
  if li == 0u { extremes[(r.work * 256u + wg.x) * 4u + 2u] = tree[0]; }
}
