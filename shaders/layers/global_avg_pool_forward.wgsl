// y[image][channel] = the mean over the image.
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
  let image = id / p.channels4;
  if image >= p.batch { return; }
  let r = rows.row[wg.z];
  let pixels = p.in_height * p.in_width;
  let x0 = select(r.work, r.data, p.in_by_data == 1u) * p.in_stride + image * pixels * p.channels4 + id % p.channels4;
  var sum = vec4f(0.0);
  for (var i = 0u; i < pixels; i++) { sum += x[x0 + i * p.channels4]; }
  y[r.work * p.out_stride + id] = sum / f32(pixels);
}
