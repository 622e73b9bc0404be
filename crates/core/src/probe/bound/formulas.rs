//! PAC and PAC-Bayes bounds as functions of numbers. n examples, k parameters, confidence 1 - delta, losses in [0, 1].
//!
//! Sources: McAllester 1999 (the bound), Langford and Caruana 2002 (the prior grid), Foret et al. 2021, appendix A.1 (the bound
//! of SAM), Laurent and Massart 2000, lemma 1 (the ball), Dziugaite and Roy 2017 (learning the posterior, and its certificate).

use std::f64::consts::PI;

/// sqrt((ln #H + ln(2 / delta)) / (2 n)): what the loss of any of #H hypotheses may be off by (Hoeffding and a union).
pub fn finite_class(ln_hypotheses: f64, n: f64, delta: f64) -> f64 {
    ((ln_hypotheses + (2.0 / delta).ln()) / (2.0 * n)).sqrt()
}

/// ln #H of networks of `k` floats of 32 bits: 32 k ln 2.
pub fn ln_hypotheses_of_floats(k: f64) -> f64 {
    32.0 * k * std::f64::consts::LN_2
}

/// KL(N(m_Q, s_Q^2 I) | N(m_P, s_P^2 I)) in k dimensions, `distance` = |m_P - m_Q|^2.
pub fn kl_gaussians(k: f64, q_variance: f64, p_variance: f64, distance: f64) -> f64 {
    // k (x - 1 - ln x), x = s_Q^2 / s_P^2, without the digits that cancel where x is close to 1.
    let off = (q_variance - p_variance) / p_variance;
    0.5 * (k * (off - off.ln_1p()) + distance / p_variance)
}

/// McAllester's term sqrt((KL + ln(n / delta)) / (2 (n - 1))).
pub fn mcallester(kl: f64, ln_n_over_delta: f64, n: f64) -> f64 {
    ((kl + ln_n_over_delta) / (2.0 * (n - 1.0))).sqrt()
}

/// The prior of the SAM bound: its variance is on a grid that was there before the data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GridPrior {
    /// ln c, c = s^2 (1 + exp(4 n / k)); c itself may be too large to be written.
    pub ln_c: f64,
    /// Its place in the grid c exp((1 - j) / k), counted from 1.
    pub j: f64,
    /// s_P^2.
    pub variance: f64,
    /// KL of posterior and prior.
    pub kl: f64,
    /// 1/2 (1 + k ln(1 + distance / (k s^2))), which KL does not exceed.
    pub kl_bound: f64,
    /// ln(n / delta_j), delta_j = 6 delta / (pi^2 j^2).
    pub ln_n_over_delta: f64,
    /// ln(n / delta) + 2 ln(6 n + 3 k), which it does not exceed.
    pub ln_bound: f64,
    /// Whether the posterior is close enough for the grid to reach it; else the bound is larger than 1 anyway.
    pub reached: bool,
}

/// The place of the grid for the posterior N(m, s^2 I) with `distance` = |m - m_P|^2, in logarithms: exp(4 n / k) overflows.
pub fn grid_prior(n: f64, k: f64, variance: f64, distance: f64, delta: f64) -> GridPrior {
    let over = 4.0 * n / k;
    // ln(1 + exp(x)) = x + ln(1 + exp(-x)).
    let ln_c = variance.ln() + over + (-over).exp().ln_1p();
    let wanted = (1.0 - k * ((variance + distance / k).ln() - ln_c)).floor();
    let j = wanted.max(1.0);
    let p_variance = (ln_c + (1.0 - j) / k).exp();
    GridPrior {
        ln_c,
        j,
        variance: p_variance,
        kl: kl_gaussians(k, variance, p_variance, distance),
        kl_bound: 0.5 * (1.0 + k * (distance / (k * variance)).ln_1p()),
        ln_n_over_delta: ln_n_over_delta_j(n, delta, j),
        ln_bound: (n / delta).ln() + 2.0 * (6.0 * n + 3.0 * k).ln(),
        reached: wanted >= 1.0,
    }
}

/// ln(n / delta_j) with delta_j = 6 delta / (pi^2 j^2): a union over the grid.
pub fn ln_n_over_delta_j(n: f64, delta: f64, j: f64) -> f64 {
    (n / delta).ln() + (PI * PI / 6.0).ln() + 2.0 * j.ln()
}

/// The grid c exp(-j / b), j = 1, 2, ..., of priors for posteriors whose variance is learned (Dziugaite and Roy 2017): the place
/// closest to `variance`, and the variance there.
pub fn learned_grid(c: f64, b: f64, variance: f64) -> (f64, f64) {
    let j = (b * (c / variance).ln()).round().max(1.0);
    (j, c * (-j / b).exp())
}

/// 1 + sqrt(2 ln n / k) + ln n / k: with probability 1 - 1 / sqrt(n), |e|^2 <= k s^2 times this for e ~ N(0, s^2 I).
pub fn ball_factor(n: f64, k: f64) -> f64 {
    1.0 + (2.0 * n.ln() / k).sqrt() + n.ln() / k
}

/// The s^2 of which a ball of radius rho has nearly all.
pub fn variance_of_ball(n: f64, k: f64, rho: f64) -> f64 {
    rho * rho / (k * ball_factor(n, k))
}

/// The root of the SAM bound in three forms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamRoots {
    /// As the lecture has it: (1 + sqrt(2 ln n / k))^2 in the logarithm, 4 (n - 1) below.
    pub deck: f64,
    /// Theorem 2 of Foret et al. 2021: (1 + sqrt(ln n / k))^2, twice as large.
    pub paper: f64,
    /// With the constants of the proof: 1 + sqrt(2 ln n / k) + ln n / k, and 1 / sqrt(n) apart.
    pub exact: f64,
}

/// The roots for `distance` = |w - m_P|^2.
pub fn sam_roots(n: f64, k: f64, distance: f64, rho: f64, delta: f64) -> SamRoots {
    let relative = distance / (rho * rho);
    let ln_delta = (n / delta).ln();
    let ln_grid = (6.0 * n + 3.0 * k).ln();
    let root = |factor: f64| {
        ((1.0 + k * (relative * factor).ln_1p() + 2.0 * ln_delta + 4.0 * ln_grid) / (4.0 * (n - 1.0))).sqrt()
    };
    let square = |x: f64| x * x;
    let paper = k * (relative * square(1.0 + (n.ln() / k).sqrt())).ln_1p() + 4.0 * ln_delta + 8.0 * ln_grid;
    SamRoots {
        deck: root(square(1.0 + (2.0 * n.ln() / k).sqrt())),
        paper: (paper / (n - 1.0)).sqrt(),
        exact: root(ball_factor(n, k)),
    }
}

/// KL of two coins, a ln(a / b) + (1 - a) ln((1 - a) / (1 - b)).
pub fn kl_coins(a: f64, b: f64) -> f64 {
    let term = |a: f64, b: f64| match (a == 0.0, b == 0.0) {
        (true, _) => 0.0,
        (false, true) => f64::INFINITY,
        (false, false) => a * (a / b).ln(),
    };
    term(a, b) + term(1.0 - a, 1.0 - b)
}

/// The largest b in [a, 1] with kl(a, b) <= c, by bisection from above: the answer is never too small.
pub fn kl_inverse(a: f64, c: f64) -> f64 {
    let (mut low, mut high) = (a.clamp(0.0, 1.0), 1.0);
    if kl_coins(low, high) <= c {
        return high;
    }
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if kl_coins(a, middle) <= c { low = middle } else { high = middle }
    }
    high
}

/// An upper limit of E_Q L from its mean over `samples` draws of Q: Chernoff's, with probability 1 - delta
/// (Langford and Caruana 2002, theorem 2.5).
pub fn monte_carlo_limit(mean: f64, samples: f64, delta: f64) -> f64 {
    kl_inverse(mean, (2.0 / delta).ln() / samples)
}

/// The same by Hoeffding's inequality.
pub fn hoeffding_limit(mean: f64, samples: f64, delta: f64) -> f64 {
    mean + ((2.0 / delta).ln() / (2.0 * samples)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, wanted: f64, relative: f64) {
        assert!((found / wanted - 1.0).abs() < relative, "{found} and {wanted}");
    }

    #[test]
    fn a_finite_class_by_hand() {
        near(finite_class(1e6f64.ln(), 60_000.0, 0.05), 0.0120777, 5e-6);
        near(ln_hypotheses_of_floats(10.0), 221.80709777918247, 1e-12);
    }

    #[test]
    fn kl_by_hand() {
        near(kl_gaussians(3.0, 0.25, 1.0, 2.0), 1.9544415417, 1e-10);
        assert_eq!(kl_gaussians(1e6, 0.01, 0.01, 0.0), 0.0);
        // Plain formula at a million parameters: the same to the digits that it has.
        let (k, q, p, d) = (1e6, 0.01, 0.01001, 4.0);
        near(kl_gaussians(k, q, p, d), 0.5 * ((k * q + d) / p - k + k * (p / q).ln()), 1e-8);
    }

    #[test]
    fn the_grid_of_priors_by_hand() {
        let grid = grid_prior(60_000.0, 1000.0, 0.01, 4.0, 0.05);
        assert_eq!(grid.j, 239_664.0);
        near(grid.variance, 0.0140073906, 1e-8);
        near(grid.kl, 168.236188, 1e-8);
        near(grid.kl_bound, 168.736118, 1e-8);
        near(grid.ln_n_over_delta, 39.2695189, 1e-8);
        near(grid.ln_bound, 39.6021483, 1e-8);
        assert!(grid.kl <= grid.kl_bound && grid.ln_n_over_delta <= grid.ln_bound && grid.reached);
        // exp(4 n / k) of a small network is no number that can be written.
        let small = grid_prior(60_000.0, 10.0, 0.01, 4.0, 0.05);
        assert!(small.ln_c > 20_000.0 && small.j.is_finite() && small.kl <= small.kl_bound, "{small:?}");
        // The nearest place of the grid is a k-th part of a logarithm off, at most.
        for (k, distance) in [(1000.0, 0.0), (1000.0, 1e3), (235_146.0, 500.0)] {
            let grid = grid_prior(60_000.0, k, 0.01, distance, 0.05);
            let off = grid.variance.ln() - (0.01 + distance / k).ln();
            assert!((-1e-9..=1.0 / k + 1e-9).contains(&off) && grid.kl <= grid.kl_bound, "{k} {distance}: {grid:?}");
        }
        assert!(!grid_prior(100.0, 1e6, 1e-8, 1e9, 0.05).reached);
    }

    #[test]
    fn the_bound_of_sam_in_three_forms_by_hand() {
        let small = sam_roots(60_000.0, 10.0, 1.0, 0.5, 0.05);
        near(small.deck, 0.021663, 2e-5);
        near(small.paper, 0.055847, 1e-5);
        near(small.exact, 0.021162, 3e-5);
        let large = sam_roots(60_000.0, 235_146.0, 500.0, 0.05, 0.05);
        near(large.deck, 3.461015, 1e-6);
        near(large.paper, 6.920538, 1e-6);
        near(large.exact, 3.459659, 1e-6);
        near(1.0 / 60_000f64.sqrt(), 0.004082, 2e-4);
    }

    #[test]
    fn the_ball_has_nearly_all_of_the_gaussian() {
        near(ball_factor(60_000.0, 10.0), 1.0 + 2.20042f64.sqrt() + 1.10021, 1e-5);
        near(variance_of_ball(60_000.0, 10.0, 0.5) * 10.0 * ball_factor(60_000.0, 10.0), 0.25, 1e-12);
        // |e|^2 / s^2 is chi^2 with k degrees of freedom: its share beyond the ball is less than 1 / sqrt(n).
        let (n, k) = (100.0, 20);
        let mut rng = crate::rng::Rng::new(0, crate::rng::Stream::Data, 9);
        let most = f64::from(k) * ball_factor(n, f64::from(k));
        let outside = (0..20_000).filter(|_| (0..k).map(|_| f64::from(rng.normal()).powi(2)).sum::<f64>() > most);
        let share = outside.count() as f64 / 20_000.0;
        assert!(share < 0.1, "{share}");
    }

    #[test]
    fn inverses_of_the_kl_of_coins() {
        near(kl_coins(0.5, 0.75), 0.143841036, 1e-8);
        for (a, b) in [(0.0, 0.3), (0.02, 0.16), (0.5, 0.9), (0.3, 0.3)] {
            let found = kl_inverse(a, kl_coins(a, b));
            assert!((found - b).abs() < 1e-7 && found >= b - 1e-12, "{a} {b}: {found}");
        }
        near(kl_inverse(0.0, 0.1), 1.0 - (-0.1f64).exp(), 1e-10);
        assert_eq!((kl_inverse(1.0, 0.1), kl_inverse(0.2, f64::INFINITY)), (1.0, 1.0));
        let (chernoff, hoeffding) = (monte_carlo_limit(0.02, 1000.0, 0.01), hoeffding_limit(0.02, 1000.0, 0.01));
        assert!(0.02 < chernoff && chernoff < hoeffding, "{chernoff} {hoeffding}");
        near(hoeffding, 0.02 + (200f64.ln() / 2000.0).sqrt(), 1e-12);
    }

    #[test]
    fn the_grid_of_learned_variances() {
        let (j, variance) = learned_grid(0.1, 100.0, 1e-3);
        assert_eq!(j, 461.0);
        near(variance, 0.1 * (-4.61f64).exp(), 1e-12);
        assert_eq!(learned_grid(0.1, 100.0, 5.0).0, 1.0, "no prior of the grid is wider");
    }
}
