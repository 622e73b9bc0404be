// y = activate((x - mean) * gamma / deviation + beta), per channel. The mean is taken off first: in x * scale + shift a large
// mean would eat the digits of the difference.
#import shared/rows
#import shared/index
#import shared/norm
#import shared/activation

@group(0) @binding(0) var<uniform> p: BatchNorm;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> norm: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> z: array<vec4f>;

override SAVE_Z: bool = false;
const PIXELS = 8u;                                           // what a channel's numbers cost is shared by 8 pixels

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let c = id % p.channels4;
  let first = id / p.channels4 * PIXELS;
  if first >= p.count { return; }
  let r = rows.row[wg.z];
  let n = (r.work * p.channels4 + c) * 4u;
  let mean = norm[n];
  let scale = norm[n + 2u];
  let beta = norm[n + 3u];
  let x0 = select(r.work, r.data, p.in_by_data == 1u) * p.stride + c;
  let y0 = r.work * p.stride + c;
  for (var i = first; i < min(first + PIXELS, p.count); i++) {
    let value = (x[x0 + i * p.channels4] - mean) * scale + beta;
    let o = y0 + i * p.channels4;
    y[o] = activate(value);
    if SAVE_Z { z[o] = value; }
  }
}
