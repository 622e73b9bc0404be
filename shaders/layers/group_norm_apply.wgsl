// y = activate((x - mean) * gamma / deviation + beta), mean and deviation those of the image and group.
#import shared/rows
#import shared/index
#import shared/group_norm
#import shared/activation

@group(0) @binding(0) var<uniform> p: GroupNorm;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> norm: array<vec4f>;
@group(0) @binding(4) var<storage, read> weights: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> z: array<vec4f>;

override SAVE_Z: bool = false;
const PIXELS = 8u;                                           // what a channel's numbers cost is shared by 8 pixels

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let runs = (p.pixels + PIXELS - 1u) / PIXELS;
  let c = id % p.channels4;
  let first = id / p.channels4 % runs * PIXELS;
  let image = id / (p.channels4 * runs);
  if image >= p.batch { return; }
  let r = rows.row[wg.z];
  let n = ((r.work * p.batch + image) * p.channels4 + c) * 2u;
  let w = r.weights * p.weight_stride + c;
  let mean = norm[n];
  let scale = weights[w + p.gamma_offset] * norm[n + 1u];
  let beta = weights[w + p.beta_offset];
  let inside = image * p.pixels * p.channels4 + c;
  let x0 = select(r.work, r.data, p.in_by_data == 1u) * p.stride + inside;
  let y0 = r.work * p.stride + inside;
  for (var i = first; i < min(first + PIXELS, p.pixels); i++) {
    let value = (x[x0 + i * p.channels4] - mean) * scale + beta;
    let o = y0 + i * p.channels4;
    y[o] = activate(value);
    if SAVE_Z { z[o] = value; }
  }
}
