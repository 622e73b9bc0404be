// out[i] = partial[0][i] + partial[1][i] + ..., in this order: the second stage of a split-K sum.
#import shared/rows
#import shared/index

struct ReduceSlices { size4: u32, slices: u32, partial_stride: u32, out_offset: u32, out_stride: u32 }

@group(0) @binding(0) var<uniform> p: ReduceSlices;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> partial: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let i = id;
  if i >= p.size4 { return; }
  let r = rows.row[wg.z];
  let first = r.work * p.partial_stride + i;
  var sum = partial[first];
  for (var s = 1u; s < p.slices; s++) { sum += partial[first + s * p.size4]; }
  out[r.work * p.out_stride + p.out_offset + i] = sum;
}
