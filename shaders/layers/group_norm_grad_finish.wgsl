// Adds the images' sums in order: the gradients of beta and gamma. They are the first two of NUMBERS vec4s of each channel.
#import shared/rows
#import shared/index
#import shared/group_norm

@group(0) @binding(0) var<uniform> p: GroupNorm;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> sums: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> grads: array<vec4f>;

override NUMBERS: u32 = 4u;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let c = id;
  if c >= p.channels4 { return; }
  let r = rows.row[wg.z];
  var sum = vec4f(0.0);
  var product = vec4f(0.0);
  for (var image = 0u; image < p.batch; image++) {
    let o = ((r.work * p.batch + image) * p.channels4 + c) * NUMBERS;
    sum += sums[o];
    product += sums[o + 1u];
  }
  let g = r.work * p.weight_stride + c;
  grads[g + p.beta_offset] = sum;
  grads[g + p.gamma_offset] = product;
}
