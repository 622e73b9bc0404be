// dx = (W^T dy) * derivative(saved) of a small dense layer, for software adapters (see dense_forward.wgsl): an invocation takes
// 4 examples x a vec4 of inputs.
#import shared/rows
#import shared/index
#import shared/geometry
#import shared/activation

@group(0) @binding(0) var<uniform> g: Geometry;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read> weights: array<vec4f>;
@group(0) @binding(4) var<storage, read> saved: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dx: array<vec4f>;

fn store(o: u32, sum: vec4f) { dx[o] = sum * derivative(saved[o]); }

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let n = g.in_channels4;
  let depth = g.out_channels4;
  let id = workgroup_index(wg, groups) * 8u + li;
  let first = id / n * 4u;
  if first >= g.batch { return; }
  let column = id % n;
  let r = rows.row[wg.z];
  let y0 = r.work * g.out_stride;
  let at = y0 + min(vec4u(first, first + 1u, first + 2u, first + 3u), vec4u(g.batch - 1u)) * depth;
  let w0 = r.weights * g.weight_stride + g.weight_offset + column * 4u * depth;
  var sums = mat4x4f();                                      // [example]
  for (var k = 0u; k < depth; k++) {
    let w = w0 + k;
    let block = mat4x4f(weights[w], weights[w + depth], weights[w + 2u * depth], weights[w + 3u * depth]);
    sums += transpose(block) * mat4x4f(dy[at.x + k], dy[at.y + k], dy[at.z + k], dy[at.w + k]);
  }
  let o = r.work * g.in_stride + first * n + column;
  store(o, sums[0]);
  if first + 1u < g.batch { store(o + n, sums[1]); }
  if first + 2u < g.batch { store(o + 2u * n, sums[2]); }
  if first + 3u < g.batch { store(o + 3u * n, sums[3]); }
}
