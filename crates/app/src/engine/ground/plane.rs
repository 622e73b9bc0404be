//! A plane of weights: lengths on it, what its places are mixed from, and the square of it that is measured.

/// Two perpendicular axes of a plane through three sets of weights (an origin and two points), or of one that is given by an
/// origin and two directions. Places are in lengths of weights: distances on the plane are those between weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plane {
    /// Whether the axes are given by points.
    through: bool,
    /// b1.b1, b1.b2 and b2.b2 of the given axes.
    products: [f64; 3],
    /// From places along b1 and across it to those of the picture: rows of a rotation, or of one with a reflection.
    turn: [[f64; 2]; 2],
}

impl Plane {
    /// The plane of an origin and two axes with these products; nothing where they lie on one line.
    pub fn new(through: bool, products: [f64; 3]) -> Option<Self> {
        let [a, b, c] = products;
        let sound = a > 0.0 && c > 0.0 && a * c - b * b > 1e-6 * a * c && (a + c).is_finite();
        sound.then_some(Self { through, products, turn: [[1.0, 0.0], [0.0, 1.0]] })
    }

    /// Turned so that the first point is at the left, the second at the right, and the origin behind them.
    pub fn with_origin_behind(mut self) -> Self {
        let [left, right] = [self.place([1.0, 0.0]), self.place([0.0, 1.0])];
        let along = [right[0] - left[0], right[1] - left[1]];
        let length = along[0].hypot(along[1]);
        if length > 0.0 {
            let [x, y] = along.map(|v| v / length);
            // The origin is at the left hand of those who go from the first to the second point.
            self.turn = [[x, y], [-y, x]];
        }
        self
    }

    /// Turned so that the first axis comes towards the eye and the second goes to the right, or to the left.
    pub fn with_first_to_front(mut self, second_right: bool) -> Self {
        self.turn = [[0.0, if second_right { 1.0 } else { -1.0 }], [-1.0, 0.0]];
        self
    }

    /// The place of origin + x b1 + y b2.
    pub fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [a, b, c] = self.products;
        let along = a.sqrt() * (x + b / a * y);
        let across = (c - b * b / a).max(0.0).sqrt() * y;
        self.turn.map(|row| row[0] * along + row[1] * across)
    }

    /// The factors of origin and axes that make the weights at `place`.
    pub fn factors(&self, place: [f64; 2]) -> [f32; 3] {
        let [a, b, c] = self.products;
        let [first, second] = self.turn;
        let along = first[0] * place[0] + second[0] * place[1];
        let across = first[1] * place[0] + second[1] * place[1];
        let y = across / (c - b * b / a).max(f64::MIN_POSITIVE).sqrt();
        let x = along / a.sqrt() - b / a * y;
        let origin = if self.through { 1.0 - x - y } else { 1.0 };
        [origin, x, y].map(|factor| factor as f32)
    }
}

/// A square of a plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Square {
    /// Its middle.
    pub middle: [f64; 2],
    /// Half its side, in lengths of weights.
    pub half: f64,
}

impl Square {
    /// The square that holds all `places` with a margin on each side.
    pub fn around(places: impl IntoIterator<Item = [f64; 2]>) -> Self {
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for place in places {
            for i in 0..2 {
                low[i] = low[i].min(place[i]);
                high[i] = high[i].max(place[i]);
            }
        }
        const MARGIN: f64 = 1.4;
        let half = 0.5 * MARGIN * (high[0] - low[0]).max(high[1] - low[1]);
        let sound = half.is_finite() && half > 0.0;
        Self {
            middle: if sound { [0, 1].map(|i| 0.5 * (low[i] + high[i])) } else { [0.0; 2] },
            half: if sound { half } else { 1.0 },
        }
    }

    /// Places of a grid of `side` x `side` points, row by row from the front, left to right.
    pub fn grid(self, side: usize) -> impl Iterator<Item = [f64; 2]> {
        let at = move |i: usize| 2.0 * i as f64 / (side.max(2) - 1) as f64 - 1.0;
        let [x, y] = self.middle;
        (0..side * side).map(move |i| [x + self.half * at(i % side), y + self.half * at(i / side)])
    }

    /// A place where the square goes from -1 to 1.
    pub fn unit(&self, place: [f64; 2]) -> [f32; 2] {
        [0, 1].map(|i| ((place[i] - self.middle[i]) / self.half) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
        (0..3).map(|i| a[i] * b[i]).sum()
    }

    const ORIGIN: [f64; 3] = [1.0, 2.0, 3.0];
    const FIRST: [f64; 3] = [4.0, 2.0, 3.5];
    const SECOND: [f64; 3] = [2.0, 5.0, 3.0];

    fn plane() -> Plane {
        let minus = |a: [f64; 3]| [0, 1, 2].map(|i| a[i] - ORIGIN[i]);
        let (u, v) = (minus(FIRST), minus(SECOND));
        Plane::new(true, [dot(u, u), dot(u, v), dot(v, v)]).unwrap()
    }

    #[test]
    fn the_three_points_have_their_own_factors_and_distances() {
        for plane in [plane(), plane().with_origin_behind(), plane().with_first_to_front(false)] {
            let at = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]].map(|axes| plane.place(axes));
            let points = [ORIGIN, FIRST, SECOND];
            for i in 0..3 {
                let factors = plane.factors(at[i]);
                assert!((0..3).all(|k| (factors[k] - f32::from(u8::from(k == i))).abs() < 1e-6), "{factors:?}");
                for k in 0..3 {
                    let apart: [f64; 3] = [0, 1, 2].map(|d| points[i][d] - points[k][d]);
                    let found = (at[i][0] - at[k][0]).hypot(at[i][1] - at[k][1]);
                    assert!((found - dot(apart, apart).sqrt()).abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn the_origin_lies_behind_with_the_first_point_at_the_left() {
        let plane = plane().with_origin_behind();
        let [origin, first, second] = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]].map(|axes| plane.place(axes));
        assert!(first[0] < second[0] && (first[1] - second[1]).abs() < 1e-9 && origin[1] > first[1]);
    }

    #[test]
    fn axes_on_one_line_are_no_plane() {
        for products in [[1.0, 2.0, 4.0], [0.0, 0.0, 1.0], [f64::NAN, 0.0, 1.0]] {
            assert_eq!(Plane::new(true, products), None);
        }
    }

    #[test]
    fn a_square_holds_what_it_is_made_around() {
        let square = Square::around([[1.0, 1.0], [3.0, 2.0]]);
        assert_eq!((square.middle, square.half), ([2.0, 1.5], 1.4));
        let grid: Vec<_> = square.grid(3).collect();
        assert_eq!(square.unit(grid[0]), [-1.0, -1.0]);
        assert_eq!(square.unit(grid[5]), [1.0, 0.0]);
        assert_eq!(Square::around([[1.0, 1.0]]).half, 1.0);
    }
}
