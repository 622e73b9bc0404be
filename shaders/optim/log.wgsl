// Closes a step (or a batch of an evaluation): adds up the examples' outcomes by a fixed tree, correct labels and flipped
// ones apart, and writes one record of the lane into the ring. Of a step in groups it adds each to the record; the last one
// moves the clock on, and its gradient norm stands.
#import shared/rows
#import shared/clock
#import shared/gradient_norm
#import shared/record

struct Log { batch: u32, whole: u32, ascent_offset: u32, slices: u32, lanes: u32, ring: u32 }

@group(0) @binding(0) var<uniform> p: Log;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> outcome: array<vec4f>;
@group(0) @binding(3) var<storage, read> squares: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> clock: Clock;
@group(0) @binding(5) var<storage, read_write> ring: array<Record>;

// Small, because a software adapter takes long to compile a kernel with much workgroup memory.
var<workgroup> tree: array<vec4f, 64>;

fn total(li: u32, value: vec4f) -> vec4f {
  tree[li] = value;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if li < half { tree[li] += tree[li + half]; }
  }
  workgroupBarrier();
  let sum = tree[0];
  workgroupBarrier();
  return sum;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  var parts: array<vec4f, 3>;                                // clean, flipped: loss, correct, among the top 5, count; ascent
  let base = r.work * p.batch;
  for (var i = li; i < p.batch; i += 64u) {
    let o = outcome[base + i];
    if o.w == 0.0 { parts[0] += vec4f(o.xyz, 1.0); }
    if o.w == 1.0 { parts[1] += vec4f(o.xyz, 1.0); }
    parts[2].x += outcome[p.ascent_offset + base + i].x;
  }
  var totals: array<vec4f, 3>;
  for (var k = 0u; k < 3u; k++) { totals[k] = total(li, parts[k]); }
  var sum = vec2f(0.0);
  for (var i = li; i < p.slices; i += 64u) { sum += squares[r.work * 256u + i]; }
  norm_tree[li] = sum;
  let norm = gradient_norm(li);
  if li != 0u { return; }
  let slot = clock.step % p.ring * p.lanes + r.lane;
  var record = Record(totals[0], totals[1], norm, totals[2].x, 0.0, 0.0);
  if clock.offset > 0u {
    record.clean += ring[slot].clean;
    record.flipped += ring[slot].flipped;
    record.ascent_loss += ring[slot].ascent_loss;
    record.second_order_cosine += ring[slot].second_order_cosine;
  }
  ring[slot] = record;
  if wg.z == 0u && clock.offset + p.batch >= p.whole { clock.next = clock.step + 1u; }
}
