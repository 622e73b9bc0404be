// y[image][channel] = the mean over the image. Each of LANES invocations adds every LANESth pixel, then these are added as a
// tree.
#import shared/rows
#import shared/index
#import shared/pool

@group(0) @binding(0) var<uniform> p: Pool;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

override LANES: u32 = 1u;                                    // a power of 2

var<workgroup> shares: array<vec4f, 64>;                     // [lane][vec4 of y]

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let r = rows.row[wg.z];
  let own = 64u / LANES;
  let lane = li / own;
  let id = workgroup_index(wg, groups) * own + li % own;
  let image = min(id / p.channels4, p.batch - 1u);
  let pixels = p.in_height * p.in_width;
  let x0 = select(r.work, r.data, p.in_by_data == 1u) * p.in_stride + image * pixels * p.channels4 + id % p.channels4;
  var sum = vec4f(0.0);
  for (var i = lane; i < pixels; i += LANES) { sum += x[x0 + i * p.channels4]; }
  shares[li] = sum;
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if lane < half {
      sum += shares[li + half * own];
      shares[li] = sum;
    }
  }
  if lane == 0u && id < p.batch * p.channels4 { y[r.work * p.out_stride + id] = sum / f32(pixels); }
}
