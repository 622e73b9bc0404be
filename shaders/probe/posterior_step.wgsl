// A step of learning a posterior N(m, s^2 I): Adam (Kingma and Ba 2015) on E_Q L + B, B = sqrt((KL + ln(n / delta_j)) / (2 (n - 1))),
// for the prior N(m_P, lambda I) with the best lambda = s^2 + |m - m_P|^2 / k, which is the place j = b ln(c / lambda) of the grid:
//   dB/dm = (dKL/dm) / (4 (n - 1) B), dKL/dm = (m - m_P) / lambda, dKL/d ln s = k s^2 / lambda - k.
// j moves with lambda, too: ln(n / delta_j) has 2 ln j, whose derivative by ln lambda is -2 b / j. SIGMA: the step of ln s, which
// comes after that of m, sets the next draw.
#import shared/rows
#import shared/noise
#import shared/posterior

@group(0) @binding(0) var<uniform> p: Posterior;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> sums: array<vec2f>;
@group(0) @binding(3) var<storage, read> grads: array<vec4f>;
@group(0) @binding(4) var<storage, read> prior: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> learned: array<Learned>;
@group(0) @binding(6) var<storage, read_write> draws: array<Draw>;
@group(0) @binding(7) var<storage, read_write> mean: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> first: array<vec4f>;
@group(0) @binding(9) var<storage, read_write> second: array<vec4f>;

override SIGMA: bool = false;
const BETA1 = 0.9;
const BETA2 = 0.999;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(global_invocation_id) id: vec3u) {
  let lane = rows.row[wg.z].lane;
  let l = learned[lane];
  var sum = vec2f(0.0);
  for (var i = 0u; i < p.slices; i++) { sum += sums[i]; }
  let k = f32(p.parameters);
  let s = exp(l.log_sigma);
  let lambda = s * s + sum.y / k;
  let j = max(p.grid_b * log(p.grid_c / lambda), 1.0);
  let kl = 0.5 * k * log(1.0 + sum.y / (k * s * s));
  let root = sqrt((kl + p.logs + 2.0 * log(j)) / (2.0 * (p.examples - 1.0)));
  let slope = 1.0 / (4.0 * (p.examples - 1.0) * root);
  // d(2 ln j) = -2 b / j d ln lambda, and d lambda = 2 (m - m_P) / k dm + 2 s^2 d ln s.
  let of_grid = select(0.0, -2.0 * p.grid_b / (j * lambda), j > 1.0);
  let t = l.step + 1.0;
  let rate = p.lr * sqrt(1.0 - exp2(t * log2(BETA2))) / (1.0 - exp2(t * log2(BETA1)));
  if SIGMA {
    if id.x != 0u { return; }
    let g = p.surrogate * s * sum.x + slope * (k * s * s / lambda - k + of_grid * 2.0 * s * s);
    let m1 = BETA1 * l.first + (1.0 - BETA1) * g;
    let m2 = BETA2 * l.second + (1.0 - BETA2) * g * g;
    let log_sigma = l.log_sigma - rate * m1 / (sqrt(m2) + 1e-8);
    learned[lane] = Learned(log_sigma, m1, m2, t, sum.y, lambda, kl, root);
    draws[lane].which += 1u;
    draws[lane].scale = exp(log_sigma);
    return;
  }
  if id.x >= p.size4 { return; }
  let i = id.x;
  let pull = (1.0 / lambda + of_grid * 2.0 / k) * (mean[i] - prior[i]);
  let g = p.surrogate * grads[i] + slope * pull;
  let m1 = BETA1 * first[i] + (1.0 - BETA1) * g;
  let m2 = BETA2 * second[i] + (1.0 - BETA2) * g * g;
  first[i] = m1;
  second[i] = m2;
  mean[i] -= rate * m1 / (sqrt(m2) + 1e-8);
}
