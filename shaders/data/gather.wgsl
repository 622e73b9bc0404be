// Fetches a step's batch: chooses the examples, unpacks and scales them, and lays them out as the network wants them,
// channels last and padded to vec4s (IMAGE) or flat. A data set larger than one binding lies in several pieces, each
// with a dispatch of its own. `lanes` invocations share an example: each chooses it, and copies every `lanes`th vec4, so that
// neighbours read and write side by side. With AUGMENT a training image is flipped, cropped out of its padded self and cut out
// on the way, as drawn for (seed, step, position).
#import shared/clock
#import shared/rng

struct Gather {
  batch: u32, count: u32, offset: u32,                       // a group: `count` examples of the batch from `offset` on
  examples: u32, first: u32, order: u32,
  piece_first: u32, piece_examples: u32, example_words: u32, features: u32,
  channels: u32, pixels: u32, example4: u32, stride: u32,
  width: u32, flip: u32, crop: u32, reflect: u32,
  cutout: u32, lanes: u32,
}
struct Seeds { seed: array<vec4u, 256> }
const SHUFFLE = 0u;
const FILE = 1u;
const ONCE = 2u;                                             // every example once, in order: an evaluation
const BLACK = 0xFFFFFFFFu;                                   // a pixel of the padding
const CUT = 0xFFFFFFFEu;                                     // a pixel that is 0 after scaling

@group(0) @binding(0) var<uniform> p: Gather;
@group(0) @binding(1) var<uniform> seeds: Seeds;
@group(0) @binding(2) var<storage, read> data: array<u32>;
@group(0) @binding(3) var<storage, read> all_labels: array<u32>;
@group(0) @binding(4) var<storage, read> scaling: array<vec2f>;        // mean, 1 / deviation of each channel
@group(0) @binding(5) var<storage, read_write> clock: Clock;
@group(0) @binding(6) var<storage, read_write> batch: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> labels: array<u32>;

override BYTES: bool = true;
override IMAGE: bool = true;
override AUGMENT: bool = false;

var<private> flipped: bool;
var<private> shift: vec2i;                                   // of the crop against the image
var<private> cut: vec2i;                                     // the upper left corner of the square

fn choose(slot: u32, i: u32) -> u32 {
  let step = clock.next;
  if p.order == SHUFFLE {
    let steps = p.examples / p.batch;
    return shuffled(seeds.seed[slot].x, step / steps, p.examples, step % steps * p.batch + i);
  }
  if p.order == FILE { return (step % p.examples * p.batch + i) % p.examples; }
  return step * p.batch + i;
}
fn scaled(value: f32, channel: u32) -> f32 {
  let s = scaling[channel];
  return (value - s.x) * s.y;
}
fn draw(seed: u32, position: u32) {
  let counter = vec2u(clock.next, position);
  let crop = threefry(vec2u(seed, STREAM_AUGMENT), counter);
  let centre = threefry(vec2u(seed, STREAM_AUGMENT | 0x100u), counter);
  let coin = threefry(vec2u(seed, STREAM_AUGMENT | 0x200u), counter);
  let room = 2u * p.crop + 1u;
  shift = vec2i(vec2u(below(crop.x, room), below(crop.y, room))) - i32(p.crop);
  cut = vec2i(vec2u(below(centre.x, p.width), below(centre.y, p.pixels / p.width))) - i32(p.cutout / 2u);
  flipped = p.flip == 1u && coin.x >= 0x80000000u;
}
// Where in the stored image the pixel comes from.
fn source(pixel: u32) -> u32 {
  if !AUGMENT { return pixel; }
  let size = vec2i(vec2u(p.width, p.pixels / p.width));
  let at = vec2i(vec2u(pixel % p.width, pixel / p.width));
  if all(at >= cut) && all(at < cut + i32(p.cutout)) { return CUT; }
  var place = at + shift;
  if any(place < vec2i(0)) || any(place >= size) {
    if p.reflect == 0u { return BLACK; }
    place = size - 1 - abs(size - 1 - abs(place));
  }
  if flipped { place.x = size.x - 1 - place.x; }
  return u32(place.y) * p.width + u32(place.x);
}
fn stored(base: u32, index: u32) -> f32 {
  if BYTES { return f32((data[base + index / 4u] >> (index % 4u * 8u)) & 255u); }
  return bitcast<f32>(data[base + index]);
}
fn image_feature(base: u32, pixel: u32, channel: u32) -> f32 {
  if channel >= p.channels || pixel == CUT { return 0.0; }
  if pixel == BLACK { return scaled(0.0, channel); }
  return scaled(stored(base, channel * p.pixels + pixel), channel);
}

fn flat_feature(base: u32, index: u32) -> f32 {
  return image_feature(base, source(index % p.pixels), index / p.pixels);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(global_invocation_id) id: vec3u) {
  if id.x == 0u && wg.z == 0u {
    clock.step = clock.next;
    clock.offset = p.offset;
  }
  let i = id.x / p.lanes;
  let begin = id.x % p.lanes;
  if i >= p.count { return; }
  let chosen = choose(wg.z, p.offset + i);
  let missing = chosen >= p.examples;
  let example = p.first + select(chosen, 0u, missing);
  if example < p.piece_first || example >= p.piece_first + p.piece_examples { return; }
  if begin == 0u { labels[wg.z * p.count + i] = select(all_labels[example], 0x80000000u, missing); }
  let base = (example - p.piece_first) * p.example_words;
  if AUGMENT { draw(seeds.seed[wg.z].x, p.offset + i); }
  let o = wg.z * p.stride + i * p.example4;
  let c4 = (p.channels + 3u) / 4u;
  var pixel = begin / c4;                                    // of an image: f / c4 and f % c4 without a division each
  var c = begin % c4;
  let pixels = p.lanes / c4;
  let rest = p.lanes % c4;
  for (var f = begin; f < p.example4; f += p.lanes) {
    var v = vec4f(0.0);
    if IMAGE {
      let at = source(pixel);
      let first = 4u * c;
      v = vec4f(image_feature(base, at, first), image_feature(base, at, first + 1u), image_feature(base, at, first + 2u), image_feature(base, at, first + 3u));
      pixel += pixels;
      c += rest;
      if c >= c4 { c -= c4; pixel++; }
    } else if BYTES && !AUGMENT && p.pixels % 4u == 0u {
      let s = scaling[4u * f / p.pixels];                    // the four share a word and a channel
      v = (vec4f(unpack4xU8(data[base + f])) - s.x) * s.y;
    } else {
      v = vec4f(flat_feature(base, 4u * f), flat_feature(base, 4u * f + 1u), flat_feature(base, 4u * f + 2u), flat_feature(base, 4u * f + 3u));
    }
    batch[o + f] = v;
  }
}
