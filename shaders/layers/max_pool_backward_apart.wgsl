// The same as max_pool_backward.wgsl for windows that do not overlap (kernel <= stride): the input is cut into cells of
// stride x stride, each with its window, whose first maximum gets the gradient. An invocation writes 4 cells of a row.
#import shared/rows
#import shared/index
#import shared/pool
#import shared/activation

@group(0) @binding(0) var<uniform> p: Pool;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read> saved: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dx: array<vec4f>;

override KERNEL: u32 = 2u;
override STRIDE: u32 = 2u;
override SAVED_IS_X: bool = false;                           // then the derivative at the maximum is that of the maximum

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let cells = (vec2u(p.in_width, p.in_height) + STRIDE - 1u) / STRIDE;
  let runs = (cells.x + 3u) / 4u;
  let c = id % p.channels4;
  let run = id / p.channels4;
  let row = run / runs;
  let oy = row % cells.y;
  let image = row / cells.y;
  if image >= p.batch { return; }
  let r = rows.row[wg.z];
  let line = (image * p.in_height + oy * STRIDE) * p.in_width * p.channels4 + c;
  let x0 = select(r.work, r.data, p.in_by_data == 1u) * p.in_stride + line;
  let dx0 = r.work * p.in_stride + line;
  let dy0 = r.work * p.out_stride + (image * p.out_height + oy) * p.out_width * p.channels4 + c;
  let first = run % runs * 4u;
  for (var ox = first; ox < min(first + 4u, cells.x); ox++) {
    let column = ox * STRIDE;
    var winner = vec4u(0xFFFFFFFFu);                         // no window in the cells of a remainder
    var d = vec4f(0.0);
    if ox < p.out_width && oy < p.out_height {
      var best = x[x0 + column * p.channels4];
      winner = vec4u(0u);
      for (var i = 1u; i < KERNEL * KERNEL; i++) {
        let v = x[x0 + (i / KERNEL * p.in_width + column + i % KERNEL) * p.channels4];
        winner = select(winner, vec4u(i), v > best);
        best = max(best, v);
      }
      d = dy[dy0 + ox * p.channels4];
      if SAVED_IS_X { d *= derivative(best); }
    }
    for (var i = 0u; i < STRIDE * STRIDE; i++) {
      let at = vec2u(i % STRIDE, i / STRIDE);
      let place = select(0xFFFFFFFEu, at.y * KERNEL + at.x, all(at < vec2u(KERNEL)));
      let o = dx0 + (at.y * p.in_width + column + at.x) * p.channels4;
      if column + at.x < p.in_width && oy * STRIDE + at.y < p.in_height {
        var value = select(vec4f(0.0), d, winner == vec4u(place));
        if !SAVED_IS_X { value *= derivative(saved[o]); }
        dx[o] = value;
      }
    }
  }
}
