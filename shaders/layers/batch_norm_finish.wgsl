// Merges the slices' statistics (Chan, Golub and LeVeque 1983), each of `lanes` invocations every `lanes`th slice, then these
// as a tree, and writes, per channel: mean, 1 / standard deviation, gamma / deviation, and beta. INFERENCE takes the running
// statistics instead; UPDATE moves them (biased variance normalises, unbiased variance is kept, as in PyTorch).
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

struct Moments { mean: vec4f, squares: vec4f, n: f32 }

var<workgroup> shares: array<Moments, 64>;                   // [lane][channel vec4]

fn merge(a: Moments, b: Moments) -> Moments {
  let d = b.mean - a.mean;
  let n = a.n + b.n;
  return Moments(a.mean + d * (b.n / n), a.squares + b.squares + d * d * (a.n * b.n / n), n);
}
fn slice(s: u32, base: u32) -> Moments {
  let o = base + s * p.channels4 * 2u;
  return Moments(partial[o], partial[o + 1u], f32(min(p.per_slice, p.count - s * p.per_slice)));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  let lanes = select(p.lanes, 1u, INFERENCE);
  let channels = 64u / lanes;                                // of this workgroup
  let lane = li / channels;
  let c = wg.x * channels + li % channels;
  var all = Moments(vec4f(0.0), vec4f(0.0), 0.0);
  if !INFERENCE {
    let base = r.work * p.partial_stride + min(c, p.channels4 - 1u) * 2u;
    all = slice(lane, base);
    for (var s = lane + lanes; s < p.slices; s += lanes) { all = merge(all, slice(s, base)); }
    shares[li] = all;
    for (var half = lanes / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if lane < half {
        all = merge(all, shares[li + half * channels]);
        shares[li] = all;
      }
    }
  }
  if lane > 0u || c >= p.channels4 { return; }
  let state = r.lane * p.state_stride + c;
  var mean = running[state + p.mean_offset];
  var variance = running[state + p.var_offset];
  if !INFERENCE {
    let m = p.momentum;
    let batch_mean = all.mean + x[select(r.work, r.data, p.in_by_data == 1u) * p.stride + c];
    if UPDATE {
      running[state + p.mean_offset] = (1.0 - m) * mean + m * batch_mean;
      running[state + p.var_offset] = (1.0 - m) * variance + m * (all.squares / (all.n - 1.0));
    }
    mean = batch_mean;
    variance = all.squares / all.n;
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
