// Merges the statistics of batch_norm_stats.wgsl over an image's slices and a group's channels, in order (Chan, Golub and
// LeVeque 1983), and writes mean and 1 / standard deviation (Wu and He 2018) at each of the group's channels. All is relative
// to one value, so that a large mean does not eat the variance.
#import shared/rows
#import shared/index
#import shared/group_norm

@group(0) @binding(0) var<uniform> p: GroupNorm;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<f32>;       // its first pixel is what the slices' means are relative to
@group(0) @binding(3) var<storage, read> partial: array<f32>;
@group(0) @binding(4) var<storage, read_write> norm: array<f32>;      // [image][channel vec4][mean, 1 / deviation]

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
  let x0 = select(r.work, r.data, p.in_by_data == 1u) * p.stride * 4u;
  let origin = x[x0 + begin];
  var mean = 0.0;
  var squares = 0.0;
  var n = 0.0;
  let m = f32(p.per_slice);
  for (var c = begin; c < begin + own; c++) {
    let shift = x[x0 + c] - origin;
    for (var s = 0u; s < p.slices; s++) {
      let o = (((r.work * p.batch + image) * p.slices + s) * p.channels4 + c / 4u) * 8u + c % 4u;
      let d = partial[o] + shift - mean;
      mean += d * (m / (n + m));
      squares += partial[o + 4u] + d * d * (n * m / (n + m));
      n += m;
    }
  }
  let inverse = 1.0 / sqrt(squares / n + p.epsilon);
  let end = select(begin + own, p.channels4 * 4u, begin + own == p.channels);
  for (var c = begin; c < end; c++) {
    let o = ((r.work * p.batch + image) * p.channels4 + c / 4u) * 8u + c % 4u;
    norm[o] = select(0.0, mean + origin, c < p.channels);
    norm[o + 4u] = select(0.0, inverse, c < p.channels);
  }
}
