// y = activate(conv(x, w) + b), register tiles fed from workgroup memory (GPUs): a workgroup makes 64 pixels x 64 output
// channels, an invocation 4 x 4, over 16 input values of the flattened (tap, input channel) axis at a time.
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
override SAVE_Z: bool = false;

var<workgroup> xs: array<vec4f, 256>;                        // [input vec4][pixel]
var<workgroup> ws: array<vec4f, 256>;                        // [input value][output vec4]
var<private> acc: array<vec4f, 4>;

fn multiply(i: u32, k: u32, pixel: u32, w: mat4x4f) { acc[i] += w * xs[k * 64u + pixel + i]; }
fn chunk(k: u32, pixel: u32, column: u32) {
  let w = mat4x4f(ws[k * 64u + column], ws[k * 64u + 16u + column], ws[k * 64u + 32u + column], ws[k * 64u + 48u + column]);
  multiply(0u, k, pixel, w); multiply(1u, k, pixel, w); multiply(2u, k, pixel, w); multiply(3u, k, pixel, w);
}
fn store(i: u32, first: u32, y0: u32, c: u32) {
  if first + i >= g.batch * g.out_height * g.out_width { return; }
  let o = y0 + (first + i) * g.out_channels4 + c;
  y[o] = activate(acc[i]);
  if SAVE_Z { z[o] = acc[i]; }
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let r = rows.row[wg.z];
  let pixels = g.batch * g.out_height * g.out_width;
  let tiles = (pixels + 63u) / 64u;                        // of 64 pixels; then come columns of 16 vec4s
  let tile = workgroup_index(wg, groups) % tiles;
  let column = workgroup_index(wg, groups) / tiles;
  let length4 = g.kernel_height * g.kernel_width * g.in_channels4;
  let w_base = r.weights * g.weight_stride;
  // What this invocation loads: input vec4 li / 64 of pixel li % 64, and output vec4 li % 16 of input value li / 16.
  let m = tile * 64u + li % 64u;
  let line = m / g.out_width;
  let image = select(r.work, r.data, g.in_by_data == 1u) * g.in_stride
    + line / g.out_height * g.in_height * g.in_width * g.in_channels4;
  let corner = vec2u(m % g.out_width, line % g.out_height) * g.stride - g.padding;
  let load_c = column * 16u + li % 16u;
  // What it computes: 4 pixels from first, 4 output channels at c.
  let pixel = li / 16u * 4u;
  let c = column * 16u + li % 16u;
  if BIAS && c < g.out_channels4 {
    let b = weights[w_base + g.bias_offset + c];
    acc = array<vec4f, 4>(b, b, b, b);
  }
  for (var k0 = 0u; k0 < length4; k0 += 4u) {
    let k = k0 + li / 64u;
    let tap = k / g.in_channels4;
    let at = corner + vec2u(tap % g.kernel_width, tap / g.kernel_width);
    let ok = m < pixels && k < length4 && at.x < g.in_width && at.y < g.in_height;
    let from_x = image + (at.y * g.in_width + at.x) * g.in_channels4 + k % g.in_channels4;
    xs[li] = select(vec4f(0.0), x[select(0u, from_x, ok)], ok);
    let value = k0 * 4u + li / 16u;
    let w_ok = value < length4 * 4u && load_c < g.out_channels4;
    ws[li] = select(vec4f(0.0), weights[select(0u, w_base + g.weight_offset + value * g.out_channels4 + load_c, w_ok)], w_ok);
    workgroupBarrier();
    chunk(0u, pixel, li % 16u); chunk(1u, pixel, li % 16u); chunk(2u, pixel, li % 16u); chunk(3u, pixel, li % 16u);
    workgroupBarrier();
  }
  if c >= g.out_channels4 { return; }
  let first = tile * 64u + pixel;
  let y0 = r.work * g.out_stride;
  store(0u, first, y0, c); store(1u, first, y0, c); store(2u, first, y0, c); store(3u, first, y0, c);
}
