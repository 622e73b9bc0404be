// One example an invocation: its loss -sum q log softmax(z) with q = (1 - s) onehot + s / classes, whether its label has
// the highest logit and is among the five highest, and (unless EVAL) the gradient of the batch's mean loss, (p - q) / batch.
// A label's bit 16 tells a flipped one, bit 31 an example that does not count.
#import shared/rows
#import shared/hyper
#import shared/loss

@group(0) @binding(0) var<uniform> p: Loss;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;
@group(0) @binding(4) var<storage, read> hyper: array<Hyper>;
@group(0) @binding(5) var<storage, read_write> grad: array<f32>;
@group(0) @binding(6) var<storage, read_write> outcome: array<vec4f>;   // loss, correct, among the top 5, kind

override EVAL: bool = false;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if i >= p.batch { return; }
  let r = rows.row[wg.z];
  let word = labels[r.data * p.batch + i];
  let label = word & 0xFFFFu;
  let z0 = r.work * p.stride + i * p.classes4 * 4u;
  let mine = logits[z0 + label];
  var highest = logits[z0];
  var sum = 0.0;
  var above = 0u;
  for (var c = 0u; c < p.classes; c++) {
    let z = logits[z0 + c];
    highest = max(highest, z);
    sum += z;
    above += select(0u, 1u, z > mine || (z == mine && c < label));
  }
  var total = 0.0;
  for (var c = 0u; c < p.classes; c++) { total += exp(logits[z0 + c] - highest); }
  let log_total = highest + log(total);
  let smoothing = select(hyper[r.lane].smoothing, 0.0, EVAL);
  let off = smoothing / f32(p.classes);
  var loss = log_total - mine;
  if smoothing > 0.0 { loss = log_total - (1.0 - smoothing) * mine - off * sum; }
  // A NaN compares false with everything: it must not count as a right answer.
  let right = select(0.0, 1.0, above == 0u && mine == highest);
  let top5 = select(0.0, 1.0, above < 5u && mine <= highest);
  let kind = select(f32((word >> 16u) & 1u), -1.0, (word >> 31u) == 1u);
  outcome[p.outcome_offset + r.work * p.batch + i] = vec4f(loss, right, top5, kind);
  if EVAL { return; }
  let counts = (word >> 31u) == 0u;                          // an example that does not count has no gradient either
  for (var c = 0u; c < p.classes4 * 4u; c++) {
    let q = select(off, 1.0 - smoothing + off, c == label);
    let d = (exp(min(logits[z0 + c], highest) - log_total) - q) / f32(p.batch);
    grad[z0 + c] = select(0.0, d, counts && c < p.classes);
  }
}
