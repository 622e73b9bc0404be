//! What the curves say, and the table of their numbers.

use super::{bytes, count};
use crate::plots::Plot;
use crate::state::Axis;

/// Which plot is chosen, from above.
const PLOTS: [&str; 2] = ["Upper plot", "Lower plot"];
/// The button of a plot's height.
pub const LOG: &str = "log";
/// What it does.
pub const OF_LOG: &str = "Height by the logarithm, or plain";
/// Of the button of the smoothing.
pub const OF_SMOOTHING: &str = "Smoothing of curves";
/// Over its slider.
pub const SMOOTHING_NOTE: &str = "Smoothing of curves; the measured ones stay, faint";
/// Its slider.
pub const SMOOTHING: &str = "smoothing";
/// How the seeds are compared.
pub const OF_SCORE: &str =
    "By the last test accuracy, seed by seed. Bands are the mean over seeds and its 95 % interval (Student's t).";
/// What the history is for.
pub const OF_HISTORY: &str = "Drag on a plot to look back: boundaries, surface and figures are then those of that step";
/// The way back from the past.
pub const PRESENT: &str = "Present";
/// What it does.
pub const OF_PRESENT: &str = "Back to the present (End)";
/// Where nothing is kept.
pub const NO_HISTORY: &str = "no history: it would be too large";
/// What two curves of a plot are of.
pub const TEST: &str = "test";
/// The same.
pub const TRAIN: &str = "train";
/// The same.
pub const CLIMBED: &str = "w + e";
/// A value that is none.
pub const NO_NUMBER: &str = "not a number";
/// A value that is not there.
pub const NOT_MEASURED: &str = "not measured";

/// Title of the table.
pub const TABLE: &str = "Numbers";
/// Its first rows.
pub const TABLE_STEP: &str = "Step of the measurements";
/// The same.
pub const TABLE_GRADIENTS: &str = "Gradients evaluated until then";
/// The same.
pub const TABLE_SEEDS: &str = "Seeds";
/// The same.
pub const TABLE_RHO: &str = "Radius rho";
/// The rows of what is measured.
pub const TABLE_MEASURED: [&str; 10] = [
    "Test accuracy",
    "Test loss",
    "Training accuracy",
    "Training loss",
    "Accuracy on right labels",
    "Agreement with wrong labels",
    "Test loss minus training loss",
    "Loss of the batch",
    "Loss of the batch at w + e",
    "Gradient norm",
];

/// What a plot is called.
pub fn title(plot: Plot) -> &'static str {
    match plot {
        Plot::TestAccuracy => "Test accuracy",
        Plot::Loss => "Loss",
        Plot::TrainAccuracy => "Training accuracy",
        Plot::CleanAccuracy => "Accuracy on right labels",
        Plot::WrongLabels => "Wrong labels learnt",
        Plot::Gap => "Generalisation gap",
        Plot::GradNorm => "Gradient norm",
        Plot::BatchLoss => "Loss of the batch",
    }
}

/// What it means.
pub fn help(plot: Plot) -> &'static str {
    match plot {
        Plot::TestAccuracy => "Test examples that are classified right. Their labels are all right.",
        Plot::Loss => "Mean cross-entropy, of the test set (strong) and of the training set (thin).",
        Plot::TrainAccuracy => "Training examples whose label is predicted, wrong labels included.",
        Plot::CleanAccuracy => "The same of those training examples whose label is right.",
        Plot::WrongLabels => "Training examples with a wrong label that is predicted: learnt by heart.",
        Plot::Gap => "Test loss minus training loss.",
        Plot::GradNorm => "|g|, the 2-norm of the batch's gradient at w.",
        Plot::BatchLoss => "The batch's loss at w (strong) and, of SAM, at w + e (thin): the climb.",
    }
}

/// What a screen reader says of a plot.
pub fn plot_of(title: &str) -> String {
    format!("Plot of {title}")
}

/// What it says of a plot's chooser.
pub fn chooser(place: usize, title: &str) -> String {
    format!("{}: {title}", PLOTS[place.min(1)])
}

/// The button of the smoothing.
pub fn smooth(amount: f32) -> String {
    format!("smooth {}", (100.0 * amount).round() / 100.0)
}

/// The button of the axis.
pub fn over(axis: Axis) -> String {
    format!("over {}", self::axis(axis))
}

/// What an axis is called.
pub fn axis(axis: Axis) -> &'static str {
    match axis {
        Axis::Steps => "steps",
        Axis::Gradients => "gradients",
        Axis::Seconds => "seconds",
    }
}

/// What it counts.
pub fn of_axis(axis: Axis) -> &'static str {
    match axis {
        Axis::Steps => "Steps: one update of the weights each",
        Axis::Gradients => "Gradient evaluations: SAM pays two a step, SGD one",
        Axis::Seconds => "Seconds of training on this device, all lanes together",
    }
}

/// A place on an axis as people read it.
pub fn axis_value(axis: Axis, x: f64) -> String {
    match axis {
        Axis::Steps | Axis::Gradients => count(x.round().max(0.0) as u64),
        Axis::Seconds if x > 0.0 && x < 10.0 => format!("{x:.1} s"),
        Axis::Seconds => format!("{x:.0} s"),
    }
}

/// Which step is looked back at.
pub fn looking_back(step: u64, now: u64) -> String {
    format!("looking back at step {} of {}", count(step), count(now))
}

/// What is kept to look back at; without the moments where there is no room.
pub fn history(moments: usize, kept: u64, bound: u64, short: bool) -> String {
    let size = format!("{} of at most {}", bytes(kept), bytes(bound));
    if short { size } else { format!("history: {moments} moments, {size}") }
}

/// What a single seed says.
pub fn one_seed(right: &str) -> String {
    format!("One seed. {right} pays two gradients a step.")
}

/// In how many seeds the better side, `name`, is ahead.
pub fn ahead(name: &str, ahead: usize, seeds: usize, ties: usize) -> String {
    let ties = if ties > 0 { format!(", {ties} alike") } else { String::new() };
    format!("{name} ahead in {ahead} of {seeds} seeds{ties}")
}
