// d = derivative(saved) (d + second): how the gradient after an activation moves, in two terms with SECOND, becomes how the
// one before it moves. With BENT, + second derivative * R{z} * gradient after the activation.
#import shared/rows
#import shared/index
#import shared/add
#import shared/activation

@group(0) @binding(0) var<uniform> p: Add;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> saved: array<vec4f>;
@group(0) @binding(3) var<storage, read> second: array<vec4f>;
@group(0) @binding(4) var<storage, read> before: array<vec4f>;         // R{z}
@group(0) @binding(5) var<storage, read> after: array<vec4f>;          // the gradient after the activation
@group(0) @binding(6) var<storage, read_write> d: array<vec4f>;

override SECOND: bool = false;
override BENT: bool = false;

// From what the forward pass saved, as `derivative` is: z for gelu and silu, tanh z for tanh.
fn second_derivative(s: vec4f) -> vec4f {
  switch ACTIVATION {
    case 3u: { return 0.3989422804 * exp(max(-0.5 * s * s, vec4f(-80.0))) * (2.0 - s * s); }
    case 4u: { let g = sigmoid(s); return g * (1.0 - g) * (2.0 + s * (1.0 - 2.0 * g)); }
    case 5u: { return -2.0 * s * (1.0 - s * s); }
    default: { return vec4f(0.0); }
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32,
) {
  let id = workgroup_index(wg, groups) * 64u + li;
  if id >= p.size4 { return; }
  let o = rows.row[wg.z].work * p.size4 + id;
  var value = d[o];
  if SECOND { value += second[o]; }
  value *= derivative(saved[o]);
  if BENT { value += second_derivative(saved[o]) * before[o] * after[o]; }
  d[o] = value;
}
