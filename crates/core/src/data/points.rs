//! Generated sets of points in the plane, two classes each.
//!
//! Points alternate between class 0 and class 1. Below, u and v are uniform in [0, 1), and every coordinate gets normal
//! noise of standard deviation `noise` on top. A smaller set is the beginning of a larger one of the same seed.

use super::{Inputs, Raw, Shape, Split};
use crate::rng::{Rng, Stream};
use crate::{Error, Result};
use std::f64::consts::{PI, TAU};

/// Test points of every generated set.
const TEST_POINTS: usize = 2_000;
/// The largest training set that is generated: beyond it a full-batch picture has nothing more to show.
const MOST_POINTS: usize = 1_000_000;
/// The largest noise: far beyond any use, and far from the end of f32.
const MOST_NOISE: f32 = 1e6;

/// Which generated set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Two half circles of radius 1 that reach into each other, as in scikit-learn but centred on the origin:
    /// class 0 (cos a - 0.5, sin a - 0.25), class 1 (0.5 - cos a, 0.25 - sin a), a = pi u.
    Moons,
    /// Two arms of one turn each, half a turn apart, of uniform density over the disc of radius 2:
    /// 2 r (cos a, sin a), r = sqrt(u), a = 2 pi r + pi class.
    Spirals,
    /// Two rings: R (cos a, sin a), a = 2 pi u, R = 1 in class 0 and 0.45 in class 1.
    Circles,
    /// Two round clouds around (-0.75, -0.75), class 0, and (0.75, 0.75), class 1. With the default noise the best
    /// possible classifier is wrong on 3.9 % of the points.
    Gaussians,
    /// The square from -1 to 1, class 1 where the signs of the coordinates differ (before noise):
    /// class 0 (s u, s v), class 1 (s u, -s v), s = 1 or -1 with equal chance.
    Xor,
}

impl Kind {
    /// The default standard deviation of the noise.
    pub(super) fn default_noise(self) -> f32 {
        match self {
            Self::Moons => 0.15,
            Self::Circles => 0.12,
            Self::Spirals => 0.04,
            Self::Gaussians => 0.6,
            Self::Xor => 0.1,
        }
    }

    /// A point of `class` without its noise. Each kind draws a fixed number of times, whatever the values.
    fn place(self, class: u16, rng: &mut Rng) -> (f64, f64) {
        let u = f64::from(rng.uniform());
        let sign = if class == 0 { 1.0 } else { -1.0 };
        match self {
            Self::Moons => {
                let (sin, cos) = (PI * u).sin_cos();
                (sign * (cos - 0.5), sign * (sin - 0.25))
            }
            Self::Spirals => {
                let r = u.sqrt();
                let (sin, cos) = (TAU * r).sin_cos();
                (sign * 2.0 * r * cos, sign * 2.0 * r * sin)
            }
            Self::Circles => {
                let radius = if class == 0 { 1.0 } else { 0.45 };
                let (sin, cos) = (TAU * u).sin_cos();
                (radius * cos, radius * sin)
            }
            Self::Gaussians => (sign * -0.75, sign * -0.75),
            Self::Xor => {
                let v = f64::from(rng.uniform());
                let side = if rng.below(2) == 0 { 1.0 } else { -1.0 };
                (side * u, side * sign * v)
            }
        }
    }
}

/// Generates `size` training points and 2,000 test points. Each coordinate is a channel of its own, so that `standard`
/// scales each by its own mean and standard deviation.
pub(super) fn load(kind: Kind, seed: u32, size: usize, noise: Option<f32>) -> Result<Raw> {
    if !(2..=MOST_POINTS).contains(&size) {
        return Err(Error::input(format!("--data-size {size} is not from 2 to {MOST_POINTS}")));
    }
    let noise = noise.unwrap_or(kind.default_noise());
    // Written so that NaN fails too.
    if !(0.0..=MOST_NOISE).contains(&noise) {
        return Err(Error::input(format!("--data-noise {noise} is not a standard deviation from 0 to {MOST_NOISE}")));
    }
    Ok(Raw {
        shape: Shape { channels: 2, height: 1, width: 1 },
        classes: 2,
        train: generate(kind, size, noise, &mut Rng::new(seed, Stream::Data, 0)),
        test: generate(kind, TEST_POINTS, noise, &mut Rng::new(seed, Stream::Data, 1)),
    })
}

fn generate(kind: Kind, size: usize, noise: f32, rng: &mut Rng) -> Split {
    let mut coordinates = Vec::with_capacity(size * 2);
    let mut labels = Vec::with_capacity(size);
    for class in [0, 1].into_iter().cycle().take(size) {
        let (x, y) = kind.place(class, rng);
        for place in [x, y] {
            coordinates.push((place + f64::from(noise) * f64::from(rng.normal())) as f32);
        }
        labels.push(class);
    }
    Split { inputs: Inputs::Floats(coordinates), labels, flipped: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 5] = [Kind::Moons, Kind::Spirals, Kind::Circles, Kind::Gaussians, Kind::Xor];

    fn points(split: &Split) -> Vec<(f32, f32, u16)> {
        let Inputs::Floats(values) = &split.inputs else { panic!("points are floats") };
        values.chunks(2).zip(&split.labels).map(|(p, label)| (p[0], p[1], *label)).collect()
    }

    #[test]
    fn sizes_balance_and_seeds() {
        for kind in KINDS {
            let set = load(kind, 5, 201, None).unwrap();
            assert_eq!((set.train.len(), set.test.len()), (201, 2_000));
            assert_eq!(set.train.labels.iter().filter(|l| **l == 0).count(), 101);
            assert_eq!(set.test.labels.iter().filter(|l| **l == 0).count(), 1_000);
            assert_eq!(set.train, load(kind, 5, 201, None).unwrap().train);
            assert_ne!(set.train.inputs, load(kind, 6, 201, None).unwrap().train.inputs);
            assert_ne!(points(&set.train)[..100], points(&set.test)[..100], "{kind:?}: test points are their own");
            assert_eq!(points(&set.train)[..50], points(&load(kind, 5, 50, None).unwrap().train), "{kind:?}: a prefix");
        }
    }

    #[test]
    fn without_noise_points_lie_on_their_figures() {
        let clean = |kind| points(&load(kind, 1, 2_000, Some(0.0)).unwrap().train);
        for (x, y, class) in clean(Kind::Moons) {
            // Back to scikit-learn's coordinates.
            let (x, y) = (f64::from(x) + 0.5, f64::from(y) + 0.25);
            let (from_x, side) = if class == 0 { (0.0, y) } else { (1.0, 0.5 - y) };
            let from_y = if class == 0 { 0.0 } else { 0.5 };
            assert!(((x - from_x).hypot(y - from_y) - 1.0).abs() < 1e-6 && side > -1e-6, "{x} {y} {class}");
        }
        for (x, y, class) in clean(Kind::Circles) {
            assert!((x.hypot(y) - [1.0, 0.45][usize::from(class)]).abs() < 1e-6);
        }
        for (x, y, class) in clean(Kind::Spirals) {
            let radius = f64::from(x).hypot(f64::from(y));
            let angle = PI * radius + PI * f64::from(class);
            assert!(radius < 2.0 && (radius * angle.cos() - f64::from(x)).abs() < 1e-5);
            assert!((radius * angle.sin() - f64::from(y)).abs() < 1e-5);
        }
        for (x, y, class) in clean(Kind::Gaussians) {
            assert_eq!((x, y), if class == 0 { (-0.75, -0.75) } else { (0.75, 0.75) });
        }
        let quadrants = clean(Kind::Xor);
        assert!(quadrants.iter().all(|(x, y, class)| x * y == 0.0 || (x * y < 0.0) == (*class == 1)));
        for (right, up) in [(true, true), (true, false), (false, true), (false, false)] {
            let here = quadrants.iter().filter(|(x, y, _)| (*x > 0.0) == right && (*y > 0.0) == up).count();
            assert!((400..600).contains(&here), "a quarter of 2,000 in each quadrant, here {here}");
        }
    }

    #[test]
    fn the_noise_has_the_standard_deviation_asked_for() {
        for kind in [Kind::Gaussians, Kind::Circles] {
            // Same seed, same draws: the difference to the clean set is the noise itself.
            let clean = points(&load(kind, 3, 20_000, Some(0.0)).unwrap().train);
            for sd in [None, Some(0.3)] {
                let noisy = points(&load(kind, 3, 20_000, sd).unwrap().train);
                let squares: f64 =
                    clean.iter().zip(&noisy).map(|(a, b)| f64::from((a.0 - b.0).powi(2) + (a.1 - b.1).powi(2))).sum();
                let found = (squares / 40_000.0).sqrt();
                let asked = f64::from(sd.unwrap_or(kind.default_noise()));
                assert!((found / asked - 1.0).abs() < 0.02, "{kind:?}: {found} instead of {asked}");
            }
        }
    }

    #[test]
    fn moons_are_centred() {
        let all = points(&load(Kind::Moons, 0, 20_000, None).unwrap().train);
        let mean = |f: fn(&(f32, f32, u16)) -> f32| all.iter().map(f).map(f64::from).sum::<f64>() / 20_000.0;
        assert!(mean(|p| p.0).abs() < 0.02 && mean(|p| p.1).abs() < 0.02);
    }

    #[test]
    fn bad_sizes_and_noise_are_refused() {
        for size in [0, 1, MOST_POINTS + 1, usize::MAX] {
            let error = load(Kind::Xor, 0, size, None).unwrap_err();
            assert!(error.is_input() && error.to_string().contains(&size.to_string()));
        }
        for noise in [-0.1, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            assert!(load(Kind::Moons, 0, 10, Some(noise)).unwrap_err().to_string().contains("--data-noise"));
        }
        let widest = load(Kind::Moons, 0, 2_000, Some(MOST_NOISE)).unwrap();
        assert!(points(&widest.train).iter().all(|p| p.0.is_finite() && p.1.is_finite()));
    }
}
