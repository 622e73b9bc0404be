//! What can be plotted: which quantities, on which scale, and what each is called.

use crate::curves::Quantity;
use crate::text::{self, curves};

/// A plot of one or two quantities over training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plot {
    /// Accuracy on the test set.
    TestAccuracy,
    /// Loss on the test and the training set.
    Loss,
    /// Accuracy on the training set, wrong labels included.
    TrainAccuracy,
    /// Accuracy on training examples with right labels.
    CleanAccuracy,
    /// Agreement with the wrong labels.
    WrongLabels,
    /// Test loss minus training loss.
    Gap,
    /// Norm of the gradient.
    GradNorm,
    /// Loss of the step's batch at w, and at w + e.
    BatchLoss,
}

/// How values lie on a plot's height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Height {
    /// Shares of 1, read as percent.
    Share,
    /// Positive numbers, by their logarithm where the person wants it.
    Positive,
    /// Any numbers; 0 is marked.
    Signed,
}

/// A curve of a plot: its quantity, and what it is called beside the optimizer's name, where there are two.
pub type Curve = (Quantity, &'static str);

impl Plot {
    /// All of them, in the order of the menu.
    pub const ALL: &[Self] = &[
        Self::TestAccuracy,
        Self::Loss,
        Self::TrainAccuracy,
        Self::CleanAccuracy,
        Self::WrongLabels,
        Self::Gap,
        Self::GradNorm,
        Self::BatchLoss,
    ];

    /// Its name in commands and links.
    pub fn name(self) -> &'static str {
        match self {
            Self::TestAccuracy => "test-accuracy",
            Self::Loss => "loss",
            Self::TrainAccuracy => "train-accuracy",
            Self::CleanAccuracy => "clean-accuracy",
            Self::WrongLabels => "wrong-labels",
            Self::Gap => "gap",
            Self::GradNorm => "grad-norm",
            Self::BatchLoss => "batch-loss",
        }
    }

    /// The one of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|plot| plot.name() == name)
    }

    /// What it is called on screen.
    pub fn title(self) -> &'static str {
        curves::title(self)
    }

    /// What it means.
    pub fn help(self) -> &'static str {
        curves::help(self)
    }

    /// Its curves, the strong one first.
    pub fn curves(self) -> &'static [Curve] {
        match self {
            Self::TestAccuracy => &[(Quantity::TestAccuracy, "")],
            Self::Loss => &[(Quantity::TestLoss, curves::TEST), (Quantity::TrainLoss, curves::TRAIN)],
            Self::TrainAccuracy => &[(Quantity::TrainAccuracy, "")],
            Self::CleanAccuracy => &[(Quantity::CleanAccuracy, "")],
            Self::WrongLabels => &[(Quantity::FlippedAccuracy, "")],
            Self::Gap => &[(Quantity::Gap, "")],
            Self::GradNorm => &[(Quantity::GradNorm, "")],
            Self::BatchLoss => &[(Quantity::BatchLoss, ""), (Quantity::SamLoss, curves::CLIMBED)],
        }
    }

    /// Its height.
    pub fn height(self) -> Height {
        match self {
            Self::TestAccuracy | Self::TrainAccuracy | Self::CleanAccuracy | Self::WrongLabels => Height::Share,
            Self::Loss | Self::GradNorm | Self::BatchLoss => Height::Positive,
            Self::Gap => Height::Signed,
        }
    }

    /// Whether it is of labels that were moved: without any there is nothing to plot.
    pub fn needs_noise(self) -> bool {
        matches!(self, Self::CleanAccuracy | Self::WrongLabels)
    }

    /// A value as people read it.
    pub fn value(self, value: f32) -> String {
        match self.height() {
            _ if !value.is_finite() => curves::NO_NUMBER.to_owned(),
            Height::Share => text::percent(value),
            Height::Positive | Height::Signed => number(value),
        }
    }
}

/// A number with three digits that count.
pub fn number(value: f32) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if !(1e-3..1e5).contains(&size) => format!("{value:.1e}"),
        size if size < 1.0 => format!("{value:.3}"),
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_are_found_by_name() {
        for plot in Plot::ALL {
            assert_eq!(Plot::parse(plot.name()), Some(*plot));
        }
        assert_eq!(Plot::parse("nothing"), None);
    }

    #[test]
    fn values_read_well() {
        assert_eq!(Plot::TestAccuracy.value(0.9), "90.0 %");
        let read = [0.0, 0.000_012, 0.25, -2.345_6, 42.0, 1234.0].map(|v| Plot::Loss.value(v));
        assert_eq!(read, ["0", "1.2e-5", "0.250", "-2.35", "42.0", "1234"]);
        assert_eq!(Plot::Loss.value(f32::NAN), "not a number");
    }
}
