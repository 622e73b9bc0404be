// y = the mean of each window.
#import shared/rows
#import shared/index
#import shared/pool

@group(0) @binding(0) var<uniform> p: Pool;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let c = id % p.channels4;
  let pixel = id / p.channels4;
  let row = pixel / p.out_width;
  let image = row / p.out_height;
  if image >= p.batch { return; }
  let r = rows.row[wg.z];
  let x0 = select(r.work, r.data, p.in_by_data == 1u) * p.in_stride + image * p.in_height * p.in_width * p.channels4 + c;
  let corner = vec2u(pixel % p.out_width, row % p.out_height) * p.stride;
  var sum = vec4f(0.0);
  for (var v = corner.y; v < corner.y + p.kernel; v++) {
    for (var u = corner.x; u < corner.x + p.kernel; u++) { sum += x[x0 + (v * p.in_width + u) * p.channels4]; }
  }
  y[r.work * p.out_stride + id] = sum / f32(p.kernel * p.kernel);
}
