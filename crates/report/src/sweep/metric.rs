//! What a sweep is judged by.

use serde::Serialize;

use super::read::SeedResult;
use crate::stats::Estimate;
use crate::text;

/// A number of every trained cell, at the end of training unless it says otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Accuracy on the test set.
    #[default]
    TestAccuracy,
    /// Plain cross-entropy on the test set.
    TestLoss,
    /// Accuracy on the training examples, with the labels that were trained on.
    TrainAccuracy,
    /// Plain cross-entropy on the training examples, with the labels that were trained on.
    TrainLoss,
    /// Training accuracy (on rightly labelled examples under label noise) minus test accuracy.
    Gap,
    /// Accuracy on the validation examples.
    ValAccuracy,
    /// Plain cross-entropy on the validation examples.
    ValLoss,
    /// Test accuracy where each seed was best on the validation examples: early stopping.
    TestAccuracyAtBestVal,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::TestAccuracy,
        Self::TestLoss,
        Self::TrainAccuracy,
        Self::TrainLoss,
        Self::Gap,
        Self::ValAccuracy,
        Self::ValLoss,
        Self::TestAccuracyAtBestVal,
    ];

    /// The name that `--metric` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::TestAccuracy => "test-accuracy",
            Self::TestLoss => "test-loss",
            Self::TrainAccuracy => "train-accuracy",
            Self::TrainLoss => "train-loss",
            Self::Gap => "gap",
            Self::ValAccuracy => "val-accuracy",
            Self::ValLoss => "val-loss",
            Self::TestAccuracyAtBestVal => "test-accuracy-at-best-val",
        }
    }

    /// Whether there have to be validation examples.
    pub fn needs_validation(self) -> bool {
        matches!(self, Self::ValAccuracy | Self::ValLoss | Self::TestAccuracyAtBestVal)
    }

    /// Whether the best cell is the one with the highest value.
    pub fn higher_is_better(self) -> bool {
        !matches!(self, Self::TestLoss | Self::TrainLoss | Self::ValLoss | Self::Gap)
    }

    /// Whether choosing by it looks at the test set.
    pub(crate) fn is_of_test(self) -> bool {
        matches!(self, Self::TestAccuracy | Self::TestLoss | Self::Gap | Self::TestAccuracyAtBestVal)
    }

    /// Whether values are fractions, shown in percent.
    pub(crate) fn is_percent(self) -> bool {
        !matches!(self, Self::TestLoss | Self::TrainLoss | Self::ValLoss)
    }

    /// What it is, in a heading.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::TestAccuracy => "Test accuracy",
            Self::TestLoss => "Test loss",
            Self::TrainAccuracy => "Training accuracy",
            Self::TrainLoss => "Training loss",
            Self::Gap => "Generalisation gap",
            Self::ValAccuracy => "Validation accuracy",
            Self::ValLoss => "Validation loss",
            Self::TestAccuracyAtBestVal => "Test accuracy at the best validation epoch",
        }
    }

    /// The unit of its axis.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Gap => "points",
            _ if self.is_percent() => "%",
            _ => "nats",
        }
    }

    /// When it is measured, in words.
    pub(crate) fn when(self) -> &'static str {
        match self {
            Self::TestAccuracyAtBestVal => "each seed where its validation accuracy was highest",
            _ => "at the end of training",
        }
    }

    /// The value of a trained seed.
    pub(crate) fn of(self, seed: &SeedResult) -> Option<f64> {
        match self {
            Self::TestAccuracy => seed.test_accuracy,
            Self::TestLoss => seed.test_loss,
            Self::TrainAccuracy => seed.train_accuracy,
            Self::TrainLoss => seed.train_loss,
            Self::Gap => seed.gap(),
            Self::ValAccuracy => seed.val_accuracy,
            Self::ValLoss => seed.val_loss,
            Self::TestAccuracyAtBestVal => seed.test_accuracy_at_best_val,
        }
    }

    /// An estimate as text: `83.1 ± 0.5` in percent, `0.61 ± 0.02` in nats.
    pub(crate) fn text(self, estimate: Option<Estimate>) -> String {
        if self.is_percent() { text::percent(estimate) } else { text::loss(estimate) }
    }
}

impl std::str::FromStr for Metric {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|metric| metric.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
            format!("there is no metric '{name}'; there are {}", names.join(", "))
        })
    }
}
