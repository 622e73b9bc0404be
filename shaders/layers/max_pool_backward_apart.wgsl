// The same as max_pool_backward.wgsl for windows that do not overlap (kernel <= stride): an invocation takes one
// stride x stride cell of the input, finds the first maximum of its window and writes the whole cell.
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

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let cells_x = (p.in_width + p.stride - 1u) / p.stride;
  let cells_y = (p.in_height + p.stride - 1u) / p.stride;
  let c = id % p.channels4;
  let cell = id / p.channels4;
  let ox = cell % cells_x;
  let oy = cell / cells_x % cells_y;
  let image = cell / (cells_x * cells_y);
  if image >= p.batch { return; }
  let r = rows.row[wg.z];
  let pixels = image * p.in_height * p.in_width * p.channels4 + c;
  let x0 = select(r.work, r.data, p.in_by_data == 1u) * p.in_stride + pixels;
  let dx0 = r.work * p.in_stride + pixels;
  let corner = vec2u(ox, oy) * p.stride;
  var winner = vec4u(0xFFFFFFFFu);                           // no window in the cells of a remainder
  var d = vec4f(0.0);
  if ox < p.out_width && oy < p.out_height {
    d = dy[r.work * p.out_stride + ((image * p.out_height + oy) * p.out_width + ox) * p.channels4 + c];
    var best = x[x0 + (corner.y * p.in_width + corner.x) * p.channels4];
    winner = vec4u(0u);
    for (var i = 1u; i < p.kernel * p.kernel; i++) {
      let at = corner + vec2u(i % p.kernel, i / p.kernel);
      let v = x[x0 + (at.y * p.in_width + at.x) * p.channels4];
      winner = select(winner, vec4u(i), v > best);
      best = max(best, v);
    }
  }
  for (var y = 0u; y < min(p.stride, p.in_height - corner.y); y++) {
    for (var x = 0u; x < min(p.stride, p.in_width - corner.x); x++) {
      let i = select(0xFFFFFFFEu, y * p.kernel + x, y < p.kernel && x < p.kernel);
      let o = dx0 + ((corner.y + y) * p.in_width + corner.x + x) * p.channels4;
      dx[o] = select(vec4f(0.0), d, winner == vec4u(i)) * derivative(saved[o]);
    }
  }
}
