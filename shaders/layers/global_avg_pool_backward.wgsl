// dx = dy / pixels * derivative(saved); 8 pixels an invocation.
#import shared/rows
#import shared/index
#import shared/pool
#import shared/activation

@group(0) @binding(0) var<uniform> p: Pool;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read> saved: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>;

const PIXELS = 8u;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let pixels = p.in_height * p.in_width;
  let runs = (pixels + PIXELS - 1u) / PIXELS;
  let c = id % p.channels4;
  let run = id / p.channels4;
  let image = run / runs;
  if image >= p.batch { return; }
  let r = rows.row[wg.z];
  let d = dy[r.work * p.out_stride + image * p.channels4 + c] / f32(pixels);
  let o = r.work * p.in_stride + image * pixels * p.channels4 + c;
  let first = run % runs * PIXELS;
  for (var i = first; i < min(first + PIXELS, pixels); i++) {
    dx[o + i * p.channels4] = d * derivative(saved[o + i * p.channels4]);
  }
}
