//! What was measured while training, kept on the host and bounded: for each lane and quantity a series of (step, value).

use crate::state::Axis;
use lowland::train::{Evaluation, Part, StepMetrics};
use serde::{Deserialize, Serialize};

/// Something that has a value at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Quantity {
    /// Loss of the step's batch.
    BatchLoss,
    /// The same at w + e.
    SamLoss,
    /// Norm of the gradient.
    GradNorm,
    /// Loss on the training set.
    TrainLoss,
    /// Loss on the test set.
    TestLoss,
    /// Accuracy on the training set, wrong labels included.
    TrainAccuracy,
    /// Accuracy on training examples with right labels.
    CleanAccuracy,
    /// Agreement with the wrong labels.
    FlippedAccuracy,
    /// Accuracy on the test set.
    TestAccuracy,
    /// Test loss minus training loss.
    Gap,
}

/// A point of a series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "(u64, u64, f64, f32)", into = "(u64, u64, f64, f32)")]
pub struct Point {
    /// Steps done.
    pub step: u64,
    /// Gradients evaluated until then.
    pub gradients: u64,
    /// Seconds of training until then.
    pub seconds: f64,
    /// The value.
    pub value: f32,
}

/// The series of all lanes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    lanes: Vec<Lane>,
    seconds: f64,
}

/// A lane's name and series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lane {
    /// Its optimizer's label.
    pub label: String,
    /// Its seed.
    pub seed: u32,
    /// Gradient evaluations a step.
    pub gradients: u32,
    /// The step since which that is so, and the gradients evaluated until then.
    since: (u64, u64),
    series: Vec<(Quantity, Vec<Point>)>,
}

impl Lane {
    fn gradients_at(&self, step: u64) -> u64 {
        self.since.1 + step.saturating_sub(self.since.0) * u64::from(self.gradients)
    }
}

impl From<(u64, u64, f64, f32)> for Point {
    fn from((step, gradients, seconds, value): (u64, u64, f64, f32)) -> Self {
        Self { step, gradients, seconds, value }
    }
}

impl From<Point> for (u64, u64, f64, f32) {
    fn from(point: Point) -> Self {
        (point.step, point.gradients, point.seconds, point.value)
    }
}

impl Point {
    /// Where it lies on an axis.
    pub fn x(&self, axis: Axis) -> f64 {
        match axis {
            Axis::Steps => self.step as f64,
            Axis::Gradients => self.gradients as f64,
            Axis::Seconds => self.seconds,
        }
    }
}

/// Points of a series at most: beyond, every second is dropped.
const MOST: usize = 4000;

impl Curves {
    /// Forgets everything; `lanes` begin: label, seed and gradient evaluations a step.
    pub fn begin(&mut self, lanes: impl IntoIterator<Item = (String, u32, u32)>) {
        let lanes = lanes.into_iter();
        self.lanes = lanes.map(|(label, seed, gradients)| Lane { label, seed, gradients, ..Lane::default() }).collect();
        self.seconds = 0.0;
    }

    /// The same lanes go on from `step` on with other optimizers; other lanes begin.
    pub fn go_on(&mut self, lanes: Vec<(String, u32, u32)>, step: u64) {
        if lanes.len() != self.lanes.len() {
            self.begin(lanes);
            return;
        }
        for (lane, (label, seed, gradients)) in self.lanes.iter_mut().zip(lanes) {
            lane.since = (step, lane.gradients_at(step));
            (lane.label, lane.seed, lane.gradients) = (label, seed, gradients);
        }
    }

    /// The same up to step `until` with about `most` points in all, each series with its ends; of the lanes from `lanes` on
    /// the names alone.
    pub fn thinned(&self, until: u64, most: usize, lanes: usize) -> Self {
        let all: usize = self.lanes.iter().take(lanes).map(|lane| lane.series.len()).sum();
        let each = (most / all.max(1)).max(2);
        let thin = |points: &[Point]| -> Vec<Point> {
            let points = &points[..points.partition_point(|point| point.step <= until)];
            let every = points.len().div_ceil(each).max(1);
            let kept = |(i, point): (usize, &Point)| {
                ((i % every == 0 || i + 1 == points.len()) && point.value.is_finite()).then_some(*point)
            };
            points.iter().enumerate().filter_map(kept).collect()
        };
        let lane = |(i, lane): (usize, &Lane)| Lane {
            series: lane.series.iter().filter(|_| i < lanes).map(|(q, points)| (*q, thin(points))).collect(),
            ..lane.clone()
        };
        Self { lanes: self.lanes.iter().enumerate().map(lane).collect(), seconds: self.seconds }
    }

    /// The lanes.
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// Training goes on for this long.
    pub fn pass(&mut self, seconds: f64) {
        self.seconds += seconds;
    }

    /// Seconds of training so far.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// A logged step of a lane.
    pub fn step(&mut self, lane: usize, metrics: &StepMetrics) {
        self.push(lane, Quantity::BatchLoss, metrics.step, metrics.loss);
        if let Some(loss) = metrics.sam_loss {
            self.push(lane, Quantity::SamLoss, metrics.step, loss);
        }
        self.push(lane, Quantity::GradNorm, metrics.step, metrics.grad_norm);
    }

    /// A measurement of a lane.
    pub fn evaluation(&mut self, lane: usize, e: &Evaluation) {
        match e.part {
            Part::Train => {
                self.push(lane, Quantity::TrainLoss, e.step, e.loss);
                self.push(lane, Quantity::TrainAccuracy, e.step, e.accuracy);
            }
            Part::TrainClean => self.push(lane, Quantity::CleanAccuracy, e.step, e.accuracy),
            Part::TrainFlipped => self.push(lane, Quantity::FlippedAccuracy, e.step, e.accuracy),
            Part::Test => {
                self.push(lane, Quantity::TestLoss, e.step, e.loss);
                self.push(lane, Quantity::TestAccuracy, e.step, e.accuracy);
            }
            Part::Val => return,
        }
        self.gap(lane, e.step);
    }

    /// The gap at `step`, once both losses of it are there.
    pub fn gap(&mut self, lane: usize, step: u64) {
        let last = |quantity| self.last(lane, quantity).filter(|point| point.step == step);
        if let (Some(train), Some(test)) = (last(Quantity::TrainLoss), last(Quantity::TestLoss)) {
            self.push(lane, Quantity::Gap, step, test.value - train.value);
        }
    }

    /// The lane of this label and seed, which begins if it is not there; `gradients` tells those of a step then.
    pub fn lane(&mut self, label: &str, seed: u32, gradients: impl FnOnce() -> u32) -> usize {
        let there = self.lanes.iter().position(|lane| lane.label == label && lane.seed == seed);
        there.unwrap_or_else(|| {
            self.lanes.push(Lane { label: label.to_owned(), seed, gradients: gradients(), ..Lane::default() });
            self.lanes.len() - 1
        })
    }

    /// A value of a lane at `step`: the newest one.
    pub fn push(&mut self, lane: usize, quantity: Quantity, step: u64, value: f32) {
        let seconds = self.seconds;
        let Some(lane) = self.lanes.get_mut(lane) else { return };
        let gradients = lane.gradients_at(step);
        let place = lane.series.iter().position(|(q, _)| *q == quantity).unwrap_or_else(|| {
            lane.series.push((quantity, Vec::new()));
            lane.series.len() - 1
        });
        let points = &mut lane.series[place].1;
        if points.last().is_some_and(|last| last.step == step) {
            points.pop();
        }
        points.push(Point { step, gradients, seconds, value });
        if points.len() > MOST {
            let mut keep = false;
            points.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    /// The series of a lane.
    pub fn series(&self, lane: usize, quantity: Quantity) -> &[Point] {
        let series = self.lanes.get(lane).and_then(|lane| lane.series.iter().find(|(q, _)| *q == quantity));
        series.map_or(&[], |(_, points)| points)
    }

    /// The newest value of a lane.
    pub fn last(&self, lane: usize, quantity: Quantity) -> Option<Point> {
        self.series(lane, quantity).last().copied()
    }

    /// The value of a lane at `step`, or the last one before.
    pub fn at(&self, lane: usize, quantity: Quantity, step: u64) -> Option<Point> {
        let points = self.series(lane, quantity);
        points[..points.partition_point(|point| point.step <= step)].last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_bounded_and_keep_their_ends() {
        let mut curves = Curves::default();
        curves.begin([("sgd".to_owned(), 0, 1)]);
        for step in 0..3 * MOST as u64 {
            curves.push(0, Quantity::TestLoss, step, step as f32);
        }
        let series = curves.series(0, Quantity::TestLoss);
        assert!(series.len() <= MOST && series.len() > MOST / 3);
        assert_eq!(series[0].step, 0);
        assert_eq!(series[series.len() - 1].step, 3 * MOST as u64 - 1);
        assert_eq!(curves.at(0, Quantity::TestLoss, 1).unwrap().step, 0);
    }

    #[test]
    fn a_change_of_optimizer_counts_its_gradients_from_there_on() {
        let mut curves = Curves::default();
        curves.begin([("sgd".to_owned(), 0, 1)]);
        curves.push(0, Quantity::TestLoss, 100, 1.0);
        curves.go_on(vec![("sam".to_owned(), 0, 2)], 100);
        curves.push(0, Quantity::TestLoss, 150, 1.0);
        let gradients: Vec<u64> = curves.series(0, Quantity::TestLoss).iter().map(|point| point.gradients).collect();
        assert_eq!((gradients, curves.lanes()[0].label.as_str()), (vec![100, 200], "sam"));
        curves.go_on(vec![], 200);
        assert!(curves.lanes().is_empty());
    }

    #[test]
    fn thinned_curves_keep_their_ends_and_come_back_from_json() {
        let mut curves = Curves::default();
        curves.begin([("sgd".to_owned(), 0, 1), ("sam".to_owned(), 0, 2), ("sgd-2x".to_owned(), 0, 1)]);
        for step in 0..1000 {
            curves.pass(0.25);
            (0..3).for_each(|lane| curves.push(lane, Quantity::TestLoss, step, step as f32 / 3.0));
        }
        curves.push(0, Quantity::GradNorm, 5, f32::NAN);
        let thin = curves.thinned(990, 200, 2);
        let series = thin.series(1, Quantity::TestLoss);
        assert!(series.len() > 40 && series.len() < 80, "{}", series.len());
        assert_eq!((series[0].step, series[series.len() - 1].step), (0, 990));
        assert!(thin.series(2, Quantity::TestLoss).is_empty() && thin.lanes().len() == 3);
        let json = serde_json::to_string(&thin).unwrap();
        assert_eq!(serde_json::from_str::<Curves>(&json).unwrap(), thin);
    }

    #[test]
    fn the_gap_is_of_one_step() {
        let mut curves = Curves::default();
        curves.begin([("sgd".to_owned(), 0, 1)]);
        let measured =
            |part, step, loss| Evaluation { lane: 0, step, part, loss, accuracy: 0.5, top5: 1.0, examples: 9 };
        curves.evaluation(0, &measured(Part::Train, 10, 0.1));
        assert!(curves.last(0, Quantity::Gap).is_none());
        curves.evaluation(0, &measured(Part::Test, 10, 0.4));
        assert!((curves.last(0, Quantity::Gap).unwrap().value - 0.3).abs() < 1e-6);
    }
}
