// Slices of A' v for a random subspace: an invocation a column a_j of Gaussian numbers and a slice of v. A is never stored:
// each element is drawn anew. SQUARES: |a_j|^2 instead.
#import shared/rows
#import shared/index
#import shared/noise

struct Subspace { size4: u32, per_slice: u32, slices: u32, columns: u32, seed: u32 }

@group(0) @binding(0) var<uniform> p: Subspace;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> places: array<vec4u>;
@group(0) @binding(3) var<storage, read> values: array<vec4f>;           // v
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;         // [slice][column]

override SQUARES: bool = false;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups);
  let chunks = (p.columns + 63u) / 64u;
  let slice = id / chunks;
  let column = id % chunks * 64u + li;
  if slice >= p.slices || column >= p.columns { return; }
  let base = rows.row[wg.z].work * p.size4;
  let d = Draw(p.seed, column, 0.0, 0.0);
  var sum = 0.0;
  let end = min((slice + 1u) * p.per_slice, p.size4);
  for (var i = slice * p.per_slice; i < end; i++) {
    let a = gaussian(d, places[i]);
    if SQUARES { sum += dot(a, a); } else { sum += dot(a, values[base + i]); }
  }
  sums[slice * p.columns + column] = sum;
}
