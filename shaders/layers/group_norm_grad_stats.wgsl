// Per image, slice of its pixels and channel: the sum of dy and of dy * (x - mean) / deviation.
#import shared/rows
#import shared/index
#import shared/group_norm

@group(0) @binding(0) var<uniform> p: GroupNorm;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read> norm: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> partial: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let c = id % p.channels4;
  let slice = id / p.channels4;
  if slice >= p.batch * p.slices { return; }
  let r = rows.row[wg.z];
  let n = ((r.work * p.batch + slice / p.slices) * p.channels4 + c) * 2u;
  let mean = norm[n];
  let inside = slice * p.per_slice * p.channels4 + c;
  let x0 = select(r.work, r.data, p.in_by_data == 1u) * p.stride + inside;
  let y0 = r.work * p.stride + inside;
  var sum = vec4f(0.0);
  var product = vec4f(0.0);
  for (var i = 0u; i < p.per_slice; i++) {
    let d = dy[y0 + i * p.channels4];
    sum += d;
    product += d * (x[x0 + i * p.channels4] - mean);
  }
  let o = ((r.work * p.batch * p.slices + slice) * p.channels4 + c) * 2u;
  partial[o] = sum;
  partial[o + 1u] = product * norm[n + 1u];
}
