// A posterior N(m, s^2 I) that is learned by minimising a PAC-Bayes bound. `examples` is n, `logs` = ln(n pi^2 / (6 delta)),
// the grid of prior variances c exp(-j / b), `surrogate` what the cross-entropy is multiplied by.
struct Posterior {
  size4: u32, per_slice: u32, slices: u32, parameters: u32,
  examples: f32, logs: f32, grid_c: f32, grid_b: f32, surrogate: f32, lr: f32,
}
// Where the learning stands: ln s and its moments, the number of steps, and the terms of the last step.
struct Learned { log_sigma: f32, first: f32, second: f32, step: f32, distance: f32, prior: f32, kl: f32, bound: f32 }
