// y = activate(conv(x, w) + b) by tiles of tile.wgsl.
#import shared/rows
#import shared/index
#import shared/geometry
#import shared/activation
#import shared/tile

@group(0) @binding(0) var<uniform> g: Geometry;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> weights: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> z: array<vec4f>;

override BIAS: bool = false;
override SAVE_Z: bool = false;

fn load(i: u32) {
  let at = corner[i] * g.stride - g.padding + tap;           // left of or above the image it wraps and is large
  let ok = at.x < g.in_width && at.y < g.in_height;
  a[i] = select(vec4f(0.0), x[select(0u, image[i] + (at.y * g.in_width + at.x) * g.in_channels4 + c, ok)], ok);
}
fn chunk(j: u32) {
  multiply_all(j, pair(j));
  own[j] += 4u * g.out_channels4;
}
fn add_bias(k: u32, at: u32, column: u32) {
  let b = weights[at + min(column + k, g.out_channels4 - 1u)];
  acc[k] = b; acc[8u + k] = b; acc[16u + k] = b; acc[24u + k] = b;
  acc[32u + k] = b; acc[40u + k] = b; acc[48u + k] = b; acc[56u + k] = b;
}
fn store(i: u32, k: u32, o: u32, column: u32) {
  if column + k >= g.out_channels4 { return; }
  y[o + k] = activate(acc[8u * i + k]);
  if SAVE_Z { z[o + k] = acc[8u * i + k]; }
}
fn store_pixel(i: u32, first: u32, y0: u32, column: u32) {
  if first + i >= g.batch * g.out_height * g.out_width { return; }
  let o = y0 + (first + i) * g.out_channels4 + column;
  store(i, 0u, o, column); store(i, 1u, o, column);
  if WIDE > 1u { store(i, 2u, o, column); store(i, 3u, o, column); }
  if WIDE > 2u { store(i, 4u, o, column); store(i, 5u, o, column); store(i, 6u, o, column); store(i, 7u, o, column); }
}

fn forward(index: u32, li: u32, r: Row) {
  let n = g.out_channels4;
  let column = tile_channel(index, n);
  let first = tile_pixel(index, li, n);
  let x0 = select(r.work, r.data, g.in_by_data == 1u) * g.in_stride;
  let w0 = r.weights * g.weight_stride;
  place(first, vec2u(g.out_width, g.out_height), x0, g.in_height * g.in_width * g.in_channels4);
  aim(0u, w0 + g.weight_offset, column, n, 1u); aim(1u, w0 + g.weight_offset, column, n, 1u);
  aim(2u, w0 + g.weight_offset, column, n, 1u); aim(3u, w0 + g.weight_offset, column, n, 1u);
  if BIAS {
    let b = w0 + g.bias_offset;
    add_bias(0u, b, column); add_bias(1u, b, column); add_bias(2u, b, column); add_bias(3u, b, column);
    add_bias(4u, b, column); add_bias(5u, b, column); add_bias(6u, b, column); add_bias(7u, b, column);
  }
  for (var k = 0u; k < g.kernel_height * g.kernel_width * g.in_channels4; k++) {
    load(0u); load(1u); load(2u); load(3u); load(4u); load(5u); load(6u); load(7u);
    chunk(0u);
    if WIDE > 1u { chunk(1u); }
    if WIDE > 2u { chunk(2u); chunk(3u); }
    advance(g.in_channels4);
  }
  let y0 = r.work * g.out_stride;
  store_pixel(0u, first, y0, column); store_pixel(1u, first, y0, column);
  store_pixel(2u, first, y0, column); store_pixel(3u, first, y0, column);
  store_pixel(4u, first, y0, column); store_pixel(5u, first, y0, column);
  store_pixel(6u, first, y0, column); store_pixel(7u, first, y0, column);
}
