// The sum of squares of each slice of a lane's gradient, by a fixed tree. A second sum, of values scaled by 2^64, keeps
// gradients whose squares would underflow (below 1e-19).
#import shared/rows

struct NormSquares { size4: u32, per_slice: u32, stride: u32, slices: u32 }

@group(0) @binding(0) var<uniform> p: NormSquares;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> grads: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> squares: array<vec2f>;

var<workgroup> tree: array<vec2f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  let base = r.work * p.stride;
  let end = min((wg.x + 1u) * p.per_slice, p.size4);
  var sum = vec2f(0.0);
  for (var i = wg.x * p.per_slice + li; i < end; i += 64u) {
    let g = grads[base + i];
    let scaled = clamp(g, vec4f(-0.5), vec4f(0.5)) * 18446744073709551616.0;
    sum += vec2f(dot(g, g), dot(scaled, scaled));
  }
  tree[li] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if li < half { tree[li] += tree[li + half]; }
    workgroupBarrier();
  }
  if li == 0u { squares[r.work * 256u + wg.x] = tree[0]; }
}
