//! Rows to estimates: one row a lane, what happened, and what it means in words.

use serde::Serialize;

use crate::compare::{self, Comparison};
use crate::read::{Evaluation, Lane, Run, SeedRun, Split};
use crate::stats::Estimate;

/// What a run folder comes to. Accuracies are fractions from 0 to 1.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The finding in one line.
    pub headline: String,
    /// The reading of the numbers, in plain sentences.
    pub reading: Vec<String>,
    /// One row a lane, in the order of the configuration.
    pub lanes: Vec<LaneSummary>,
    /// Differences in test accuracy between lanes, paired by seed.
    pub comparisons: Vec<Comparison>,
    /// What a reader must know before trusting the numbers: diverged seeds, runs that stopped early.
    pub notices: Vec<String>,
}

/// One lane over its seeds.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct LaneSummary {
    /// The lane's label: the column `optimizer` of the CSV files.
    pub label: String,
    /// The optimizer behind the label.
    pub optimizer: String,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Epochs done.
    pub epochs: f64,
    /// Updates done.
    pub steps: u64,
    /// Gradients that one update costs: 2 for SAM with one ascent step.
    pub gradients_per_step: f64,
    /// Gradients computed in all, by one seed: what equal compute is measured in.
    pub gradient_evaluations: f64,
    /// Test accuracy at the last evaluation.
    pub test_accuracy: Option<Estimate>,
    /// Test loss at the last evaluation.
    pub test_loss: Option<Estimate>,
    /// Accuracy on the training examples with the labels of the run, at the last evaluation.
    pub train_accuracy: Option<Estimate>,
    /// Accuracy on the training examples whose label was left right.
    pub train_clean_accuracy: Option<Estimate>,
    /// Agreement with the wrong label on the training examples whose label was moved: what was learnt by heart.
    pub train_flipped_accuracy: Option<Estimate>,
    /// The evaluation that was best on the validation examples, where there are any.
    pub best_validation: Option<BestValidation>,
    /// Seeds whose loss stopped being a number.
    pub diverged: Vec<Diverged>,
}

/// Each seed at its evaluation of highest validation accuracy (the earliest of equals). Chosen on validation data alone,
/// never on the test set.
#[derive(Debug, Clone, Copy, Serialize)]
#[non_exhaustive]
pub struct BestValidation {
    /// Test accuracy there.
    pub test_accuracy: Estimate,
    /// Epochs done there.
    pub epoch: Estimate,
}

/// A seed whose loss stopped being a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Diverged {
    /// The seed.
    pub seed: u64,
    /// The first step without a finite loss.
    pub step: u64,
}

impl Summary {
    /// Sums up what was read.
    pub(crate) fn of(run: &Run) -> Self {
        let comparisons = compare::comparisons(&run.lanes);
        let lanes: Vec<LaneSummary> = run.lanes.iter().map(LaneSummary::of).collect();
        let headline = compare::headline(&lanes, &comparisons);
        let reading = compare::reading(&lanes, &comparisons);
        Self { headline, reading, comparisons, notices: notices(run), lanes }
    }

    /// Whether any lane has a row on validation data.
    pub(crate) fn has_validation(&self) -> bool {
        self.lanes.iter().any(|lane| lane.best_validation.is_some())
    }

    /// Whether any lane was measured apart on right and on moved labels.
    pub(crate) fn has_flipped(&self) -> bool {
        self.lanes.iter().any(|lane| lane.train_clean_accuracy.is_some() || lane.train_flipped_accuracy.is_some())
    }
}

impl LaneSummary {
    fn of(lane: &Lane) -> Self {
        let steps = lane.last_step();
        let last = |split: Split, value: fn(&Evaluation) -> f64| {
            Estimate::of(lane.seeds.values().filter_map(|seed| last_evaluation(seed, split)).map(value))
        };
        let epoch = lane.evaluations().map(|row| row.epoch).fold(0.0, f64::max);
        let diverged = lane
            .seeds
            .iter()
            .filter_map(|(seed, rows)| rows.diverged_at.map(|step| Diverged { seed: *seed, step }))
            .collect();
        Self {
            label: lane.label.clone(),
            optimizer: lane.optimizer().to_owned(),
            seeds: lane.seeds.keys().copied().collect(),
            epochs: lane.epochs_done(steps, epoch),
            steps,
            gradients_per_step: lane.gradients_per_step(),
            gradient_evaluations: steps as f64 * lane.gradients_per_step(),
            test_accuracy: last(Split::Test, |row| row.accuracy),
            test_loss: last(Split::Test, |row| row.loss),
            train_accuracy: last(Split::Train, |row| row.accuracy),
            train_clean_accuracy: last(Split::TrainClean, |row| row.accuracy),
            train_flipped_accuracy: last(Split::TrainFlipped, |row| row.accuracy),
            best_validation: best_validation(lane),
            diverged,
        }
    }
}

/// The last evaluation of a seed on a split.
pub fn last_evaluation(seed: &SeedRun, split: Split) -> Option<&Evaluation> {
    seed.evaluations.get(&split)?.values().next_back()
}

/// The test evaluation at the step of highest validation accuracy, the earliest of equals.
pub fn best_on_validation(seed: &SeedRun) -> Option<&Evaluation> {
    let test = seed.evaluations.get(&Split::Test)?;
    let mut best: Option<(f64, &Evaluation)> = None;
    for row in seed.evaluations.get(&Split::Validation)?.values() {
        if let Some(at_test) = test.get(&row.step)
            && row.accuracy.is_finite()
            && best.is_none_or(|(accuracy, _)| row.accuracy > accuracy)
        {
            best = Some((row.accuracy, at_test));
        }
    }
    best.map(|(_, at_test)| at_test)
}

fn best_validation(lane: &Lane) -> Option<BestValidation> {
    let best: Vec<&Evaluation> = lane.seeds.values().filter_map(best_on_validation).collect();
    Some(BestValidation {
        test_accuracy: Estimate::of(best.iter().map(|row| row.accuracy))?,
        epoch: Estimate::of(best.iter().map(|row| lane.epochs_done(row.step, row.epoch)))?,
    })
}

/// The notices of the folder itself, then what the rows show: diverged seeds, seeds and lanes that stopped early.
fn notices(run: &Run) -> Vec<String> {
    let mut notices = run.notices.clone();
    for lane in &run.lanes {
        let last = lane.last_step();
        let mut diverged: Vec<String> = Vec::new();
        for (seed, rows) in &lane.seeds {
            let told = run.notices.iter().any(|note| {
                let names_seed = note.contains(&format!("seed {seed} ")) || note.contains("all seeds");
                names_seed && note.contains(&lane.label) && note.contains("diverged")
            });
            let at = rows.evaluations.values().filter_map(|split| split.keys().next_back()).max().copied().unwrap_or(0);
            match rows.diverged_at {
                Some(step) if !told => diverged.push(format!("seed {seed} from step {step}")),
                None if at < last => notices.push(format!(
                    "Lane {} seed {seed} stops at step {at} while other seeds reach {last}; its last row is used.",
                    lane.label
                )),
                _ => {}
            }
        }
        if !diverged.is_empty() {
            notices.push(format!(
                "Lane {} diverged: its loss is not a finite number in {}. Accuracies measured there still count in the \
                 means, losses that are no number do not.",
                lane.label,
                diverged.join(", ")
            ));
        }
        if let Some(planned) = lane.number("steps").filter(|planned| *planned > last as f64) {
            notices.push(format!(
                "Lane {} is not finished: the last evaluation is at step {last} of {planned}.",
                lane.label
            ));
        }
    }
    notices
}
