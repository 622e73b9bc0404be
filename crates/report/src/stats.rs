//! Means, 95 % intervals by Student's t, paired differences.

use serde::Serialize;

/// A mean over seeds with its 95 % interval (Student's t, n - 1 degrees of freedom).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Lower end of the interval; none with one seed.
    pub low: Option<f64>,
    /// Upper end of the interval; none with one seed.
    pub high: Option<f64>,
    /// How many seeds went in.
    pub seeds: usize,
}

impl Estimate {
    /// The estimate from one value a seed. Values that are not finite are left out; `None` if none is left.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        let seeds = values.len();
        if seeds == 0 {
            return None;
        }
        let count = seeds as f64;
        let mean = values.iter().sum::<f64>() / count;
        if seeds == 1 {
            return Some(Self { mean, low: None, high: None, seeds });
        }
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let half = t_quantile_975(seeds - 1) * (variance / count).sqrt();
        Some(Self { mean, low: Some(mean - half), high: Some(mean + half), seeds })
    }

    /// Half the width of the interval: what stands behind the ±.
    pub fn half_width(&self) -> Option<f64> {
        self.high.map(|high| high - self.mean)
    }
}

/// The 97.5 % quantile of Student's t: the factor of a two-sided 95 % interval.
///
/// The distribution function of a whole number of degrees of freedom is a finite sum (Abramowitz and Stegun 26.7.3 and
/// 26.7.4); it is inverted by bisection, to about 1e-12. Zero degrees of freedom give infinity.
pub fn t_quantile_975(degrees: usize) -> f64 {
    if degrees == 0 {
        return f64::INFINITY;
    }
    // One degree needs 12.7, every other less; beyond a million the normal distribution is reached to six digits.
    let degrees = degrees.min(1_000_000);
    let (mut low, mut high) = (0.0_f64, 16.0_f64);
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        if two_sided_probability(middle, degrees) < 0.95 {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// Kendall's rank correlation tau-b of pairs, which allows for ties; `None` where one side has one value only.
///
/// Kendall (1945): (concordant - discordant) / sqrt((all - tied in x) (all - tied in y)).
pub fn kendall(pairs: &[[f64; 2]]) -> Option<f64> {
    let (mut agree, mut apart) = (0.0, [0.0; 2]);
    for (i, a) in pairs.iter().enumerate() {
        for b in &pairs[i + 1..] {
            let sign = |side: usize| match a[side].partial_cmp(&b[side]) {
                Some(std::cmp::Ordering::Less) => -1.0,
                Some(std::cmp::Ordering::Greater) => 1.0,
                _ => 0.0_f64,
            };
            agree += sign(0) * sign(1);
            apart[0] += sign(0).abs();
            apart[1] += sign(1).abs();
        }
    }
    let scale = (apart[0] * apart[1]).sqrt();
    (scale > 0.0).then(|| agree / scale)
}

/// P(-t < T < t) for Student's t with a whole number of degrees of freedom.
fn two_sided_probability(t: f64, degrees: usize) -> f64 {
    let theta = (t / (degrees as f64).sqrt()).atan();
    let (sine, cosine) = theta.sin_cos();
    let odd = degrees % 2 == 1;
    let mut term = if odd { cosine } else { 1.0 };
    let mut sum = if degrees == 1 { 0.0 } else { term };
    let mut power = if odd { 3 } else { 2 };
    while power + 2 <= degrees {
        let k = power as f64;
        term *= (k - 1.0) / k * cosine * cosine;
        sum += term;
        power += 2;
        if term < 1e-18 * sum {
            break;
        }
    }
    if odd { (theta + sine * sum) * std::f64::consts::FRAC_2_PI } else { sine * sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t_quantiles_equal_the_printed_tables() {
        let table = [
            (1, 12.706_204_736),
            (2, 4.302_652_730),
            (3, 3.182_446_305),
            (4, 2.776_445_105),
            (5, 2.570_581_836),
            (7, 2.364_624_252),
            (9, 2.262_157_163),
            (10, 2.228_138_852),
            (15, 2.131_449_546),
            (29, 2.045_229_642),
            (30, 2.042_272_456),
            (120, 1.979_930_405),
        ];
        for (degrees, expected) in table {
            let found = t_quantile_975(degrees);
            assert!((found - expected).abs() < 1e-8, "{degrees}: {found}, expected {expected}");
        }
        assert!((t_quantile_975(10_000_000) - 1.959_964).abs() < 1e-5);
        assert!(t_quantile_975(0).is_infinite());
    }

    #[test]
    fn rank_correlations_of_known_samples() {
        let of = |x: &[f64], y: &[f64]| kendall(&x.iter().zip(y).map(|(x, y)| [*x, *y]).collect::<Vec<_>>());
        assert_eq!(of(&[1.0, 2.0, 3.0], &[10.0, 20.0, 70.0]), Some(1.0));
        assert_eq!(of(&[1.0, 2.0, 3.0], &[0.3, 0.2, 0.1]), Some(-1.0));
        // scipy.stats.kendalltau([12, 2, 1, 12, 2], [1, 4, 7, 1, 0]) is -0.47140452079103173.
        let tied = of(&[12.0, 2.0, 1.0, 12.0, 2.0], &[1.0, 4.0, 7.0, 1.0, 0.0]).unwrap();
        assert!((tied + 0.471_404_520_791_031_7).abs() < 1e-12, "{tied}");
        assert_eq!(of(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(of(&[], &[]), None);
    }

    #[test]
    fn interval_of_a_known_sample() {
        // Mean 3, standard deviation sqrt(2.5), so half = 2.776445 * sqrt(2.5 / 5).
        let estimate = Estimate::of([1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!(estimate.mean, 3.0);
        assert!((estimate.half_width().unwrap() - 1.963_243_161).abs() < 1e-8);
        assert!((estimate.low.unwrap() - 1.036_756_839).abs() < 1e-8);
        assert_eq!(estimate.seeds, 5);
    }

    #[test]
    fn one_seed_has_no_interval_and_nothing_has_no_estimate() {
        assert_eq!(Estimate::of([0.5]), Some(Estimate { mean: 0.5, low: None, high: None, seeds: 1 }));
        assert_eq!(Estimate::of([]), None);
        assert_eq!(Estimate::of([f64::NAN, f64::INFINITY]), None);
        assert_eq!(Estimate::of([f64::NAN, 1.0]).unwrap().seeds, 1);
    }

    #[test]
    fn equal_values_have_an_interval_of_no_width() {
        let estimate = Estimate::of([0.25; 3]).unwrap();
        assert_eq!((estimate.low, estimate.high), (Some(0.25), Some(0.25)));
    }
}
