// to = from * mask / (1 - rate) * derivative(saved): inverted dropout (Srivastava et al. 2014), of values without an
// activation or of gradients. The mask is a function of (seed, layer, step, element of the step's whole batch), so both
// directions and both passes of SAM have the same. Without DROP, to = from.
#import shared/rows
#import shared/index
#import shared/clock
#import shared/rng
#import shared/activation

struct Dropout { size4: u32, in_by_data: u32, layer: u32, example4: u32, threshold: u32, scale: f32 }

@group(0) @binding(0) var<uniform> p: Dropout;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> seeds: array<u32>;
@group(0) @binding(3) var<storage, read> clock: Clock;
@group(0) @binding(4) var<storage, read> input: array<vec4f>;
@group(0) @binding(5) var<storage, read> saved: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> output: array<vec4f>;

override DROP: bool = true;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  if id >= p.size4 { return; }
  let r = rows.row[wg.z];
  let i = select(r.work, r.data, p.in_by_data == 1u) * p.size4 + id;
  var value = input[i] * derivative(saved[i]);
  if DROP {
    let bits = dropout_bits(seeds[r.lane], p.layer, clock.step, clock.offset * p.example4 + id);
    value = select(vec4f(0.0), value * p.scale, bits >= vec4u(p.threshold));
  }
  output[r.work * p.size4 + id] = value;
}
