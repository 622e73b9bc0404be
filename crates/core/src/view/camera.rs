//! Where a terrain is seen from, for the device and for what is drawn over it.

/// A camera on a box: x and y in -1..1, heights in 0..1. Angles in radians.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TerrainCamera {
    /// Turn around the box; 0 looks along y, with x to the right.
    pub azimuth: f32,
    /// Above the floor, from 0 to a right angle.
    pub elevation: f32,
    /// 1 fits the box into the picture.
    pub zoom: f32,
    /// Where the middle of the box is, right and up, in half pictures.
    pub pan: [f32; 2],
    /// 1 / distance of the eye; 0 is no perspective.
    pub perspective: f32,
    /// Height of the box; its sides are 2.
    pub relief: f32,
}

/// Where the walls of the terrain end: `FLOOR` in `shaders/view/terrain.wgsl`.
const FLOOR: f32 = -0.07;

impl Default for TerrainCamera {
    fn default() -> Self {
        Self { azimuth: 0.6, elevation: 0.74, zoom: 1.0, pan: [0.0; 2], perspective: 0.17, relief: 0.8 }
    }
}

/// A camera for pictures of one size, as the shader takes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) right: [f32; 3],
    pub(super) up: [f32; 3],
    pub(super) back: [f32; 3],
    /// Half pictures of a unit, right and up.
    pub(super) unit: [f32; 2],
    /// Where the middle of the box is, in half pictures.
    pub(super) pan: [f32; 2],
    pub(super) perspective: f32,
    /// Half the depth that the box takes at most.
    pub(super) depth: f32,
    /// Height of the middle of the box.
    pub(super) middle: f32,
}

impl TerrainCamera {
    /// Straight from above, without perspective: a contour map with x to the right and y up.
    pub fn top() -> Self {
        let elevation = std::f32::consts::FRAC_PI_2;
        Self { azimuth: 0.0, elevation, perspective: 0.0, ..Self::default() }
    }

    pub(super) fn view(&self, [width, height]: [f32; 2]) -> View {
        let (sin, cos) = self.azimuth.sin_cos();
        let (high, flat) = self.elevation.clamp(0.0, std::f32::consts::FRAC_PI_2).sin_cos();
        let back = [flat * sin, -flat * cos, high];
        let perspective = self.perspective.clamp(0.0, 0.4);
        let middle = 0.45 * self.relief;
        // What the box spans: from above its turned square, from the side that of any turn, so that turning does not zoom.
        let above = ((high - 0.95) / 0.05).clamp(0.0, 1.0).powi(2);
        let radius = above * (sin.abs() + cos.abs()) + (1.0 - above) * std::f32::consts::SQRT_2;
        let seen = |up: f32, back: f32| up / (1.0 - perspective * back);
        let (over, under) = (self.relief - middle, middle - FLOOR);
        let top = seen(radius * high + over * flat, over * high - radius * flat);
        let bottom = seen(-radius * high - under * flat, radius * flat - under * high)
            .min(seen(-radius * high + over * flat, radius * flat + over * high));
        let across = radius / (1.0 - (perspective * radius * flat).powi(2)).sqrt() / (1.0 - perspective * over * high);
        // A little room around it.
        let pixels = 0.96 * self.zoom * (0.5 * width / across).min(height / (top - bottom));
        let unit = [2.0 * pixels / width, 2.0 * pixels / height];
        let pan = [self.pan[0], self.pan[1] - 0.5 * (top + bottom) * unit[1]];
        View {
            right: [cos, sin, 0.0],
            up: [-high * sin, high * cos, flat],
            back,
            unit,
            pan,
            perspective,
            depth: 2.0 + self.relief,
            middle,
        }
    }

    /// Where a point (x, y and the height that [`super::HeightScale::of`] gives) is in a picture of `size` pixels: right and
    /// down in pixels, and its depth from 0, near, to 1.
    pub fn project(&self, size: [f32; 2], [x, y, height]: [f32; 3]) -> ([f32; 2], f32) {
        let view = self.view(size);
        let at = [x, y, height * self.relief - view.middle];
        let dot = |a: [f32; 3]| a[0] * at[0] + a[1] * at[1] + a[2] * at[2];
        let back = dot(view.back);
        let w = 1.0 - back * view.perspective;
        let clip = [dot(view.right) * view.unit[0] / w + view.pan[0], dot(view.up) * view.unit[1] / w + view.pan[1]];
        let depth = 0.5 * (1.0 + view.depth * view.perspective) * (1.0 - back / view.depth) / w;
        ([0.5 * size[0] * (1.0 + clip[0]), 0.5 * size[1] * (1.0 - clip[1])], depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_box_fits_into_any_picture() {
        for size in [[640.0, 420.0], [300.0, 700.0]] {
            for turn in 0..32 {
                for elevation in [0.15, 0.6, 1.0, 1.4, std::f32::consts::FRAC_PI_2] {
                    for perspective in [0.0, 0.17] {
                        let azimuth = turn as f32 * 0.2;
                        let camera = TerrainCamera { azimuth, elevation, perspective, ..TerrainCamera::default() };
                        for corner in 0..8 {
                            let sign = |bit: i32| if corner >> bit & 1 == 1 { 1.0 } else { -1.0 };
                            let ([x, y], depth) = camera.project(size, [sign(0), sign(1), 0.5 + 0.5 * sign(2)]);
                            let inside = (0.0..=size[0]).contains(&x) && (0.0..=size[1]).contains(&y);
                            assert!(inside && (0.0..=1.0).contains(&depth), "{camera:?}: {x} {y} {depth}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn from_above_the_map_is_upright_and_heights_do_not_move_it() {
        let camera = TerrainCamera::top();
        let at = |point| camera.project([400.0, 400.0], point).0;
        let [middle, right, up] = [at([0.0; 3]), at([1.0, 0.0, 0.0]), at([0.0, 1.0, 0.9])];
        assert!(middle.iter().all(|v| (v - 200.0).abs() < 1e-3));
        assert!(right[0] > 380.0 && (right[1] - 200.0).abs() < 1e-3);
        assert!(up[1] < 20.0 && (up[0] - 200.0).abs() < 1e-3);
    }

    #[test]
    fn what_is_nearer_has_less_depth() {
        let camera = TerrainCamera { azimuth: 0.0, ..TerrainCamera::default() };
        let depth = |y| camera.project([640.0, 420.0], [0.0, y, 0.2]).1;
        assert!(depth(-1.0) < depth(0.0) && depth(0.0) < depth(1.0));
    }
}
