//! Rows to lines: the mean over seeds at each place, with its 95 % band.

use std::collections::BTreeMap;

use crate::read::{Evaluation, Lane, Metric, Split};
use crate::stats::Estimate;
use crate::summary::best_on_validation;

/// A line has about this many points at most.
pub const MAX_POINTS: usize = 400;
/// With fewer epochs than this the training loss is averaged over shorter pieces.
const MIN_EPOCHS: f64 = 12.0;
/// Pieces of the training loss of a run of few epochs.
const PIECES: u64 = 60;

/// One place on a line. A mean that is not finite is a gap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub x: f64,
    pub mean: f64,
    /// Lower end of the band; the mean itself where there is none.
    pub low: f64,
    /// Upper end of the band.
    pub high: f64,
}

/// What the x axis counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    Epochs,
    Gradients,
}

impl Axis {
    /// The place of an evaluation on this axis.
    pub fn place(self, lane: &Lane, row: &Evaluation) -> f64 {
        match self {
            Self::Epochs => lane.epochs_done(row.step, row.epoch),
            Self::Gradients => row.step as f64 * lane.gradients_per_step(),
        }
    }
}

impl Point {
    fn of(x: f64, values: &[f64]) -> Self {
        match Estimate::of(values.iter().copied()) {
            None => Self { x, mean: f64::NAN, low: f64::NAN, high: f64::NAN },
            Some(estimate) => Self {
                x,
                mean: estimate.mean,
                low: estimate.low.unwrap_or(estimate.mean),
                high: estimate.high.unwrap_or(estimate.mean),
            },
        }
    }
}

/// A value of the evaluations of `split` over the run.
pub fn of_split(lane: &Lane, split: Split, axis: Axis, value: fn(&Evaluation) -> f64) -> Vec<Point> {
    let mut places: BTreeMap<u64, (f64, Vec<f64>)> = BTreeMap::new();
    for row in lane.seeds.values().filter_map(|seed| seed.evaluations.get(&split)).flat_map(BTreeMap::values) {
        let place = places.entry(row.step).or_insert_with(|| (axis.place(lane, row), Vec::new()));
        place.1.push(value(row));
    }
    thinned(places.into_values().map(|(x, values)| Point::of(x, &values)).collect())
}

/// Accuracy on one split minus accuracy on the test set, seed by seed.
pub fn gap_to_test(lane: &Lane, split: Split) -> Vec<Point> {
    let mut places: BTreeMap<u64, (f64, Vec<f64>)> = BTreeMap::new();
    for seed in lane.seeds.values() {
        let (Some(upper), Some(test)) = (seed.evaluations.get(&split), seed.evaluations.get(&Split::Test)) else {
            continue;
        };
        for row in test.values() {
            if let Some(above) = upper.get(&row.step) {
                let place = places.entry(row.step).or_insert_with(|| (Axis::Epochs.place(lane, row), Vec::new()));
                place.1.push(above.accuracy - row.accuracy);
            }
        }
    }
    thinned(places.into_values().map(|(x, values)| Point::of(x, &values)).collect())
}

/// A stretch of steps over which rows of `metrics.csv` are averaged.
#[derive(Default)]
struct Piece {
    first: Option<u64>,
    last: u64,
    /// Sum and count of each seed.
    seeds: BTreeMap<u64, (f64, f64)>,
}

/// The training loss of the batches, averaged as [`of_batches`].
pub fn training_loss(lane: &Lane) -> Vec<Point> {
    of_batches(lane, |row| Some(row.loss))
}

/// A value of the batches, where they have it, averaged over each epoch (over shorter pieces where there are few epochs), drawn
/// at the middle of what was averaged.
pub fn of_batches(lane: &Lane, value: fn(&Metric) -> Option<f64>) -> Vec<Point> {
    let rows = || lane.seeds.values().flat_map(|seed| &seed.metrics);
    let Some(last) = rows().map(|row| row.step).max() else { return Vec::new() };
    let steps = last as f64 + 1.0;
    let epochs = lane.steps_per_epoch().map(|per_epoch| (per_epoch, steps / per_epoch));
    let width = match epochs {
        Some((per_epoch, epochs)) if epochs >= MIN_EPOCHS => per_epoch * (epochs / MAX_POINTS as f64).ceil().max(1.0),
        _ => (steps / PIECES.min(last + 1) as f64).max(1.0),
    };
    let mut pieces: BTreeMap<u64, Piece> = BTreeMap::new();
    let mut nominal_epochs = 1.0;
    for (seed, run) in &lane.seeds {
        for row in &run.metrics {
            let piece = pieces.entry((row.step as f64 / width) as u64).or_default();
            piece.first = Some(piece.first.map_or(row.step, |first| first.min(row.step)));
            piece.last = piece.last.max(row.step);
            let (sum, count) = piece.seeds.entry(*seed).or_default();
            if let Some(value) = value(row) {
                *sum += value;
                *count += 1.0;
            }
            nominal_epochs = f64::max(nominal_epochs, row.epoch + 1.0);
        }
    }
    let per_epoch = epochs.map_or(steps / nominal_epochs, |(per_epoch, _)| per_epoch);
    pieces
        .into_values()
        .filter_map(|piece| {
            let means = piece.seeds.values().filter(|(_, count)| *count > 0.0).map(|(sum, count)| sum / count);
            let means: Vec<f64> = means.collect();
            let middle = 0.5 * (piece.first.unwrap_or(0) + piece.last + 1) as f64;
            (!means.is_empty()).then(|| Point::of(middle / per_epoch, &means))
        })
        .collect()
}

/// Where the seeds were best on validation data: the mean place and the mean test accuracy there.
pub fn best_validation(lane: &Lane, axis: Axis) -> Option<(f64, f64)> {
    let best: Vec<&Evaluation> = lane.seeds.values().filter_map(best_on_validation).collect();
    let place = Estimate::of(best.iter().map(|row| axis.place(lane, row)))?;
    Some((place.mean, Estimate::of(best.iter().map(|row| row.accuracy))?.mean))
}

/// Every k-th point, the last one always.
fn thinned(points: Vec<Point>) -> Vec<Point> {
    let stride = points.len().div_ceil(MAX_POINTS).max(1);
    let last = points.len().saturating_sub(1);
    points
        .into_iter()
        .enumerate()
        .filter(|(index, _)| index % stride == 0 || *index == last)
        .map(|(_, point)| point)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::SeedRun;

    fn lane(steps: u64, per_epoch: u64, loss: fn(u64) -> f64) -> Lane {
        let metric = |step: u64| Metric {
            step,
            epoch: (step / per_epoch) as f64,
            loss: loss(step),
            second_order_cosine: (step >= 100).then_some(0.5),
        };
        let metrics = (0..steps).map(metric).collect();
        let run = SeedRun { metrics, ..SeedRun::default() };
        Lane { label: "sgd".into(), seeds: [(0, run)].into(), ..Lane::default() }
    }

    #[test]
    fn training_loss_is_the_mean_of_each_epoch_at_its_middle() {
        let line = training_loss(&lane(200, 10, |step| step as f64));
        assert_eq!(line.len(), 20);
        assert_eq!((line[0].x, line[0].mean), (0.5, 4.5));
        assert_eq!((line[19].x, line[19].mean), (19.5, 194.5));
        let cosines = of_batches(&lane(200, 10, |step| step as f64), |row| row.second_order_cosine);
        assert_eq!((cosines.len(), cosines[0].x, cosines[0].mean), (10, 10.5, 0.5), "only where rows have it");
    }

    #[test]
    fn long_runs_are_thinned_and_short_ones_are_not_averaged_away() {
        assert!(training_loss(&lane(20_000, 10, |_| 1.0)).len() <= MAX_POINTS);
        assert_eq!(training_loss(&lane(30, 10, |_| 1.0)).len(), 30);
        assert_eq!(training_loss(&lane(3_000, 1_000, |_| 1.0)).len(), 60);
        let points = vec![Point::of(0.0, &[1.0]); 12_345];
        assert!(thinned(points).len() <= MAX_POINTS + 1);
    }

    #[test]
    fn a_loss_that_is_no_number_leaves_a_gap() {
        let line = training_loss(&lane(200, 10, |step| if step < 100 { 1.0 } else { f64::NAN }));
        assert!(line[9].mean.is_finite() && line[10].mean.is_nan());
    }
}
