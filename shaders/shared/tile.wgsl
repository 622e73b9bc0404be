// A register tile of a convolution: 8 pixels in a row of memory x 2 WIDE vec4s of channels an invocation, 8 invocations a
// workgroup that share the channels. The sum goes over (tap, vec4 of channels) in one loop, whatever the kernel: a vec4 of
// each pixel times 4 x 8 WIDE weights at a time.
override WIDE: u32 = 2u;

var<private> acc: array<vec4f, 64>;                          // [pixel][vec4]
var<private> a: array<vec4f, 8>;                             // what is multiplied, of each pixel
var<private> corner: array<vec2u, 8>;                        // where each pixel's window is
var<private> image: array<u32, 8>;                           // the address of each pixel's image
var<private> tap: vec2u;
var<private> c: u32;

// Invocation `li`'s first pixel, of `columns` vec4s of channels: neighbouring workgroups share pixels.
fn tile_pixel(index: u32, li: u32, columns: u32) -> u32 { return (index / tile_columns(columns) * 8u + li) * 8u; }
fn tile_channel(index: u32, columns: u32) -> u32 { return index % tile_columns(columns) * 2u * WIDE; }
fn tile_columns(columns: u32) -> u32 { return (columns + 2u * WIDE - 1u) / (2u * WIDE); }

// The positions of 8 pixels from `first` on, counted along: a division costs as much as many multiplications.
fn place(first: u32, size: vec2u, image0: u32, image_size: u32) {
  let row = first / size.x;
  let number = min(row / size.y, g.batch - 1u);              // what is beyond the last image is never stored
  corner[0] = vec2u(first % size.x, row % size.y);
  image[0] = image0 + number * image_size;
  let last = image0 + (g.batch - 1u) * image_size;
  follow(1u, size, image_size, last); follow(2u, size, image_size, last); follow(3u, size, image_size, last);
  follow(4u, size, image_size, last); follow(5u, size, image_size, last); follow(6u, size, image_size, last);
  follow(7u, size, image_size, last);
}
fn follow(i: u32, size: vec2u, image_size: u32, last: u32) {
  let next = corner[i - 1u] + vec2u(1u, 0u);
  let line = select(next, vec2u(0u, next.y + 1u), next.x == size.x);
  let over = line.y == size.y;
  corner[i] = select(line, vec2u(0u), over);
  image[i] = select(image[i - 1u], min(image[i - 1u] + image_size, last), over);
}

// One step of the loop over taps and their `depth` vec4s; true where a tap begins.
fn advance(depth: u32) -> bool {
  c++;
  let next_tap = c == depth;
  c = select(c, 0u, next_tap);
  tap.x += select(0u, 1u, next_tap);
  tap = select(tap, vec2u(0u, tap.y + 1u), tap.x == g.kernel_width);
  return next_tap;
}

fn multiply(i: u32, j: u32, w: Pair) {
  acc[8u * i + 2u * j] += w.first * a[i];
  acc[8u * i + 2u * j + 1u] += w.second * a[i];
}
fn multiply_all(j: u32, w: Pair) {
  multiply(0u, j, w); multiply(1u, j, w); multiply(2u, j, w); multiply(3u, j, w);
  multiply(4u, j, w); multiply(5u, j, w); multiply(6u, j, w); multiply(7u, j, w);
}
