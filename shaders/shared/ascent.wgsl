// An ascent in any p-norm and with ASAM's scaling works on h = T g: T = |w| + 0.01 on weights where the lane is adaptive,
// else 1. `places` has each parameter's place in PyTorch's order, and bit 31 where it is a weight.
#import shared/hyper

struct Ascend { size4: u32, per_slice: u32, stride: u32, slices: u32, lanes: u32, table: u32 }
const IS_WEIGHT = 0x80000000u;
const ORDER = 0x7FFFFFFFu;

fn ascent_scale(adaptive: f32, w: vec4f, place: vec4u) -> vec4f {
  let scaled = adaptive > 0.0 && (place.x & IS_WEIGHT) != 0u;   // a vec4 lies within one tensor
  return select(vec4f(1.0), abs(w) + 0.01, scaled);
}
