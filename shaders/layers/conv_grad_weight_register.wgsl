// dw[tap][ci][co] = sum over pixels of x[pixel * stride + tap - padding][ci] dy[pixel][co], register tiles only: 2 x 2
// blocks of 4 input x 4 output channels an invocation. A block row is a (tap, input vec4); the bias is one more, whose
// x is 1. The sum is cut into slices of output rows (split-K); with several, reduce_slices.wgsl adds them in order.
#import shared/rows
#import shared/index
#import shared/geometry

@group(0) @binding(0) var<uniform> g: Geometry;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dw: array<vec4f>;

override BIAS: bool = false;

var<private> acc: array<vec4f, 16>;

// Where a block reads: its tap relative to the padded image, its input vec4, and whether it is the bias.
struct Block { shift: vec2u, c: u32, bias: bool }

fn block(index: u32, blocks: u32) -> Block {
  let tap = index / g.in_channels4;
  let shift = vec2u(tap % g.kernel_width, tap / g.kernel_width) - g.padding;
  return Block(shift, index % g.in_channels4, BIAS && index == blocks - 1u);
}
// The address of the block's input row for output row oy (meaningless where that is above or below the image).
fn line(b: Block, image: u32, oy: u32) -> u32 {
  return image + (oy * g.stride + b.shift.y) * g.in_width * g.in_channels4 + b.c;
}
fn input(b: Block, line: u32, line_ok: bool, ox: u32) -> vec4f {
  let ix = ox * g.stride + b.shift.x;                        // left of the image it wraps and is large
  let ok = line_ok && ix < g.in_width;
  let v = x[select(0u, line + ix * g.in_channels4, ok)];
  return select(select(vec4f(0.0), vec4f(1.0, 0.0, 0.0, 0.0), b.bias), v, ok);
}
fn outer(k: u32, v: vec4f, d: vec4f) {
  acc[k] += d * v.x; acc[k + 2u] += d * v.y; acc[k + 4u] += d * v.z; acc[k + 6u] += d * v.w;
}
fn store(k: u32, o: u32) { dw[o] = acc[k]; }
fn store_block(k: u32, index: u32, blocks: u32, o0: u32, c: u32) {
  if index >= blocks { return; }
  let n = g.out_channels4;
  let o = o0 + index * 4u * n + c;
  store(k, o);
  if BIAS && index == blocks - 1u { return; }
  store(k + 2u, o + n); store(k + 4u, o + 2u * n); store(k + 6u, o + 3u * n);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let blocks = g.kernel_height * g.kernel_width * g.in_channels4 + select(0u, 1u, BIAS);
  let pairs = (blocks + 1u) / 2u;
  let columns = (g.out_channels4 + 1u) / 2u;
  let id = workgroup_index(wg, groups) * 64u + li;
  let slice = id / (pairs * columns);
  if slice >= g.slices { return; }
  let first = id % pairs * 2u;
  let c0 = id / pairs % columns * 2u;
  let c1 = min(c0 + 1u, g.out_channels4 - 1u);
  let r = rows.row[wg.z];
  let x0 = select(r.work, r.data, g.in_by_data == 1u) * g.in_stride;
  let y0 = r.work * g.out_stride;
  let b0 = block(first, blocks);
  let b1 = block(min(first + 1u, blocks - 1u), blocks);
  let begin = slice * g.rows_per_slice;
  let end = min(begin + g.rows_per_slice, g.batch * g.out_height);
  // The image and its row are counted along: an integer division costs as much as all multiplications of a pixel.
  var image = x0 + begin / g.out_height * g.in_height * g.in_width * g.in_channels4;
  var oy = begin % g.out_height;
  var d = y0 + begin * g.out_width * g.out_channels4;
  for (var row = begin; row < end; row++) {
    let l0 = line(b0, image, oy);
    let l1 = line(b1, image, oy);
    let ok0 = !b0.bias && oy * g.stride + b0.shift.y < g.in_height;
    let ok1 = !b1.bias && oy * g.stride + b1.shift.y < g.in_height;
    for (var ox = 0u; ox < g.out_width; ox++) {
      let v0 = input(b0, l0, ok0, ox);
      let v1 = input(b1, l1, ok1, ox);
      let d0 = dy[d + c0];
      let d1 = dy[d + c1];
      outer(0u, v0, d0); outer(1u, v0, d1); outer(8u, v1, d0); outer(9u, v1, d1);
      d += g.out_channels4;
    }
    oy++;
    if oy == g.out_height {
      oy = 0u;
      image += g.in_height * g.in_width * g.in_channels4;
    }
  }
  let o0 = r.work * g.grad_stride + slice * g.grad_slice_stride + g.grad_offset;
  store_block(0u, first, blocks, o0, c0); store_block(8u, first + 1u, blocks, o0, c0);
  if c0 + 1u < g.out_channels4 {
    store_block(1u, first, blocks, o0, c1); store_block(9u, first + 1u, blocks, o0, c1);
  }
}
