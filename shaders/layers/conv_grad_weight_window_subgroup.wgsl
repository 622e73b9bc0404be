// As conv_grad_weight_window.wgsl for stride 1, shared by a subgroup of 8: lane l makes output vec4 l of 8, for 3 x 3 taps x 8
// input channels over 4 output pixels of a row at a time. The lanes load the patch of the input together, an eighth each.
#import shared/rows
#import shared/index
#import shared/geometry

@group(0) @binding(0) var<uniform> g: Geometry;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dw: array<vec4f>;

override BIAS: bool = false;

var<private> acc: array<vec4f, 72>;                          // [tap][input channel]
var<private> sum: vec4f;                                     // of dy
var<private> a: array<vec4f, 36>;                            // [row][column][input vec4], 3 x 6 x 2
var<private> own: array<vec4f, 5>;                           // what this lane loads of it: every eighth
var<private> d: array<vec4f, 4>;                             // [pixel]

fn load(q: u32, lane: u32, image: u32, corner: vec2u, beside: u32) {
  let e = min(8u * q + lane, 35u);
  let at = corner + vec2u(e / 2u % 6u, e / 12u);             // left of or above the image it wraps and is large
  let ok = at.x < g.in_width && at.y < g.in_height;
  let o = image + (at.y * g.in_width + at.x) * g.in_channels4 + e % 2u * beside;
  own[q] = select(vec4f(0.0), x[select(0u, o, ok)], ok);
}
fn share(q: u32) {
  let v = own[q];
  a[8u * q] = subgroupBroadcast(v, 0u); a[8u * q + 1u] = subgroupBroadcast(v, 1u);
  a[8u * q + 2u] = subgroupBroadcast(v, 2u); a[8u * q + 3u] = subgroupBroadcast(v, 3u);
  if q == 4u { return; }
  a[8u * q + 4u] = subgroupBroadcast(v, 4u); a[8u * q + 5u] = subgroupBroadcast(v, 5u);
  a[8u * q + 6u] = subgroupBroadcast(v, 6u); a[8u * q + 7u] = subgroupBroadcast(v, 7u);
}
fn load_gradient(i: u32, at: u32, left: u32) {
  let ok = i < left;
  d[i] = select(vec4f(0.0), dy[select(0u, at + i * g.out_channels4, ok)], ok);
}
fn outer(tap: u32, c: u32, i: u32) {
  let t = (tap / 3u * 6u + tap % 3u) * 2u + c;
  acc[tap * 8u + c * 4u + i] += a[t][i] * d[0] + a[t + 2u][i] * d[1] + a[t + 4u][i] * d[2] + a[t + 6u][i] * d[3];
}
fn multiply(tap: u32) {
  outer(tap, 0u, 0u); outer(tap, 0u, 1u); outer(tap, 0u, 2u); outer(tap, 0u, 3u);
  outer(tap, 1u, 0u); outer(tap, 1u, 1u); outer(tap, 1u, 2u); outer(tap, 1u, 3u);
}
fn store_tap(tap: u32, first: vec2u, o: u32, both: bool) {
  let at = first + vec2u(tap % 3u, tap / 3u);
  if at.x >= g.kernel_width || at.y >= g.kernel_height { return; }
  let n = g.out_channels4;
  let p = o + (at.y * g.kernel_width + at.x) * 4u * g.in_channels4 * n;
  let k = tap * 8u;
  dw[p] = acc[k]; dw[p + n] = acc[k + 1u]; dw[p + 2u * n] = acc[k + 2u]; dw[p + 3u * n] = acc[k + 3u];
  if !both { return; }
  dw[p + 4u * n] = acc[k + 4u]; dw[p + 5u * n] = acc[k + 5u]; dw[p + 6u * n] = acc[k + 6u]; dw[p + 7u * n] = acc[k + 7u];
}

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(subgroup_invocation_id) lane: u32,
) {
  let n = g.out_channels4;
  let columns = (n + 7u) / 8u;
  let pairs = (g.in_channels4 + 1u) / 2u;
  let windows = (vec2u(g.kernel_width, g.kernel_height) + 2u) / 3u;
  let id = workgroup_index(wg, groups);
  let column = id % columns * 8u + lane;
  let c = id / columns % pairs * 2u;
  let window = id / (columns * pairs) % (windows.x * windows.y);
  let slice = id / (columns * pairs * windows.x * windows.y);
  let first = vec2u(window % windows.x, window / windows.x) * 3u;
  let both = c + 1u < g.in_channels4;
  let beside = select(0u, 1u, both);
  let r = rows.row[wg.z];
  let image_size = g.in_height * g.in_width * g.in_channels4;
  let begin = slice * g.rows_per_slice;
  let end = min(begin + g.rows_per_slice, g.batch * g.out_height);
  var image = select(r.work, r.data, g.in_by_data == 1u) * g.in_stride + begin / g.out_height * image_size + c;
  var oy = begin % g.out_height;
  var at = r.work * g.out_stride + begin * g.out_width * n + min(column, n - 1u);
  for (var row = begin; row < end; row++) {
    for (var ox = 0u; ox < g.out_width; ox += 4u) {
      let corner = vec2u(ox, oy) + first - g.padding;
      load(0u, lane, image, corner, beside); load(1u, lane, image, corner, beside); load(2u, lane, image, corner, beside);
      load(3u, lane, image, corner, beside); load(4u, lane, image, corner, beside);
      let left = g.out_width - ox;
      load_gradient(0u, at, left); load_gradient(1u, at, left); load_gradient(2u, at, left); load_gradient(3u, at, left);
      share(0u); share(1u); share(2u); share(3u); share(4u);
      multiply(0u); multiply(1u); multiply(2u); multiply(3u); multiply(4u);
      multiply(5u); multiply(6u); multiply(7u); multiply(8u);
      if BIAS { sum += d[0] + d[1] + d[2] + d[3]; }
      at += min(left, 4u) * n;
    }
    oy++;
    image += select(0u, image_size, oy == g.out_height);
    oy = select(oy, 0u, oy == g.out_height);
  }
  if slice >= g.slices || column >= n { return; }
  let o = r.work * g.grad_stride + slice * g.grad_slice_stride + g.grad_offset + column;
  let p = o + 4u * c * n;
  store_tap(0u, first, p, both); store_tap(1u, first, p, both); store_tap(2u, first, p, both);
  store_tap(3u, first, p, both); store_tap(4u, first, p, both); store_tap(5u, first, p, both);
  store_tap(6u, first, p, both); store_tap(7u, first, p, both); store_tap(8u, first, p, both);
  if BIAS && c == 0u && window == 0u { dw[o + g.kernel_height * g.kernel_width * 4u * g.in_channels4 * n] = sum; }
}
