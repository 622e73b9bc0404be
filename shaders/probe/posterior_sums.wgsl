// What a step of learning a posterior needs of all parameters, by slices and a fixed tree: <g, xi>, the derivative of the loss
// by the deviation s at w = m + s xi, and |m - m_P|^2.
#import shared/rows
#import shared/noise
#import shared/posterior

@group(0) @binding(0) var<uniform> p: Posterior;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> draws: array<Draw>;
@group(0) @binding(3) var<storage, read> places: array<vec4u>;
@group(0) @binding(4) var<storage, read> grads: array<vec4f>;
@group(0) @binding(5) var<storage, read> mean: array<vec4f>;             // m
@group(0) @binding(6) var<storage, read> prior: array<vec4f>;            // m_P
@group(0) @binding(7) var<storage, read_write> sums: array<vec2f>;

var<workgroup> tree: array<vec2f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let d = draws[rows.row[wg.z].lane];
  var sum = vec2f(0.0);
  let end = min((wg.x + 1u) * p.per_slice, p.size4);
  for (var i = wg.x * p.per_slice + li; i < end; i += 64u) {
    let off = mean[i] - prior[i];
    sum += vec2f(dot(grads[i], gaussian(d, places[i])), dot(off, off));
  }
  tree[li] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if li < half { tree[li] += tree[li + half]; }
    workgroupBarrier();
  }
  if li == 0u { sums[wg.x] = tree[0]; }
}
