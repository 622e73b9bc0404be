// dx = conv_transposed(dy, w) * derivative(saved) where conv_grad_input_shared.wgsl would have too few tiles to fill a GPU: a
// workgroup makes 16 input pixels x 16 input channels, over 64 values of the flattened (tap, output channel) axis at a time.
// Each of its quarters sums over a quarter of these values, and the four sums are added in order.
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

override KERNEL_WIDTH: u32 = 1u;                             // constants: divisions cost as much as products here
override STRIDE: u32 = 1u;

// Rows of 17 against conflicts of banks. The channel 4 c + j of the tile is number 4 j + c.
var<workgroup> ds: array<vec4f, 272>;                        // [pixel][output vec4]
var<workgroup> ws: array<vec4f, 272>;                        // [channel][output vec4], at the end the quarters' sums

fn load_d(k: u32, image: u32, corner: vec2u, inside: bool) -> vec4f {
  let tap = k / g.out_channels4;
  let t = corner - vec2u(tap % KERNEL_WIDTH, tap / KERNEL_WIDTH);
  let at = t / STRIDE;
  let ok = inside && tap < g.kernel_height * g.kernel_width && all(at * STRIDE == t)
    && at.x < g.out_width && at.y < g.out_height;
  let from_y = image + (at.y * g.out_width + at.x) * g.out_channels4 + k % g.out_channels4;
  return select(vec4f(0.0), dy[select(0u, from_y, ok)], ok);
}
fn load_w(k: u32, base: u32, channel: u32) -> vec4f {
  let tap = k / g.out_channels4;
  let ok = tap < g.kernel_height * g.kernel_width && channel < g.in_channels4 * 4u;
  let from_w = base + (tap * g.in_channels4 * 4u + channel) * g.out_channels4 + k % g.out_channels4;
  return select(vec4f(0.0), weights[select(0u, from_w, ok)], ok);
}
fn product(k: u32, pixel: u32, column: u32) -> vec4f {
  let o = column * 17u + k;
  return ds[pixel * 17u + k] * mat4x4f(ws[o], ws[o + 68u], ws[o + 136u], ws[o + 204u]);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let r = rows.row[wg.z];
  let pixels = g.batch * g.in_height * g.in_width;
  let tiles = (pixels + 15u) / 16u;                          // of 16 pixels; then come columns of 4 vec4s
  let tile = workgroup_index(wg, groups) % tiles;
  let column = workgroup_index(wg, groups) / tiles * 4u;
  let length4 = g.kernel_height * g.kernel_width * g.out_channels4;
  let w_base = r.weights * g.weight_stride + g.weight_offset;
  // What this invocation loads: output vec4 li % 16 of pixel li / 16, and of one input channel.
  let m = tile * 16u + li / 16u;
  let line = m / g.in_width;
  let image = r.work * g.out_stride + line / g.in_height * g.out_height * g.out_width * g.out_channels4;
  let corner = vec2u(m % g.in_width, line % g.in_height) + g.padding;
  let channel = column * 4u + li / 16u % 4u * 4u + li / 64u;
  // What it computes: input vec4 c of one pixel, over 4 of the 16 output vec4s.
  let pixel = li / 4u % 16u;
  let c = column + li % 4u;
  let k = li / 64u * 4u;
  var sum = vec4f(0.0);
  var next_d = load_d(li % 16u, image, corner, m < pixels);
  var next_w = load_w(li % 16u, w_base, channel);
  for (var k0 = 0u; k0 < length4; k0 += 16u) {
    ds[li / 16u * 17u + li % 16u] = next_d;
    ws[li / 16u * 17u + li % 16u] = next_w;
    workgroupBarrier();
    next_d = load_d(k0 + 16u + li % 16u, image, corner, m < pixels);     // on its way during the products
    next_w = load_w(k0 + 16u + li % 16u, w_base, channel);
    sum += product(k, pixel, li % 4u);
    sum += product(k + 1u, pixel, li % 4u);
    sum += product(k + 2u, pixel, li % 4u);
    sum += product(k + 3u, pixel, li % 4u);
    workgroupBarrier();
  }
  ws[li] = sum;
  workgroupBarrier();
  let first = tile * 16u + pixel;
  if li >= 64u || c >= g.in_channels4 || first >= pixels { return; }
  sum += ws[64u + li] + ws[128u + li] + ws[192u + li];
  let o = r.work * g.in_stride + first * g.in_channels4 + c;
  dx[o] = sum * derivative(saved[o]);
}
