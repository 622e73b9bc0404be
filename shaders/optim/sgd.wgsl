// SGD as in PyTorch: d = g + decay w; v = momentum v + (1 - dampening) d, first v = d; w -= lr (d + momentum v) with
// Nesterov, lr v without. Without momentum v = d always: there is no buffer that dampening could slow.
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
@group(0) @binding(7) var<storage, read_write> velocity: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  let h = hyper[r.lane];
  let lr = scheduled[clock.step % p.table * p.lanes + r.lane].lr;
  let plain = clock.step == 0u || h.momentum == 0.0;
  let end = min((wg.x + 1u) * PER_WORKGROUP, p.size4);
  for (var j = wg.x * PER_WORKGROUP + li; j < end; j += 64u) {
    let i = r.lane * p.stride + j;
    let w = weights[i];
    let d = grads[r.work * p.stride + j] + h.weight_decay * w;
    let v = select(h.momentum * velocity[i] + (1.0 - h.dampening) * d, d, plain);
    velocity[i] = v;
    weights[i] = w - lr * select(v, d + h.momentum * v, h.nesterov > 0.0);
  }
}
