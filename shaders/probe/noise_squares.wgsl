// |xi|^2 of each row's random numbers, by slices and a fixed tree: what a unit direction is divided by.
#import shared/rows
#import shared/noise

struct NoiseSquares { size4: u32, per_slice: u32 }

@group(0) @binding(0) var<uniform> p: NoiseSquares;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> draws: array<Draw>;
@group(0) @binding(3) var<storage, read> places: array<vec4u>;
@group(0) @binding(4) var<storage, read_write> squares: array<vec2f>;

var<workgroup> tree: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  let d = draws[r.lane];
  var sum = 0.0;
  let end = min((wg.x + 1u) * p.per_slice, p.size4);
  for (var i = wg.x * p.per_slice + li; i < end; i += 64u) {
    let xi = gaussian(d, places[i]);
    sum += dot(xi, xi);
  }
  tree[li] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if li < half { tree[li] += tree[li + half]; }
    workgroupBarrier();
  }
  // The second sum is that of gradient_norm, for values whose squares vanish: these do not.
  if li == 0u { squares[r.work * 256u + wg.x] = vec2f(tree[0], 1.0); }
}
