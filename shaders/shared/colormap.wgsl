// A perceptually uniform scale from violet over teal to yellow: lightness grows evenly in Oklab (Ottosson 2020) while the hue
// turns. The same as `colour` in crates/report/src/scale.rs.
fn colormap(t: f32) -> vec3f {
  let hue = radians(300.0 - 195.0 * t);
  let swing = 2.0 * t - 1.0;
  let chroma = 0.095 + 0.06 * swing * swing;
  let lab = vec3f(0.3 + 0.62 * t, chroma * cos(hue), chroma * sin(hue));
  let root = vec3f(
    dot(lab, vec3f(1.0, 0.3963377774, 0.2158037573)),
    dot(lab, vec3f(1.0, -0.1055613458, -0.0638541728)),
    dot(lab, vec3f(1.0, -0.0894841775, -1.2914855480)),
  );
  let lms = root * root * root;
  return vec3f(
    dot(lms, vec3f(4.0767416621, -3.3077115913, 0.2309699292)),
    dot(lms, vec3f(-1.2684380046, 2.6097574011, -0.3413193965)),
    dot(lms, vec3f(-0.0041960863, -0.7034186147, 1.7076147010)),
  );
}

// Linear light to what a picture file holds.
fn srgb(linear: vec3f) -> vec3f {
  let c = clamp(linear, vec3f(0.0), vec3f(1.0));
  return select(1.055 * pow(max(c, vec3f(1e-6)), vec3f(1.0 / 2.4)) - 0.055, 12.92 * c, c <= vec3f(0.0031308));
}
