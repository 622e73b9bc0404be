// One pixel an invocation: a lit height field in a box with thin grids, seen in perspective. Each of samples^2 rays marches
// through the box over [-1, 1]^2, in steps as long as the steepest slope allows without a crossing missed, finds the place
// where it crosses the bilinear surface by bisection, and is coloured by height, with
// isolines of even width, half-Lambert light and darkened hollows. Heights lie in 0..1; below 0 there is no surface, and
// the floor is hatched instead. Marks are spheres. The picture is RGBA with straight alpha over nothing.
#import shared/rows
#import shared/index
#import shared/colormap

struct HeightField {
  width: u32, height: u32, first_row: u32, rows: u32,
  samples: u32, points: u32, marks: u32, levels: f32,
  scale: f32, azimuth: f32, elevation: f32, distance: f32,
  zoom: f32, target_z: f32, ink: f32, steepest: f32,
}
struct Hit { t: f32, found: bool }
struct Layer { colour: vec3f, alpha: f32 }
const STEPS = 96u;                                           // marching steps of a ray at most, and bisections of the last one
const BISECTIONS = 10u;

@group(0) @binding(0) var<uniform> p: HeightField;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> heights: array<f32>;       // [work][y][x]
@group(0) @binding(3) var<storage, read> marks: array<vec4f>;       // x, y, height, radius
@group(0) @binding(4) var<storage, read_write> image: array<u32>;   // [work][y][x], red lowest

fn lattice(slot: u32, at: vec2u) -> f32 { return heights[(slot * p.points + at.y) * p.points + at.x]; }

// The height above a place, negative where a corner of its cell has none.
fn surface(slot: u32, place: vec2f) -> f32 {
  let at = clamp((place + 1.0) * 0.5, vec2f(0.0), vec2f(1.0)) * f32(p.points - 1u);
  let low = min(vec2u(at), vec2u(p.points - 2u));
  let f = at - vec2f(low);
  let a = lattice(slot, low);
  let b = lattice(slot, low + vec2u(1u, 0u));
  let c = lattice(slot, low + vec2u(0u, 1u));
  let d = lattice(slot, low + vec2u(1u, 1u));
  if min(min(a, b), min(c, d)) < 0.0 { return -1.0; }
  return mix(mix(a, b, f.x), mix(c, d, f.x), f.y);
}

// Slope of the height; zero at holes.
fn slope(slot: u32, place: vec2f) -> vec2f {
  let d = 2.0 / f32(p.points - 1u);
  let high = min(place + d, vec2f(1.0));
  let low = max(place - d, vec2f(-1.0));
  let h = vec4f(surface(slot, vec2f(high.x, place.y)), surface(slot, vec2f(low.x, place.y)), surface(slot, vec2f(place.x, high.y)), surface(slot, vec2f(place.x, low.y)));
  if min(min(h.x, h.y), min(h.z, h.w)) < 0.0 { return vec2f(0.0); }
  return vec2f(h.x - h.y, h.z - h.w) / (high - low);
}

// How much higher the surroundings are: hollows get less light from the sky.
fn hollow(slot: u32, place: vec2f, h: f32) -> f32 {
  var sum = 0.0;
  for (var i = 0u; i < 8u; i++) {
    let angle = 0.785398163 * f32(i);
    let around = surface(slot, place + 0.14 * vec2f(cos(angle), sin(angle)));
    sum += select(around - h, 0.0, around < 0.0);
  }
  return clamp(0.125 * sum * p.scale / 0.14, -1.0, 1.0);
}

// Share of a line of half-width `wide` at distance `off` from its middle.
fn line(off: f32, wide: f32) -> f32 { return 1.0 - smoothstep(0.6 * wide, 1.4 * wide, off); }
fn grid(at: vec2f, spacing: vec2f, wide: f32) -> f32 {
  let off = abs(fract(at / spacing + 0.5) - 0.5) * spacing;
  return max(line(off.x, wide), line(off.y, wide));
}

fn box_span(eye: vec3f, ray: vec3f) -> vec2f {
  let inverse = 1.0 / select(ray, vec3f(1e-6), abs(ray) < vec3f(1e-6));
  let a = (vec3f(-1.0, -1.0, 0.0) - eye) * inverse;
  let b = (vec3f(1.0, 1.0, p.scale) - eye) * inverse;
  let near = min(a, b);
  let far = max(a, b);
  return vec2f(max(max(near.x, near.y), near.z), min(min(far.x, far.y), far.z));
}

fn march(slot: u32, eye: vec3f, ray: vec3f) -> Hit {
  let span = box_span(eye, ray) + vec2f(-1e-4, 1e-4);
  if span.x >= span.y { return Hit(0.0, false); }
  let shortest = (span.y - span.x) / f32(STEPS);
  let closing = abs(ray.z) + p.steepest * length(ray.xy);
  var before = 0.0;
  var known = false;
  var last = span.x;
  var t = span.x;
  for (var i = 0u; i <= STEPS + 1u; i++) {
    let at = eye + ray * t;
    let h = surface(slot, at.xy);
    let above = at.z - h * p.scale;
    if known && h >= 0.0 && above * before <= 0.0 {
      var low = last;
      var high = t;
      for (var k = 0u; k < BISECTIONS; k++) {
        let middle = 0.5 * (low + high);
        let there = eye + ray * middle;
        if (there.z - surface(slot, there.xy) * p.scale) * before > 0.0 { low = middle; } else { high = middle; }
      }
      return Hit(0.5 * (low + high), true);
    }
    if t >= span.y { break; }
    before = above;
    known = h >= 0.0;
    last = t;
    t = min(t + select(shortest, max(shortest, abs(above) / closing), known), span.y);
  }
  return Hit(0.0, false);
}

fn light(normal: vec3f, ray: vec3f, colour: vec3f, sky: f32) -> vec3f {
  let lamp = normalize(vec3f(sin(p.azimuth - 0.9), -cos(p.azimuth - 0.9), 1.25));
  let half = 0.5 + 0.5 * dot(normal, lamp);
  let shine = pow(max(dot(normal, normalize(lamp - ray)), 0.0), 48.0);
  return colour * (0.30 * sky + 0.85 * half * half) + 0.10 * shine;
}

fn lit_surface(slot: u32, at: vec3f, ray: vec3f) -> vec3f {
  let h = surface(slot, at.xy);
  let rise = slope(slot, at.xy);
  var normal = normalize(vec3f(-rise * p.scale, 1.0));
  let below = dot(normal, ray) > 0.0;
  if below { normal = -normal; }
  var colour = light(normal, ray, colormap(clamp(h, 0.0, 1.0)), 1.0 - 0.75 * hollow(slot, at.xy, h));
  let steep = max(length(rise) * p.levels, 1e-3);
  let f = h * p.levels;
  let edge = 1.0 - max(abs(at.x), abs(at.y));
  let isoline = line(abs(fract(f + 0.5) - 0.5) / steep, 0.0045) * clamp(steep, 0.0, 1.0);
  colour *= 1.0 - 0.45 * max(isoline, line(edge, 0.006));
  return select(colour, 0.45 * colour + 0.04, below);
}

// What is behind and below the surface: the floor, and the two walls that face the eye.
fn room(slot: u32, eye: vec3f, ray: vec3f) -> Layer {
  let inner = -sign(eye.xy);
  let walls = (inner - eye.xy) / select(ray.xy, vec2f(1e-6), abs(ray.xy) < vec2f(1e-6));
  let floor_t = select(-1.0, -eye.z / min(ray.z, -1e-6), ray.z < 0.0);
  let ink = vec3f(p.ink);
  let on_floor = eye + ray * floor_t;
  if floor_t > 0.0 && max(abs(on_floor.x), abs(on_floor.y)) <= 1.004 {
    let hole = surface(slot, on_floor.xy) < 0.0;
    if hole { return Layer(vec3f(0.55, 0.04, 0.05), 0.25 + 0.6 * grid(vec2f(on_floor.x + on_floor.y, 9.0), vec2f(0.06, 40.0), 0.012)); }
    return Layer(ink, 0.06 + 0.34 * grid(on_floor.xy, vec2f(0.25), 0.0035));
  }
  for (var i = 0u; i < 2u; i++) {
    let t = select(walls.y, walls.x, i == 0u);
    let at = eye + ray * t;
    let along = select(at.x, at.y, i == 0u);
    if t > 0.0 && abs(along) <= 1.004 && at.z >= 0.0 && at.z <= p.scale * 1.004 {
      return Layer(ink, 0.03 + 0.30 * grid(vec2f(along, at.z), vec2f(0.25, p.scale * 0.2), 0.0035));
    }
  }
  return Layer(ink, 0.0);
}

fn sample_ray(slot: u32, eye: vec3f, ray: vec3f) -> vec4f {
  let hit = march(slot, eye, ray);
  var nearest = select(1e9, hit.t, hit.found);
  var colour = vec4f(0.0);
  if hit.found {
    colour = vec4f(lit_surface(slot, eye + ray * hit.t, ray), 1.0);
  } else {
    let back = room(slot, eye, ray);
    colour = vec4f(back.colour * back.alpha, back.alpha);
  }
  for (var i = 0u; i < p.marks; i++) {
    let mark = marks[slot * p.marks + i];
    let off = eye - vec3f(mark.xy, mark.z * p.scale);
    let b = dot(off, ray);
    let d = b * b - dot(off, off) + mark.w * mark.w;
    let t = -b - sqrt(max(d, 0.0));
    if d > 0.0 && t < nearest + mark.w {
      nearest = min(nearest, t);
      colour = vec4f(light((off + ray * t) / mark.w, ray, vec3f(0.95), 1.0), 1.0);
    }
  }
  return colour;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let pixel = vec2u(id % p.width, id / p.width + p.first_row);
  if id / p.width >= p.rows || pixel.y >= p.height { return; }
  let slot = rows.row[wg.z].work;
  let flat = cos(p.elevation);
  let back = vec3f(flat * sin(p.azimuth), -flat * cos(p.azimuth), sin(p.elevation));
  let right = vec3f(cos(p.azimuth), sin(p.azimuth), 0.0);
  let up = cross(back, right);
  let eye = back * p.distance + vec3f(0.0, 0.0, p.target_z);
  var sum = vec4f(0.0);
  for (var i = 0u; i < p.samples * p.samples; i++) {
    let sub = (vec2f(vec2u(i % p.samples, i / p.samples)) + 0.5) / f32(p.samples);
    let at = (2.0 * (vec2f(pixel) + sub) - vec2f(vec2u(p.width, p.height))) / f32(p.height) * p.zoom;
    sum += sample_ray(slot, eye, normalize(right * at.x - up * at.y - back));
  }
  let alpha = sum.w / f32(p.samples * p.samples);
  let colour = srgb(sum.xyz / max(sum.w, 1e-6));
  image[(slot * p.height + pixel.y) * p.width + pixel.x] = pack4x8unorm(vec4f(colour, alpha));
}
