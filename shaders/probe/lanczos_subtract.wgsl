// vector -= sum_j c_j v_j: what is left is orthogonal to the basis. And the squares of what is left, by slices: a workgroup
// each.
#import shared/rows
#import shared/lanczos

@group(0) @binding(0) var<uniform> p: Lanczos;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> state: array<Krylov>;
@group(0) @binding(3) var<storage, read> coefficients: array<f32>;
@group(0) @binding(4) var<storage, read> basis: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> vectors: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> sums: array<f32>;

var<workgroup> tree: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let lane = rows.row[wg.z].lane;
  let count = min(state[lane].now, p.slots - 1u);
  let base = lane * p.slots;
  let end = min((wg.x + 1u) * p.per_slice, p.size4);
  var sum = 0.0;
  for (var i = wg.x * p.per_slice + li; i < end; i += 64u) {
    var v = vectors[lane * p.size4 + i];
    for (var j = 0u; j < count; j += 1u) { v -= coefficients[base + j] * basis[(j * p.lanes + lane) * p.size4 + i]; }
    vectors[lane * p.size4 + i] = v;
    sum += dot(v, v);
  }
  tree[li] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if li < half { tree[li] += tree[li + half]; }
    workgroupBarrier();
  }
  if li == 0u { sums[(base + count) * LANCZOS_SLICES + wg.x] = tree[0]; }
}
