// The tangent of dx = (dxhat - mean(dxhat) - xhat mean(xhat dxhat)) / deviation, dxhat = gamma dy, the gradient of a norm's input:
// R{dx} = (R{dxhat} - mean(R{dxhat}) - R{xhat} mean(xhat dxhat) - xhat R{mean(xhat dxhat)} - R{deviation} dx) / deviation,
// R{dxhat} = gamma R{dy} + R{gamma} dy.
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
@group(0) @binding(7) var<storage, read> means: array<Means>;
@group(0) @binding(8) var<storage, read_write> rdx: array<vec4f>;

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
  let k = (r.work * p.images + image) * p.channels4 + c;
  let m = moves[k];
  let mean = means[k];
  let base = r.work * p.stride + image * p.pixels * p.channels4 + c;
  for (var i = first; i < min(first + PIXELS, p.pixels); i++) {
    let o = base + i * p.channels4;
    let xhat = (x[o] - m.mean) * m.inverse;
    let rxhat = rxhat_of(m, rx[o], xhat);
    let dx = m.inverse * (m.gamma * dy[o] - mean.dy - xhat * mean.product);
    let rdxhat = m.gamma * rdy[o] + m.rgamma * dy[o];
    rdx[o] = m.inverse * (rdxhat - mean.rdy - rxhat * mean.product - xhat * mean.rproduct - m.rdeviation * dx);
  }
}
