// Per set, slice of its pixels and channel: the sums of dy, of xhat dy, and of their tangents R{dy} and R{xhat} dy + xhat R{dy}.
#import shared/rows
#import shared/index
#import shared/norm_tangent

@group(0) @binding(0) var<uniform> p: NormTangent;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> rx: array<vec4f>;
@group(0) @binding(4) var<storage, read> dy: array<vec4f>;
@group(0) @binding(5) var<storage, read> rdy: array<vec4f>;
@group(0) @binding(6) var<storage, read> moves: array<Moves>;
@group(0) @binding(7) var<storage, read_write> partial: array<Sums>;

override INPUT_MOVES: bool = true;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let c = id % p.channels4;
  let slice = id / p.channels4;
  if slice >= p.images * p.slices { return; }
  let r = rows.row[wg.z];
  let image = slice / p.slices;
  let m = moves[(r.work * p.images + image) * p.channels4 + c];
  let inside = image * p.pixels * p.channels4 + c;
  let x0 = select(r.work, r.data, p.in_by_data == 1u) * p.stride + inside;
  let y0 = r.work * p.stride + inside;
  let first = slice % p.slices * p.per_slice;
  var sums = Sums(vec4f(0.0), vec4f(0.0), vec4f(0.0), vec4f(0.0));
  for (var i = first; i < min(first + p.per_slice, p.pixels); i++) {
    let xhat = (x[x0 + i * p.channels4] - m.mean) * m.inverse;
    let o = y0 + i * p.channels4;
    let d = dy[o];
    let rd = rdy[o];
    var rxhat = vec4f(0.0);
    if INPUT_MOVES { rxhat = rxhat_of(m, rx[o], xhat); }
    sums.dy += d;
    sums.product += xhat * d;
    sums.rdy += rd;
    sums.rproduct += rxhat * d + xhat * rd;
  }
  partial[(r.work * p.images * p.slices + slice) * p.channels4 + c] = sums;
}
