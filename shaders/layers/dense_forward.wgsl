// y = activate(W x + b) of a small dense layer, for software adapters: an invocation takes 4 examples x WIDE vec4s of outputs.
// The tiles of conv_forward.wgsl do more with each load, but leave most of their rows empty in a small batch, and take ten
// times as long to compile.
#import shared/rows
#import shared/index
#import shared/geometry
#import shared/activation

@group(0) @binding(0) var<uniform> g: Geometry;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> weights: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> z: array<vec4f>;

override BIAS: bool = false;
override SAVE_Z: bool = false;
override WIDE: u32 = 2u;

fn block(w: u32) -> mat4x4f {
  let n = g.out_channels4;
  return mat4x4f(weights[w], weights[w + n], weights[w + 2u * n], weights[w + 3u * n]);
}
fn store(o: u32, sum: vec4f) {
  y[o] = activate(sum);
  if SAVE_Z { z[o] = sum; }
}
fn store_all(o: u32, first: u32, sums: mat4x4f) {
  let n = g.out_channels4;
  store(o, sums[0]);
  if first + 1u < g.batch { store(o + n, sums[1]); }
  if first + 2u < g.batch { store(o + 2u * n, sums[2]); }
  if first + 3u < g.batch { store(o + 3u * n, sums[3]); }
}

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let n = g.out_channels4;
  let depth = g.in_channels4;
  let columns = (n + WIDE - 1u) / WIDE;
  let id = workgroup_index(wg, groups) * 8u + li;
  let first = id / columns * 4u;
  if first >= g.batch { return; }
  let column = id % columns * WIDE;
  let next = min(column + 1u, n - 1u) - column;
  let r = rows.row[wg.z];
  let x0 = select(r.work, r.data, g.in_by_data == 1u) * g.in_stride;
  let at = x0 + min(vec4u(first, first + 1u, first + 2u, first + 3u), vec4u(g.batch - 1u)) * depth;
  let w0 = r.weights * g.weight_stride + column;
  var sums = mat4x4f();                                      // [example], of a vec4 of outputs
  var beside = mat4x4f();                                    // and of the next one
  if BIAS {
    let b = weights[w0 + g.bias_offset];
    sums = mat4x4f(b, b, b, b);
    if WIDE > 1u {
      let c = weights[w0 + g.bias_offset + next];
      beside = mat4x4f(c, c, c, c);
    }
  }
  var w = w0 + g.weight_offset;
  for (var k = 0u; k < depth; k++) {
    let v = mat4x4f(x[at.x + k], x[at.y + k], x[at.z + k], x[at.w + k]);
    sums += block(w) * v;
    if WIDE > 1u { beside += block(w + next) * v; }
    w += 4u * n;
  }
  let o = r.work * g.out_stride + first * n + column;
  store_all(o, first, sums);
  if WIDE > 1u && next == 1u { store_all(o + 1u, first, beside); }
}
