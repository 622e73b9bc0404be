// dx = gamma / deviation * (dy - mean(dy) - xhat * mean(dy * xhat)) * derivative(saved): the gradient through the batch's
// own statistics, before the activation that made x. With INFERENCE the statistics are given, and the two means drop out.
#import shared/rows
#import shared/index
#import shared/norm
#import shared/activation

@group(0) @binding(0) var<uniform> p: BatchNorm;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read> norm: array<vec4f>;
@group(0) @binding(5) var<storage, read> means: array<vec4f>;
@group(0) @binding(6) var<storage, read> saved: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> dx: array<vec4f>;

override INFERENCE: bool = false;
const PIXELS = 8u;                                           // what a channel's numbers cost is shared by 8 pixels

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let channel = id % p.channels4;
  let first = id / p.channels4 * PIXELS;
  if first >= p.count { return; }
  let r = rows.row[wg.z];
  let c = r.work * p.channels4 + channel;
  let mean = norm[c * 4u];
  let inverse = norm[c * 4u + 1u];
  let scale = norm[c * 4u + 2u];
  let mean_dy = means[c * 2u];
  let mean_product = means[c * 2u + 1u];
  let base = r.work * p.stride + channel;
  for (var i = first; i < min(first + PIXELS, p.count); i++) {
    let o = base + i * p.channels4;
    let xhat = (x[o] - mean) * inverse;
    let through = select(dy[o] - mean_dy - xhat * mean_product, dy[o], INFERENCE);
    dx[o] = scale * through * derivative(saved[o]);
  }
}
