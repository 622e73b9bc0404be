// One set of weights (or running statistics) a row, as a weighted sum of three given ones: out = a s0 + b s1 + c s2. A line
// between two networks, a plane through three, and a point of a random plane are all such sums. A source whose factor is
// exactly 0 is left out, so that a factor of 1 gives the source back bit for bit. What lies before `first` is left as it is.
#import shared/rows

struct Combine { size4: u32, stride: u32, first: u32 }

@group(0) @binding(0) var<uniform> p: Combine;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> factors: array<vec4f>;          // a, b, c of each row's weights
@group(0) @binding(3) var<storage, read> sources: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4f>;

const PER_WORKGROUP = 512u;

fn term(factor: f32, i: u32) -> vec4f {
  if factor == 0.0 { return vec4f(0.0); }
  return factor * sources[i];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  let f = factors[r.weights];
  let begin = p.first + wg.x * PER_WORKGROUP;
  let end = min(begin + PER_WORKGROUP, p.size4);
  for (var i = begin + li; i < end; i += 64u) {
    let value = term(f.x, i) + term(f.y, p.stride + i) + term(f.z, 2u * p.stride + i);
    out[r.weights * p.stride + i] = value;
  }
}
