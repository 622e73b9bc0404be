// Mean and sum of squared deviations of each slice of pixels, per channel. All values are taken relative to the batch's
// first pixel, so that a large mean eats neither the variance nor the differences between slices.
#import shared/rows
#import shared/index
#import shared/norm

@group(0) @binding(0) var<uniform> p: BatchNorm;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> partial: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let c = id % p.channels4;
  let slice = id / p.channels4;
  if slice >= p.slices { return; }
  let r = rows.row[wg.z];
  let begin = slice * p.per_slice;
  let end = min(begin + p.per_slice, p.count);
  let base = select(r.work, r.data, p.in_by_data == 1u) * p.stride + c;
  let origin = x[base];
  var sum = vec4f(0.0);
  var squares = vec4f(0.0);
  for (var i = begin; i < end; i++) {
    let d = x[base + i * p.channels4] - origin;
    sum += d;
    squares += d * d;
  }
  let n = f32(end - begin);
  let o = r.work * p.partial_stride + (slice * p.channels4 + c) * 2u;
  partial[o] = sum / n;
  partial[o + 1u] = max(squares - sum * sum / n, vec4f(0.0));
}
