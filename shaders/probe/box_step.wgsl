// The search in Keskar's box |y_i - x_i| <= b_i, b = epsilon (|v| + 1) (Keskar et al. 2017, eq. 3). A step: y = y + s b sign(g),
// cut off at the box: the steepest ascent in the norm that the box is a ball of. From y = x, s = 1 leads to the sign vertex.
// START: y = x + s b u with u uniform in [-1, 1); s = 0 is x itself.
#import shared/rows
#import shared/noise

struct BoxStep { size4: u32 }

@group(0) @binding(0) var<uniform> p: BoxStep;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> draws: array<Draw>;
@group(0) @binding(3) var<storage, read> places: array<vec4u>;
@group(0) @binding(4) var<storage, read> centre: array<vec4f>;           // x
@group(0) @binding(5) var<storage, read> widths: array<vec4f>;           // v, which is x unless the box is one of a subspace
@group(0) @binding(6) var<storage, read> grads: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> point: array<vec4f>;      // y

override START: bool = false;

fn symmetric(d: Draw, place: u32) -> f32 { return f32(noise_bits(d, place).x >> 8u) * (1.0 / 8388608.0) - 1.0; }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if i >= p.size4 { return; }
  let d = draws[rows.row[wg.z].lane];
  let at = places[i];
  let x = centre[i];
  let b = select(d.epsilon * (abs(widths[i]) + 1.0), vec4f(0.0), (at & vec4u(PLACE)) == vec4u(PLACE));
  if START {
    let u = vec4f(symmetric(d, at.x), symmetric(d, at.y), symmetric(d, at.z), symmetric(d, at.w));
    point[i] = x + d.scale * b * u;
  } else {
    point[i] = clamp(point[i] + d.scale * b * sign(grads[i]), x - b, x + b);
  }
}
