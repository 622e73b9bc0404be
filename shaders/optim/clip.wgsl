// Scales a lane's gradient to the norm that it may have, as PyTorch's clip_grad_norm_: g min(1, c / (|g| + 1e-6)).
#import shared/rows
#import shared/hyper
#import shared/gradient_norm

struct Clip { size4: u32, stride: u32, slices: u32 }

@group(0) @binding(0) var<uniform> p: Clip;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> squares: array<vec2f>;
@group(0) @binding(3) var<storage, read> hyper: array<Hyper>;
@group(0) @binding(4) var<storage, read_write> grads: array<vec4f>;

const PER_WORKGROUP = 1024u;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  var sum = vec2f(0.0);
  for (var i = li; i < p.slices; i += 64u) { sum += squares[r.work * 256u + i]; }
  norm_tree[li] = sum;
  let ratio = hyper[r.lane].clip_norm / (gradient_norm(li) + 1e-6);
  let scale = select(ratio, 1.0, ratio > 1.0);               // a norm that is not a number stays one
  let base = r.work * p.stride;
  let end = min((wg.x + 1u) * PER_WORKGROUP, p.size4);
  for (var i = wg.x * PER_WORKGROUP + li; i < end; i += 64u) { grads[base + i] *= scale; }
}
