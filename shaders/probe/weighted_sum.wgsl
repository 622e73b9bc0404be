// Directions of a path as weighted sums of chosen sets of weights (or of running statistics): out = sum_i c_i (h_i - h_0), of
// which h_0 is the first. The difference comes first, since neighbours on a path have most of their digits in common.
#import shared/rows

struct WeightedSum { size4: u32, most: u32 }

@group(0) @binding(0) var<uniform> p: WeightedSum;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> chosen: array<u32>;             // places in points, NONE after the last
@group(0) @binding(3) var<storage, read> factors: array<f32>;            // [direction][i]
@group(0) @binding(4) var<storage, read> points: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> out: array<vec4f>;        // [direction]

const NONE = 0xffffffffu;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(global_invocation_id) id: vec3u) {
  if id.x >= p.size4 { return; }
  let direction = rows.row[wg.z].weights;
  let origin = points[chosen[0] * p.size4 + id.x];
  var sum = vec4f(0.0);
  for (var i = 1u; i < p.most && chosen[i] != NONE; i += 1u) {
    sum += factors[direction * p.most + i] * (points[chosen[i] * p.size4 + id.x] - origin);
  }
  out[direction * p.size4 + id.x] = sum;
}
