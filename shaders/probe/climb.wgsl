// Points of an ascent in one step, a lane each. CLIMBED: w + rho T v, along a direction v; else T v alone, the gradient as the
// ascent sees it. ADAPTIVE: T = |w|, whose ball does not see a rescaled ReLU network (Kwon et al. 2021, eta 0); else 1.
#import shared/rows

struct Climb { size4: u32 }

@group(0) @binding(0) var<uniform> p: Climb;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> radii: array<vec2f>;            // rho, and that of T = |w|, of each lane
@group(0) @binding(3) var<storage, read> weights: array<vec4f>;
@group(0) @binding(4) var<storage, read> vectors: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> out: array<vec4f>;

override ADAPTIVE: bool = false;
override CLIMBED: bool = true;
const PER_WORKGROUP = 512u;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let lane = rows.row[wg.z].lane;
  let base = lane * p.size4;
  let rho = select(radii[lane].x, radii[lane].y, ADAPTIVE);
  let end = min((wg.x + 1u) * PER_WORKGROUP, p.size4);
  for (var i = wg.x * PER_WORKGROUP + li; i < end; i += 64u) {
    let w = weights[base + i];
    var v = vectors[base + i];
    if ADAPTIVE { v *= abs(w); }
    if CLIMBED { v = w + rho * v; }
    out[base + i] = v;
  }
}
