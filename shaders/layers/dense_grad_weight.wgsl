// dw[ci][co] = sum over examples of x[ci] dy[co] of a dense layer, for software adapters: an invocation takes 2 x 2 blocks of
// 4 inputs x 4 outputs. The bias is one more row of blocks, whose x is 1. The sum is cut into slices of examples (split-K);
// with several, reduce_slices.wgsl adds them in order.
#import shared/rows
#import shared/index
#import shared/geometry

@group(0) @binding(0) var<uniform> g: Geometry;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dw: array<vec4f>;

override BIAS: bool = false;

fn outer(v: vec4f, d: vec4f) -> mat4x4f { return mat4x4f(d * v.x, d * v.y, d * v.z, d * v.w); }

fn store(at: u32, block: u32, column: u32, sum: mat4x4f) {
  let n = g.out_channels4;
  let bias = BIAS && block == g.in_channels4;
  if column >= n || (block >= g.in_channels4 && !bias) { return; }
  let o = at + 4u * block * n + column;
  dw[o] = sum[0];
  if bias { return; }
  dw[o + n] = sum[1]; dw[o + 2u * n] = sum[2]; dw[o + 3u * n] = sum[3];
}

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let n = g.out_channels4;
  let depth = g.in_channels4;
  let pairs = (depth + select(0u, 1u, BIAS) + 1u) / 2u;
  let columns = (n + 1u) / 2u;
  let id = workgroup_index(wg, groups) * 8u + li;
  let slice = id / (pairs * columns);
  if slice >= g.slices { return; }
  let block = id % pairs * 2u;
  let column = id / pairs % columns * 2u;
  let r = rows.row[wg.z];
  let x0 = select(r.work, r.data, g.in_by_data == 1u) * g.in_stride;
  let y0 = r.work * g.out_stride;
  let a = x0 + min(block, depth - 1u);
  let b = x0 + min(block + 1u, depth - 1u);
  let c = y0 + column;
  let d = y0 + min(column + 1u, n - 1u);
  var ac = mat4x4f(); var ad = mat4x4f(); var bc = mat4x4f(); var bd = mat4x4f();
  let end = min((slice + 1u) * g.rows_per_slice, g.batch);
  for (var i = slice * g.rows_per_slice; i < end; i++) {
    let one = vec4f(1.0, 0.0, 0.0, 0.0);
    let v = select(x[a + i * depth], one, block == depth);
    let w = select(x[b + i * depth], one, block + 1u == depth);
    let e = dy[c + i * n];
    let f = dy[d + i * n];
    ac += outer(v, e); ad += outer(v, f); bc += outer(w, e); bd += outer(w, f);
  }
  let at = r.work * g.grad_stride + slice * g.grad_slice_stride + g.grad_offset;
  store(at, block, column, ac); store(at, block, column + 1u, ad);
  store(at, block + 1u, column, bc); store(at, block + 1u, column + 1u, bd);
}
