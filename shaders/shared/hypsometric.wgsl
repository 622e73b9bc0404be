// Heights from 0 to 1 as a map shows them: deep water over green and sand to pale summits, evenly lighter. sRGB, as a screen
// takes it. The same as `tint` in crates/core/src/view/height.rs.
fn hypsometric(height: f32) -> vec3f {
  let t = 6.0 * clamp(height, 0.0, 1.0);
  var c = mix(vec3f(0.040, 0.165, 0.240), vec3f(0.060, 0.305, 0.360), clamp(t, 0.0, 1.0));
  c = mix(c, vec3f(0.110, 0.435, 0.420), clamp(t - 1.0, 0.0, 1.0));
  c = mix(c, vec3f(0.345, 0.605, 0.450), clamp(t - 2.0, 0.0, 1.0));
  c = mix(c, vec3f(0.640, 0.735, 0.500), clamp(t - 3.0, 0.0, 1.0));
  c = mix(c, vec3f(0.860, 0.810, 0.650), clamp(t - 4.0, 0.0, 1.0));
  return mix(c, vec3f(0.965, 0.940, 0.890), clamp(t - 5.0, 0.0, 1.0));
}
