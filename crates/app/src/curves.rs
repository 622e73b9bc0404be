//! What was measured while training, kept on the host and bounded: for each lane and quantity a series of (step, value).

use lowland::train::{Evaluation, Part, StepMetrics};

/// Something that has a value at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Steps done.
    pub step: u64,
    /// Seconds of training until then.
    pub seconds: f64,
    /// The value.
    pub value: f32,
}

/// The series of all lanes.
#[derive(Clone, Debug, Default)]
pub struct Curves {
    lanes: Vec<Lane>,
    seconds: f64,
}

/// A lane's name and series.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    /// Its optimizer's label.
    pub label: String,
    /// Its seed.
    pub seed: u32,
    /// Gradient evaluations a step.
    pub gradients: u32,
    series: Vec<(Quantity, Vec<Point>)>,
}

/// Points of a series at most: beyond, every second is dropped.
const MOST: usize = 4000;

impl Curves {
    /// Forgets everything; `lanes` begin: label, seed and gradient evaluations a step.
    pub fn begin(&mut self, lanes: impl IntoIterator<Item = (String, u32, u32)>) {
        let lanes = lanes.into_iter();
        self.lanes =
            lanes.map(|(label, seed, gradients)| Lane { label, seed, gradients, series: Vec::new() }).collect();
        self.seconds = 0.0;
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
        let last = |quantity| self.last(lane, quantity).filter(|point| point.step == e.step);
        if let (Some(train), Some(test)) = (last(Quantity::TrainLoss), last(Quantity::TestLoss)) {
            self.push(lane, Quantity::Gap, e.step, test.value - train.value);
        }
    }

    fn push(&mut self, lane: usize, quantity: Quantity, step: u64, value: f32) {
        let seconds = self.seconds;
        let Some(lane) = self.lanes.get_mut(lane) else { return };
        let place = lane.series.iter().position(|(q, _)| *q == quantity).unwrap_or_else(|| {
            lane.series.push((quantity, Vec::new()));
            lane.series.len() - 1
        });
        let points = &mut lane.series[place].1;
        if points.last().is_some_and(|last| last.step == step) {
            points.pop();
        }
        points.push(Point { step, seconds, value });
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
