// v = rho / |g| (g_s - ghat ghat.g_s), the direction that the Hessian is multiplied by; 0 where g is zero.
#import shared/rows
#import shared/clock
#import shared/hyper
#import shared/gradient_norm
#import shared/second_order

@group(0) @binding(0) var<uniform> p: SecondOrder;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> first: array<vec4f>;         // g, by row of work
@group(0) @binding(3) var<storage, read> grads: array<vec4f>;         // g_s, by lane
@group(0) @binding(4) var<storage, read> squares: array<vec2f>;       // of g, by lane
@group(0) @binding(5) var<storage, read> dots: array<f32>;            // of second_order_dot.wgsl
@group(0) @binding(6) var<storage, read> scheduled: array<Scheduled>;
@group(0) @binding(7) var<storage, read> clock: Clock;
@group(0) @binding(8) var<storage, read_write> directions: array<vec4f>;

const PER_WORKGROUP = 1024u;

var<workgroup> tree: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  var squared = vec2f(0.0);
  var sum = 0.0;
  for (var i = li; i < p.slices; i += 64u) {
    squared += squares[r.lane * 256u + i];
    sum += dots[r.work * 256u + i];
  }
  norm_tree[li] = squared;
  tree[li] = sum;
  let norm = gradient_norm(li);                              // its barriers serve both trees
  for (var half = 32u; half > 0u; half /= 2u) {
    if li < half { tree[li] += tree[li + half]; }
    workgroupBarrier();
  }
  let along = tree[0];
  let inverse = select(1.0 / norm, 0.0, norm == 0.0);
  let rho = scheduled[clock.step % p.table * p.lanes + r.lane].rho;
  let end = min((wg.x + 1u) * PER_WORKGROUP, p.size4);
  for (var i = wg.x * PER_WORKGROUP + li; i < end; i += 64u) {
    let g = first[r.work * p.stride + i] * inverse;
    directions[r.weights * p.stride + i] = rho * inverse * (grads[r.lane * p.stride + i] - along * g);
  }
}
