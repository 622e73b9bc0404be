// dx = the row's gradient back at its places in the image, times derivative(saved).
#import shared/rows
#import shared/index
#import shared/flatten
#import shared/activation

@group(0) @binding(0) var<uniform> p: Flatten;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> saved: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>;

fn feature(y0: u32, pixel: u32, channel: u32) -> f32 {
  return select(0.0, dy[y0 + min(channel, p.channels - 1u) * p.pixels + pixel], channel < p.channels);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let c = id % p.channels4 * 4u;
  let pixel = id / p.channels4 % p.pixels;
  let image = id / (p.channels4 * p.pixels);
  if image >= p.batch { return; }
  let r = rows.row[wg.z];
  let y0 = (r.work * p.batch + image) * p.features4 * 4u;
  let d = vec4f(feature(y0, pixel, c), feature(y0, pixel, c + 1u), feature(y0, pixel, c + 2u), feature(y0, pixel, c + 3u));
  let o = r.work * p.batch * p.pixels * p.channels4 + id;
  dx[o] = d * derivative(saved[o]);
}
