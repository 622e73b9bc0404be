// t = derivative(saved) (t + second): R{z}, in two terms with SECOND, becomes R{y}, how the value after the activation moves.
// With KEEP, R{z} stays in `before`.
#import shared/rows
#import shared/index
#import shared/add
#import shared/activation

@group(0) @binding(0) var<uniform> p: Add;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> saved: array<vec4f>;
@group(0) @binding(3) var<storage, read> second: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> t: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> before: array<vec4f>;

override SECOND: bool = false;
override KEEP: bool = false;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  if id >= p.size4 { return; }
  let o = rows.row[wg.z].work * p.size4 + id;
  var value = t[o];
  if SECOND { value += second[o]; }
  if KEEP { before[o] = value; }
  t[o] = value * derivative(saved[o]);
}
