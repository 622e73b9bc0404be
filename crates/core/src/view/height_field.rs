//! A surface in three dimensions: a lit height field in a box, as a picture with a transparent background.

use crate::gpu::{BufferId, Dispatch, Gpu, Program, Recording, fold};
use crate::{Error, Result};
use lowland_shaders::HEIGHT_FIELD;
use lowland_shaders::params::HeightField as Params;

/// What is drawn. Two surfaces that were scaled together show the same colours at the same heights.
#[derive(Clone, Debug, PartialEq)]
pub struct HeightField {
    /// Points along each axis.
    pub grid: usize,
    /// Heights from 0 to 1 by row (y), then column (x); below 0 or NaN there is no surface.
    pub heights: Vec<f32>,
    /// Spheres on the surface, at (x, y) in -1..1 and this height.
    pub marks: Vec<[f32; 3]>,
    /// Isolines between height 0 and 1.
    pub levels: u32,
    /// Height of the box; its sides are 2.
    pub scale: f32,
    /// Lightness of the grids, 0 to 1; the background is transparent.
    pub ink: f32,
}

/// Where it is seen from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// Width of the picture in pixels.
    pub width: usize,
    /// Height of the picture in pixels.
    pub height: usize,
    /// Rays of a pixel along each side.
    pub samples: u32,
    /// Turn around the box, in degrees; 0 looks along y.
    pub azimuth: f32,
    /// Above the floor, in degrees.
    pub elevation: f32,
}

/// Pixels: red, green, blue and straight alpha, row by row from the top.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Four bytes a pixel.
    pub rgba: Vec<u8>,
}

/// The eye's distance from the middle of the box, and the half height of the picture at distance 1.
const DISTANCE: f32 = 5.2;
const ZOOM: f32 = 0.285;
/// Points along an axis that the surface is refined to, about.
const FINE: usize = 240;
/// Pixels and rays of a dispatch, so that each is over soon on a software adapter, too.
const RAYS: usize = 1 << 17;

impl Default for Camera {
    fn default() -> Self {
        Self { width: 1400, height: 1120, samples: 2, azimuth: 34.0, elevation: 33.0 }
    }
}

impl Camera {
    /// Where a point of the box (x and y in -1..1, height in 0..1) is in the picture: right and down, in pixels.
    pub fn project(&self, field: &HeightField, [x, y, height]: [f32; 3]) -> [f32; 2] {
        let (azimuth, elevation) = (self.azimuth.to_radians(), self.elevation.to_radians());
        let back = [elevation.cos() * azimuth.sin(), -elevation.cos() * azimuth.cos(), elevation.sin()];
        let right = [azimuth.cos(), azimuth.sin(), 0.0];
        let up = [
            back[1] * right[2] - back[2] * right[1],
            back[2] * right[0] - back[0] * right[2],
            back[0] * right[1] - back[1] * right[0],
        ];
        let at = [x, y, (height - TARGET) * field.scale];
        let dot = |a: [f32; 3]| a[0] * at[0] + a[1] * at[1] + a[2] * at[2];
        let unit = self.height as f32 / (2.0 * ZOOM * (DISTANCE - dot(back)));
        [0.5 * self.width as f32 + unit * dot(right), 0.5 * self.height as f32 - unit * dot(up)]
    }
}

/// The height, in units of the box, that is in the middle of the picture.
const TARGET: f32 = 0.42;

impl HeightField {
    /// Renders the picture.
    ///
    /// # Errors
    /// [`Error::Input`] for sizes that do not fit, [`Error::Run`] where the device is lost.
    pub async fn render(&self, gpu: &Gpu, camera: &Camera) -> Result<Picture> {
        let Camera { width, height, samples, azimuth, elevation } = *camera;
        let bytes = (4 * width * height) as u64;
        if self.grid < 2 || self.heights.len() != self.grid * self.grid {
            let n = self.grid;
            return Err(Error::input(format!("a picture of {n}x{n} points has {} heights.", self.heights.len())));
        }
        if bytes == 0 || bytes > gpu.max_binding() || samples == 0 {
            return Err(Error::input(format!("a picture of {width}x{height} pixels does not fit the adapter.")));
        }
        let (points, fine) = refined(self.grid, &self.heights);
        let steepest = steepest(points, &fine);
        let mut recording = Recording::default();
        let heights = recording.buffer("heights", 4 * fine.len() as u64);
        let marks = recording.buffer("marks", 16 * self.marks.len() as u64);
        let image = recording.buffer("image", bytes);
        let table = recording.table(vec![[0; 4]]);
        let rows = (RAYS / (width * samples.pow(2) as usize)).max(1);
        let bands = (0..height).step_by(rows).map(|first_row| {
            let params = Params {
                width: width as u32,
                height: height as u32,
                first_row: first_row as u32,
                rows: rows as u32,
                samples,
                points: points as u32,
                marks: self.marks.len() as u32,
                levels: self.levels as f32,
                scale: self.scale,
                azimuth: azimuth.to_radians(),
                elevation: elevation.to_radians(),
                distance: DISTANCE,
                zoom: ZOOM,
                target_z: TARGET * self.scale,
                ink: self.ink,
                steepest: self.scale * steepest,
            };
            vec![launch(&params, [heights, marks, image], table, rows * width)]
        });
        let bands: Vec<Vec<Dispatch>> = bands.collect();
        let program = Program::new(gpu, &recording, &bands).await?;
        program.write(gpu, heights, bytemuck::cast_slice(&fine));
        let spheres: Vec<[f32; 4]> = self.marks.iter().map(|[x, y, h]| [*x, *y, *h, MARK]).collect();
        program.write(gpu, marks, bytemuck::cast_slice(&spheres));
        for band in 0..bands.len() {
            program.run(gpu, band);
            if band % 4 == 3 {
                // What is on its way has to end some time: a long queue makes a software adapter seem lost.
                program.read(gpu, image, 4).await?;
            }
        }
        let rgba = program.read(gpu, image, bytes).await?;
        gpu.check()?;
        Ok(Picture { width, height, rgba })
    }
}

/// Radius of a mark.
const MARK: f32 = 0.035;

fn launch(params: &Params, buffers: [BufferId; 3], table: crate::gpu::TableId, pixels: usize) -> Dispatch {
    let [x, y] = fold(pixels.div_ceil(64));
    Dispatch {
        kernel: &HEIGHT_FIELD,
        overrides: Vec::new(),
        params: bytemuck::bytes_of(params).to_vec(),
        table,
        buffers: buffers.to_vec(),
        groups: [x, y, 1],
    }
}

/// The heights on a finer grid, by Catmull-Rom splines along both axes, so that light and isolines are smooth. It passes
/// through the given points and never leaves 0..1; a cell with a hole at a corner stays a hole.
fn refined(grid: usize, heights: &[f32]) -> (usize, Vec<f32>) {
    let by = (FINE / (grid - 1)).max(1);
    let points = (grid - 1) * by + 1;
    let at = |x: isize, y: isize| {
        let inside = |i: isize| i.clamp(0, grid as isize - 1) as usize;
        let h = heights[inside(y) * grid + inside(x)];
        if h >= 0.0 { h.min(1.0) } else { f32::NAN }
    };
    let spline = |p: [f32; 4], f: f32| {
        // A neighbour without a height, or beyond the border, is where the line through the other two puts it.
        let before = if p[0].is_nan() { 2.0 * p[1] - p[2] } else { p[0] };
        let after = if p[3].is_nan() { 2.0 * p[2] - p[1] } else { p[3] };
        let (a, b) = (0.5 * (p[2] - before), 0.5 * (after - p[1]));
        let d = p[2] - p[1];
        p[1] + f * (a + f * ((3.0 * d - 2.0 * a - b) + f * (a + b - 2.0 * d)))
    };
    let value = |x: usize, y: usize| {
        let (cell_x, cell_y) = ((x / by).min(grid - 2) as isize, (y / by).min(grid - 2) as isize);
        let [fx, fy] = [(x, cell_x), (y, cell_y)].map(|(i, cell)| (i - cell as usize * by) as f32 / by as f32);
        let corners = [(0, 0), (1, 0), (0, 1), (1, 1)];
        if corners.iter().any(|(dx, dy)| at(cell_x + dx, cell_y + dy).is_nan()) {
            return -1.0;
        }
        let beyond = |i: isize| i < 0 || i >= grid as isize;
        let row = |dy: isize| {
            let y = cell_y + dy;
            let place = |dx: isize| if beyond(cell_x + dx) { f32::NAN } else { at(cell_x + dx, y) };
            if beyond(y) { f32::NAN } else { spline([place(-1), place(0), place(1), place(2)], fx) }
        };
        spline([row(-1), row(0), row(1), row(2)], fy).clamp(0.0, 1.0)
    };
    (points, (0..points * points).map(|i| value(i % points, i / points)).collect())
}

/// A bound of the slope of the bilinear surface over [-1, 1]^2.
fn steepest(points: usize, heights: &[f32]) -> f32 {
    let known = |i: usize| Some(heights[i]).filter(|h| *h >= 0.0);
    let rise = |by: usize, inside: fn(usize, usize) -> bool| {
        let pairs = (0..heights.len()).filter(|i| inside(*i, points)).filter_map(|i| Some(known(i + by)? - known(i)?));
        pairs.fold(0.0, |most: f32, rise| most.max(rise.abs()))
    };
    let across = rise(1, |i, points| i % points + 1 < points);
    let along = rise(points, |i, points| i / points + 1 < points);
    0.5 * (points - 1) as f32 * across.hypot(along)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refined_grid_passes_through_its_points_and_keeps_planes_flat() {
        let grid = 5;
        let plane: Vec<f32> = (0..25).map(|i| 0.1 + 0.1 * (i % grid) as f32 + 0.05 * (i / grid) as f32).collect();
        let (points, fine) = refined(grid, &plane);
        let by = (points - 1) / (grid - 1);
        for y in 0..points {
            for x in 0..points {
                let wanted = 0.1 + 0.1 * x as f32 / by as f32 + 0.05 * y as f32 / by as f32;
                assert!((fine[y * points + x] - wanted).abs() < 1e-5, "at {x}, {y}");
            }
        }
    }

    #[test]
    fn the_steepest_slope_is_that_of_the_plane() {
        let plane: Vec<f32> = (0..25).map(|i| 0.1 * (i % 5) as f32 + 0.05 * (i / 5) as f32).collect();
        let wanted = 0.2f32.hypot(0.1);
        assert!((steepest(5, &plane) - wanted).abs() < 1e-6);
        let mut hole = plane.clone();
        hole[12] = -1.0;
        assert!((steepest(5, &hole) - wanted).abs() < 1e-6);
    }

    #[test]
    fn a_hole_takes_its_cells_and_nothing_else() {
        let grid = 5;
        let mut heights = vec![0.5; 25];
        heights[12] = f32::NAN;
        let (points, fine) = refined(grid, &heights);
        let by = (points - 1) / (grid - 1);
        let at = |x: usize, y: usize| fine[y * points + x];
        assert_eq!(at(2 * by, 2 * by), -1.0);
        assert_eq!(at(by / 2, by / 2), 0.5);
        assert!(fine.iter().all(|h| *h == -1.0 || (*h - 0.5).abs() < 1e-6));
    }
}
