//! A measured surface: its losses, what is marked on it, and how losses become heights.

use crate::state::PlaneKind;
use lowland::view::HeightScale;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A plane of the duel.
    Plane(PlaneKind),
    /// The plane of one SAM step: w, w + e, and w after it.
    Step,
}

/// A surface, or one for each side, of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Surface {
    /// What it shows.
    pub subject: Subject,
    /// Steps done at its moment.
    pub step: u64,
    /// Points along each side.
    pub grid: usize,
    /// One, or one for each side around its own point.
    pub faces: Vec<Face>,
    /// The share of the paths' variance along both axes, of principal ones.
    pub variance: Option<[f64; 2]>,
    /// The curvature along both axes of each side's face, of the directions in which they bend most.
    pub curvatures: Option<[[f64; 2]; 2]>,
    /// Whether SGD and SAM were the same network, so that no plane goes through them.
    pub same: bool,
}

/// A square of a plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Face {
    /// Row by row from the front, left to right.
    pub losses: Vec<f32>,
    /// Half its side in lengths of weights.
    pub half: f32,
    /// What is marked on it.
    pub marks: Vec<Mark>,
    /// The ways of both sides until that moment, where the square goes from -1 to 1.
    pub paths: [Vec<[f32; 2]>; 2],
}

/// A marked point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// What it is.
    pub what: What,
    /// Where, from -1 to 1.
    pub at: [f32; 2],
    /// The loss there, measured with the surface.
    pub loss: f32,
}

/// What a mark stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The weights that both sides began with.
    Start,
    /// The weights of a side.
    Side(usize),
    /// w + e of the right side.
    Climbed,
    /// The right side's weights after the step.
    After,
}

/// From losses to heights, with contour lines at round values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// The heights.
    pub heights: HeightScale,
    /// Contour lines between raw heights 0 and 1.
    pub levels: f32,
    /// From a line to the next: a difference of losses, or their ratio.
    pub interval: f32,
    /// Whether there are losses beyond `heights.high`.
    pub cut: bool,
}

/// The share of the losses that the scale shows unbent.
const SHOWN: f64 = 0.9;

impl Surface {
    /// One scale for all faces.
    pub fn scale(&self, log: bool) -> Scale {
        let of_marks = self.faces.iter().flat_map(|face| face.marks.iter().map(|mark| mark.loss));
        let mut losses: Vec<f32> = self.faces.iter().flat_map(|face| face.losses.iter().copied()).collect();
        losses.retain(|loss| loss.is_finite());
        losses.sort_by(f32::total_cmp);
        let marks: Vec<f32> = of_marks.filter(|loss| loss.is_finite()).collect();
        let least = losses.first().into_iter().chain(&marks).copied().fold(f32::INFINITY, f32::min);
        let last = losses.len().saturating_sub(1);
        let most = losses.last().copied().unwrap_or(1.0);
        let shown = losses.get((SHOWN * last as f64) as usize).copied().unwrap_or(1.0);
        let high = marks.iter().copied().fold(shown, f32::max);
        Scale { cut: most > 1.02 * high, ..Scale::new(log, least, high) }
    }

    /// The losses as rows of a file: which face, the place on it in lengths of weights, and the loss.
    pub fn csv(&self) -> String {
        let mut rows = "face,x,y,loss\n".to_owned();
        for (i, face) in self.faces.iter().enumerate() {
            let at = |k: usize| face.half * (2.0 * k as f32 / (self.grid.max(2) - 1) as f32 - 1.0);
            for (k, loss) in face.losses.iter().enumerate() {
                rows += &format!("{i},{},{},{loss}\n", at(k % self.grid), at(k / self.grid));
            }
        }
        rows
    }

    /// The mark of a side.
    pub fn side(&self, side: usize) -> Option<&Mark> {
        self.faces.iter().flat_map(|face| &face.marks).find(|mark| mark.what == What::Side(side))
    }
}

impl Scale {
    fn new(log: bool, low: f32, high: f32) -> Self {
        let sound = HeightScale::new(log, if log { low.max(1e-4 * high) } else { low }, high);
        if log {
            // 2, 4, 8, ... lines a decade.
            let decades = (sound.high / sound.low).log10();
            let per_decade =
                [2.0, 4.0, 8.0, 16.0, 32.0, 64.0f32].into_iter().find(|n| n * decades >= 14.0).unwrap_or(128.0);
            let low = 10f32.powf((sound.low.log10() * per_decade).floor() / per_decade);
            let heights = HeightScale::new(true, low, sound.high);
            let levels = (heights.high / heights.low).log10() * per_decade;
            return Self { heights, levels, interval: 10f32.powf(1.0 / per_decade), cut: false };
        }
        let raw = (sound.high - sound.low) / 20.0;
        let power = 10f32.powf(raw.log10().floor());
        let interval = [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|step| *step >= raw).unwrap_or(raw);
        let low = (sound.low / interval).floor() * interval;
        let heights = HeightScale::new(false, low, sound.high);
        Self { heights, levels: (heights.high - heights.low) / interval, interval, cut: false }
    }
}

impl Face {
    /// The height of the drawn ground at a place, 0 to 1: between the points of the grid as the ground is.
    pub fn height(&self, scale: &HeightScale, [x, y]: [f32; 2]) -> f32 {
        let side = (self.losses.len() as f64).sqrt().round() as usize;
        if side < 2 {
            return 0.0;
        }
        let last = (side - 1) as f32;
        let at = [x, y].map(|v| (0.5 * (v.clamp(-1.0, 1.0) + 1.0) * last).min(last - 1e-3));
        let cell = at.map(|v| v as usize);
        let f = [at[0] - cell[0] as f32, at[1] - cell[1] as f32];
        let height = |i: usize, k: usize| {
            let [i, k] = [i, k].map(|v| v.clamp(1, side) - 1);
            scale.of(self.losses[k * side + i]).unwrap_or(1.0)
        };
        // Catmull-Rom along x, then along y; indices are one more than the grid's, so that -1 has a place.
        let spline = |p: [f32; 4], t: f32| {
            let [a, b, c, d] = p;
            b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
        };
        let rows = [0, 1, 2, 3].map(|k| spline([0, 1, 2, 3].map(|i| height(cell[0] + i, cell[1] + k)), f[0]));
        spline(rows, f[1]).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface(losses: Vec<f32>) -> Surface {
        let marks = vec![Mark { what: What::Side(1), at: [0.0; 2], loss: 0.02 }];
        let face = Face { losses, half: 1.0, marks, paths: Default::default() };
        let subject = Subject::Plane(PlaneKind::Points);
        Surface { subject, step: 1, grid: 3, faces: vec![face], variance: None, curvatures: None, same: false }
    }

    #[test]
    fn a_high_plateau_is_cut_and_lines_are_at_round_values() {
        let mut losses: Vec<f32> = (1..=100).map(|i| 0.03 * i as f32).collect();
        losses.extend([50.0, 70.0, f32::NAN]);
        let surface = surface(losses);
        let linear = surface.scale(false);
        assert!(linear.cut && linear.heights.high < 4.0, "{linear:?}");
        assert!((linear.interval - 0.2).abs() < 1e-6 && linear.heights.low == 0.0, "{linear:?}");
        let log = surface.scale(true);
        assert!(log.heights.low <= 0.02 && log.heights.low > 0.01 && log.levels >= 14.0, "{log:?}");
        let line = log.heights.loss(1.0 / log.levels) / log.heights.low;
        assert!((line - log.interval).abs() < 1e-3, "a line is one interval above the lowest");
    }

    #[test]
    fn rows_of_a_file_have_places() {
        let csv = surface(vec![0.0, 1.0, 2.0, 1.0, 2.0, 3.0, 2.0, 3.0, 4.0]).csv();
        assert_eq!(csv.lines().count(), 10);
        assert_eq!(csv.lines().nth(6), Some("0,1,0,3"));
    }

    #[test]
    fn heights_between_points_follow_the_grid() {
        let surface = surface(vec![0.0, 1.0, 2.0, 1.0, 2.0, 3.0, 2.0, 3.0, 4.0]);
        let scale = HeightScale::new(false, 0.0, 8.0);
        let at = |x, y| surface.faces[0].height(&scale, [x, y]);
        assert!(
            (at(-1.0, -1.0)).abs() < 1e-6 && (at(0.0, 0.0) - 0.25).abs() < 1e-6 && (at(1.0, 0.0) - 0.375).abs() < 1e-3
        );
        assert!(at(0.25, 0.1) > at(0.1, 0.1));
        assert_eq!(at(9.0, 9.0), at(1.0, 1.0));
    }
}
