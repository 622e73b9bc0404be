// A point of a random subspace: y = x + A z, the columns of A Gaussian and of unit length, drawn anew.
#import shared/rows
#import shared/noise

struct Subspace { size4: u32, per_slice: u32, slices: u32, columns: u32, seed: u32 }

@group(0) @binding(0) var<uniform> p: Subspace;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> places: array<vec4u>;
@group(0) @binding(3) var<storage, read> inverse: array<f32>;            // 1 / |a_j|
@group(0) @binding(4) var<storage, read> z: array<f32>;
@group(0) @binding(5) var<storage, read> centre: array<vec4f>;           // x
@group(0) @binding(6) var<storage, read_write> out: array<vec4f>;        // y

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if i >= p.size4 { return; }
  var y = vec4f(0.0);
  for (var column = 0u; column < p.columns; column++) {
    let factor = inverse[column] * z[column];
    y += factor * gaussian(Draw(p.seed, column, 0.0, 0.0), places[i]);
  }
  out[rows.row[wg.z].work * p.size4 + i] = centre[i] + y;
}
