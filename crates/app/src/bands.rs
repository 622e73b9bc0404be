//! Several seeds as one: mean and 95 % interval, smoothing, and how often one side is ahead of the other.

use crate::curves::{Curves, Quantity};
use crate::state::Axis;

/// A mean over seeds at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// Steps done.
    pub step: u64,
    /// Its place on the axis.
    pub x: f64,
    /// The mean.
    pub value: f32,
    /// Half the width of the mean's 95 % interval (Student's t); 0 of a single seed.
    pub half: f32,
}

/// The curve of the lanes from `first` on, one a seed, over `axis`.
pub fn mean(curves: &Curves, first: usize, seeds: usize, quantity: Quantity, axis: Axis) -> Vec<Mean> {
    let mut values = Vec::with_capacity(seeds);
    let means = curves.series(first, quantity).iter().enumerate().map(|(i, point)| {
        values.clear();
        values.push(point.value);
        for lane in first + 1..first + seeds {
            // Seeds are measured at the same steps, and thinned alike.
            let same = curves.series(lane, quantity).get(i).filter(|other| other.step == point.step).copied();
            values.extend(same.or_else(|| curves.at(lane, quantity, point.step)).map(|other| other.value));
        }
        let (value, half) = interval(&values);
        Mean { step: point.step, x: point.x(axis), value, half }
    });
    means.collect()
}

/// Mean and half the width of its 95 % interval.
pub fn interval(values: &[f32]) -> (f32, f32) {
    let n = values.len() as f32;
    let mean = values.iter().sum::<f32>() / n;
    if values.len() < 2 {
        return (mean, 0.0);
    }
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / (n - 1.0);
    (mean, student(values.len() - 1) * (variance / n).sqrt())
}

/// The 97.5 % quantile of Student's t, by degrees of freedom.
fn student(freedom: usize) -> f32 {
    const TABLE: [f32; 15] =
        [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131];
    // Beyond the table the seeds are so many that its last value is wide enough.
    TABLE[freedom.clamp(1, TABLE.len()) - 1]
}

/// Exponential smoothing: each value is `amount` of the one before it and the rest of its own, with the start divided out
/// so that it is no weight. What is no number is left out of the average and stays.
pub fn smooth(values: &mut [Mean], amount: f32) {
    if amount <= 0.0 {
        return;
    }
    let (mut value, mut half, mut weight) = (0.0, 0.0, 0.0);
    for mean in values.iter_mut().filter(|mean| mean.value.is_finite()) {
        value = amount * value + (1.0 - amount) * mean.value;
        half = amount * half + (1.0 - amount) * mean.half;
        weight = amount * weight + (1.0 - amount);
        (mean.value, mean.half) = (value / weight, half / weight);
    }
}

/// How the seeds of two sides compare, seed by seed, at the last step that both have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// Seeds in which the second is ahead.
    pub ahead: usize,
    /// In which both are alike.
    pub ties: usize,
    /// Of so many.
    pub seeds: usize,
}

/// In how many seeds the lanes from `second` on have a higher value than those from `first` on.
pub fn score(
    curves: &Curves,
    first: usize,
    second: usize,
    seeds: usize,
    quantity: Quantity,
    step: u64,
) -> Option<Score> {
    let mut score = Score { ahead: 0, ties: 0, seeds };
    for seed in 0..seeds {
        let (a, b) = (curves.at(first + seed, quantity, step)?.value, curves.at(second + seed, quantity, step)?.value);
        score.ahead += usize::from(b > a);
        score.ties += usize::from(b == a);
    }
    Some(score)
}

/// The value of a curve at `x`: on the straight line between the measurements on both sides of it.
pub fn value_at(curve: &[Mean], x: f64) -> Option<f32> {
    let after = curve.partition_point(|mean| mean.x < x);
    match (after.checked_sub(1).and_then(|i| curve.get(i)), curve.get(after)) {
        (Some(a), Some(b)) if b.x > a.x => Some(a.value + (b.value - a.value) * ((x - a.x) / (b.x - a.x)) as f32),
        (_, Some(b)) if b.x == x => Some(b.value),
        _ => None,
    }
}

/// The step at `x`, and the other way round.
pub fn step_at(curve: &[Mean], x: f64) -> Option<u64> {
    let between = |a: &Mean, b: &Mean| a.step as f64 + (b.step - a.step) as f64 * (x - a.x) / (b.x - a.x);
    let after = curve.partition_point(|mean| mean.x < x);
    match (after.checked_sub(1).and_then(|i| curve.get(i)), curve.get(after)) {
        (Some(a), Some(b)) if b.x > a.x => Some(between(a, b).round() as u64),
        (_, Some(only)) | (Some(only), None) => Some(only.step),
        (None, None) => None,
    }
}

/// Where `step` lies on the axis of a curve.
pub fn x_of(curve: &[Mean], step: u64) -> Option<f64> {
    let after = curve.partition_point(|mean| mean.step < step);
    match (after.checked_sub(1).and_then(|i| curve.get(i)), curve.get(after)) {
        (Some(a), Some(b)) if b.step > a.step => {
            Some(a.x + (b.x - a.x) * (step - a.step) as f64 / (b.step - a.step) as f64)
        }
        (_, Some(only)) | (Some(only), None) => Some(only.x),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lowland::train::{Evaluation, Part};

    fn of(values: &[[f32; 2]]) -> Curves {
        let mut curves = Curves::default();
        curves.begin((0..4).map(|i| (if i < 2 { "sgd" } else { "sam" }.to_owned(), i % 2, 1 + i / 2)));
        for (i, pair) in values.iter().enumerate() {
            for (lane, accuracy) in [pair[0], pair[0] + 0.2, pair[1], pair[1]].into_iter().enumerate() {
                let e = Evaluation {
                    lane,
                    step: 10 * i as u64,
                    part: Part::Test,
                    loss: 1.0,
                    accuracy,
                    top5: 1.0,
                    examples: 10,
                };
                curves.evaluation(lane, &e);
            }
        }
        curves
    }

    #[test]
    fn the_interval_is_students() {
        // Two seeds 0.2 apart: t = 12.706, standard error 0.1.
        let curves = of(&[[0.5, 0.7]]);
        let band = mean(&curves, 0, 2, Quantity::TestAccuracy, Axis::Steps);
        assert!((band[0].value - 0.6).abs() < 1e-6 && (band[0].half - 1.2706).abs() < 1e-4, "{band:?}");
        let (value, half) = interval(&[1.0, 2.0, 3.0, 4.0]);
        assert!((value - 2.5).abs() < 1e-6 && (half - 2.0543).abs() < 1e-3, "{value} {half}");
        assert_eq!(interval(&[3.0]), (3.0, 0.0));
    }

    #[test]
    fn seeds_are_compared_in_pairs() {
        let curves = of(&[[0.5, 0.7], [0.6, 0.7]]);
        let at = |step| score(&curves, 0, 2, 2, Quantity::TestAccuracy, step).unwrap();
        assert_eq!(at(0), Score { ahead: 1, ties: 1, seeds: 2 });
        assert_eq!(at(10), Score { ahead: 1, ties: 0, seeds: 2 });
        assert_eq!(score(&curves, 0, 2, 2, Quantity::Gap, 10), None);
    }

    #[test]
    fn smoothing_keeps_the_start_and_a_constant() {
        let at = |i: usize, value| Mean { step: i as u64, x: i as f64, value, half: 0.5 };
        let mut flat: Vec<Mean> = (0..5).map(|i| at(i, 3.0)).collect();
        smooth(&mut flat, 0.9);
        assert!(flat.iter().all(|mean| (mean.value - 3.0).abs() < 1e-5 && (mean.half - 0.5).abs() < 1e-5));
        let mut jump = vec![at(0, 0.0), at(1, f32::NAN), at(2, 1.0)];
        smooth(&mut jump, 0.5);
        assert!(jump[0].value == 0.0 && jump[1].value.is_nan() && (jump[2].value - 2.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn places_between_measurements_are_found() {
        let curves = of(&[[0.5, 0.7], [0.6, 0.9]]);
        let sam = mean(&curves, 2, 2, Quantity::TestAccuracy, Axis::Gradients);
        assert_eq!((sam[1].x, step_at(&sam, 10.0), step_at(&sam, 99.0)), (20.0, Some(5), Some(10)));
        assert_eq!((x_of(&sam, 5), x_of(&sam, 50)), (Some(10.0), Some(20.0)));
        assert!((value_at(&sam, 5.0).unwrap() - 0.75).abs() < 1e-6);
        assert_eq!((value_at(&sam, 0.0), value_at(&sam, 21.0)), (Some(0.7), None));
        assert_eq!((step_at(&[], 1.0), x_of(&[], 1)), (None, None));
    }
}
