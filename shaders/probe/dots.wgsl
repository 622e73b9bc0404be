// Where sets of weights lie on a plane: for each set h of a history (h - o) . b1, (h - o) . b2 and |h - o|^2, one workgroup a
// set, by a fixed tree. THROUGH: b1 and b2 are given as points, so o is taken from them, too. Without FROM_ORIGIN o is not
// taken from h: the products of the axes with each other, where the axes themselves are the sets.
#import shared/rows

struct Dots { size4: u32, lanes: u32 }

@group(0) @binding(0) var<uniform> p: Dots;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> points: array<vec4f>;           // [set][lane][parameter]
@group(0) @binding(3) var<storage, read> plane: array<vec4f>;            // o, b1, b2
@group(0) @binding(4) var<storage, read_write> out: array<vec4f>;        // [set][lane]

override THROUGH: bool = true;
override FROM_ORIGIN: bool = true;

var<workgroup> tree: array<vec3f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let place = wg.x * p.lanes + rows.row[wg.z].lane;
  let base = place * p.size4;
  var sum = vec3f(0.0);
  for (var i = li; i < p.size4; i += 64u) {
    let origin = plane[i];
    var d = points[base + i];
    var b1 = plane[p.size4 + i];
    var b2 = plane[2u * p.size4 + i];
    if FROM_ORIGIN { d -= origin; }
    if THROUGH { b1 -= origin; b2 -= origin; }
    sum += vec3f(dot(d, b1), dot(d, b2), dot(d, d));
  }
  tree[li] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if li < half { tree[li] += tree[li + half]; }
    workgroupBarrier();
  }
  if li == 0u { out[place] = vec4f(tree[0], 0.0); }
}
