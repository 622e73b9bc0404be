// y = activate(conv(x, w) + b), register tiles only (software adapters): 8 pixels x 8 output channels an invocation.
// Helpers are called with literal indices so that the private arrays become registers; loops over them do not.
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

var<private> acc: array<vec4f, 16>;
var<private> a: array<vec4f, 8>;
var<private> image: array<u32, 8>;
var<private> corner: array<vec2u, 8>;
var<private> address: array<u32, 8>;
var<private> inside: array<f32, 8>;

fn place(i: u32, first: u32, x0: u32) {
  let m = min(first + i, g.batch * g.out_height * g.out_width - 1u);
  let row = m / g.out_width;
  image[i] = x0 + row / g.out_height * g.in_height * g.in_width * g.in_channels4;
  corner[i] = vec2u(m % g.out_width, row % g.out_height) * g.stride - g.padding;
}
fn aim(i: u32, tap: vec2u) {
  let at = corner[i] + tap;                                  // left of or above the image it wraps and is large
  let ok = at.x < g.in_width && at.y < g.in_height;
  inside[i] = select(0.0, 1.0, ok);
  address[i] = select(image[i], image[i] + (at.y * g.in_width + at.x) * g.in_channels4, ok);
}
fn multiply(i: u32, c: u32, w0: mat4x4f, w1: mat4x4f) {
  let v = x[address[i] + c] * inside[i];
  acc[2u * i] += w0 * v;
  acc[2u * i + 1u] += w1 * v;
}
fn store(i: u32, first: u32, y0: u32, c: u32) {
  if first + i >= g.batch * g.out_height * g.out_width { return; }
  let o = y0 + (first + i) * g.out_channels4 + c;
  y[o] = activate(acc[2u * i]);
  if SAVE_Z { z[o] = acc[2u * i]; }
  if c + 1u < g.out_channels4 {
    y[o + 1u] = activate(acc[2u * i + 1u]);
    if SAVE_Z { z[o + 1u] = acc[2u * i + 1u]; }
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let runs = (g.batch * g.out_height * g.out_width + 7u) / 8u;
  let c0 = id / runs * 2u;
  if c0 >= g.out_channels4 { return; }
  let c1 = min(c0 + 1u, g.out_channels4 - 1u);
  let first = id % runs * 8u;
  let r = rows.row[wg.z];
  let x0 = select(r.work, r.data, g.in_by_data == 1u) * g.in_stride;
  let w_base = r.weights * g.weight_stride;
  place(0u, first, x0); place(1u, first, x0); place(2u, first, x0); place(3u, first, x0);
  place(4u, first, x0); place(5u, first, x0); place(6u, first, x0); place(7u, first, x0);
  if BIAS {
    let b0 = weights[w_base + g.bias_offset + c0];
    let b1 = weights[w_base + g.bias_offset + c1];
    acc = array<vec4f, 16>(b0, b1, b0, b1, b0, b1, b0, b1, b0, b1, b0, b1, b0, b1, b0, b1);
  }
  var w = w_base + g.weight_offset;
  for (var ky = 0u; ky < g.kernel_height; ky++) {
    for (var kx = 0u; kx < g.kernel_width; kx++) {
      let tap = vec2u(kx, ky);
      aim(0u, tap); aim(1u, tap); aim(2u, tap); aim(3u, tap); aim(4u, tap); aim(5u, tap); aim(6u, tap); aim(7u, tap);
      for (var c = 0u; c < g.in_channels4; c++) {
        let n = g.out_channels4;
        let w0 = mat4x4f(weights[w + c0], weights[w + n + c0], weights[w + 2u * n + c0], weights[w + 3u * n + c0]);
        let w1 = mat4x4f(weights[w + c1], weights[w + n + c1], weights[w + 2u * n + c1], weights[w + 3u * n + c1]);
        multiply(0u, c, w0, w1); multiply(1u, c, w0, w1); multiply(2u, c, w0, w1); multiply(3u, c, w0, w1);
        multiply(4u, c, w0, w1); multiply(5u, c, w0, w1); multiply(6u, c, w0, w1); multiply(7u, c, w0, w1);
        w += 4u * n;
      }
    }
  }
  let y0 = r.work * g.out_stride;
  store(0u, first, y0, c0); store(1u, first, y0, c0); store(2u, first, y0, c0); store(3u, first, y0, c0);
  store(4u, first, y0, c0); store(5u, first, y0, c0); store(6u, first, y0, c0); store(7u, first, y0, c0);
}
