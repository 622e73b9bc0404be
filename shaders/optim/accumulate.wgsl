// Adds a group's gradient, times `scale`, to the sum over the groups of a step. The first group starts the sum.
#import shared/rows
#import shared/clock

struct Accumulate { size4: u32, stride: u32, scale: f32 }

@group(0) @binding(0) var<uniform> p: Accumulate;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> grads: array<vec4f>;
@group(0) @binding(3) var<storage, read> clock: Clock;
@group(0) @binding(4) var<storage, read_write> total: array<vec4f>;

const PER_WORKGROUP = 1024u;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let base = rows.row[wg.z].work * p.stride;
  let first = clock.offset == 0u;
  let end = min((wg.x + 1u) * PER_WORKGROUP, p.size4);
  for (var i = wg.x * PER_WORKGROUP + li; i < end; i += 64u) {
    total[base + i] = select(total[base + i], vec4f(0.0), first) + p.scale * grads[base + i];
  }
}
