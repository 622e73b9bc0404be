// The cosine between g_s + H v and g_s, into the step's record; of a step in groups each adds its share. It follows log.wgsl.
// Gradients so small that their squares vanish count as equal.
#import shared/rows
#import shared/clock
#import shared/record
#import shared/second_order

@group(0) @binding(0) var<uniform> p: SecondOrder;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> partial: array<vec4f>;
@group(0) @binding(3) var<storage, read> clock: Clock;
@group(0) @binding(4) var<storage, read_write> ring: array<Record>;

var<workgroup> tree: array<vec4f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  var sums = vec4f(0.0);
  for (var i = li; i < p.slices; i += 64u) { sums += partial[r.work * 256u + i]; }
  tree[li] = sums;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if li < half { tree[li] += tree[li + half]; }
    workgroupBarrier();
  }
  if li != 0u { return; }
  let all = tree[0];
  let lengths = sqrt(all.y) * sqrt(all.z);
  let vanishes = lengths == 0.0;
  let cosine = select(all.x / select(lengths, 1.0, vanishes), 1.0, vanishes);
  ring[clock.step % p.ring * p.lanes + r.lane].second_order_cosine += p.share * cosine;
}
