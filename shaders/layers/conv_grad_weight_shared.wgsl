// dw[tap][ci][co] = sum over pixels of x[pixel * stride + tap - padding][ci] dy[pixel][co], register tiles fed from
// workgroup memory: a workgroup makes 16 (tap, input vec4) blocks x 64 output channels, an invocation 4 x 4, over 16
// pixels at a time. Blocks, bias and slices as in conv_grad_weight_register.wgsl.
#import shared/rows
#import shared/index
#import shared/geometry

@group(0) @binding(0) var<uniform> g: Geometry;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dw: array<vec4f>;

override BIAS: bool = false;

var<workgroup> xs: array<vec4f, 256>;                        // [pixel][block]
var<workgroup> ds: array<vec4f, 256>;                        // [pixel][output vec4]
var<private> acc: array<vec4f, 4>;

fn outer(p: u32, block: u32, column: u32) {
  let v = xs[p * 16u + block];
  let d = ds[p * 16u + column];
  acc[0] += d * v.x; acc[1] += d * v.y; acc[2] += d * v.z; acc[3] += d * v.w;
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let r = rows.row[wg.z];
  let weight_blocks = g.kernel_height * g.kernel_width * g.in_channels4;
  let blocks = weight_blocks + select(0u, 1u, BIAS);
  let columns = (g.out_channels4 + 15u) / 16u;
  let tiles = (blocks + 15u) / 16u;                          // of 16 blocks; then come columns, then slices
  let tile = workgroup_index(wg, groups) % tiles;
  let rest = workgroup_index(wg, groups) / tiles;
  let slice = rest / columns;
  let c0 = rest % columns * 16u;
  let x0 = select(r.work, r.data, g.in_by_data == 1u) * g.in_stride;
  let y0 = r.work * g.out_stride;
  let begin = slice * g.rows_per_slice * g.out_width;
  let end = min(begin + g.rows_per_slice * g.out_width, g.batch * g.out_height * g.out_width);
  // This invocation loads block li % 16 and output vec4 li % 16 of pixel li / 16; it computes block li / 16, vec4 li % 16.
  let load_block = tile * 16u + li % 16u;
  let tap = load_block / g.in_channels4;
  let shift = vec2u(tap % g.kernel_width, tap / g.kernel_width) - g.padding;
  let c = c0 + li % 16u;
  for (var p0 = begin; p0 < end; p0 += 16u) {
    let p = p0 + li / 16u;
    let line = p / g.out_width;
    let at = vec2u(p % g.out_width, line % g.out_height) * g.stride + shift;
    let ok = p < end && load_block < weight_blocks && at.x < g.in_width && at.y < g.in_height;
    let from_x = x0 + ((line / g.out_height * g.in_height + at.y) * g.in_width + at.x) * g.in_channels4 + load_block % g.in_channels4;
    let one = BIAS && load_block == weight_blocks;
    xs[li] = select(select(vec4f(0.0), vec4f(1.0, 0.0, 0.0, 0.0), one), x[select(0u, from_x, ok)], ok);
    let d_ok = p < end && c < g.out_channels4;
    ds[li] = select(vec4f(0.0), dy[select(0u, y0 + p * g.out_channels4 + c, d_ok)], d_ok);
    workgroupBarrier();
    let b = li / 16u;
    let k = li % 16u;
    outer(0u, b, k); outer(1u, b, k); outer(2u, b, k); outer(3u, b, k);
    outer(4u, b, k); outer(5u, b, k); outer(6u, b, k); outer(7u, b, k);
    outer(8u, b, k); outer(9u, b, k); outer(10u, b, k); outer(11u, b, k);
    outer(12u, b, k); outer(13u, b, k); outer(14u, b, k); outer(15u, b, k);
    workgroupBarrier();
  }
  let index = tile * 16u + li / 16u;
  if index >= blocks || c >= g.out_channels4 { return; }
  let n = g.out_channels4;
  let o = r.work * g.grad_stride + slice * g.grad_slice_stride + g.grad_offset + index * 4u * n + c;
  dw[o] = acc[0];
  if index == weight_blocks { return; }
  dw[o + n] = acc[1]; dw[o + 2u * n] = acc[2]; dw[o + 3u * n] = acc[3];
}
