// Heights up to KNEE are drawn as they are; those above bend towards 1 and never reach it, so that a summit beyond the scale
// has a shoulder and no plateau. The same as `HeightScale::of` in crates/core/src/view/height.rs.
const KNEE = 0.85;
fn knee(h: f32) -> f32 {
  return select(max(h, 0.0), 1.0 - (1.0 - KNEE) * exp(-(h - KNEE) / (1.0 - KNEE)), h > KNEE);
}
fn knee_slope(h: f32) -> f32 { return select(1.0, exp(-(h - KNEE) / (1.0 - KNEE)), h > KNEE); }
