// A row's weights as a random step away from given ones: out = w + s T xi, xi ~ N(0, I). T = 1, or with SCALING 1 ASAM's,
// |w| + epsilon on weights and 1 on biases and norms, or with SCALING 2 |w| + epsilon everywhere. UNIT: xi / |xi| takes the
// place of xi; its squares come from noise_squares.wgsl.
#import shared/rows
#import shared/noise
#import shared/gradient_norm

struct Perturb { size4: u32, slices: u32 }

@group(0) @binding(0) var<uniform> p: Perturb;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> draws: array<Draw>;
@group(0) @binding(3) var<storage, read> places: array<vec4u>;
@group(0) @binding(4) var<storage, read> centre: array<vec4f>;
@group(0) @binding(5) var<storage, read> squares: array<vec2f>;
@group(0) @binding(6) var<storage, read_write> out: array<vec4f>;

override SCALING: u32 = 0u;
override UNIT: bool = false;
const PER_WORKGROUP = 256u;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  let d = draws[r.lane];
  var sum = vec2f(0.0);
  if UNIT {
    for (var i = li; i < p.slices; i += 64u) { sum += squares[r.work * 256u + i]; }
  }
  norm_tree[li] = sum;
  let norm = gradient_norm(li);
  let scale = select(d.scale, d.scale / max(norm, 1e-30), UNIT);
  let end = min((wg.x + 1u) * PER_WORKGROUP, p.size4);
  for (var i = wg.x * PER_WORKGROUP + li; i < end; i += 64u) {
    let w = centre[i];
    let at = places[i];
    let scaled = SCALING == 2u || (SCALING == 1u && (at.x & OF_WEIGHT) != 0u);   // a vec4 lies within one tensor
    let t = select(vec4f(1.0), abs(w) + d.epsilon, scaled);
    out[r.weights * p.size4 + i] = w + scale * t * gaussian(d, at);
  }
}
