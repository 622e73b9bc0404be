// y = activate(conv(x, w) + b) where conv_forward_shared.wgsl would have too few tiles to fill a GPU: a workgroup makes 16
// pixels x 16 output channels, over 64 input values of the flattened (tap, input channel) axis at a time. Each of its
// quarters sums over a quarter of these values, and the four sums are added in order.
#import shared/rows
#import shared/index
#import shared/geometry
#import shared/activation

@group(0) @binding(0) var<uniform> g: Geometry;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> weights: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> z: array<vec4f>;

override BIAS: bool = false;
override KERNEL_WIDTH: u32 = 1u;                             // a constant: divisions cost as much as products here
override SAVE_Z: bool = false;

var<workgroup> xs: array<vec4f, 272>;                        // [pixel][input vec4], a row of 17 against conflicts of banks
var<workgroup> ws: array<vec4f, 256>;                        // [input value][output vec4], at the end the quarters' sums

fn load_x(k: u32, image: u32, corner: vec2u, inside: bool) -> vec4f {
  let tap = k / g.in_channels4;
  let at = corner + vec2u(tap % KERNEL_WIDTH, tap / KERNEL_WIDTH);
  let ok = inside && tap < g.kernel_height * g.kernel_width && at.x < g.in_width && at.y < g.in_height;
  let from_x = image + (at.y * g.in_width + at.x) * g.in_channels4 + k % g.in_channels4;
  return select(vec4f(0.0), x[select(0u, from_x, ok)], ok);
}
fn load_w(value: u32, base: u32, c: u32) -> vec4f {
  let ok = value < g.kernel_height * g.kernel_width * g.in_channels4 * 4u && c < g.out_channels4;
  return select(vec4f(0.0), weights[select(0u, base + value * g.out_channels4 + c, ok)], ok);
}
fn product(k: u32, pixel: u32, column: u32) -> vec4f {
  let o = k * 16u + column;
  return mat4x4f(ws[o], ws[o + 4u], ws[o + 8u], ws[o + 12u]) * xs[pixel * 17u + k];
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let r = rows.row[wg.z];
  let pixels = g.batch * g.out_height * g.out_width;
  let tiles = (pixels + 15u) / 16u;                          // of 16 pixels; then come columns of 4 vec4s
  let tile = workgroup_index(wg, groups) % tiles;
  let c = workgroup_index(wg, groups) / tiles * 4u + li % 4u;
  let length4 = g.kernel_height * g.kernel_width * g.in_channels4;
  let w_base = r.weights * g.weight_stride + g.weight_offset;
  // What this invocation loads: input vec4 li % 16 of pixel li / 16, and output vec4 c of input value li / 4.
  let m = tile * 16u + li / 16u;
  let line = m / g.out_width;
  let image = select(r.work, r.data, g.in_by_data == 1u) * g.in_stride
    + line / g.out_height * g.in_height * g.in_width * g.in_channels4;
  let corner = vec2u(m % g.out_width, line % g.out_height) * g.stride - g.padding;
  // What it computes: output vec4 c of one pixel, over 4 of the 16 input vec4s.
  let pixel = li / 4u % 16u;
  let k = li / 64u * 4u;
  var sum = vec4f(0.0);
  var next_x = load_x(li % 16u, image, corner, m < pixels);
  var next_w = load_w(li / 4u, w_base, c);
  for (var k0 = 0u; k0 < length4; k0 += 16u) {
    xs[li / 16u * 17u + li % 16u] = next_x;
    ws[li] = next_w;
    workgroupBarrier();
    next_x = load_x(k0 + 16u + li % 16u, image, corner, m < pixels);     // on its way during the products
    next_w = load_w(k0 * 4u + 64u + li / 4u, w_base, c);
    sum += product(k, pixel, li % 4u);
    sum += product(k + 1u, pixel, li % 4u);
    sum += product(k + 2u, pixel, li % 4u);
    sum += product(k + 3u, pixel, li % 4u);
    workgroupBarrier();
  }
  ws[li] = sum;
  workgroupBarrier();
  let first = tile * 16u + pixel;
  if li >= 64u || c >= g.out_channels4 || first >= pixels { return; }
  sum += ws[64u + li] + ws[128u + li] + ws[192u + li];
  if BIAS { sum += weights[r.weights * g.weight_stride + g.bias_offset + c]; }
  let o = r.work * g.out_stride + first * g.out_channels4 + c;
  y[o] = activate(sum);
  if SAVE_Z { z[o] = sum; }
}
