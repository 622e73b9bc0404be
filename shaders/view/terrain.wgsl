// A landscape from heights on a fine lattice over [-1, 1]^2: two triangles a square and a wall around them. Coloured as on a
// map, lit from one side, darker in hollows, with contour lines that are as wide everywhere because they are drawn by the
// height's change from pixel to pixel; every fifth is stronger. Squares without a height are a hatched hole in the floor. The
// picture is premultiplied sRGB over nothing. Seen from straight above without perspective it is a contour map.
#import shared/hypsometric
#import shared/knee

struct Terrain {
  right_x: f32, right_y: f32, up_x: f32, up_y: f32, up_z: f32, back_x: f32, back_y: f32, back_z: f32,
  unit_x: f32, unit_y: f32, pan_x: f32, pan_y: f32,          // half pictures of a unit, and where the middle is
  perspective: f32, depth: f32, relief: f32, middle: f32,    // 1 / distance; half the depth; height of the box, and of its middle
  lamp_x: f32, lamp_y: f32, lamp_z: f32,
  levels: f32, line: f32, fine: u32, dark: f32, stale: f32,  // contours from 0 to 1; pixels; points a side
}
struct Seen {
  @builtin(position) position: vec4f,
  @location(0) place: vec2f,
  @location(1) height: f32,
  @location(2) shade: vec3f,                                 // slope, depth of the hollow
  @location(3) @interpolate(flat) kind: u32,
}
const NONE = -100.0;
const SURFACE = 0u;
const HOLE = 1u;
const WALL = 2u;
const FLOOR = -0.07;                                         // of the walls

@group(0) @binding(0) var<uniform> p: Terrain;
@group(0) @binding(1) var<storage, read> fine: array<vec4f>;  // height, slope along x and y, hollow

fn project(place: vec2f, z: f32) -> vec4f {
  let at = vec3f(place, z - p.middle);
  let back = dot(vec3f(p.back_x, p.back_y, p.back_z), at);
  let w = 1.0 - back * p.perspective;
  let x = dot(vec2f(p.right_x, p.right_y), place) * p.unit_x + p.pan_x * w;
  let y = dot(vec3f(p.up_x, p.up_y, p.up_z), at) * p.unit_y + p.pan_y * w;
  return vec4f(x, y, 0.5 * (1.0 + p.depth * p.perspective) * (1.0 - back / p.depth), w);
}

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> Seen {
  let squares = p.fine - 1u;
  let square = index / 6u;
  let corner = (vec2u(0x32u, 0x2Cu) >> vec2u(index % 6u)) & vec2u(1u);
  if square >= squares * squares { return wall(square - squares * squares, corner); }
  let low = vec2u(square % squares, square / squares);
  let i = low.y * p.fine + low.x;
  let mine = fine[i + corner.y * p.fine + corner.x];
  let place = 2.0 * vec2f(low + corner) / f32(squares) - 1.0;
  if min(min(fine[i].x, fine[i + 1u].x), min(fine[i + p.fine].x, fine[i + p.fine + 1u].x)) == NONE {
    return Seen(project(place, 0.0), place, 0.0, vec3f(0.0), HOLE);
  }
  let z = p.relief * knee(mine.x);
  return Seen(project(place, z), place, mine.x, vec3f(mine.yz * p.relief * knee_slope(mine.x), mine.w), SURFACE);
}

// A square of the wall, under the edge from one point of the border to the next; y of the corner is up.
fn wall(square: u32, corner: vec2u) -> Seen {
  let squares = p.fine - 1u;
  let along = square % squares + corner.x;
  let side = square / squares;
  let end = (side & 1u) * squares;
  let at = select(vec2u(end, along), vec2u(along, end), side < 2u);
  let height = max(fine[at.y * p.fine + at.x].x, 0.0);
  let place = 2.0 * vec2f(at) / f32(squares) - 1.0;
  let z = select(FLOOR, p.relief * knee(height), corner.y == 1u);
  let outward = select(0.0, 1.0, (side & 1u) == 1u) * 2.0 - 1.0;
  let normal = select(vec2f(outward, 0.0), vec2f(0.0, outward), side < 2u);
  return Seen(project(place, z), place, z / p.relief, vec3f(normal, 0.0), WALL);
}

fn stripes(at: f32, period: f32) -> f32 {
  let off = abs(fract(at / period) - 0.5) * period;
  return clamp(0.25 * period + 0.5 - off, 0.0, 1.0);
}

@fragment
fn fragment(in: Seen) -> @location(0) vec4f {
  let f = in.height * p.levels;
  let change = max(length(vec2f(dpdx(f), dpdy(f))), 1e-4);
  let hatch = stripes(in.position.x + in.position.y, 9.0);
  let lamp = vec3f(p.lamp_x, p.lamp_y, p.lamp_z);
  let tint = hypsometric(in.height);
  if in.kind == HOLE {
    let alpha = 0.10 + 0.45 * hatch;
    return vec4f(mix(vec3f(0.45, 0.16, 0.12), vec3f(1.0, 0.62, 0.50), p.dark) * alpha, alpha);
  }
  if in.kind == WALL {
    let light = 0.42 + 0.22 * dot(in.shade.xy, lamp.xy);
    return vec4f(mix(tint, vec3f(0.30, 0.36, 0.36), 0.35) * light, 1.0);
  }
  let normal = normalize(vec3f(-in.shade.xy, 1.0));
  let sky = 1.0 - clamp(1.6 * p.relief * in.shade.z, -0.12, 0.45);
  let half = 0.5 + 0.5 * dot(normal, lamp);
  let level = half / (0.5 + 0.5 * lamp.z);                   // 1 on level ground
  // Squares stand for linear light.
  let linear = tint * tint * sky * (0.30 + 0.70 * level * level);
  var colour = sqrt(linear + 0.02 * pow(max(half, 0.0), 24.0));
  let nearest = floor(f + 0.5);
  let major = select(0.0, 1.0, abs(nearest - 5.0 * round(nearest / 5.0)) < 0.5);
  let wide = p.line * (1.0 + 0.5 * major);
  // None where they would crowd, beyond the scale, and at its end, which is the lowest point.
  let crowd = (1.0 - smoothstep(0.22, 0.5, change)) * (1.0 - smoothstep(1.0, 1.04, in.height)) * clamp(nearest, 0.0, 1.0);
  let cover = clamp(0.5 + 0.5 * wide - abs(f - nearest) / change, 0.0, 1.0) * crowd * (0.36 + 0.34 * major);
  let ink = mix(vec3f(0.62, 0.86, 0.84), vec3f(0.02, 0.10, 0.12), smoothstep(0.22, 0.42, in.height));
  colour = mix(colour, ink, cover * select(1.0, 0.75, in.height < 0.3));
  let stale = mix(colour, vec3f(dot(colour, vec3f(0.3, 0.59, 0.11))), 0.45);
  colour = mix(colour, mix(stale, vec3f(p.dark), 0.10 * hatch), p.stale);
  return vec4f(colour, 1.0);
}
