// y = activate(conv(x, w) + b), register tiles only (software adapters).
#import shared/conv_forward
#import shared/weights_register

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  forward(workgroup_index(wg, groups), li, rows.row[wg.z]);
}
