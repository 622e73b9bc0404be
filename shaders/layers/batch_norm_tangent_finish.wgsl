// What the tangents of a batch norm need of each channel: its numbers, those of the direction, and, where the input's motion
// moves the statistics (BY_BATCH), R{mean} and R{deviation} from the slices that batch_norm_grad_stats.wgsl makes of R{x}.
// Each of `lanes` invocations adds every `lanes`th slice, then these are added as a tree.
#import shared/rows
#import shared/norm
#import shared/norm_tangent

@group(0) @binding(0) var<uniform> p: BatchNorm;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> partial: array<vec4f>;
@group(0) @binding(3) var<storage, read> norm: array<vec4f>;
@group(0) @binding(4) var<storage, read> weights: array<vec4f>;
@group(0) @binding(5) var<storage, read> directions: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> moves: array<Moves>;

override BY_BATCH: bool = true;

struct Pair { sum: vec4f, product: vec4f }

var<workgroup> shares: array<Pair, 64>;                      // [lane][channel vec4]

fn add(a: Pair, b: Pair) -> Pair { return Pair(a.sum + b.sum, a.product + b.product); }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = rows.row[wg.z];
  let lanes = select(1u, p.lanes, BY_BATCH);
  let channels = 64u / lanes;                                // of this workgroup
  let lane = li / channels;
  let c = wg.x * channels + li % channels;
  var all = Pair(vec4f(0.0), vec4f(0.0));
  if BY_BATCH {
    let base = r.work * p.partial_stride + min(c, p.channels4 - 1u) * 2u;
    for (var s = lane; s < p.slices; s += lanes) {
      let o = base + s * p.channels4 * 2u;
      all = add(all, Pair(partial[o], partial[o + 1u]));
    }
    shares[li] = all;
    for (var half = lanes / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if lane < half {
        all = add(all, shares[li + half * channels]);
        shares[li] = all;
      }
    }
  }
  if lane > 0u || c >= p.channels4 { return; }
  let n = (r.work * p.channels4 + c) * 4u;
  let w = r.weights * p.weight_stride + c;
  let gamma = weights[w + p.gamma_offset];
  let count = f32(p.count);
  let rgamma = directions[w + p.gamma_offset];
  let rbeta = directions[w + p.beta_offset];
  moves[r.work * p.channels4 + c] =
    Moves(norm[n], norm[n + 1u], all.sum / count, all.product / count, gamma, rgamma, rbeta);
}
