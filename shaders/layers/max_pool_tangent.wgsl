// y = t at each window's first maximum of x (row by row, as in PyTorch): how the maximum moves where x moves by t. 4 windows
// of a row an invocation, as in max_pool_forward.wgsl.
#import shared/rows
#import shared/index
#import shared/pool

@group(0) @binding(0) var<uniform> p: Pool;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> t: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

override KERNEL: u32 = 2u;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let c = id % p.channels4;
  let run = id / p.channels4;
  let runs = (p.out_width + 3u) / 4u;
  let row = run / runs;
  let image = row / p.out_height;
  if image >= p.batch { return; }
  let work = rows.row[wg.z].work;                            // the input moves, so it lies by work
  let first = run % runs * 4u;
  let line = work * p.in_stride + c + (image * p.in_height + row % p.out_height * p.stride) * p.in_width * p.channels4;
  let o = work * p.out_stride + row * p.out_width * p.channels4 + c;
  for (var ox = first; ox < min(first + 4u, p.out_width); ox++) {
    let corner = line + ox * p.stride * p.channels4;
    var best = x[corner];
    var moves = t[corner];
    for (var i = 1u; i < KERNEL * KERNEL; i++) {
      let at = corner + (i / KERNEL * p.in_width + i % KERNEL) * p.channels4;
      let higher = x[at] > best;
      best = max(best, x[at]);
      moves = select(moves, t[at], higher);
    }
    y[o + ox * p.channels4] = moves;
  }
}
