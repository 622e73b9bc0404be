// A step of SAM's ascent (Foret et al. 2021, eq. 2 with p = 2): + rho g / |g|, and nothing where g is zero. The FIRST
// step starts at the weights, a later one where the ascent stands.
#import shared/rows
#import shared/clock
#import shared/ascent
#import shared/gradient_norm

@group(0) @binding(0) var<uniform> p: Ascend;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;
@group(0) @binding(3) var<storage, read> grads: array<vec4f>;
@group(0) @binding(4) var<storage, read> squares: array<vec2f>;
@group(0) @binding(5) var<storage, read> scheduled: array<Scheduled>;
@group(0) @binding(6) var<storage, read> clock: Clock;
@group(0) @binding(7) var<storage, read_write> ascent: array<vec4f>;

override FIRST: bool = true;
const PER_WORKGROUP = 1024u;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  var sum = vec2f(0.0);
  for (var i = li; i < p.slices; i += 64u) { sum += squares[r.work * 256u + i]; }
  norm_tree[li] = sum;
  let norm = gradient_norm(li);
  let rho = scheduled[clock.step % p.table * p.lanes + r.lane].rho;
  let zero = norm == 0.0;
  let scale = select(rho / select(norm, 1.0, zero), 0.0, zero);
  let w0 = r.lane * p.stride;
  let g0 = r.work * p.stride;
  let end = min((wg.x + 1u) * PER_WORKGROUP, p.size4);
  for (var i = wg.x * PER_WORKGROUP + li; i < end; i += 64u) {
    var start: vec4f;
    if FIRST { start = weights[w0 + i]; } else { start = ascent[w0 + i]; }
    ascent[w0 + i] = start + scale * grads[g0 + i];
  }
}
