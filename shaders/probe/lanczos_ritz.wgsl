// Ritz vectors as weighted sums of the basis: out_r = sum_j factors[r][j] v_j, for each row r.
#import shared/rows
#import shared/index

struct LanczosRitz { size4: u32, slots: u32, lanes: u32 }

@group(0) @binding(0) var<uniform> p: LanczosRitz;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> factors: array<f32>;            // [vector][slot]
@group(0) @binding(3) var<storage, read> basis: array<vec4f>;            // [slot][lane]
@group(0) @binding(4) var<storage, read_write> out: array<vec4f>;        // [vector]

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) li: u32,
) {
  let r = rows.row[wg.z];
  let i = workgroup_index(wg, groups) * 64u + li;
  if i >= p.size4 { return; }
  var sum = vec4f(0.0);
  for (var j = 0u; j < p.slots; j += 1u) {
    let factor = factors[r.weights * p.slots + j];
    // A slot that is not in use may hold anything.
    if factor != 0.0 { sum += factor * basis[(j * p.lanes + r.lane) * p.size4 + i]; }
  }
  out[r.weights * p.size4 + i] = sum;
}
