// The Gram matrix of a path: (h_i - h_0) . (h_j - h_0) for the chosen sets of weights, of which h_0 is the first; one workgroup
// a pair with j <= i, by a fixed tree. A place in the list that holds NONE is no set: its products are left alone.
#import shared/rows

struct Gram { size4: u32, most: u32 }

@group(0) @binding(0) var<uniform> p: Gram;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> chosen: array<u32>;             // places in points, at most `most`
@group(0) @binding(3) var<storage, read> points: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;          // [i][j]

const NONE = 0xffffffffu;

var<workgroup> tree: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  // One row: the pairs are on the x axis.
  let first = rows.row[wg.z].work;
  let i = wg.x / p.most;
  let j = wg.x % p.most;
  let a = chosen[first + i];
  let b = chosen[first + j];
  let wanted = j <= i && a != NONE && b != NONE;
  let end = select(0u, p.size4, wanted);
  let origin = chosen[first] * p.size4;
  var sum = 0.0;
  for (var k = li; k < end; k += 64u) {
    let start = points[origin + k];
    sum += dot(points[a * p.size4 + k] - start, points[b * p.size4 + k] - start);
  }
  tree[li] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if li < half { tree[li] += tree[li + half]; }
    workgroupBarrier();
  }
  if li == 0u && wanted { out[i * p.most + j] = tree[0]; }
}
