//! What live pictures are made of; `shaders/view/paint_field.wgsl`, `refine_heights.wgsl` and `sweep_means.wgsl` say it.

/// Mean loss and accuracy from a ring of records, `[batch][loss, correct, top 5, count of clean ones, then of flipped ones]`.
pub fn sweep_means(records: &[[f64; 8]]) -> [f64; 2] {
    let sum = |i: usize| records.iter().map(|record| record[i] + record[i + 4]).sum::<f64>();
    [sum(0) / sum(3), sum(1) / sum(3)]
}

/// The Catmull-Rom spline through four values at -1, 0, 1, 2, and its slope, at `f` from 0 to 1, as Hermite's cubic with
/// central differences.
fn spline(p: [f64; 4], f: f64) -> [f64; 2] {
    let (a, b) = ((p[2] - p[0]) / 2.0, (p[3] - p[1]) / 2.0);
    let value = (2.0 * f.powi(3) - 3.0 * f.powi(2) + 1.0) * p[1]
        + (f.powi(3) - 2.0 * f.powi(2) + f) * a
        + (3.0 * f.powi(2) - 2.0 * f.powi(3)) * p[2]
        + (f.powi(3) - f.powi(2)) * b;
    let slope = (6.0 * f.powi(2) - 6.0 * f) * (p[1] - p[2])
        + (3.0 * f.powi(2) - 4.0 * f + 1.0) * a
        + (3.0 * f.powi(2) - 2.0 * f) * b;
    [value, slope]
}

/// A painted field.
#[derive(Clone, Debug)]
pub struct PaintField {
    /// Pixels in a row, and rows.
    pub size: [usize; 2],
    /// Points of the lattice along x and y.
    pub grid: [usize; 2],
    /// For each class, its logits `[y][x]`.
    pub logits: Vec<Vec<f64>>,
    /// The colour of each class.
    pub colours: Vec<[f64; 3]>,
    /// The colour where nothing is sure.
    pub neutral: [f64; 3],
    /// The line's colour and opacity.
    pub line: [f64; 4],
    /// The line's width in pixels.
    pub line_width: f64,
    /// Opacity of the isolines.
    pub isolines: f64,
}

impl PaintField {
    /// A class's logit and its slopes a pixel at a pixel.
    fn jet(&self, class: usize, pixel: [usize; 2]) -> [f64; 3] {
        let scale: [f64; 2] = std::array::from_fn(|k| (self.grid[k] - 1) as f64 / self.size[k] as f64);
        let at: [f64; 2] = std::array::from_fn(|k| (pixel[k] as f64 + 0.5) * scale[k]);
        let low: [usize; 2] = std::array::from_fn(|k| (at[k] as usize).min(self.grid[k] - 2));
        let f: [f64; 2] = std::array::from_fn(|k| at[k] - low[k] as f64);
        let inside = |k: usize, by: usize| (low[k] + by).max(1).min(self.grid[k]) - 1;
        let row = |j: usize| {
            let value = |i: usize| self.logits[class][inside(1, j) * self.grid[0] + inside(0, i)];
            spline(std::array::from_fn(value), f[0])
        };
        let rows: [[f64; 2]; 4] = std::array::from_fn(row);
        let [value, y] = spline(rows.map(|row| row[0]), f[1]);
        let [x, _] = spline(rows.map(|row| row[1]), f[1]);
        [value, x * scale[0], y * scale[1]]
    }

    /// The colour of a pixel, from 0 to 1.
    pub fn pixel(&self, x: usize, y: usize) -> [f64; 3] {
        let classes = self.logits.len();
        let jets: Vec<[f64; 3]> = (0..classes).map(|class| self.jet(class, [x, y])).collect();
        let mix = |a: [f64; 3], b: [f64; 3], t: f64| std::array::from_fn(|k| a[k] + t * (b[k] - a[k]));
        let line = [self.line[0], self.line[1], self.line[2]];
        if jets.iter().any(|jet| !jet[0].is_finite()) {
            return mix(self.neutral, line, if (x + y) % 10 < 2 { 0.5 } else { 0.08 });
        }
        let mut order: Vec<usize> = (0..classes).collect();
        order.sort_by(|a, b| jets[*b][0].total_cmp(&jets[*a][0]));
        let (best, second) = (jets[order[0]], jets[order[1]]);
        let shares: Vec<f64> = jets.iter().map(|jet| (jet[0] - best[0]).exp()).collect();
        let total: f64 = shares.iter().sum();
        let mixed = std::array::from_fn(|k| (0..classes).map(|c| shares[c] / total * self.colours[c][k]).sum());
        let even = 1.0 / classes as f64;
        let sure = ((1.0 / total - even) / (1.0 - even)).clamp(0.0, 1.0);
        let mut colour = mix(self.neutral, mixed, sure.sqrt());
        let margin = best[0] - second[0] + 1e-4;
        let steep = (best[1] - second[1]).hypot(best[2] - second[2]).max(1e-6);
        let off = [0.9f64, 0.99].map(|p| (margin - (p / (1.0 - p)).ln()).abs() / steep);
        colour = mix(colour, line, self.isolines * (1.0 - off[0].min(off[1])).clamp(0.0, 1.0));
        mix(colour, line, self.line[3] * (0.5 + 0.5 * self.line_width - margin / steep).clamp(0.0, 1.0))
    }
}

/// Heights refined.
#[derive(Clone, Debug)]
pub struct RefineHeights {
    /// Points a side of the lattice, and of each of its cells.
    pub points: usize,
    /// Points a side of each cell.
    pub by: usize,
    /// By the logarithm.
    pub log: bool,
    /// The loss of height 0.
    pub low: f64,
    /// The loss of height 1.
    pub high: f64,
    /// Losses `[y][x]`.
    pub losses: Vec<f64>,
}

impl RefineHeights {
    fn lattice(&self, x: isize, y: isize) -> Option<f64> {
        let inside = |i: isize| (0..self.points as isize).contains(&i);
        let loss = if inside(x) && inside(y) { self.losses[y as usize * self.points + x as usize] } else { f64::NAN };
        let height = if self.log {
            (loss.max(1e-30) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (loss - self.low) / (self.high - self.low)
        };
        loss.is_finite().then_some(height.clamp(-3.0, 3.0))
    }

    fn known(p: [Option<f64>; 4], f: f64) -> Option<[f64; 2]> {
        let (p1, p2) = (p[1]?, p[2]?);
        Some(spline([p[0].unwrap_or(2.0 * p1 - p2), p1, p2, p[3].unwrap_or(2.0 * p2 - p1)], f))
    }

    /// Height, slopes along x and y, in the cell at a place in it from 0 to 1.
    fn in_cell(&self, cell: [isize; 2], f: [f64; 2]) -> Option<[f64; 3]> {
        let row = |j: isize| Self::known(std::array::from_fn(|i| self.lattice(cell[0] + i as isize - 1, j)), f[0]);
        let rows: [Option<[f64; 2]>; 4] = std::array::from_fn(|j| row(cell[1] + j as isize - 1));
        let (r1, r2) = (rows[1]?, rows[2]?);
        let [h, y] = Self::known(rows.map(|row| row.map(|r| r[0])), f[1])?;
        let unit = (self.points - 1) as f64 / 2.0;
        Some([h, unit * (r1[1] + f[1] * (r2[1] - r1[1])), unit * y])
    }

    fn rough(&self, place: [f64; 2]) -> Option<f64> {
        let at = place.map(|v| ((v + 1.0) / 2.0).clamp(0.0, 1.0) * (self.points - 1) as f64);
        let low = at.map(|v| (v as isize).min(self.points as isize - 2));
        let f = [at[0] - low[0] as f64, at[1] - low[1] as f64];
        let h = |dx, dy| self.lattice(low[0] + dx, low[1] + dy);
        let (a, b, c, d) = (h(0, 0)?, h(1, 0)?, h(0, 1)?, h(1, 1)?);
        Some((a + f[0] * (b - a)) * (1.0 - f[1]) + (c + f[0] * (d - c)) * f[1])
    }

    /// Height, slopes along x and y and depth of the hollow at a point of the finer lattice; nothing where all its cells have
    /// a corner without a loss.
    pub fn point(&self, x: usize, y: usize) -> Option<[f64; 4]> {
        // The cells that the point is in or on the border of, those after it first.
        let cells = |i: usize| {
            let last = self.points as isize - 2;
            let after = ((i / self.by) as isize).min(last);
            let before = (i.is_multiple_of(self.by) && i > 0).then(|| ((i as isize - 1) / self.by as isize).min(last));
            [Some(after), before]
        };
        let (by, [xs, ys]) = (self.by as f64, [cells(x), cells(y)]);
        let mut all = ys.into_iter().flatten().flat_map(|cy| xs.into_iter().flatten().map(move |cx| [cx, cy]));
        let at = [x, y].map(|i| i as f64);
        let [h, sx, sy] = all.find_map(|cell| self.in_cell(cell, [0, 1].map(|k| at[k] / by - cell[k] as f64)))?;
        let side = ((self.points - 1) * self.by) as f64;
        let hollow = (0..8).filter_map(|i| {
            let angle = std::f64::consts::FRAC_PI_4 * (f64::from(i) + 0.5);
            let around = self.rough([0, 1].map(|k| 2.0 * at[k] / side - 1.0 + 0.16 * [angle.cos(), angle.sin()][k]))?;
            Some((around.min(1.0) - h.min(1.0)) / 8.0)
        });
        Some([h, sx, sy, hollow.sum()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refined_plane_is_a_plane() {
        let losses = (0..25).map(|i| 1.0 + 0.1 * f64::from(i % 5) + 0.2 * f64::from(i / 5)).collect();
        let plane = RefineHeights { points: 5, by: 3, log: false, low: 1.0, high: 2.0, losses };
        let [h, x, y, _] = plane.point(7, 4).unwrap();
        assert!((h - (0.7 / 3.0 + 0.8 / 3.0)).abs() < 1e-12 && (x - 0.2).abs() < 1e-12 && (y - 0.4).abs() < 1e-12);
    }

    #[test]
    fn a_field_fades_where_it_is_unsure_and_has_its_line_there() {
        let ramp: Vec<f64> = (0..9).map(|i| f64::from(i % 3) - 1.0).collect();
        let field = PaintField {
            size: [64, 8],
            grid: [3, 3],
            logits: vec![ramp.iter().map(|v| 30.0 * v).collect(), vec![0.0; 9]],
            colours: vec![[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
            neutral: [0.5; 3],
            line: [0.0, 1.0, 0.0, 1.0],
            line_width: 2.0,
            isolines: 0.0,
        };
        assert!(field.pixel(63, 4)[0] > 0.99 && field.pixel(0, 4)[2] > 0.99);
        assert!(field.pixel(31, 4)[1] > 0.9 && field.pixel(32, 4)[1] > 0.9 && field.pixel(35, 4)[1] < 0.5);
    }

    #[test]
    fn means_count_flipped_examples() {
        let records = [[1.0, 1.0, 0.0, 1.0, 2.0, 0.0, 0.0, 1.0], [3.0, 1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0]];
        assert_eq!(sweep_means(&records), [1.5, 0.5]);
    }
}
