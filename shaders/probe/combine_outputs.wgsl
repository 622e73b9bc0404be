// The output of a first dense layer under weights that are sums of given ones, one set a row. The layer is linear in its
// tensors, so y = activate(a z0 + b z1 + c z2), where zk is its output before the activation under source k, bias and all, which
// is computed once for all rows. A source whose factor is exactly 0 is left out, as in combine.wgsl.
#import shared/rows
#import shared/clock
#import shared/activation

struct CombineOutputs { size4: u32, sources: u32, kept: u32 }

@group(0) @binding(0) var<uniform> p: CombineOutputs;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> factors: array<vec4f>;          // a, b, c of each row's weights
@group(0) @binding(3) var<storage, read> clock: Clock;                   // the batch
@group(0) @binding(4) var<storage, read> outputs: array<vec4f>;          // [batch modulo kept][source][example][channel]
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;          // [row][example][channel]

const PER_WORKGROUP = 512u;

fn term(factor: f32, i: u32) -> vec4f {
  if factor == 0.0 { return vec4f(0.0); }
  return factor * outputs[i];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  let f = factors[r.weights];
  let z = clock.step % p.kept * p.sources * p.size4;
  let third = select(1u, 2u, p.sources > 2u);                            // of two sources the third factor is 0
  let begin = wg.x * PER_WORKGROUP;
  let end = min(begin + PER_WORKGROUP, p.size4);
  for (var i = begin + li; i < end; i += 64u) {
    let sum = term(f.x, z + i) + term(f.y, z + p.size4 + i) + term(f.z, z + third * p.size4 + i);
    y[r.work * p.size4 + i] = activate(sum);
  }
}
