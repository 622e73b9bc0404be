// y = an image's values as one row: channel, row, column, as PyTorch flattens.
#import shared/rows
#import shared/index
#import shared/flatten

@group(0) @binding(0) var<uniform> p: Flatten;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

fn feature(x0: u32, f: u32) -> f32 {
  let channel = f / p.pixels;
  let value = x[x0 + f % p.pixels * p.channels4 * 4u + min(channel, p.channels - 1u)];
  return select(0.0, value, channel < p.channels);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let image = id / p.features4;
  if image >= p.batch { return; }
  let r = rows.row[wg.z];
  let slot = select(r.work, r.data, p.in_by_data == 1u);
  let x0 = (slot * p.batch + image) * p.pixels * p.channels4 * 4u;
  let f = id % p.features4 * 4u;
  y[r.work * p.batch * p.features4 + id] = vec4f(feature(x0, f), feature(x0, f + 1u), feature(x0, f + 2u), feature(x0, f + 3u));
}
