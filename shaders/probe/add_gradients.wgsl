// sum += gradient, for the gradient of more examples than one batch holds.
#import shared/rows

struct AddGradients { size4: u32, stride: u32 }

@group(0) @binding(0) var<uniform> p: AddGradients;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> grads: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> sum: array<vec4f>;

const PER_WORKGROUP = 512u;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let base = rows.row[wg.z].work * p.stride;
  let end = min((wg.x + 1u) * PER_WORKGROUP, p.size4);
  for (var i = wg.x * PER_WORKGROUP + li; i < end; i += 64u) { sum[base + i] += grads[base + i]; }
}
