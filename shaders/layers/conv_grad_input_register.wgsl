// dx = conv_transposed(dy, w) * derivative(saved), register tiles only (software adapters).
#import shared/conv_grad_input
#import shared/weights_register

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  grad_input(workgroup_index(wg, groups), li, rows.row[wg.z]);
}
