// How much of each basis vector there is in a new one, from the slices of lanczos_dots.wgsl, in order; one workgroup a lane.
// What there is of the newest is alpha, over both passes. Counts the basis vectors: FIRST takes over the number for this
// extension, the second pass sets that for the next one, so no number is read and written in one dispatch.
#import shared/rows
#import shared/lanczos

@group(0) @binding(0) var<uniform> p: Lanczos;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> state: array<Krylov>;
@group(0) @binding(4) var<storage, read_write> coefficients: array<f32>;
@group(0) @binding(5) var<storage, read_write> tridiagonal: array<vec2f>;   // alpha of vector j; beta between j - 1 and j

override FIRST: bool = true;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let lane = rows.row[wg.z].lane;
  var count: u32;
  if FIRST { count = state[lane].next; } else { count = state[lane].now; }
  count = min(count, p.slots - 1u);
  let base = lane * p.slots;
  for (var j = li; j <= count; j += 64u) {
    var sum = 0.0;
    for (var slice = 0u; slice < p.slices; slice += 1u) { sum += sums[(base + j) * LANCZOS_SLICES + slice]; }
    coefficients[base + j] = sum;
    if j + 1u == count {
      if FIRST { tridiagonal[base + j].x = sum; } else { tridiagonal[base + j].x += sum; }
    }
    if FIRST && j == count { state[lane].before = sum; }
  }
  if li == 0u {
    if FIRST { state[lane].now = count; } else { state[lane].next = count + 1u; }
  }
}
