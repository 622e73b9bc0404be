// y = activate(x + b); without BRANCH y = activate(x).
#import shared/rows
#import shared/index
#import shared/add
#import shared/activation

@group(0) @binding(0) var<uniform> p: Add;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> b: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> z: array<vec4f>;

override BRANCH: bool = false;
override SAVE_Z: bool = false;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  if id >= p.size4 { return; }
  let r = rows.row[wg.z];
  let o = r.work * p.size4 + id;
  var value = x[select(r.work, r.data, p.in_by_data == 1u) * p.size4 + id];
  if BRANCH { value += b[o]; }
  y[o] = activate(value);
  if SAVE_Z { z[o] = value; }
}
