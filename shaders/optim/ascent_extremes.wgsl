// The largest |h| of each slice and whose it is, the first in PyTorch's order where several are equal, by a fixed tree.
// A slice's record is four floats: the largest, its place (bits), and the sum of powers that ascent_powers.wgsl adds.
#import shared/rows
#import shared/ascent

@group(0) @binding(0) var<uniform> p: Ascend;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;
@group(0) @binding(3) var<storage, read> grads: array<vec4f>;
@group(0) @binding(4) var<storage, read> hyper: array<Hyper>;
@group(0) @binding(5) var<storage, read> places: array<vec4u>;
@group(0) @binding(6) var<storage, read_write> extremes: array<f32>;

var<workgroup> largest: array<f32, 64>;
var<workgroup> place: array<u32, 64>;

fn leads(value: f32, at: u32, other: f32, other_at: u32) -> bool {
  return value > other || (value == other && at < other_at);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  let adaptive = hyper[r.lane].adaptive;
  var best = -1.0;
  var best_at = ORDER;
  let end = min((wg.x + 1u) * p.per_slice, p.size4);
  for (var i = wg.x * p.per_slice + li; i < end; i += 64u) {
    let at = places[i];
    let h = abs(grads[r.work * p.stride + i] * ascent_scale(adaptive, weights[r.lane * p.stride + i], at));
    for (var c = 0u; c < 4u; c++) {
      let own = at[c] & ORDER;
      if leads(h[c], own, best, best_at) { best = h[c]; best_at = own; }
    }
  }
  largest[li] = best;
  place[li] = best_at;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if li < half && leads(largest[li + half], place[li + half], largest[li], place[li]) {
      largest[li] = largest[li + half];
      place[li] = place[li + half];
    }
    workgroupBarrier();
  }
  if li == 0u {
    let o = (r.work * 256u + wg.x) * 4u;
    extremes[o] = largest[0];
    extremes[o + 1u] = bitcast<f32>(place[0]);
  }
}
