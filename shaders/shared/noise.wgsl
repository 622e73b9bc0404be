// Random numbers of whole sets of weights: one for each parameter, by its place in PyTorch's order (the lower 31 bits of the
// layout; bit 31 tells a weight), so that padding changes nothing. `which` tells apart the draws of a seed.
#import shared/rng

// What a row draws: `scale` is a deviation, a radius or a step, `epsilon` what is added to |w|.
struct Draw { seed: u32, which: u32, scale: f32, epsilon: f32 }
const PLACE = 0x7FFFFFFFu;                                   // the place itself; all of it is set where there is none
const OF_WEIGHT = 0x80000000u;

fn noise_bits(d: Draw, place: u32) -> vec2u {
  return threefry(vec2u(d.seed, STREAM_PERTURBATION), vec2u(place & PLACE, d.which));
}

// Standard normal; 0 at the padding.
fn gaussian(d: Draw, places: vec4u) -> vec4f {
  let drawn = vec4f(
    normal(noise_bits(d, places.x)), normal(noise_bits(d, places.y)),
    normal(noise_bits(d, places.z)), normal(noise_bits(d, places.w)));
  return select(drawn, vec4f(0.0), (places & vec4u(PLACE)) == vec4u(PLACE));
}
