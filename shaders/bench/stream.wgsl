// The adapter's bandwidth: y = 0.9 y + x, two reads and a write of each vec4.
#import shared/rows

struct Stream { size4: u32 }

@group(0) @binding(0) var<uniform> p: Stream;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

const PER_WORKGROUP = 1024u;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let end = min((wg.x + 1u) * PER_WORKGROUP, p.size4);
  let base = rows.row[wg.z].work;
  for (var i = wg.x * PER_WORKGROUP + li; i < end; i += 64u) { y[base + i] = 0.9 * y[base + i] + x[base + i]; }
}
