// Merges the slices' statistics in order (Chan, Golub and LeVeque 1983) and writes, per channel: mean, 1 / standard
// deviation, gamma / deviation, and beta. INFERENCE takes the running statistics instead;
// UPDATE moves them (biased variance normalises, unbiased variance is kept, as in PyTorch).
#import shared/rows
#import shared/norm

@group(0) @binding(0) var<uniform> p: BatchNorm;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;     // its first pixel is what the slices' means are relative to
@group(0) @binding(3) var<storage, read> partial: array<vec4f>;
@group(0) @binding(4) var<storage, read> weights: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> running: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> norm: array<vec4f>;

override INFERENCE: bool = false;
override UPDATE: bool = false;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(global_invocation_id) id: vec3u) {
  let c = id.x;
  if c >= p.channels4 { return; }
  let r = rows.row[wg.z];
  let state = r.lane * p.state_stride + c;
  var mean = vec4f(0.0);
  var variance = vec4f(0.0);
  if INFERENCE {
    mean = running[state + p.mean_offset];
    variance = running[state + p.var_offset];
  } else {
    var squares = vec4f(0.0);
    var n = 0.0;
    for (var s = 0u; s < p.slices; s++) {
      let o = r.work * p.partial_stride + (s * p.channels4 + c) * 2u;
      let m = f32(min(p.per_slice, p.count - s * p.per_slice));
      let d = partial[o] - mean;
      mean += d * (m / (n + m));
      squares += partial[o + 1u] + d * d * (n * m / (n + m));
      n += m;
    }
    mean += x[select(r.work, r.data, p.in_by_data == 1u) * p.stride + c];
    variance = squares / n;
    if UPDATE {
      let m = p.momentum;
      running[state + p.mean_offset] = (1.0 - m) * running[state + p.mean_offset] + m * mean;
      running[state + p.var_offset] = (1.0 - m) * running[state + p.var_offset] + m * (squares / (n - 1.0));
    }
  }
  let inverse = 1.0 / sqrt(variance + p.epsilon);
  let w = r.weights * p.weight_stride + c;
  let scale = weights[w + p.gamma_offset] * inverse;
  let o = (r.work * p.channels4 + c) * 4u;
  norm[o] = mean;
  norm[o + 1u] = inverse;
  norm[o + 2u] = scale;
  norm[o + 3u] = weights[w + p.beta_offset];
}
