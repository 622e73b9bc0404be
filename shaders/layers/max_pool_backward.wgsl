// dx = the sum of dy over the windows whose first maximum (row by row, as in PyTorch) this input is, times
// derivative(saved). A gather: no two invocations write one place.
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
  let c = id % p.channels4;
  let pixel = id / p.channels4;
  let row = pixel / p.in_width;
  let image = row / p.in_height;
  if image >= p.batch { return; }
  let r = rows.row[wg.z];
  let x0 = select(r.work, r.data, p.in_by_data == 1u) * p.in_stride + image * p.in_height * p.in_width * p.channels4 + c;
  let y0 = r.work * p.out_stride + image * p.out_height * p.out_width * p.channels4 + c;
  let at = vec2u(pixel % p.in_width, row % p.in_height);
  let mine = x[x0 + (at.y * p.in_width + at.x) * p.channels4];
  let first = (max(at, vec2u(p.kernel - 1u)) - (p.kernel - 1u) + p.stride - 1u) / p.stride;
  let last = min(at / p.stride, vec2u(p.out_width, p.out_height) - 1u);
  var sum = vec4f(0.0);
  for (var oy = first.y; oy <= last.y; oy++) {
    for (var ox = first.x; ox <= last.x; ox++) {
      let corner = vec2u(ox, oy) * p.stride;
      let place = (at.y - corner.y) * p.kernel + at.x - corner.x;
      var wins = vec4<bool>(true);
      for (var i = 0u; i < p.kernel * p.kernel; i++) {
        let other = x[x0 + ((corner.y + i / p.kernel) * p.in_width + corner.x + i % p.kernel) * p.channels4];
        wins = wins & select(mine >= other, mine > other, vec4<bool>(i < place));
      }
      sum += select(vec4f(0.0), dy[y0 + (oy * p.out_width + ox) * p.channels4], wins);
    }
  }
  let o = r.work * p.in_stride + id;
  dx[o] = sum * derivative(saved[o]);
}
