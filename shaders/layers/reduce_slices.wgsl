// out[i] = partial[0][i] + partial[1][i] + ...: the second stage of a split-K sum. Each of `lanes` invocations adds every
// `lanes`th slice in order, then these are added as a tree.
#import shared/rows
#import shared/index

struct ReduceSlices { size4: u32, slices: u32, partial_stride: u32, out_offset: u32, out_stride: u32, lanes: u32 }

@group(0) @binding(0) var<uniform> p: ReduceSlices;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> partial: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;

var<workgroup> shares: array<vec4f, 64>;                     // [lane][vec4 of out]

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let r = rows.row[wg.z];
  let own = 64u / p.lanes;
  let lane = li / own;
  let i = workgroup_index(wg, groups) * own + li % own;
  let first = r.work * p.partial_stride + min(i, p.size4 - 1u);
  var sum = partial[first + lane * p.size4];
  for (var s = lane + p.lanes; s < p.slices; s += p.lanes) { sum += partial[first + s * p.size4]; }
  shares[li] = sum;
  for (var half = p.lanes / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if lane < half {
      sum += shares[li + half * own];
      shares[li] = sum;
    }
  }
  if lane == 0u && i < p.size4 { out[r.work * p.out_stride + p.out_offset + i] = sum; }
}
