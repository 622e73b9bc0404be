// The leading value of a lane's h over its slices, and powers of values relative to it.
struct Extreme { value: f32, place: u32 }

fn leading(a: Extreme, b: Extreme) -> Extreme {
  if b.value > a.value || (b.value == a.value && b.place < a.place) { return b; }
  return a;
}

// u^power for u from 0 to 1; 0 stays 0 whatever the power.
fn ratio_power(u: vec4f, power: f32) -> vec4f {
  return select(exp2(power * log2(max(u, vec4f(1e-37)))), vec4f(0.0), u <= vec4f(0.0));
}
