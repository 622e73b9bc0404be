// How the gradient of the batch's mean loss moves where the logits move by t: (q t - q (q . t)) / batch with q = softmax(z),
// an example an invocation. Smoothing the labels changes the gradient, but not how it moves. Nothing for an example that does
// not count (bit 31 of its label).
#import shared/rows
#import shared/loss

@group(0) @binding(0) var<uniform> p: Loss;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;
@group(0) @binding(4) var<storage, read> t: array<f32>;
@group(0) @binding(5) var<storage, read_write> grad: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if i >= p.batch { return; }
  let r = rows.row[wg.z];
  let z0 = r.work * p.stride + i * p.classes4 * 4u;
  var highest = logits[z0];
  for (var c = 1u; c < p.classes; c++) { highest = max(highest, logits[z0 + c]); }
  var total = 0.0;
  var along = 0.0;
  for (var c = 0u; c < p.classes; c++) {
    let e = exp(logits[z0 + c] - highest);
    total += e;
    along += e * t[z0 + c];
  }
  let mean = along / total;
  let counts = (labels[r.data * p.batch + i] >> 31u) == 0u;
  for (var c = 0u; c < p.classes4 * 4u; c++) {
    let q = exp(min(logits[z0 + c], highest) - highest) / total;
    grad[z0 + c] = select(0.0, q * (t[z0 + c] - mean) / f32(p.batch), counts && c < p.classes);
  }
}
