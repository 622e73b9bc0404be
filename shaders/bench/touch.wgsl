// The cost of a dispatch: one invocation that adds 1, so that each waits for the one before.
#import shared/rows

struct Touch { by: f32 }

@group(0) @binding(0) var<uniform> p: Touch;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read_write> count: array<f32>;

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) wg: vec3u) { count[rows.row[wg.z].work] += p.by; }
