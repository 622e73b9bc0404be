// dw[tap][ci][co] = sum over pixels of x[pixel * stride + tap - padding][ci] dy[pixel][co], for kernels of several taps on a
// software adapter: 3 x 3 taps x 4 input x 8 output channels an invocation, over 4 output pixels of a row at a time, so that
// an input is loaded once for all taps. The bias's gradient is the sum of dy. The sum over the batch is cut into slices of
// output rows (split-K); with several, reduce_slices.wgsl adds them in order.
#import shared/rows
#import shared/index
#import shared/geometry

@group(0) @binding(0) var<uniform> g: Geometry;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dw: array<vec4f>;

override BIAS: bool = false;
override STRIDE: u32 = 1u;                                   // up to 3
const WIDTH = 12u;                                           // inputs of a row: 3 STRIDE + 3

var<private> acc: array<vec4f, 72>;                          // [tap][input channel][output vec4]
var<private> sums: array<vec4f, 2>;                          // of dy
var<private> a: array<vec4f, 36>;                            // [row][column]
var<private> d: array<vec4f, 8>;                             // [pixel][output vec4]

fn load(row: u32, column: u32, line: u32, line_ok: bool, in_x: u32) {
  let ok = line_ok && in_x + column < g.in_width;              // left of the image it wraps and is large
  a[row * WIDTH + column] = select(vec4f(0.0), x[select(0u, line + (in_x + column) * g.in_channels4, ok)], ok);
}
fn load_row(row: u32, image: u32, in_y: u32, in_x: u32) {
  let ok = in_y + row < g.in_height;
  let line = image + (in_y + row) * g.in_width * g.in_channels4;
  load(row, 0u, line, ok, in_x); load(row, 1u, line, ok, in_x); load(row, 2u, line, ok, in_x);
  load(row, 3u, line, ok, in_x); load(row, 4u, line, ok, in_x); load(row, 5u, line, ok, in_x);
  if STRIDE > 1u { load(row, 6u, line, ok, in_x); load(row, 7u, line, ok, in_x); load(row, 8u, line, ok, in_x); }
  if STRIDE > 2u { load(row, 9u, line, ok, in_x); load(row, 10u, line, ok, in_x); load(row, 11u, line, ok, in_x); }
}
fn load_gradient(i: u32, at: u32, beside: u32, left: u32) {
  let ok = i < left;
  let o = select(0u, at + i * g.out_channels4, ok);
  d[2u * i] = select(vec4f(0.0), dy[o], ok);
  d[2u * i + 1u] = select(vec4f(0.0), dy[o + select(0u, beside, ok)], ok);
}
fn outer(tap: u32, i: u32) {
  let t = tap / 3u * WIDTH + tap % 3u;
  let v0 = a[t][i]; let v1 = a[t + STRIDE][i]; let v2 = a[t + 2u * STRIDE][i]; let v3 = a[t + 3u * STRIDE][i];
  let k = tap * 8u + 2u * i;
  acc[k] += v0 * d[0] + v1 * d[2] + v2 * d[4] + v3 * d[6];
  acc[k + 1u] += v0 * d[1] + v1 * d[3] + v2 * d[5] + v3 * d[7];
}
fn pixels(tap: u32) { outer(tap, 0u); outer(tap, 1u); outer(tap, 2u); outer(tap, 3u); }

// Where the unit's results go: rows of a tap's weights are input channels.
fn store(k: u32, o: u32, both: bool) {
  dw[o] = acc[k];
  if both { dw[o + 1u] = acc[k + 1u]; }
}
fn store_tap(tap: u32, first: vec2u, o: u32, both: bool) {
  let at = first + vec2u(tap % 3u, tap / 3u);
  if at.x >= g.kernel_width || at.y >= g.kernel_height { return; }
  let n = g.out_channels4;
  let p = o + (at.y * g.kernel_width + at.x) * 4u * g.in_channels4 * n;
  store(tap * 8u, p, both); store(tap * 8u + 2u, p + n, both);
  store(tap * 8u + 4u, p + 2u * n, both); store(tap * 8u + 6u, p + 3u * n, both);
}

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let n = g.out_channels4;
  let pairs = (n + 1u) / 2u;
  let windows = (vec2u(g.kernel_width, g.kernel_height) + 2u) / 3u;
  let units = windows.x * windows.y * g.in_channels4 * pairs;
  let id = workgroup_index(wg, groups) * 8u + li;
  let slice = id / units;
  if slice >= g.slices { return; }
  let column = id % pairs * 2u;
  let c = id / pairs % g.in_channels4;
  let window = id % units / (pairs * g.in_channels4);
  let first = vec2u(window % windows.x, window / windows.x) * 3u;
  let both = column + 1u < n;
  let beside = select(0u, 1u, both);
  let r = rows.row[wg.z];
  let image_size = g.in_height * g.in_width * g.in_channels4;
  let begin = slice * g.rows_per_slice;
  let end = min(begin + g.rows_per_slice, g.batch * g.out_height);
  var image = select(r.work, r.data, g.in_by_data == 1u) * g.in_stride + begin / g.out_height * image_size + c;
  var oy = begin % g.out_height;
  var at = r.work * g.out_stride + begin * g.out_width * n + column;
  for (var row = begin; row < end; row++) {
    for (var ox = 0u; ox < g.out_width; ox += 4u) {
      let corner = vec2u(ox, oy) * STRIDE + first - g.padding;
      load_row(0u, image, corner.y, corner.x); load_row(1u, image, corner.y, corner.x); load_row(2u, image, corner.y, corner.x);
      let left = g.out_width - ox;
      load_gradient(0u, at, beside, left); load_gradient(1u, at, beside, left);
      load_gradient(2u, at, beside, left); load_gradient(3u, at, beside, left);
      pixels(0u); pixels(1u); pixels(2u); pixels(3u); pixels(4u); pixels(5u); pixels(6u); pixels(7u); pixels(8u);
      if BIAS { sums[0] += d[0] + d[2] + d[4] + d[6]; sums[1] += d[1] + d[3] + d[5] + d[7]; }
      at += min(left, 4u) * n;
    }
    oy++;
    image += select(0u, image_size, oy == g.out_height);
    oy = select(oy, 0u, oy == g.out_height);
  }
  let o = r.work * g.grad_stride + slice * g.grad_slice_stride + g.grad_offset + column;
  let p = o + 4u * c * n;
  store_tap(0u, first, p, both); store_tap(1u, first, p, both); store_tap(2u, first, p, both);
  store_tap(3u, first, p, both); store_tap(4u, first, p, both); store_tap(5u, first, p, both);
  store_tap(6u, first, p, both); store_tap(7u, first, p, both); store_tap(8u, first, p, both);
  if BIAS && c == 0u && window == 0u {
    let q = o + g.kernel_height * g.kernel_width * 4u * g.in_channels4 * n;
    dw[q] = sums[0];
    if both { dw[q + 1u] = sums[1]; }
  }
}
