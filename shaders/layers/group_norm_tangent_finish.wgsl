// What the tangents of a group norm need of each image and channel: its numbers, those of the direction, and, where the input moves,
// R{mean} and R{deviation} of the image's group from the slices that group_norm_grad_stats.wgsl makes of R{x}.
#import shared/rows
#import shared/index
#import shared/group_norm

@group(0) @binding(0) var<uniform> p: GroupNorm;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> partial: array<f32>;
@group(0) @binding(3) var<storage, read> norm: array<f32>;
@group(0) @binding(4) var<storage, read> weights: array<f32>;
@group(0) @binding(5) var<storage, read> directions: array<f32>;
@group(0) @binding(6) var<storage, read_write> moves: array<f32>;     // as Moves in shared/norm_tangent.wgsl

override INPUT_MOVES: bool = true;

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
  var total = vec2f(0.0);
  if INPUT_MOVES {
    for (var c = begin; c < begin + own; c++) {
      for (var s = 0u; s < p.slices; s++) {
        let o = ((row * p.slices + s) * p.channels4 + c / 4u) * 8u + c % 4u;
        total += vec2f(partial[o], partial[o + 4u]);
      }
    }
  }
  let mean = total / f32(own * p.pixels);
  let gamma = (r.weights * p.weight_stride + p.gamma_offset) * 4u;
  let beta = (r.weights * p.weight_stride + p.beta_offset) * 4u;
  let end = select(begin + own, p.channels4 * 4u, begin + own == p.channels);
  for (var c = begin; c < end; c++) {
    let n = (row * p.channels4 + c / 4u) * 8u + c % 4u;
    let o = (row * p.channels4 + c / 4u) * 28u + c % 4u;
    moves[o] = norm[n];
    moves[o + 4u] = norm[n + 4u];
    moves[o + 8u] = select(0.0, mean.x, c < p.channels);
    moves[o + 12u] = select(0.0, mean.y, c < p.channels);
    moves[o + 16u] = weights[gamma + c];
    moves[o + 20u] = directions[gamma + c];
    moves[o + 24u] = directions[beta + c];
  }
}
