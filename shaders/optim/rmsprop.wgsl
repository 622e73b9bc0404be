// RMSprop (Tieleman and Hinton 2012) as in PyTorch, not centred: d = g + decay w; v = alpha v + (1 - alpha) d^2;
// b = momentum b + d / (sqrt(v) + eps); w -= lr b. Alpha is in `beta2`.
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
@group(0) @binding(7) var<storage, read_write> buffer: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> squares: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  let h = hyper[r.lane];
  let lr = scheduled[clock.step % p.table * p.lanes + r.lane].lr;
  let end = min((wg.x + 1u) * PER_WORKGROUP, p.size4);
  for (var j = wg.x * PER_WORKGROUP + li; j < end; j += 64u) {
    let i = r.lane * p.stride + j;
    let w = weights[i];
    let d = grads[r.work * p.stride + j] + h.weight_decay * w;
    let v = h.beta2 * squares[i] + (1.0 - h.beta2) * d * d;
    let b = h.momentum * buffer[i] + d / (sqrt(v) + h.eps);
    squares[i] = v;
    buffer[i] = b;
    weights[i] = w - lr * b;
  }
}
