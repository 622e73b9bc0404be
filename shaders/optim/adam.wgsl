// Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019) as in PyTorch: g += decay w, or w -= lr decay w where
// decay is DECOUPLED; m, v the running means of g and g^2, corrected for their start at 0 by 1 - beta^t (from the host,
// in f64); w -= lr mhat / (sqrt(vhat) + eps).
#import shared/rows
#import shared/clock
#import shared/hyper
#import shared/update

@group(0) @binding(0) var<uniform> p: Update;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> grads: array<vec4f>;
@group(0) @binding(3) var<storage, read> hyper: array<Hyper>;
@group(0) @binding(4) var<storage, read> scheduled: array<Scheduled>;
@group(0) @binding(5) var<storage, read> clock: Clock;
@group(0) @binding(6) var<storage, read_write> weights: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> first: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> second: array<vec4f>;

override DECOUPLED: bool = true;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  let h = hyper[r.lane];
  let s = scheduled[clock.step % p.table * p.lanes + r.lane];
  let coupled = select(h.weight_decay, 0.0, DECOUPLED);
  let shrink = select(1.0, 1.0 - s.lr * h.weight_decay, DECOUPLED);
  let end = min((wg.x + 1u) * PER_WORKGROUP, p.size4);
  for (var j = wg.x * PER_WORKGROUP + li; j < end; j += 64u) {
    let i = r.lane * p.stride + j;
    let w = weights[i];
    let g = grads[r.work * p.stride + j] + coupled * w;
    let m = h.beta1 * first[i] + (1.0 - h.beta1) * g;
    let v = h.beta2 * second[i] + (1.0 - h.beta2) * g * g;
    first[i] = m;
    second[i] = v;
    weights[i] = w * shrink - s.lr * (m / s.correction1) / (sqrt(v / s.correction2) + h.eps);
  }
}
