// dx = dy * derivative(saved), or dx += dy * derivative(saved) with ACCUMULATE, where another layer has written its share.
#import shared/rows
#import shared/index
#import shared/add
#import shared/activation

@group(0) @binding(0) var<uniform> p: Add;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read> saved: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>;

override ACCUMULATE: bool = false;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  if id >= p.size4 { return; }
  let o = rows.row[wg.z].work * p.size4 + id;
  var value = dy[o] * derivative(saved[o]);
  if ACCUMULATE { value += dx[o]; }
  dx[o] = value;
}
