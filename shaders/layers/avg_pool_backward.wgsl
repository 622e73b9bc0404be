// dx = the sum of dy over the windows that hold this input, over the pixels of a window, times derivative(saved). A gather:
// no two invocations write one place.
#import shared/rows
#import shared/index
#import shared/pool
#import shared/activation

@group(0) @binding(0) var<uniform> p: Pool;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read> saved: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let c = id % p.channels4;
  let pixel = id / p.channels4;
  let row = pixel / p.in_width;
  let image = row / p.in_height;
  if image >= p.batch { return; }
  let r = rows.row[wg.z];
  let y0 = r.work * p.out_stride + image * p.out_height * p.out_width * p.channels4 + c;
  let at = vec2u(pixel % p.in_width, row % p.in_height);
  let first = (max(at, vec2u(p.kernel - 1u)) - (p.kernel - 1u) + p.stride - 1u) / p.stride;
  let end = min(at / p.stride + 1u, vec2u(p.out_width, p.out_height));
  var sum = vec4f(0.0);
  for (var v = first.y; v < end.y; v++) {
    for (var u = first.x; u < end.x; u++) { sum += dy[y0 + (v * p.out_width + u) * p.channels4]; }
  }
  let o = r.work * p.in_stride + id;
  dx[o] = sum / f32(p.kernel * p.kernel) * derivative(saved[o]);
}
