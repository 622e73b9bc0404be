// Adds an image's slices in order and writes, at each channel of a group: the sums of dy and of dy * xhat, and the group's
// means of gamma dy and of gamma dy xhat, which the input's gradient needs.
#import shared/rows
#import shared/index
#import shared/group_norm

@group(0) @binding(0) var<uniform> p: GroupNorm;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> partial: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;      // [image][channel vec4][4]

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
  let gamma = (r.weights * p.weight_stride + p.gamma_offset) * 4u;
  var total = vec2f(0.0);
  for (var c = begin; c < begin + own; c++) {
    var sum = vec2f(0.0);
    for (var s = 0u; s < p.slices; s++) {
      let o = (((r.work * p.batch + image) * p.slices + s) * p.channels4 + c / 4u) * 8u + c % 4u;
      sum += vec2f(partial[o], partial[o + 4u]);
    }
    let o = ((r.work * p.batch + image) * p.channels4 + c / 4u) * 16u + c % 4u;
    sums[o] = sum.x;
    sums[o + 4u] = sum.y;
    total += weights[gamma + c] * sum;
  }
  let mean = total / f32(own * p.pixels);
  let end = select(begin + own, p.channels4 * 4u, begin + own == p.channels);
  for (var c = begin; c < end; c++) {
    let o = ((r.work * p.batch + image) * p.channels4 + c / 4u) * 16u + c % 4u;
    if c >= p.channels { sums[o] = 0.0; sums[o + 4u] = 0.0; }
    sums[o + 8u] = select(0.0, mean.x, c < p.channels);
    sums[o + 12u] = select(0.0, mean.y, c < p.channels);
  }
}
