// Initial values of one tensor: normal with deviation `scale` (He et al. 2015), or `scale` itself with CONSTANT. An
// element is drawn by its index in PyTorch's layout [out][in][tap], so that padding changes nothing.
#import shared/index
#import shared/rng

struct Init { offset: u32, stride: u32, taps: u32, inputs: u32, inputs_padded: u32, outputs: u32, outputs_padded: u32, tensor: u32, scale: f32 }
struct Seeds { seed: array<vec4u, 256> }

@group(0) @binding(0) var<uniform> p: Init;
@group(0) @binding(1) var<uniform> seeds: Seeds;
@group(0) @binding(2) var<storage, read_write> weights: array<f32>;

override CONSTANT: bool = false;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  let output = id % p.outputs_padded;
  let input = id / p.outputs_padded % p.inputs_padded;
  let tap = id / p.outputs_padded / p.inputs_padded;
  if tap >= p.taps { return; }
  var value = p.scale;
  if !CONSTANT {
    let index = (output * p.inputs + input) * p.taps + tap;
    value = p.scale * normal(threefry(vec2u(seeds.seed[wg.z].x, STREAM_INIT), vec2u(index, p.tensor)));
  }
  weights[wg.z * p.stride + p.offset + id] = select(0.0, value, input < p.inputs && output < p.outputs);
}
