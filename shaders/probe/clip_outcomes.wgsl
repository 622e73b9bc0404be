// The loss of each example cut off at 1, so that a bound for losses in [0, 1] holds; a loss that is no number counts as 1.
#import shared/rows

struct ClipOutcomes { batch: u32 }

@group(0) @binding(0) var<uniform> p: ClipOutcomes;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read_write> outcome: array<vec4f>;    // loss, correct, among the top 5, kind

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(global_invocation_id) id: vec3u) {
  if id.x >= p.batch { return; }
  let i = rows.row[wg.z].work * p.batch + id.x;
  let loss = outcome[i].x;
  outcome[i].x = select(1.0, loss, loss < 1.0);
}
