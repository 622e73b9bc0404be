// Counter-based random numbers, bit for bit those of crates/core/src/rng.rs.
const STREAM_INIT = 1u;
const STREAM_ORDER = 2u;
const STREAM_DROPOUT = 5u;
const STREAM_AUGMENT = 6u;
const STREAM_PERTURBATION = 24u;

fn rotate(x: u32, bits: u32) -> u32 { return (x << bits) | (x >> (32u - bits)); }

fn four_rounds(x: vec2u, r: vec4u) -> vec2u {
  var v = x;
  v.x += v.y; v.y = rotate(v.y, r.x) ^ v.x;
  v.x += v.y; v.y = rotate(v.y, r.y) ^ v.x;
  v.x += v.y; v.y = rotate(v.y, r.z) ^ v.x;
  v.x += v.y; v.y = rotate(v.y, r.w) ^ v.x;
  return v;
}

// Threefry-2x32, 20 rounds (Salmon et al., SC 2011).
fn threefry(key: vec2u, counter: vec2u) -> vec2u {
  let a = vec4u(13u, 15u, 26u, 6u);
  let b = vec4u(17u, 29u, 16u, 24u);
  let k = 0x1BD11BDAu ^ key.x ^ key.y;
  var x = counter + key;
  var keys = vec3u(key.y, k, key.x);
  var now = a;
  var next = b;
  // A loop, and another in `shuffled`: unrolled, they take a third of the time until a software adapter can begin.
  for (var i = 1u; i <= 5u; i++) {
    x = four_rounds(x, now) + vec2u(keys.x, keys.y + i);
    keys = keys.yzx;
    let last = now;
    now = next;
    next = last;
  }
  return x;
}

// The finaliser of MurmurHash3.
fn mix(bits: u32) -> u32 {
  var x = (bits ^ (bits >> 16u)) * 0x85EBCA6Bu;
  x = (x ^ (x >> 13u)) * 0xC2B2AE35u;
  return x ^ (x >> 16u);
}

fn feistel(half: vec2u, key: u32, mask: u32) -> vec2u { return vec2u(half.y, half.x ^ (mix(half.y ^ key) & mask)); }

// Place `index` of the shuffled order of n examples in `epoch`: a Feistel network, walked until it lands in 0..n.
fn shuffled(seed: u32, epoch: u32, n: u32, index: u32) -> u32 {
  let bits = (33u - countLeadingZeros(max(n, 2u) - 1u)) / 2u;
  let mask = (1u << bits) - 1u;
  let key = vec2u(seed, STREAM_ORDER);
  var keys: array<vec2u, 4>;
  for (var i = 0u; i < 4u; i++) { keys[i] = threefry(key, vec2u(epoch, i)); }
  var place = index;
  loop {
    var h = vec2u(place >> bits, place & mask);
    for (var i = 0u; i < 4u; i++) { h = feistel(feistel(h, keys[i].x, mask), keys[i].y, mask); }
    place = (h.x << bits) | h.y;
    if place < n { break; }
  }
  return place;
}

// The random bits of elements 4 i .. 4 i + 3 of a batch for a layer's dropout in a step.
fn dropout_bits(seed: u32, layer: u32, step: u32, i: u32) -> vec4u {
  let key = vec2u(seed, STREAM_DROPOUT | (layer << 8u));
  return vec4u(threefry(key, vec2u(2u * i, step)), threefry(key, vec2u(2u * i + 1u, step)));
}

// Uniform in 0..n for n up to 65536, from the upper 16 bits; the bias is below n / 65536.
fn below(bits: u32, n: u32) -> u32 { return ((bits >> 16u) * n) >> 16u; }

// Standard normal from 64 random bits (Box and Muller 1958).
fn normal(bits: vec2u) -> f32 {
  let u = 1.0 - f32(bits.x >> 8u) * (1.0 / 16777216.0);
  let angle = 6.283185307 * f32(bits.y >> 8u) * (1.0 / 16777216.0);
  return sqrt(-2.0 * log(u)) * cos(angle);
}
