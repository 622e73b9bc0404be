//! The renderer of a lit height field, ray by ray; `shaders/view/height_field.wgsl` says what it draws.

/// What is drawn and from where.
#[derive(Clone, Debug)]
pub struct HeightField {
    /// Pixels in a row, and rows.
    pub size: [usize; 2],
    /// Rays of a pixel along each side.
    pub samples: usize,
    /// Points along each axis of the lattice.
    pub points: usize,
    /// Heights by row (y), then column (x); below 0 there is none.
    pub heights: Vec<f64>,
    /// x, y, height and radius of each sphere.
    pub marks: Vec<[f64; 4]>,
    /// Isolines between heights 0 and 1.
    pub levels: f64,
    /// Height of the box.
    pub scale: f64,
    /// Angles in radians.
    pub azimuth: f64,
    /// Angles in radians.
    pub elevation: f64,
    /// The eye's distance from the middle of the picture.
    pub distance: f64,
    /// Half height of the picture at distance 1.
    pub zoom: f64,
    /// Height of the middle of the picture above the floor.
    pub target_z: f64,
    /// Lightness of the grids.
    pub ink: f64,
    /// A bound of the surface's slope.
    pub steepest: f64,
}

type V3 = [f64; 3];

fn dot(a: V3, b: V3) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn normalize(a: V3) -> V3 {
    let length = dot(a, a).sqrt();
    a.map(|v| v / length)
}

fn along(eye: V3, ray: V3, t: f64) -> V3 {
    [eye[0] + ray[0] * t, eye[1] + ray[1] * t, eye[2] + ray[2] * t]
}

/// Violet over teal to yellow, in linear light.
pub fn colormap(t: f64) -> V3 {
    let hue = (300.0 - 195.0 * t).to_radians();
    let chroma = 0.095 + 0.06 * (2.0 * t - 1.0).powi(2);
    let lab = [0.3 + 0.62 * t, chroma * hue.cos(), chroma * hue.sin()];
    let cube = |row: V3| dot(row, lab).powi(3);
    let lms = [
        cube([1.0, 0.3963377774, 0.2158037573]),
        cube([1.0, -0.1055613458, -0.0638541728]),
        cube([1.0, -0.0894841775, -1.2914855480]),
    ];
    [
        dot(lms, [4.0767416621, -3.3077115913, 0.2309699292]),
        dot(lms, [-1.2684380046, 2.6097574011, -0.3413193965]),
        dot(lms, [-0.0041960863, -0.7034186147, 1.7076147010]),
    ]
}

fn srgb(linear: f64) -> f64 {
    let c = linear.clamp(0.0, 1.0);
    if c <= 0.0031308 { 12.92 * c } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 }
}

/// Share of a line of half-width `wide` at distance `off` from its middle: smooth from 0.6 to 1.4 of it.
fn line(off: f64, wide: f64) -> f64 {
    let t = ((off - 0.6 * wide) / (0.8 * wide)).clamp(0.0, 1.0);
    1.0 - t * t * (3.0 - 2.0 * t)
}

/// Distance to the nearest whole multiple of `spacing`.
fn off_grid(at: f64, spacing: f64) -> f64 {
    let f = at / spacing + 0.5;
    (f - f.floor() - 0.5).abs() * spacing
}

fn grid(at: [f64; 2], spacing: [f64; 2], wide: f64) -> f64 {
    line(off_grid(at[0], spacing[0]), wide).max(line(off_grid(at[1], spacing[1]), wide))
}

impl HeightField {
    /// Red, green, blue and straight alpha of a pixel, from 0 to 1.
    pub fn pixel(&self, x: usize, y: usize) -> [f64; 4] {
        let (sin_a, cos_a, sin_e, cos_e) =
            (self.azimuth.sin(), self.azimuth.cos(), self.elevation.sin(), self.elevation.cos());
        let back = [cos_e * sin_a, -cos_e * cos_a, sin_e];
        let right = [cos_a, sin_a, 0.0];
        let up = [
            back[1] * right[2] - back[2] * right[1],
            back[2] * right[0] - back[0] * right[2],
            back[0] * right[1] - back[1] * right[0],
        ];
        let eye = [back[0] * self.distance, back[1] * self.distance, back[2] * self.distance + self.target_z];
        let mut sum = [0.0; 4];
        for i in 0..self.samples * self.samples {
            let n = self.samples as f64;
            let (sx, sy) = (((i % self.samples) as f64 + 0.5) / n, ((i / self.samples) as f64 + 0.5) / n);
            let [width, height] = self.size.map(|n| n as f64);
            let px = (2.0 * (x as f64 + sx) - width) / height * self.zoom;
            let py = (2.0 * (y as f64 + sy) - height) / height * self.zoom;
            let ray = normalize([0, 1, 2].map(|k| right[k] * px - up[k] * py - back[k]));
            let colour = self.ray(eye, ray);
            (0..4).for_each(|k| sum[k] += colour[k]);
        }
        let alpha = sum[3] / (self.samples * self.samples) as f64;
        let colour = |k: usize| srgb(sum[k] / sum[3].max(1e-6));
        [colour(0), colour(1), colour(2), alpha]
    }

    fn lattice(&self, x: usize, y: usize) -> f64 {
        self.heights[y * self.points + x]
    }

    fn surface(&self, x: f64, y: f64) -> f64 {
        let cell = |v: f64| {
            let at = ((v + 1.0) * 0.5).clamp(0.0, 1.0) * (self.points - 1) as f64;
            let low = (at as usize).min(self.points - 2);
            (low, at - low as f64)
        };
        let ((i, fx), (j, fy)) = (cell(x), cell(y));
        let corners = [self.lattice(i, j), self.lattice(i + 1, j), self.lattice(i, j + 1), self.lattice(i + 1, j + 1)];
        if corners.iter().any(|h| *h < 0.0) {
            return -1.0;
        }
        let mix = |a: f64, b: f64, f: f64| a * (1.0 - f) + b * f;
        mix(mix(corners[0], corners[1], fx), mix(corners[2], corners[3], fx), fy)
    }

    fn slope(&self, x: f64, y: f64) -> [f64; 2] {
        let d = 2.0 / (self.points - 1) as f64;
        let (x1, x0, y1, y0) = ((x + d).min(1.0), (x - d).max(-1.0), (y + d).min(1.0), (y - d).max(-1.0));
        let h = [self.surface(x1, y), self.surface(x0, y), self.surface(x, y1), self.surface(x, y0)];
        if h.iter().any(|h| *h < 0.0) {
            return [0.0; 2];
        }
        [(h[0] - h[1]) / (x1 - x0), (h[2] - h[3]) / (y1 - y0)]
    }

    /// Where the ray crosses the surface: the first change of side along steps that miss none, bisected.
    fn march(&self, eye: V3, ray: V3) -> Option<f64> {
        let (low, high) = ([-1.0, -1.0, 0.0], [1.0, 1.0, self.scale]);
        let (mut near, mut far) = (f64::NEG_INFINITY, f64::INFINITY);
        for k in 0..3 {
            let r = if ray[k].abs() < 1e-6 { 1e-6 } else { ray[k] };
            let (a, b) = ((low[k] - eye[k]) / r, (high[k] - eye[k]) / r);
            (near, far) = (near.max(a.min(b)), far.min(a.max(b)));
        }
        let (near, far) = (near - 1e-4, far + 1e-4);
        if near >= far {
            return None;
        }
        let above = |t: f64| {
            let at = along(eye, ray, t);
            let h = self.surface(at[0], at[1]);
            (at[2] - h * self.scale, h >= 0.0)
        };
        let shortest = (far - near) / 96.0;
        let closing = ray[2].abs() + self.steepest * ray[0].hypot(ray[1]);
        let (mut before, mut last, mut t) = (None, near, near);
        for _ in 0..=97 {
            let (now, known) = above(t);
            if let Some(before) = before.filter(|before| known && now * before <= 0.0) {
                let (mut a, mut b) = (last, t);
                for _ in 0..10 {
                    let middle = 0.5 * (a + b);
                    if above(middle).0 * before > 0.0 { a = middle } else { b = middle }
                }
                return Some(0.5 * (a + b));
            }
            if t >= far {
                break;
            }
            before = known.then_some(now);
            last = t;
            t = (t + if known { shortest.max(now.abs() / closing) } else { shortest }).min(far);
        }
        None
    }

    fn light(&self, normal: V3, ray: V3, colour: V3, sky: f64) -> V3 {
        let turn = self.azimuth - 0.9;
        let lamp = normalize([turn.sin(), -turn.cos(), 1.25]);
        let half = 0.5 + 0.5 * dot(normal, lamp);
        let halfway = normalize([0, 1, 2].map(|k| lamp[k] - ray[k]));
        let shine = dot(normal, halfway).max(0.0).powi(48);
        colour.map(|c| c * (0.30 * sky + 0.85 * half * half) + 0.10 * shine)
    }

    fn lit_surface(&self, at: V3, ray: V3) -> V3 {
        let h = self.surface(at[0], at[1]);
        let rise = self.slope(at[0], at[1]);
        let mut normal = normalize([-rise[0] * self.scale, -rise[1] * self.scale, 1.0]);
        let below = dot(normal, ray) > 0.0;
        if below {
            normal = normal.map(|n| -n);
        }
        let around = (0..8).map(|i| {
            let angle = f64::from(i) * std::f64::consts::FRAC_PI_4;
            let h1 = self.surface(at[0] + 0.14 * angle.cos(), at[1] + 0.14 * angle.sin());
            if h1 < 0.0 { 0.0 } else { h1 - h }
        });
        let hollow = (0.125 * around.sum::<f64>() * self.scale / 0.14).clamp(-1.0, 1.0);
        let colour = self.light(normal, ray, colormap(h.clamp(0.0, 1.0)), 1.0 - 0.75 * hollow);
        let steep = (rise[0].hypot(rise[1]) * self.levels).max(1e-3);
        let isoline = line(off_grid(h * self.levels, 1.0) / steep, 0.0045) * steep.min(1.0);
        let edge = 1.0 - at[0].abs().max(at[1].abs());
        let ink = 1.0 - 0.45 * isoline.max(line(edge, 0.006));
        colour.map(|c| if below { 0.45 * c * ink + 0.04 } else { c * ink })
    }

    fn room(&self, eye: V3, ray: V3) -> [f64; 4] {
        let layer = |colour: V3, alpha: f64| [colour[0] * alpha, colour[1] * alpha, colour[2] * alpha, alpha];
        let ink = [self.ink; 3];
        if ray[2] < 0.0 {
            let at = along(eye, ray, -eye[2] / ray[2].min(-1e-6));
            if at[0].abs().max(at[1].abs()) <= 1.004 {
                if self.surface(at[0], at[1]) < 0.0 {
                    let hatch = line(off_grid(at[0] + at[1], 0.06), 0.012);
                    return layer([0.55, 0.04, 0.05], 0.25 + 0.6 * hatch);
                }
                return layer(ink, 0.06 + 0.34 * grid([at[0], at[1]], [0.25; 2], 0.0035));
            }
        }
        for k in 0..2 {
            let r = if ray[k].abs() < 1e-6 { 1e-6 } else { ray[k] };
            let t = (-eye[k].signum() - eye[k]) / r;
            let at = along(eye, ray, t);
            let across = at[1 - k];
            if t > 0.0 && across.abs() <= 1.004 && at[2] >= 0.0 && at[2] <= self.scale * 1.004 {
                return layer(ink, 0.03 + 0.30 * grid([across, at[2]], [0.25, self.scale * 0.2], 0.0035));
            }
        }
        [0.0; 4]
    }

    fn ray(&self, eye: V3, ray: V3) -> [f64; 4] {
        let hit = self.march(eye, ray);
        let mut nearest = hit.unwrap_or(1e9);
        let mut colour = match hit {
            Some(t) => {
                let [r, g, b] = self.lit_surface(along(eye, ray, t), ray);
                [r, g, b, 1.0]
            }
            None => self.room(eye, ray),
        };
        for [x, y, height, radius] in &self.marks {
            let off = [eye[0] - x, eye[1] - y, eye[2] - height * self.scale];
            let b = dot(off, ray);
            let d = b * b - dot(off, off) + radius * radius;
            let t = -b - d.max(0.0).sqrt();
            if d > 0.0 && t < nearest + radius {
                nearest = nearest.min(t);
                let [r, g, b] = self.light([0, 1, 2].map(|k| (off[k] + ray[k] * t) / radius), ray, [0.95; 3], 1.0);
                colour = [r, g, b, 1.0];
            }
        }
        colour
    }
}
