// dx = conv_transposed(dy, w) * derivative(saved) by tiles of tile.wgsl, over the taps and output channels. `saved` belongs
// to the activation that made x, so the result is the gradient before that activation.
#import shared/rows
#import shared/index
#import shared/geometry
#import shared/activation
#import shared/tile

@group(0) @binding(0) var<uniform> g: Geometry;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read> weights: array<vec4f>;
@group(0) @binding(4) var<storage, read> saved: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dx: array<vec4f>;

override STRIDE: u32 = 1u;

fn load(i: u32) {
  let t = corner[i] + g.padding - tap;                       // before the first output pixel it wraps and is large
  let at = t / STRIDE;
  let ok = all(at * STRIDE == t) && at.x < g.out_width && at.y < g.out_height;
  a[i] = select(vec4f(0.0), dy[select(0u, image[i] + (at.y * g.out_width + at.x) * g.out_channels4 + c, ok)], ok);
}
// The rows of a pair are input channels here: each is multiplied with the gradient's vec4, not summed over.
fn chunk(j: u32) {
  let w = pair(j);
  multiply_all(j, Pair(transpose(w.first), transpose(w.second)));
  own[j]++;
}
fn store(i: u32, k: u32, o: u32, column: u32) {
  if column + k >= g.in_channels4 { return; }
  dx[o + k] = acc[8u * i + k] * derivative(saved[o + k]);
}
fn store_pixel(i: u32, first: u32, x0: u32, column: u32) {
  if first + i >= g.batch * g.in_height * g.in_width { return; }
  let o = x0 + (first + i) * g.in_channels4 + column;
  store(i, 0u, o, column); store(i, 1u, o, column);
  if WIDE > 1u { store(i, 2u, o, column); store(i, 3u, o, column); }
  if WIDE > 2u { store(i, 4u, o, column); store(i, 5u, o, column); store(i, 6u, o, column); store(i, 7u, o, column); }
}

fn grad_input(index: u32, li: u32, r: Row) {
  let n = g.in_channels4;
  let depth = g.out_channels4;
  let column = tile_channel(index, n);
  let first = tile_pixel(index, li, n);
  let w0 = r.weights * g.weight_stride + g.weight_offset;
  place(first, vec2u(g.in_width, g.in_height), r.work * g.out_stride, g.out_height * g.out_width * depth);
  aim(0u, w0, column, n, 4u * depth); aim(1u, w0, column, n, 4u * depth);
  aim(2u, w0, column, n, 4u * depth); aim(3u, w0, column, n, 4u * depth);
  for (var k = 0u; k < g.kernel_height * g.kernel_width * depth; k++) {
    load(0u); load(1u); load(2u); load(3u); load(4u); load(5u); load(6u); load(7u);
    chunk(0u);
    if WIDE > 1u { chunk(1u); }
    if WIDE > 2u { chunk(2u); chunk(3u); }
    let skip = select(0u, (4u * n - 1u) * depth, advance(depth));
    own[0] += skip; own[1] += skip; own[2] += skip; own[3] += skip;
  }
  let x0 = r.work * g.in_stride;
  store_pixel(0u, first, x0, column); store_pixel(1u, first, x0, column);
  store_pixel(2u, first, x0, column); store_pixel(3u, first, x0, column);
  store_pixel(4u, first, x0, column); store_pixel(5u, first, x0, column);
  store_pixel(6u, first, x0, column); store_pixel(7u, first, x0, column);
}
