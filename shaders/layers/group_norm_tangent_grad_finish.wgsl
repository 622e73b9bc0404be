// Adds an image's slices of norm_tangent_grad_stats.wgsl in order and writes, at each channel of a group: the tangents of the sums
// of dy and of xhat dy, which group_norm_grad_finish.wgsl adds up, and the group's means, which the tangent of the input's
// gradient needs.
#import shared/rows
#import shared/index
#import shared/group_norm

@group(0) @binding(0) var<uniform> p: GroupNorm;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> partial: array<f32>;         // as Sums in shared/norm_tangent.wgsl
@group(0) @binding(3) var<storage, read> moves: array<f32>;           // as Moves
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;      // [image][channel vec4][2]
@group(0) @binding(5) var<storage, read_write> means: array<f32>;     // as Means

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let image = id / p.groups;
  if image >= p.batch { return; }
  let r = rows.row[wg.z];
  let own = p.channels / p.groups;
  let begin = id % p.groups * own;
  let row = r.work * p.batch + image;
  var total = vec4f(0.0);
  for (var c = begin; c < begin + own; c++) {
    var sum = vec4f(0.0);                                    // dy, xhat dy, and their tangents
    for (var s = 0u; s < p.slices; s++) {
      let o = ((row * p.slices + s) * p.channels4 + c / 4u) * 16u + c % 4u;
      sum += vec4f(partial[o], partial[o + 4u], partial[o + 8u], partial[o + 12u]);
    }
    let o = (row * p.channels4 + c / 4u) * 8u + c % 4u;
    sums[o] = sum.z;
    sums[o + 4u] = sum.w;
    let m = (row * p.channels4 + c / 4u) * 28u + c % 4u;
    let gamma = moves[m + 16u];
    let rgamma = moves[m + 20u];
    total += vec4f(gamma * sum.xy, gamma * sum.zw + rgamma * sum.xy);
  }
  let mean = total / f32(own * p.pixels);
  let end = select(begin + own, p.channels4 * 4u, begin + own == p.channels);
  for (var c = begin; c < end; c++) {
    if c >= p.channels {
      let o = (row * p.channels4 + c / 4u) * 8u + c % 4u;
      sums[o] = 0.0;
      sums[o + 4u] = 0.0;
    }
    let o = (row * p.channels4 + c / 4u) * 16u + c % 4u;
    for (var k = 0u; k < 4u; k++) { means[o + 4u * k] = select(0.0, mean[k], c < p.channels); }
  }
}
