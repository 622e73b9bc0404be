// g_s becomes g_s + H v, whose two terms lie in arenas of their own; and of each slice, by a fixed tree: the product of the two
// gradients, and their squares, for the cosine between them.
#import shared/rows
#import shared/second_order

@group(0) @binding(0) var<uniform> p: SecondOrder;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> products: array<vec4f>;      // by row of work
@group(0) @binding(3) var<storage, read> cross_products: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> grads: array<vec4f>;   // by lane
@group(0) @binding(5) var<storage, read_write> partial: array<vec4f>;

var<workgroup> tree: array<vec4f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  let end = min((wg.x + 1u) * p.per_slice, p.size4);
  var sums = vec4f(0.0);
  for (var i = wg.x * p.per_slice + li; i < end; i += 64u) {
    let g = grads[r.lane * p.stride + i];
    let o = r.work * p.stride + i;
    let whole = g + (products[o] + cross_products[o]);
    grads[r.lane * p.stride + i] = whole;
    sums += vec4f(dot(whole, g), dot(whole, whole), dot(g, g), 0.0);
  }
  tree[li] = sums;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if li < half { tree[li] += tree[li + half]; }
    workgroupBarrier();
  }
  if li == 0u { partial[r.work * 256u + wg.x] = tree[0]; }
}
