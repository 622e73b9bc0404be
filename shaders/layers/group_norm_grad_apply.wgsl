// dx = (gamma dy - mean(gamma dy) - xhat * mean(gamma dy xhat)) / deviation * derivative(saved), the means over image and
// group: the gradient before the activation that made x.
#import shared/rows
#import shared/index
#import shared/group_norm
#import shared/activation

@group(0) @binding(0) var<uniform> p: GroupNorm;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read> norm: array<vec4f>;
@group(0) @binding(5) var<storage, read> sums: array<vec4f>;
@group(0) @binding(6) var<storage, read> weights: array<vec4f>;
@group(0) @binding(7) var<storage, read> saved: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> dx: array<vec4f>;

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
  let n = (r.work * p.batch + image) * p.channels4 + c;
  let mean = norm[n * 2u];
  let inverse = norm[n * 2u + 1u];
  let gamma = weights[r.weights * p.weight_stride + p.gamma_offset + c];
  let mean_dy = sums[n * 4u + 2u];
  let mean_product = sums[n * 4u + 3u];
  let base = r.work * p.stride + image * p.pixels * p.channels4 + c;
  for (var i = first; i < min(first + PIXELS, p.pixels); i++) {
    let o = base + i * p.channels4;
    let xhat = (x[o] - mean) * inverse;
    dx[o] = inverse * (gamma * dy[o] - mean_dy - xhat * mean_product) * derivative(saved[o]);
  }
}
