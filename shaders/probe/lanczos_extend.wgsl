// The next basis vector: what is left of a vector, made as long as 1, and its length before, beta. Where next to nothing is
// left, which is rounding, the space is exhausted: the vector and beta are 0, and so is all that follows.
#import shared/rows
#import shared/lanczos

@group(0) @binding(0) var<uniform> p: Lanczos;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> state: array<Krylov>;
@group(0) @binding(3) var<storage, read> vectors: array<vec4f>;
@group(0) @binding(4) var<storage, read> sums: array<f32>;
@group(0) @binding(5) var<storage, read_write> basis: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> tridiagonal: array<vec2f>;

var<workgroup> tree: array<f32, 64>;

// Of the square: what is left of f32 after a subtraction is about 1e-7 of what there was.
const LEFT = 1e-12;
const LEAST = 1e-37;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let lane = rows.row[wg.z].lane;
  let k = state[lane];
  let count = min(k.now, p.slots - 1u);
  let at = lane * p.slots + count;
  var sum = 0.0;
  for (var i = li; i < p.slices; i += 64u) { sum += sums[at * LANCZOS_SLICES + i]; }
  tree[li] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if li < half { tree[li] += tree[li + half]; }
    workgroupBarrier();
  }
  let square = tree[0];
  let live = square > max(LEFT * k.before, LEAST);
  let beta = select(0.0, sqrt(max(square, LEAST)), live);
  let scale = select(0.0, 1.0 / max(beta, 1e-19), live);
  let to = (count * p.lanes + lane) * p.size4;
  let end = min((wg.x + 1u) * p.per_slice, p.size4);
  for (var i = wg.x * p.per_slice + li; i < end; i += 64u) { basis[to + i] = scale * vectors[lane * p.size4 + i]; }
  if wg.x == 0u && li == 0u { tridiagonal[at].y = beta; }
}
