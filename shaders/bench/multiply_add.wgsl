// The adapter's peak: sixteen independent chains of multiply and add in registers, 2 x 16 x 4 operations a round.
#import shared/rows

struct Rounds { rounds: u32 }

@group(0) @binding(0) var<uniform> p: Rounds;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let seed = vec4f(vec4u(id.x, id.x + 1u, id.x + 2u, rows.row[id.z].lane)) * 1e-6;
  let x = vec4f(0.999) + seed * 1e-3;
  var a = seed;
  var b = seed + 0.1;
  var c = seed + 0.2;
  var d = seed + 0.3;
  for (var i = 0u; i < p.rounds; i++) {
    a = a * x + seed; b = b * x + seed; c = c * x + seed; d = d * x + seed;
    a = a * x + seed; b = b * x + seed; c = c * x + seed; d = d * x + seed;
    a = a * x + seed; b = b * x + seed; c = c * x + seed; d = d * x + seed;
    a = a * x + seed; b = b * x + seed; c = c * x + seed; d = d * x + seed;
  }
  out[id.x] = a + b + c + d;
}
