// ghat.g_s of each slice, by a fixed tree; 0 where g is zero.
#import shared/rows
#import shared/gradient_norm
#import shared/second_order

@group(0) @binding(0) var<uniform> p: SecondOrder;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> first: array<vec4f>;         // g, by row of work
@group(0) @binding(3) var<storage, read> grads: array<vec4f>;         // g_s, by lane
@group(0) @binding(4) var<storage, read> squares: array<vec2f>;       // of g, by lane
@group(0) @binding(5) var<storage, read_write> dots: array<f32>;

var<workgroup> tree: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  var squared = vec2f(0.0);
  for (var i = li; i < p.slices; i += 64u) { squared += squares[r.lane * 256u + i]; }
  norm_tree[li] = squared;
  let norm = gradient_norm(li);
  let inverse = select(1.0 / norm, 0.0, norm == 0.0);
  let end = min((wg.x + 1u) * p.per_slice, p.size4);
  var sum = 0.0;
  for (var i = wg.x * p.per_slice + li; i < end; i += 64u) {
    sum += dot(first[r.work * p.stride + i] * inverse, grads[r.lane * p.stride + i]);
  }
  tree[li] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if li < half { tree[li] += tree[li + half]; }
    workgroupBarrier();
  }
  if li == 0u { dots[r.work * 256u + wg.x] = tree[0]; }
}
