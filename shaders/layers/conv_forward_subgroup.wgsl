// y = activate(conv(x, w) + b), register tiles whose weights a subgroup of 8 shares (software adapters).
#import shared/conv_forward
#import shared/weights_subgroup

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
  lane = subgroup_lane;
  forward(workgroup_index(wg, groups), li, rows.row[wg.z]);
}
