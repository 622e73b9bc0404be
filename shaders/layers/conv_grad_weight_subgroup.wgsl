// As conv_grad_weight_register.wgsl, shared by a subgroup of 8: 8 blocks of (tap, input vec4) x 16 output vec4s over 4 pixels
// of a row at a time. Lane l makes output vec4s l and l + 8 for all blocks, and loads the inputs of block l, which it hands
// round. The bias is one more row: the sum of dy.
#import shared/rows
#import shared/index
#import shared/geometry

@group(0) @binding(0) var<uniform> g: Geometry;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dw: array<vec4f>;

override BIAS: bool = false;

var<private> acc: array<vec4f, 64>;                          // [block][input channel][output vec4]
var<private> sums: array<vec4f, 2>;                          // of dy
var<private> own: array<vec4f, 4>;                           // this lane's block at each pixel
var<private> d: array<vec4f, 8>;                             // [pixel][output vec4]

// Pixel p counts over the rows of all images from `begin`; positions are counted along.
var<private> at: vec2u;
var<private> image: u32;
var<private> line: u32;

fn load(p: u32, shift: vec2u, left: u32, beside: u32) {
  let ok = p < left;
  let spot = at * g.stride + shift;                          // left of or above the image it wraps and is large
  let inside = ok && spot.x < g.in_width && spot.y < g.in_height;
  own[p] = select(vec4f(0.0), x[select(0u, image + (spot.y * g.in_width + spot.x) * g.in_channels4, inside)], inside);
  let o = select(0u, line, ok);
  d[2u * p] = select(vec4f(0.0), dy[o], ok);
  d[2u * p + 1u] = select(vec4f(0.0), dy[o + select(0u, beside, ok)], ok);
  line += g.out_channels4;
  let next = vec2u(at.x + 1u, at.y);
  let wrapped = select(next, vec2u(0u, next.y + 1u), next.x == g.out_width);
  let over = wrapped.y == g.out_height;
  at = select(wrapped, vec2u(0u), over);
  image += select(0u, g.in_height * g.in_width * g.in_channels4, over);
}
fn outer(k: u32, v0: f32, v1: f32, v2: f32, v3: f32) {
  acc[k] += v0 * d[0] + v1 * d[2] + v2 * d[4] + v3 * d[6];
  acc[k + 1u] += v0 * d[1] + v1 * d[3] + v2 * d[5] + v3 * d[7];
}
fn multiply(block: u32, v0: vec4f, v1: vec4f, v2: vec4f, v3: vec4f) {
  outer(block * 8u, v0.x, v1.x, v2.x, v3.x); outer(block * 8u + 2u, v0.y, v1.y, v2.y, v3.y);
  outer(block * 8u + 4u, v0.z, v1.z, v2.z, v3.z); outer(block * 8u + 6u, v0.w, v1.w, v2.w, v3.w);
}
fn store_row(k: u32, o: u32, column: u32) {
  let n = g.out_channels4;
  if column < n { dw[o] = acc[k]; }
  if column + 8u < n { dw[o + 8u] = acc[k + 1u]; }
}
fn store(block: u32, first: u32, blocks: u32, o: u32, column: u32) {
  if first + block >= blocks { return; }
  let n = g.out_channels4;
  let p = o + (first + block) * 4u * n;
  store_row(block * 8u, p, column); store_row(block * 8u + 2u, p + n, column);
  store_row(block * 8u + 4u, p + 2u * n, column); store_row(block * 8u + 6u, p + 3u * n, column);
}

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(subgroup_invocation_id) lane: u32,
) {
  let n = g.out_channels4;
  let blocks = g.kernel_height * g.kernel_width * g.in_channels4;
  let columns = (n + 15u) / 16u;
  let tiles = (blocks + 7u) / 8u;
  let id = workgroup_index(wg, groups);
  let column = id % columns * 16u + lane;
  let first = id / columns % tiles * 8u;
  let slice = id / (columns * tiles);
  let block = min(first + lane, blocks - 1u);
  let tap = block / g.in_channels4;
  let shift = vec2u(tap % g.kernel_width, tap / g.kernel_width) - g.padding;
  let r = rows.row[wg.z];
  let begin = slice * g.rows_per_slice;
  let end = min(begin + g.rows_per_slice, g.batch * g.out_height);
  at = vec2u(0u, begin % g.out_height);
  image = select(r.work, r.data, g.in_by_data == 1u) * g.in_stride + block % g.in_channels4
    + begin / g.out_height * g.in_height * g.in_width * g.in_channels4;
  let c = min(column, n - 1u);
  let beside = min(column + 8u, n - 1u) - c;
  line = r.work * g.out_stride + begin * g.out_width * n + c;
  let count = select(end - begin, 0u, begin > end) * g.out_width;
  for (var p = 0u; p < count; p += 4u) {
    let left = count - p;
    load(0u, shift, left, beside); load(1u, shift, left, beside); load(2u, shift, left, beside); load(3u, shift, left, beside);
    multiply(0u, subgroupBroadcast(own[0], 0u), subgroupBroadcast(own[1], 0u), subgroupBroadcast(own[2], 0u), subgroupBroadcast(own[3], 0u));
    multiply(1u, subgroupBroadcast(own[0], 1u), subgroupBroadcast(own[1], 1u), subgroupBroadcast(own[2], 1u), subgroupBroadcast(own[3], 1u));
    multiply(2u, subgroupBroadcast(own[0], 2u), subgroupBroadcast(own[1], 2u), subgroupBroadcast(own[2], 2u), subgroupBroadcast(own[3], 2u));
    multiply(3u, subgroupBroadcast(own[0], 3u), subgroupBroadcast(own[1], 3u), subgroupBroadcast(own[2], 3u), subgroupBroadcast(own[3], 3u));
    multiply(4u, subgroupBroadcast(own[0], 4u), subgroupBroadcast(own[1], 4u), subgroupBroadcast(own[2], 4u), subgroupBroadcast(own[3], 4u));
    multiply(5u, subgroupBroadcast(own[0], 5u), subgroupBroadcast(own[1], 5u), subgroupBroadcast(own[2], 5u), subgroupBroadcast(own[3], 5u));
    multiply(6u, subgroupBroadcast(own[0], 6u), subgroupBroadcast(own[1], 6u), subgroupBroadcast(own[2], 6u), subgroupBroadcast(own[3], 6u));
    multiply(7u, subgroupBroadcast(own[0], 7u), subgroupBroadcast(own[1], 7u), subgroupBroadcast(own[2], 7u), subgroupBroadcast(own[3], 7u));
    if BIAS {
      sums[0] += d[0] + d[2] + d[4] + d[6];
      sums[1] += d[1] + d[3] + d[5] + d[7];
    }
  }
  if slice >= g.slices { return; }
  let o = r.work * g.grad_stride + slice * g.grad_slice_stride + g.grad_offset + column;
  store(0u, first, blocks, o, column); store(1u, first, blocks, o, column); store(2u, first, blocks, o, column);
  store(3u, first, blocks, o, column); store(4u, first, blocks, o, column); store(5u, first, blocks, o, column);
  store(6u, first, blocks, o, column); store(7u, first, blocks, o, column);
  if BIAS && first == 0u {
    let q = o + blocks * 4u * n;
    if column < n { dw[q] = sums[0]; }
    if column + 8u < n { dw[q + 8u] = sums[1]; }
  }
}
