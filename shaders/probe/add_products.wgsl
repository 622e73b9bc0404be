// sum = sum + scale (a + b), or scale (a + b) with FIRST; b only with SECOND. A batch's share of a gradient or of a product
// with a matrix of curvature, whose two terms lie apart; scale is the batch's share of all examples.
#import shared/rows

struct AddProducts { size4: u32, stride: u32, scale: f32 }

@group(0) @binding(0) var<uniform> p: AddProducts;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> a: array<vec4f>;
@group(0) @binding(3) var<storage, read> b: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> sum: array<vec4f>;

override FIRST: bool = false;
override SECOND: bool = false;

const PER_WORKGROUP = 512u;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let base = rows.row[wg.z].work * p.stride;
  let end = min((wg.x + 1u) * PER_WORKGROUP, p.size4);
  for (var i = wg.x * PER_WORKGROUP + li; i < end; i += 64u) {
    let o = base + i;
    var value = a[o];
    if SECOND { value += b[o]; }
    value *= p.scale;
    if !FIRST { value += sum[o]; }
    sum[o] = value;
  }
}
