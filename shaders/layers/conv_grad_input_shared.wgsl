// dx = conv_transposed(dy, w) * derivative(saved), register tiles fed from workgroup memory: a workgroup makes 64 input
// pixels x 64 input channels, an invocation 4 x 4, over 16 values of the flattened (tap, output channel) axis at a time.
#import shared/rows
#import shared/index
#import shared/geometry
#import shared/activation

@group(0) @binding(0) var<uniform> g: Geometry;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read> weights: array<vec4f>;
@group(0) @binding(4) var<storage, read> saved: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dx: array<vec4f>;

var<workgroup> ds: array<vec4f, 256>;                        // [output vec4][pixel]
var<workgroup> ws: array<vec4f, 256>;                        // [output vec4][input channel], 4 c + j at 16 j + c: no conflicts of banks
var<private> acc: array<vec4f, 4>;

fn multiply(i: u32, k: u32, pixel: u32, w: mat4x4f) { acc[i] += ds[k * 64u + pixel + i] * w; }
fn chunk(k: u32, pixel: u32, column: u32) {
  let o = k * 64u + column;
  let w = mat4x4f(ws[o], ws[o + 16u], ws[o + 32u], ws[o + 48u]);
  multiply(0u, k, pixel, w); multiply(1u, k, pixel, w); multiply(2u, k, pixel, w); multiply(3u, k, pixel, w);
}
fn store(i: u32, first: u32, x0: u32, c: u32) {
  if first + i >= g.batch * g.in_height * g.in_width { return; }
  let o = x0 + (first + i) * g.in_channels4 + c;
  dx[o] = acc[i] * derivative(saved[o]);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let r = rows.row[wg.z];
  let pixels = g.batch * g.in_height * g.in_width;
  let tiles = (pixels + 63u) / 64u;                        // of 64 pixels; then come columns of 16 vec4s
  let tile = workgroup_index(wg, groups) % tiles;
  let column = workgroup_index(wg, groups) / tiles;
  let length4 = g.kernel_height * g.kernel_width * g.out_channels4;
  // What this invocation loads: output vec4 li / 64 of pixel li % 64 and of one input channel.
  let m = tile * 64u + li % 64u;
  let line = m / g.in_width;
  let image = r.work * g.out_stride + line / g.in_height * g.out_height * g.out_width * g.out_channels4;
  let corner = vec2u(m % g.in_width, line % g.in_height) + g.padding;
  let load_channel = column * 64u + li % 16u * 4u + li / 16u % 4u;
  let pixel = li / 16u * 4u;
  let c = column * 16u + li % 16u;
  for (var k0 = 0u; k0 < length4; k0 += 4u) {
    let k = k0 + li / 64u;
    let tap = k / g.out_channels4;
    let t = corner - vec2u(tap % g.kernel_width, tap / g.kernel_width);
    let at = t / g.stride;
    let ok = m < pixels && k < length4 && all(at * g.stride == t) && at.x < g.out_width && at.y < g.out_height;
    let from_y = image + (at.y * g.out_width + at.x) * g.out_channels4 + k % g.out_channels4;
    ds[li] = select(vec4f(0.0), dy[select(0u, from_y, ok)], ok);
    let w_ok = k < length4 && load_channel < g.in_channels4 * 4u;
    let from_w = r.weights * g.weight_stride + g.weight_offset
      + (tap * g.in_channels4 * 4u + load_channel) * g.out_channels4 + k % g.out_channels4;
    ws[li] = select(vec4f(0.0), weights[select(0u, from_w, w_ok)], w_ok);
    workgroupBarrier();
    chunk(0u, pixel, li % 16u); chunk(1u, pixel, li % 16u); chunk(2u, pixel, li % 16u); chunk(3u, pixel, li % 16u);
    workgroupBarrier();
  }
  if c >= g.in_channels4 { return; }
  let first = tile * 64u + pixel;
  let x0 = r.work * g.in_stride;
  store(0u, first, x0, c); store(1u, first, x0, c); store(2u, first, x0, c); store(3u, first, x0, c);
}
