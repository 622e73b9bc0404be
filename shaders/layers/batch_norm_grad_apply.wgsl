// dx = gamma / deviation * (dy - mean(dy) - xhat * mean(dy * xhat)) * derivative(saved): the gradient through the batch's
// own statistics, before the activation that made x.
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

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  if id >= p.count * p.channels4 { return; }
  let r = rows.row[wg.z];
  let c = r.work * p.channels4 + id % p.channels4;
  let o = r.work * p.stride + id;
  let xhat = (x[o] - norm[c * 4u]) * norm[c * 4u + 1u];
  dx[o] = norm[c * 4u + 2u] * (dy[o] - means[c * 2u] - xhat * means[c * 2u + 1u]) * derivative(saved[o]);
}
