// dx = conv_transposed(dy, w) * derivative(saved), register tiles only: 8 input pixels x 8 input channels an invocation.
// `saved` belongs to the activation that made x, so the result is the gradient before that activation.
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

var<private> acc: array<vec4f, 16>;
var<private> image: array<u32, 8>;
var<private> corner: array<vec2u, 8>;
var<private> address: array<u32, 8>;
var<private> inside: array<f32, 8>;

fn place(i: u32, first: u32, y0: u32) {
  let m = min(first + i, g.batch * g.in_height * g.in_width - 1u);
  let row = m / g.in_width;
  image[i] = y0 + row / g.in_height * g.out_height * g.out_width * g.out_channels4;
  corner[i] = vec2u(m % g.in_width, row % g.in_height) + g.padding;
}
fn aim(i: u32, tap: vec2u) {
  let t = corner[i] - tap;                                   // before the first output pixel it wraps and is large
  let at = t / g.stride;
  let ok = all(at * g.stride == t) && at.x < g.out_width && at.y < g.out_height;
  inside[i] = select(0.0, 1.0, ok);
  address[i] = select(image[i], image[i] + (at.y * g.out_width + at.x) * g.out_channels4, ok);
}
fn multiply(i: u32, c: u32, w0: mat4x4f, w1: mat4x4f) {
  let v = dy[address[i] + c] * inside[i];
  acc[2u * i] += v * w0;
  acc[2u * i + 1u] += v * w1;
}
fn store(i: u32, first: u32, x0: u32, c: u32) {
  if first + i >= g.batch * g.in_height * g.in_width { return; }
  let o = x0 + (first + i) * g.in_channels4 + c;
  dx[o] = acc[2u * i] * derivative(saved[o]);
  if c + 1u < g.in_channels4 { dx[o + 1u] = acc[2u * i + 1u] * derivative(saved[o + 1u]); }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let runs = (g.batch * g.in_height * g.in_width + 7u) / 8u;
  let c0 = id / runs * 2u;
  if c0 >= g.in_channels4 { return; }
  let c1 = min(c0 + 1u, g.in_channels4 - 1u);
  let first = id % runs * 8u;
  let r = rows.row[wg.z];
  let y0 = r.work * g.out_stride;
  let n = g.out_channels4;
  place(0u, first, y0); place(1u, first, y0); place(2u, first, y0); place(3u, first, y0);
  place(4u, first, y0); place(5u, first, y0); place(6u, first, y0); place(7u, first, y0);
  var w = r.weights * g.weight_stride + g.weight_offset;
  for (var ky = 0u; ky < g.kernel_height; ky++) {
    for (var kx = 0u; kx < g.kernel_width; kx++) {
      let tap = vec2u(kx, ky);
      aim(0u, tap); aim(1u, tap); aim(2u, tap); aim(3u, tap); aim(4u, tap); aim(5u, tap); aim(6u, tap); aim(7u, tap);
      let u0 = w + 4u * c0 * n;
      let u1 = w + 4u * c1 * n;
      for (var c = 0u; c < n; c++) {
        let w0 = mat4x4f(weights[u0 + c], weights[u0 + n + c], weights[u0 + 2u * n + c], weights[u0 + 3u * n + c]);
        let w1 = mat4x4f(weights[u1 + c], weights[u1 + n + c], weights[u1 + 2u * n + c], weights[u1 + 3u * n + c]);
        multiply(0u, c, w0, w1); multiply(1u, c, w0, w1); multiply(2u, c, w0, w1); multiply(3u, c, w0, w1);
        multiply(4u, c, w0, w1); multiply(5u, c, w0, w1); multiply(6u, c, w0, w1); multiply(7u, c, w0, w1);
      }
      w += 4u * g.in_channels4 * n;
    }
  }
  let x0 = r.work * g.in_stride;
  store(0u, first, x0, c0); store(1u, first, x0, c0); store(2u, first, x0, c0); store(3u, first, x0, c0);
  store(4u, first, x0, c0); store(5u, first, x0, c0); store(6u, first, x0, c0); store(7u, first, x0, c0);
}
