// Products of a new vector with all basis vectors, and with itself, by slices: one workgroup a pair and slice, by a fixed
// tree. FIRST: of the first of two passes, before which nobody knows how many basis vectors there are now.
#import shared/rows
#import shared/index
#import shared/lanczos

@group(0) @binding(0) var<uniform> p: Lanczos;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> state: array<Krylov>;
@group(0) @binding(3) var<storage, read> vectors: array<vec4f>;          // [lane]
@group(0) @binding(4) var<storage, read> basis: array<vec4f>;            // [slot][lane]
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;         // [lane][slot][slice]

override FIRST: bool = true;

var<workgroup> tree: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) li: u32,
) {
  let lane = rows.row[wg.z].lane;
  let index = workgroup_index(wg, groups);
  let j = index / p.slices;
  let slice = index % p.slices;
  let count = min(select(state[lane].now, state[lane].next, FIRST), p.slots - 1u);
  let wanted = j <= count;
  let own = lane * p.size4;
  let other = (j * p.lanes + lane) * p.size4;
  let end = select(0u, min((slice + 1u) * p.per_slice, p.size4), wanted);
  var sum = 0.0;
  for (var i = slice * p.per_slice + li; i < end; i += 64u) {
    let v = vectors[own + i];
    if j < count { sum += dot(v, basis[other + i]); } else { sum += dot(v, v); }
  }
  tree[li] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if li < half { tree[li] += tree[li + half]; }
    workgroupBarrier();
  }
  if li == 0u && wanted { sums[(lane * p.slots + j) * LANCZOS_SLICES + slice] = tree[0]; }
}
