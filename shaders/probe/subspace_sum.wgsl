// Adds the slices of subspace_dots.wgsl in order: A' v for columns of unit length; with SQUARES 1 / |a_j|, which the other needs.
#import shared/rows
#import shared/noise

struct Subspace { size4: u32, per_slice: u32, slices: u32, columns: u32, seed: u32 }

@group(0) @binding(0) var<uniform> p: Subspace;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> sums: array<f32>;
@group(0) @binding(3) var<storage, read> inverse: array<f32>;            // 1 / |a_j|
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

override SQUARES: bool = false;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(global_invocation_id) id: vec3u) {
  let column = id.x;
  if column >= p.columns { return; }
  var sum = 0.0;
  for (var slice = 0u; slice < p.slices; slice++) { sum += sums[slice * p.columns + column]; }
  let base = rows.row[wg.z].work * p.columns;
  if SQUARES { out[base + column] = inverseSqrt(sum); } else { out[base + column] = sum * inverse[column]; }
}
