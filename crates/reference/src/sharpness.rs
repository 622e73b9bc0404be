//! Random points around weights, the search in Keskar's box, and learning a posterior: the twins of `shaders/probe`.

/// `w + scale T xi`, element by element; with `unit` xi is divided by its length.
pub fn perturb(w: &[f64], t: &[f64], xi: &[f64], scale: f64, unit: bool) -> Vec<f64> {
    let length = if unit { xi.iter().map(|x| x * x).sum::<f64>().sqrt() } else { 1.0 };
    (0..w.len()).map(|i| w[i] + scale / length * t[i] * xi[i]).collect()
}

/// The half width of Keskar's box: `epsilon (|v_i| + 1)`.
pub fn half_width(epsilon: f64, v: f64) -> f64 {
    epsilon * (v.abs() + 1.0)
}

/// The point `x + share b u` for u in [-1, 1).
pub fn box_start(x: &[f64], b: &[f64], u: &[f64], share: f64) -> Vec<f64> {
    (0..x.len()).map(|i| x[i] + share * b[i] * u[i]).collect()
}

/// A step of `share b sign(g)`, cut off at the box.
pub fn box_step(x: &[f64], b: &[f64], g: &[f64], y: &[f64], share: f64) -> Vec<f64> {
    let sign = |g: f64| if g == 0.0 { 0.0 } else { g.signum() };
    (0..x.len()).map(|i| (y[i] + share * b[i] * sign(g[i])).clamp(x[i] - b[i], x[i] + b[i])).collect()
}

/// Columns of the same directions and unit length.
pub fn unit_columns(columns: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let unit = |column: &Vec<f64>| {
        let length = column.iter().map(|a| a * a).sum::<f64>().sqrt();
        column.iter().map(|a| a / length).collect()
    };
    columns.iter().map(unit).collect()
}

/// `A' v` for columns of A.
pub fn transposed(columns: &[Vec<f64>], v: &[f64]) -> Vec<f64> {
    columns.iter().map(|a| a.iter().zip(v).map(|(a, v)| a * v).sum()).collect()
}

/// `x + A z` for columns of A.
pub fn point(x: &[f64], columns: &[Vec<f64>], z: &[f64]) -> Vec<f64> {
    let mut y = x.to_vec();
    for (a, z) in columns.iter().zip(z) {
        for i in 0..y.len() {
            y[i] += a[i] * z;
        }
    }
    y
}

/// `A^+ x` by the normal equations `A' A v = A' x`, solved by elimination with pivots.
pub fn pseudo_inverse(columns: &[Vec<f64>], x: &[f64]) -> Vec<f64> {
    let n = columns.len();
    let mut rows: Vec<Vec<f64>> = columns.iter().map(|a| transposed(columns, a)).collect();
    let mut right = transposed(columns, x);
    for k in 0..n {
        let pivot = (k..n).max_by(|a, b| rows[*a][k].abs().total_cmp(&rows[*b][k].abs())).unwrap_or(k);
        rows.swap(k, pivot);
        right.swap(k, pivot);
        for i in k + 1..n {
            let factor = rows[i][k] / rows[k][k];
            for j in k..n {
                rows[i][j] -= factor * rows[k][j];
            }
            right[i] -= factor * right[k];
        }
    }
    for k in (0..n).rev() {
        right[k] = (right[k] - (k + 1..n).map(|j| rows[k][j] * right[j]).sum::<f64>()) / rows[k][k];
    }
    right
}

/// A function and its gradient.
pub type Objective<'a> = dyn Fn(&[f64]) -> (f64, Vec<f64>) + 'a;

/// What a search in the box found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// f at the weights.
    pub loss: f64,
    /// f at the sign vertex.
    pub vertex: f64,
    /// The largest f that an ascent met.
    pub ascent: f64,
}

/// Keskar's sharpness `100 (max f - f(x)) / (1 + f(x))`.
pub fn keskar(most: f64, loss: f64) -> f64 {
    100.0 * (most - loss) / (1.0 + loss)
}

/// The search: the sign vertex of the gradient at x, and `restarts` ascents of `steps` steps of the share `(1 - t / steps) / 2`, the
/// first from x, ascent number r from the point that `start(r)` in [-1, 1) names. `subspace` has columns of unit length. `f` gives
/// the function and its gradient.
pub fn search(
    f: &Objective<'_>,
    x: &[f64],
    subspace: Option<&[Vec<f64>]>,
    epsilon: f64,
    steps: usize,
    restarts: usize,
    start: &dyn Fn(usize) -> Vec<f64>,
) -> Found {
    let (origin, wide) = match subspace {
        None => (x.to_vec(), x.to_vec()),
        Some(columns) => (vec![0.0; columns.len()], pseudo_inverse(columns, x)),
    };
    let b: Vec<f64> = wide.iter().map(|v| half_width(epsilon, *v)).collect();
    let at = |z: &[f64]| match subspace {
        None => f(z),
        Some(columns) => {
            let (value, gradient) = f(&point(x, columns, z));
            (value, transposed(columns, &gradient))
        }
    };
    let (loss, gradient) = at(&origin);
    let (vertex, _) = at(&box_step(&origin, &b, &gradient, &origin, 1.0));
    let mut ascent = f64::NEG_INFINITY;
    for restart in 0..restarts {
        let mut z = if restart == 0 { origin.clone() } else { box_start(&origin, &b, &start(restart), 1.0) };
        for step in 0..=steps {
            let (value, gradient) = at(&z);
            ascent = ascent.max(value);
            if step < steps {
                z = box_step(&origin, &b, &gradient, &z, 0.5 * (1.0 - step as f64 / steps as f64));
            }
        }
    }
    Found { loss, vertex, ascent }
}

/// A posterior N(m, s^2 I) on its way, learned by Adam on the bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Posterior {
    /// n.
    pub examples: f64,
    /// ln(n pi^2 / (6 delta)).
    pub logs: f64,
    /// c and b of the grid c exp(-j / b).
    pub grid: [f64; 2],
    /// What the loss is multiplied by.
    pub surrogate: f64,
    /// Learning rate.
    pub lr: f64,
    /// m_P.
    pub prior: Vec<f64>,
    /// m.
    pub mean: Vec<f64>,
    /// ln s.
    pub log_sigma: f64,
    /// Steps done.
    pub step: i32,
    /// First and second moments of the mean's coordinates and, last, of ln s.
    pub moments: [Vec<f64>; 2],
}

impl Posterior {
    /// The place of the best prior in the grid, which is not rounded here; its variance, KL and the bound's root.
    pub fn bound(&self) -> [f64; 4] {
        let k = self.mean.len() as f64;
        let s2 = (2.0 * self.log_sigma).exp();
        let distance: f64 = self.mean.iter().zip(&self.prior).map(|(m, p)| (m - p).powi(2)).sum();
        let lambda = s2 + distance / k;
        let j = (self.grid[1] * (self.grid[0] / lambda).ln()).max(1.0);
        let kl = 0.5 * k * (lambda / s2).ln();
        [j, lambda, kl, ((kl + self.logs + 2.0 * j.ln()) / (2.0 * (self.examples - 1.0))).sqrt()]
    }

    /// The root's derivatives by the mean's coordinates and, last, by ln s.
    pub fn gradient_of_bound(&self) -> Vec<f64> {
        let k = self.mean.len() as f64;
        let s2 = (2.0 * self.log_sigma).exp();
        let [j, lambda, _, root] = self.bound();
        let slope = 1.0 / (4.0 * (self.examples - 1.0) * root);
        let grid = if j > 1.0 { -2.0 * self.grid[1] / (j * lambda) } else { 0.0 };
        let by_mean = self.mean.iter().zip(&self.prior).map(|(m, p)| slope * (1.0 / lambda + grid * 2.0 / k) * (m - p));
        by_mean.chain([slope * (k * s2 / lambda - k + grid * 2.0 * s2)]).collect()
    }

    /// A step with the gradient `g` of the loss at m + s xi.
    pub fn step(&mut self, g: &[f64], xi: &[f64]) {
        let along: f64 = g.iter().zip(xi).map(|(g, xi)| g * xi).sum();
        let of_loss = g.iter().copied().chain([self.log_sigma.exp() * along]);
        let of_bound = self.gradient_of_bound();
        let gradient: Vec<f64> = of_loss.zip(of_bound).map(|(l, b)| self.surrogate * l + b).collect();
        self.step += 1;
        let rate = self.lr * (1.0 - 0.999f64.powi(self.step)).sqrt() / (1.0 - 0.9f64.powi(self.step));
        for i in 0..gradient.len() {
            self.moments[0][i] = 0.9 * self.moments[0][i] + 0.1 * gradient[i];
            self.moments[1][i] = 0.999 * self.moments[1][i] + 0.001 * gradient[i].powi(2);
            let moved = rate * self.moments[0][i] / (self.moments[1][i].sqrt() + 1e-8);
            match self.mean.get_mut(i) {
                Some(mean) => *mean -= moved,
                None => self.log_sigma -= moved,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, assert_close};

    /// `f = x' diag(l) x / 2` at 0: the largest value in the box is epsilon^2 sum(l) / 2, at every corner.
    #[test]
    fn keskar_on_a_quadratic() {
        let l = [10.0, 1.0, 3.0, 0.5];
        let f = |x: &[f64]| {
            let value = x.iter().zip(l).map(|(x, l)| 0.5 * l * x * x).sum::<f64>();
            (value, x.iter().zip(l).map(|(x, l)| l * x).collect())
        };
        let start = |_| vec![0.3, -0.2, 0.9, -0.8];
        let found = search(&f, &[0.0; 4], None, 0.01, 10, 2, &start);
        assert_eq!((found.loss, found.vertex), (0.0, 0.0), "the gradient at 0 is 0, so the vertex is 0 itself");
        assert_close(&[keskar(found.ascent, found.loss)], &[100.0 * 1e-4 * 14.5 / 2.0], 1e-12);
        // Some columns of the identity: the box of those coordinates.
        let columns = [vec![0.0, 1.0, 0.0, 0.0], vec![0.0, 0.0, 1.0, 0.0]];
        let found = search(&f, &[0.0; 4], Some(&columns), 0.01, 10, 2, &|_| vec![0.3, -0.2]);
        assert_close(&[found.ascent], &[1e-4 * 4.0 / 2.0], 1e-15);
    }

    #[test]
    fn the_pseudo_inverse_solves_least_squares() {
        let mut random = Random::new(3);
        let columns: Vec<Vec<f64>> = (0..3).map(|_| random.tensor(&[8]).data).collect();
        let z = [0.5, -2.0, 1.0];
        assert_close(&pseudo_inverse(&columns, &point(&[0.0; 8], &columns, &z)), &z, 1e-10);
        let x = random.tensor(&[8]).data;
        let rest: Vec<f64> =
            point(&[0.0; 8], &columns, &pseudo_inverse(&columns, &x)).iter().zip(&x).map(|(a, x)| x - a).collect();
        assert_close(&transposed(&columns, &rest), &[0.0; 3], 1e-10);
    }

    #[test]
    fn the_bound_of_a_posterior_has_the_gradient_of_its_differences() {
        let mut random = Random::new(5);
        let posterior = Posterior {
            examples: 500.0,
            logs: 10.0,
            grid: [0.1, 100.0],
            surrogate: 1.4,
            lr: 0.01,
            prior: random.tensor(&[6]).data,
            mean: random.tensor(&[6]).data.iter().map(|m| 0.1 * m).collect(),
            log_sigma: -3.0,
            step: 0,
            moments: [vec![0.0; 7], vec![0.0; 7]],
        };
        let mut close = posterior.clone();
        close.mean = close.prior.iter().map(|p| p + 0.02).collect();
        for posterior in [posterior, close] {
            let root = |i: usize, h: f64| {
                let mut moved = posterior.clone();
                match moved.mean.get_mut(i) {
                    Some(mean) => *mean += h,
                    None => moved.log_sigma += h,
                }
                moved.bound()[3]
            };
            let h = 1e-5;
            let differences: Vec<f64> = (0..7).map(|i| (root(i, h) - root(i, -h)) / (2.0 * h)).collect();
            assert_close(&posterior.gradient_of_bound(), &differences, 1e-8);
        }
    }
}
