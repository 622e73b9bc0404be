// dw[tap][ci][co] = sum over pixels of x[pixel * stride + tap - padding][ci] dy[pixel][co], register tiles fed from
// workgroup memory: a workgroup makes 8 (tap, input vec4) blocks x 32 output channels over 32 pixels at a time. Each of its
// quarters sums over a quarter of these pixels, an invocation 4 x 4 values, and the four sums are added in order. Blocks, bias
// and slices as in conv_grad_weight_register.wgsl.
#import shared/rows
#import shared/index
#import shared/geometry

@group(0) @binding(0) var<uniform> g: Geometry;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dw: array<vec4f>;

override BIAS: bool = false;

var<workgroup> xs: array<vec4f, 256>;                        // [pixel][block], at the end the quarters' sums
var<workgroup> ds: array<vec4f, 256>;                        // [pixel][output vec4]
var<private> acc: array<vec4f, 4>;

fn load_x(p: u32, x0: u32, block: u32, shift: vec2u, inside: bool) -> vec4f {
  let line = p / g.out_width;
  let at = vec2u(p % g.out_width, line % g.out_height) * g.stride + shift;
  let ok = inside && at.x < g.in_width && at.y < g.in_height;
  let from_x = x0 + ((line / g.out_height * g.in_height + at.y) * g.in_width + at.x) * g.in_channels4 + block % g.in_channels4;
  return select(vec4f(0.0), x[select(0u, from_x, ok)], ok);
}
fn load_d(p: u32, y0: u32, c: u32, inside: bool) -> vec4f {
  let ok = inside && c < g.out_channels4;
  return select(vec4f(0.0), dy[select(0u, y0 + p * g.out_channels4 + c, ok)], ok);
}
fn outer(p: u32, block: u32, column: u32) {
  let v = xs[p * 8u + block];
  let d = ds[p * 8u + column];
  acc[0] += d * v.x; acc[1] += d * v.y; acc[2] += d * v.z; acc[3] += d * v.w;
}
fn total(i: u32, li: u32) -> vec4f {
  xs[li] = acc[i];
  workgroupBarrier();
  let sum = xs[li % 64u] + xs[64u + li % 64u] + xs[128u + li % 64u] + xs[192u + li % 64u];
  workgroupBarrier();
  return sum;
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let r = rows.row[wg.z];
  let weight_blocks = g.kernel_height * g.kernel_width * g.in_channels4;
  let blocks = weight_blocks + select(0u, 1u, BIAS);
  let columns = (g.out_channels4 + 7u) / 8u;
  let tiles = (blocks + 7u) / 8u;                            // of 8 blocks; then come columns, then slices
  let tile = workgroup_index(wg, groups) % tiles;
  let rest = workgroup_index(wg, groups) / tiles;
  let slice = rest / columns;
  let c = rest % columns * 8u + li % 8u;
  let x0 = select(r.work, r.data, g.in_by_data == 1u) * g.in_stride;
  let y0 = r.work * g.out_stride;
  let begin = slice * g.rows_per_slice * g.out_width;
  let end = min(begin + g.rows_per_slice * g.out_width, g.batch * g.out_height * g.out_width);
  // This invocation loads block li % 8 and output vec4 c of pixel li / 8. It computes block li / 8 % 8 and output vec4 c
  // over 8 pixels from li / 64 * 8.
  let load_block = tile * 8u + li % 8u;
  let tap = load_block / g.in_channels4;
  let shift = vec2u(tap % g.kernel_width, tap / g.kernel_width) - g.padding;
  let one = select(vec4f(0.0), vec4f(1.0, 0.0, 0.0, 0.0), BIAS && load_block == weight_blocks);
  let is_weight = load_block < weight_blocks;
  let b = li / 8u % 8u;
  let k = li % 8u;
  let first = li / 64u * 8u;
  var p = begin + li / 8u;
  var next_x = load_x(p, x0, load_block, shift, is_weight && p < end);
  var next_d = load_d(p, y0, c, p < end);
  for (var p0 = begin; p0 < end; p0 += 32u) {
    xs[li] = one + next_x;
    ds[li] = next_d;
    workgroupBarrier();
    p += 32u;
    next_x = load_x(p, x0, load_block, shift, is_weight && p < end);     // on its way during the products
    next_d = load_d(p, y0, c, p < end);
    outer(first, b, k); outer(first + 1u, b, k); outer(first + 2u, b, k); outer(first + 3u, b, k);
    outer(first + 4u, b, k); outer(first + 5u, b, k); outer(first + 6u, b, k); outer(first + 7u, b, k);
    workgroupBarrier();
  }
  // Each quarter stores a row: the four rows of a block are its four input channels.
  let rows_of = mat4x4f(total(0u, li), total(1u, li), total(2u, li), total(3u, li));
  let row = li / 64u;
  let index = tile * 8u + b;
  if index >= blocks || c >= g.out_channels4 || (index == weight_blocks && row > 0u) { return; }
  let o = r.work * g.grad_stride + slice * g.grad_slice_stride + g.grad_offset + (index * 4u + row) * g.out_channels4 + c;
  dw[o] = select(select(rows_of[0], rows_of[1], row == 1u), select(rows_of[2], rows_of[3], row == 3u), row >= 2u);
}
