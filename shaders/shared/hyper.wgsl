// What a lane's optimizer is set to; and what changes from step to step, computed on the host. `power` is q - 1 of the
// ascent's dual norm, -1 where q is infinite.
struct Hyper {
  momentum: f32, dampening: f32, nesterov: f32, weight_decay: f32, beta1: f32, beta2: f32, eps: f32, smoothing: f32,
  clip_norm: f32, power: f32, adaptive: f32, unused: f32,
}
struct Scheduled { lr: f32, rho: f32, correction1: f32, correction2: f32 }
