// R{y} = gamma R{xhat} + R{gamma} xhat + R{beta}: how the output of a norm, before its activation, moves along a direction.
#import shared/rows
#import shared/index
#import shared/norm_tangent

@group(0) @binding(0) var<uniform> p: NormTangent;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> rx: array<vec4f>;
@group(0) @binding(4) var<storage, read> moves: array<Moves>;
@group(0) @binding(5) var<storage, read_write> ry: array<vec4f>;

override INPUT_MOVES: bool = true;
const PIXELS = 8u;                                           // what a channel's numbers cost is shared by 8 pixels

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let runs = (p.pixels + PIXELS - 1u) / PIXELS;
  let c = id % p.channels4;
  let first = id / p.channels4 % runs * PIXELS;
  let image = id / (p.channels4 * runs);
  if image >= p.images { return; }
  let r = rows.row[wg.z];
  let m = moves[(r.work * p.images + image) * p.channels4 + c];
  let inside = image * p.pixels * p.channels4 + c;
  let x0 = select(r.work, r.data, p.in_by_data == 1u) * p.stride + inside;
  let y0 = r.work * p.stride + inside;
  for (var i = first; i < min(first + PIXELS, p.pixels); i++) {
    let xhat = (x[x0 + i * p.channels4] - m.mean) * m.inverse;
    let o = y0 + i * p.channels4;
    var rxhat = vec4f(0.0);
    if INPUT_MOVES { rxhat = rxhat_of(m, rx[o], xhat); }
    ry[o] = m.gamma * rxhat + m.rgamma * xhat + m.rbeta;
  }
}
