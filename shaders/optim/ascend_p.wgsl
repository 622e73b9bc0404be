// A step of an ascent in any p-norm, with ASAM's scaling T where the lane is adaptive (Foret et al. 2021, eq. 2; Kwon et
// al. 2021): + rho T sign(h) |h|^(q-1) / (sum |h|^q)^(1/p), h = T g. With p = 1 all of rho goes to the first largest |h|.
// The FIRST step starts at the weights, a later one where the ascent stands.
#import shared/rows
#import shared/clock
#import shared/ascent
#import shared/extremes

@group(0) @binding(0) var<uniform> p: Ascend;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;
@group(0) @binding(3) var<storage, read> grads: array<vec4f>;
@group(0) @binding(4) var<storage, read> extremes: array<f32>;
@group(0) @binding(5) var<storage, read> places: array<vec4u>;
@group(0) @binding(6) var<storage, read> hyper: array<Hyper>;
@group(0) @binding(7) var<storage, read> scheduled: array<Scheduled>;
@group(0) @binding(8) var<storage, read> clock: Clock;
@group(0) @binding(9) var<storage, read_write> ascent: array<vec4f>;

override FIRST: bool = true;
const PER_WORKGROUP = 1024u;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  let power = hyper[r.lane].power;
  let adaptive = hyper[r.lane].adaptive;
  var lead = Extreme(-1.0, ORDER);
  var total = 0.0;
  for (var i = 0u; i < p.slices; i++) {
    let o = (r.work * 256u + i) * 4u;
    lead = leading(lead, Extreme(extremes[o], bitcast<u32>(extremes[o + 1u])));
    total += extremes[o + 2u];
  }
  let rho = scheduled[clock.step % p.table * p.lanes + r.lane].rho;
  let inverse = 1.0 / max(lead.value, 1e-37);
  // (sum u^q)^(1/p), 1/p = (q-1)/q; the sum is at least 1, that of the largest, unless all of h is 0.
  let scale = rho * exp2(-power / (power + 1.0) * log2(max(total, 1.0)));
  let w0 = r.lane * p.stride;
  let g0 = r.work * p.stride;
  let end = min((wg.x + 1u) * PER_WORKGROUP, p.size4);
  for (var i = wg.x * PER_WORKGROUP + li; i < end; i += 64u) {
    let at = places[i];
    let w = weights[w0 + i];
    let t = ascent_scale(adaptive, w, at);
    let h = t * grads[g0 + i];
    var e: vec4f;
    if power < 0.0 {
      e = select(vec4f(0.0), rho * sign(h), (at & vec4u(ORDER)) == vec4u(lead.place));
    } else {
      e = scale * sign(h) * ratio_power(abs(h) * inverse, power);
    }
    var start = w;
    if !FIRST { start = ascent[w0 + i]; }
    ascent[w0 + i] = start + t * e;
  }
}
