// Losses on a lattice to heights on a finer one, through Catmull-Rom splines, with slopes for the light and the depth of
// hollows for the shade: out = (height, slope along x, slope along y, hollow), over [-1, 1]^2. A height is 0 at `low` and 1 at
// `high`, linear or in the logarithm, and goes on beyond. A cell with a corner that is not finite has no height; a neighbour
// that has none is where the line through the other two puts it.
#import shared/rows
#import shared/index

struct RefineHeights { points: u32, by: u32, log: u32, low: f32, high: f32 }

@group(0) @binding(0) var<uniform> p: RefineHeights;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> losses: array<vec2f>;         // loss, accuracy; [y][x]
@group(0) @binding(3) var<storage, read_write> fine: array<vec4f>;     // [y][x]

const NONE = -100.0;                                         // below every height
const BOUND = 3.0;                                           // heights are cut here, so that a cliff does not ring
const REACH = 0.16;                                          // of a hollow's surroundings

fn lattice(x: i32, y: i32) -> f32 {
  let last = i32(p.points) - 1;
  if min(x, y) < 0 || max(x, y) > last { return NONE; }
  let loss = losses[u32(y) * p.points + u32(x)].x;
  if (bitcast<u32>(loss) & 0x7F800000u) == 0x7F800000u { return NONE; }
  var h = (loss - p.low) / (p.high - p.low);
  if p.log == 1u { h = log(max(loss, 1e-30) / p.low) / log(p.high / p.low); }
  return clamp(h, -BOUND, BOUND);
}

// Value and slope at f between the second and the third of four.
fn spline(p0: f32, p1: f32, p2: f32, p3: f32, f: f32) -> vec2f {
  let a = 0.5 * (p2 - select(p0, 2.0 * p1 - p2, p0 == NONE));
  let b = 0.5 * (select(p3, 2.0 * p2 - p1, p3 == NONE) - p1);
  let d = p2 - p1;
  let two = 3.0 * d - 2.0 * a - b;
  let three = a + b - 2.0 * d;
  return vec2f(p1 + f * (a + f * (two + f * three)), a + f * (2.0 * two + 3.0 * f * three));
}
fn along(x: i32, y: i32, f: f32) -> vec2f {
  if y < 0 || y >= i32(p.points) { return vec2f(NONE, 0.0); }
  let p1 = lattice(x, y);
  let p2 = lattice(x + 1, y);
  if min(p1, p2) == NONE { return vec2f(NONE, 0.0); }
  return spline(lattice(x - 1, y), p1, p2, lattice(x + 2, y), f);
}

// The plain bilinear height; NONE where it is not known.
fn rough(place: vec2f) -> f32 {
  let at = clamp((place + 1.0) * 0.5, vec2f(0.0), vec2f(1.0)) * f32(p.points - 1u);
  let low = min(vec2i(at), vec2i(i32(p.points) - 2));
  let f = at - vec2f(low);
  let a = lattice(low.x, low.y);
  let b = lattice(low.x + 1, low.y);
  let c = lattice(low.x, low.y + 1);
  let d = lattice(low.x + 1, low.y + 1);
  if min(min(a, b), min(c, d)) == NONE { return NONE; }
  return mix(mix(a, b, f.x), mix(c, d, f.x), f.y);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let side = (p.points - 1u) * p.by + 1u;
  if id >= side * side { return; }
  let at = vec2u(id % side, id / side);
  // A point on the border of two cells belongs to the one that has a height.
  var out = vec4f(NONE, 0.0, 0.0, 0.0);
  for (var k = 0u; k < 4u && out.x == NONE; k++) {
    let back = vec2u(k & 1u, k >> 1u);
    if any((at % p.by != vec2u(0u)) & (back == vec2u(1u))) || any(at < back) { continue; }
    let cell = min((at - back) / p.by, vec2u(p.points - 2u));
    let f = vec2f(at - cell * p.by) / f32(p.by);
    let c = vec2i(cell);
    let r1 = along(c.x, c.y, f.x);
    let r2 = along(c.x, c.y + 1, f.x);
    if min(r1.x, r2.x) == NONE { continue; }
    let r0 = along(c.x, c.y - 1, f.x);
    let r3 = along(c.x, c.y + 2, f.x);
    let h = spline(r0.x, r1.x, r2.x, r3.x, f.y);
    let unit = 0.5 * f32(p.points - 1u);
    out = vec4f(h.x, unit * mix(r1.y, r2.y, f.y), unit * h.y, 0.0);
  }
  if out.x != NONE {
    let place = 2.0 * vec2f(at) / f32(side - 1u) - 1.0;
    for (var i = 0u; i < 8u; i++) {
      let angle = 0.785398163 * (f32(i) + 0.5);
      let around = rough(place + REACH * vec2f(cos(angle), sin(angle)));
      out.w += select(0.125 * (min(around, 1.0) - min(out.x, 1.0)), 0.0, around == NONE);
    }
  }
  fine[id] = out;
}
