// Activation functions, and their derivatives from what the forward pass saved: the output y for relu, leaky relu and
// tanh, the input z for gelu and silu. Numbered as `Activation::code` in crates/core/src/model/activation.rs.
override ACTIVATION: u32 = 0u;

fn sigmoid(z: vec4f) -> vec4f { return 1.0 / (1.0 + exp(-clamp(z, vec4f(-80.0), vec4f(80.0)))); }

// Cumulative standard normal distribution; erfc by Numerical Recipes' Chebyshev fit, relative error below 1.2e-7.
fn normal_cdf(z: vec4f) -> vec4f {
  let x = abs(z) * 0.7071067812;
  let t = 1.0 / (1.0 + 0.5 * x);
  var p = -0.82215223 + t * 0.17087277;
  p = 1.48851587 + t * p;
  p = -1.13520398 + t * p;
  p = 0.27886807 + t * p;
  p = -0.18628806 + t * p;
  p = 0.09678418 + t * p;
  p = 0.37409196 + t * p;
  p = 1.00002368 + t * p;
  let tail = 0.5 * t * exp(max(-x * x - 1.26551223 + t * p, vec4f(-80.0)));
  return select(tail, 1.0 - tail, z >= vec4f(0.0));
}

fn activate(z: vec4f) -> vec4f {
  switch ACTIVATION {
    case 1u: { return max(z, vec4f(0.0)); }
    case 2u: { return max(z, 0.01 * z); }
    case 3u: { return z * normal_cdf(z); }
    case 4u: { return z * sigmoid(z); }
    case 5u: { return tanh(clamp(z, vec4f(-15.0), vec4f(15.0))); }
    default: { return z; }
  }
}

fn derivative(saved: vec4f) -> vec4f {
  switch ACTIVATION {
    case 1u: { return select(vec4f(0.0), vec4f(1.0), saved > vec4f(0.0)); }
    case 2u: { return select(vec4f(0.01), vec4f(1.0), saved > vec4f(0.0)); }
    case 3u: { return normal_cdf(saved) + saved * 0.3989422804 * exp(max(-0.5 * saved * saved, vec4f(-80.0))); }
    case 4u: { let s = sigmoid(saved); return s * (1.0 + saved * (1.0 - s)); }
    case 5u: { return 1.0 - saved * saved; }
    default: { return vec4f(1.0); }
  }
}
