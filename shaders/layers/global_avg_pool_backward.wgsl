// dx = dy / pixels * derivative(saved).
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
  let pixels = p.in_height * p.in_width;
  let image = id / (pixels * p.channels4);
  if image >= p.batch { return; }
  let r = rows.row[wg.z];
  let o = r.work * p.in_stride + id;
  dx[o] = dy[r.work * p.out_stride + image * p.channels4 + id % p.channels4] / f32(pixels) * derivative(saved[o]);
}
