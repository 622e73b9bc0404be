// One pixel an invocation: the classes that a network sees in a plane, from its logits on a lattice whose corners are the
// corners of the picture. Logits are interpolated by Catmull-Rom splines, which give their slope, too. The classes' colours are
// mixed by their probabilities and fade to `neutral` where the network is unsure. The line where the two highest logits are
// equal is as wide everywhere, for its distance is their difference by its slope; so are the faint lines where the
// higher of two classes has 90 and 99 %. Where a logit is not finite the picture is hatched. Colours are as a screen
// takes them (sRGB), and mixed as such.
#import shared/rows
#import shared/index

struct PaintField {
  width: u32, height: u32, grid_width: u32, grid_height: u32,
  classes: u32, classes4: u32, stride: u32,
  line_width: f32, isolines: f32,
}
struct Jet { value: vec4f, x: vec4f, y: vec4f }              // four logits, and their slopes a pixel

@group(0) @binding(0) var<uniform> p: PaintField;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> logits: array<vec4f>;         // [work][y][x][class]
@group(0) @binding(3) var<storage, read> colours: array<vec4f>;        // neutral, line, and each class's
@group(0) @binding(4) var<storage, read_write> image: array<u32>;      // [y][x], red lowest

const HATCH = 10u;                                           // pixels from one stripe to the next

fn weights(f: f32) -> vec4f {
  return vec4f(f * (f * (1.0 - 0.5 * f) - 0.5), f * f * (1.5 * f - 2.5) + 1.0, f * (f * (2.0 - 1.5 * f) + 0.5), 0.5 * f * f * (f - 1.0));
}
fn slopes(f: f32) -> vec4f {
  return vec4f(f * (2.0 - 1.5 * f) - 0.5, f * (4.5 * f - 5.0), f * (4.0 - 4.5 * f) + 0.5, f * (1.5 * f - 1.0));
}

// Four classes' logits at a place of the lattice.
fn jet(base: u32, at: vec2f, scale: vec2f) -> Jet {
  let size = vec2u(p.grid_width, p.grid_height);
  let low = min(vec2u(at), size - 2u);
  let f = at - vec2f(low);
  let wx = weights(f.x);
  let sx = slopes(f.x);
  let wy = weights(f.y);
  let sy = slopes(f.y);
  let x = min(vec4u(max(low.x, 1u) - 1u, low.x, low.x + 1u, low.x + 2u), vec4u(size.x - 1u)) * p.classes4;
  var out = Jet(vec4f(0.0), vec4f(0.0), vec4f(0.0));
  for (var j = 0u; j < 4u; j++) {
    let line = base + min(max(low.y + j, 1u) - 1u, size.y - 1u) * size.x * p.classes4;
    let z = mat4x4f(logits[line + x.x], logits[line + x.y], logits[line + x.z], logits[line + x.w]);
    let value = z * wx;
    out.value += wy[j] * value;
    out.y += sy[j] * value;
    out.x += wy[j] * (z * sx);
  }
  return Jet(out.value, out.x * scale.x, out.y * scale.y);
}

fn finite(v: f32) -> bool { return (bitcast<u32>(v) & 0x7F800000u) != 0x7F800000u; }

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let pixel = vec2u(id % p.width, id / p.width);
  if pixel.y >= p.height { return; }
  let scale = vec2f(vec2u(p.grid_width, p.grid_height) - 1u) / vec2f(vec2u(p.width, p.height));
  let at = (vec2f(pixel) + 0.5) * scale;
  var best = -1e30;
  var second = -1e30;
  var best_slope = vec2f(0.0);
  var second_slope = vec2f(0.0);
  var total = 0.0;                                           // of exp(logit - best), and of colours times it
  var mixed = vec3f(0.0);
  var known = true;
  for (var block = 0u; block < p.classes4; block++) {
    let z = jet(rows.row[wg.z].work * p.stride + block, at, scale);
    for (var k = 0u; k < min(4u, p.classes - 4u * block); k++) {
      let value = z.value[k];
      let slope = vec2f(z.x[k], z.y[k]);
      let colour = colours[2u + 4u * block + k].rgb;
      known = known && finite(value);
      if value > best {
        let less = exp(clamp(best - value, -80.0, 0.0));
        total = total * less + 1.0;
        mixed = mixed * less + colour;
        second = best;
        second_slope = best_slope;
        best = value;
        best_slope = slope;
      } else {
        let share = exp(clamp(value - best, -80.0, 0.0));
        total += share;
        mixed += share * colour;
        if value > second {
          second = value;
          second_slope = slope;
        }
      }
    }
  }
  let neutral = colours[0].rgb;
  let line = colours[1];
  let even = 1.0 / f32(p.classes);
  let sure = clamp((1.0 / max(total, 1.0) - even) / (1.0 - even), 0.0, 1.0);
  var colour = mix(neutral, mixed / max(total, 1.0), sqrt(sure));
  // Where the slope vanishes there is no line, however small the difference is.
  let margin = best - second + 1e-4;
  let steep = max(length(best_slope - second_slope), 1e-6);
  let faint = clamp(1.0 - min(abs(margin - 2.197225), abs(margin - 4.595120)) / steep, 0.0, 1.0);
  colour = mix(colour, line.rgb, p.isolines * faint);
  colour = mix(colour, line.rgb, line.a * clamp(0.5 + 0.5 * p.line_width - margin / steep, 0.0, 1.0));
  if !known { colour = mix(neutral, line.rgb, select(0.08, 0.5, (pixel.x + pixel.y) % HATCH < 2u)); }
  image[pixel.y * p.width + pixel.x] = pack4x8unorm(vec4f(colour, 1.0));
}
