//! Isolines and filled regions of values on a grid, by marching squares.

/// Values by row, then column, at the places `x` and `y`; NaN where there is none.
pub struct Field<'a> {
    pub x: &'a [f64],
    pub y: &'a [f64],
    pub values: &'a [f64],
}

type Place = (f64, f64);

impl Field<'_> {
    fn at(&self, i: usize, j: usize) -> f64 {
        self.values[j * self.x.len() + i]
    }

    /// The line pieces of `level`, joined to runs. Cells with a NaN have none.
    pub fn lines(&self, level: f64) -> Vec<Vec<Place>> {
        let mut pieces = Vec::new();
        for j in 0..self.y.len() - 1 {
            for i in 0..self.x.len() - 1 {
                self.cell(i, j, level, &mut pieces);
            }
        }
        joined(pieces)
    }

    fn cell(&self, i: usize, j: usize, level: f64, pieces: &mut Vec<[Place; 2]>) {
        let corner = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)];
        let value = corner.map(|(i, j)| self.at(i, j) - level);
        if value.iter().any(|v| v.is_nan()) {
            return;
        }
        let place = corner.map(|(i, j)| (self.x[i], self.y[j]));
        let crossings: Vec<Place> = (0..4)
            .filter_map(|side| {
                // Each side is looked at from its lower end, so that neighbouring cells find the same place.
                let (a, b) = if side < 2 { (side, side + 1) } else { ((side + 1) % 4, side) };
                if (value[a] >= 0.0) == (value[b] >= 0.0) {
                    return None;
                }
                let t = value[a] / (value[a] - value[b]);
                Some((place[a].0 + t * (place[b].0 - place[a].0), place[a].1 + t * (place[b].1 - place[a].1)))
            })
            .collect();
        match crossings.as_slice() {
            [a, b] => pieces.push([*a, *b]),
            // A saddle: the middle decides which corners belong together.
            [a, b, c, d] if (value.iter().sum::<f64>() >= 0.0) == (value[0] >= 0.0) => {
                pieces.extend([[*a, *b], [*c, *d]]);
            }
            [a, b, c, d] => pieces.extend([[*d, *a], [*b, *c]]),
            _ => {}
        }
    }

    /// The region where values are at least `level`, as closed rings for the even-odd rule. What lies beyond the border is
    /// low, so that every ring closes.
    pub fn region(&self, level: f64) -> Vec<Vec<Place>> {
        let (nx, ny) = (self.x.len() + 2, self.y.len() + 2);
        let widened = |places: &[f64]| -> Vec<f64> {
            let margin = 1e-6 * (places[places.len() - 1] - places[0]);
            let (first, last) = (places[0] - margin, places[places.len() - 1] + margin);
            [&[first], places, &[last]].concat()
        };
        let inside = |i: usize, j: usize| (1..nx - 1).contains(&i) && (1..ny - 1).contains(&j);
        let values: Vec<f64> = (0..nx * ny)
            .map(|k| (k % nx, k / nx))
            .map(|(i, j)| {
                let value = if inside(i, j) { self.at(i - 1, j - 1) } else { f64::NAN };
                // Far below: the crossing is as good as at the border itself.
                if value.is_nan() { level - 1e9 } else { value }
            })
            .collect();
        let (x, y) = (widened(self.x), widened(self.y));
        Field { x: &x, y: &y, values: &values }.lines(level)
    }
}

/// Pieces that share an end become runs; a ring ends where it began.
fn joined(pieces: Vec<[Place; 2]>) -> Vec<Vec<Place>> {
    use std::collections::HashMap;
    let key = |place: &Place| (place.0.to_bits(), place.1.to_bits());
    let mut ends: HashMap<(u64, u64), Vec<usize>> = HashMap::new();
    for (i, piece) in pieces.iter().enumerate() {
        piece.iter().for_each(|end| ends.entry(key(end)).or_default().push(i));
    }
    let mut used = vec![false; pieces.len()];
    let mut runs = Vec::new();
    for start in 0..pieces.len() {
        if used[start] {
            continue;
        }
        used[start] = true;
        let mut run = std::collections::VecDeque::from(pieces[start]);
        for front in [false, true] {
            loop {
                let end = if front { run.front() } else { run.back() };
                let Some(end) = end.copied() else { break };
                let next = ends.get(&key(&end)).and_then(|at| at.iter().copied().find(|i| !used[*i]));
                let Some(next) = next else { break };
                used[next] = true;
                let [a, b] = pieces[next];
                let other = if key(&a) == key(&end) { b } else { a };
                if front { run.push_front(other) } else { run.push_back(other) }
            }
        }
        runs.push(Vec::from(run));
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bowl(n: usize) -> (Vec<f64>, Vec<f64>) {
        let x: Vec<f64> = (0..n).map(|i| 2.0 * i as f64 / (n - 1) as f64 - 1.0).collect();
        let values = x.iter().flat_map(|y| x.iter().map(move |x| x * x + y * y)).collect();
        (x, values)
    }

    #[test]
    fn isolines_of_a_bowl_are_circles() {
        let (x, values) = bowl(41);
        let lines = Field { x: &x, y: &x, values: &values }.lines(0.49);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].first(), lines[0].last());
        for (x, y) in &lines[0] {
            assert!((x.hypot(*y) - 0.7).abs() < 2e-3);
        }
    }

    #[test]
    fn a_region_with_a_hole_has_its_area() {
        let (x, values) = bowl(81);
        let rings = Field { x: &x, y: &x, values: &values }.region(0.49);
        assert_eq!(rings.len(), 2, "the border and the circle");
        let area = |ring: &Vec<Place>| {
            let cross = ring.windows(2).map(|p| p[0].0 * p[1].1 - p[1].0 * p[0].1);
            0.5 * cross.sum::<f64>().abs()
        };
        let mut areas: Vec<f64> = rings.iter().map(area).collect();
        areas.sort_by(f64::total_cmp);
        assert!((areas[0] - std::f64::consts::PI * 0.49).abs() < 0.01 && (areas[1] - 4.0).abs() < 1e-3, "{areas:?}");
    }

    #[test]
    fn holes_and_saddles_are_drawn_without_fuss() {
        let x = [0.0, 1.0, 2.0];
        let values = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, f64::NAN];
        let field = Field { x: &x, y: &x, values: &values };
        assert!(!field.lines(0.5).is_empty());
        for ring in field.region(0.5) {
            assert_eq!(ring.first(), ring.last());
        }
    }
}
