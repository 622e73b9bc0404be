//! Which lanes are compared, the paired differences, and the sentences that they allow.

use serde::Serialize;

use crate::lanes::display_name;
use crate::read::{Evaluation, Lane, SeedRun, Split};
use crate::stats::Estimate;
use crate::summary::{LaneSummary, best_on_validation, last_evaluation};

/// More lanes than this are compared in the table but not in words.
const LANES_IN_WORDS: usize = 3;

/// What two lanes are compared at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ComparisonKind {
    /// Both at their last evaluation.
    LastEpoch,
    /// Both at their last evaluation, the baseline having computed as many gradients.
    EqualCompute,
    /// The subject at its last evaluation, the baseline stopped at its best validation epoch.
    BaselineStopped,
    /// Both stopped at their best validation epoch.
    BothStopped,
}

/// What the interval of a difference allows to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval is above zero.
    Ahead,
    /// The whole interval is below zero.
    Behind,
    /// The interval holds zero.
    NoClearDifference,
    /// One seed: there is no interval.
    OneSeed,
}

/// The difference in test accuracy between two lanes, paired by seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// What they are compared at.
    pub kind: ComparisonKind,
    /// Label of the lane in question.
    pub subject: String,
    /// Label of the lane that it is held against.
    pub baseline: String,
    /// Subject minus baseline, a fraction: 0.01 is one point.
    pub difference: Estimate,
    /// What may be said.
    pub verdict: Verdict,
}

impl Verdict {
    fn of(difference: &Estimate) -> Self {
        match (difference.low, difference.high) {
            (Some(low), _) if low > 0.0 => Self::Ahead,
            (_, Some(high)) if high < 0.0 => Self::Behind,
            (Some(_), Some(_)) => Self::NoClearDifference,
            _ => Self::OneSeed,
        }
    }

    /// The verdict in words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Ahead => "ahead",
            Self::Behind => "behind",
            Self::NoClearDifference => "no clear difference",
            Self::OneSeed => "one seed: no interval",
        }
    }
}

impl Comparison {
    fn of(kind: ComparisonKind, subject: &Lane, baseline: &Lane) -> Option<Self> {
        let last: Measure = |seed| last_evaluation(seed, Split::Test);
        let (of_subject, of_baseline): (Measure, Measure) = match kind {
            ComparisonKind::LastEpoch | ComparisonKind::EqualCompute => (last, last),
            ComparisonKind::BaselineStopped => (last, best_on_validation),
            ComparisonKind::BothStopped => (best_on_validation, best_on_validation),
        };
        let difference = Estimate::of(subject.seeds.iter().filter_map(|(seed, rows)| {
            let baseline = of_baseline(baseline.seeds.get(seed)?)?;
            Some(of_subject(rows)?.accuracy - baseline.accuracy)
        }))?;
        let (subject, baseline) = (subject.label.clone(), baseline.label.clone());
        Some(Self { kind, subject, baseline, verdict: Verdict::of(&difference), difference })
    }

    /// What is compared, in words.
    pub(crate) fn title(&self) -> String {
        let (subject, baseline) = (display_name(&self.subject), display_name(&self.baseline));
        match self.kind {
            ComparisonKind::LastEpoch => format!("{subject} against {baseline}, both at the last epoch"),
            ComparisonKind::EqualCompute => {
                format!("{subject} against {baseline} (equal compute), both at the last epoch")
            }
            ComparisonKind::BaselineStopped => {
                format!("{subject} at the last epoch against {baseline} at its best validation epoch")
            }
            ComparisonKind::BothStopped => format!("{subject} against {baseline}, both at their best validation epoch"),
        }
    }

    /// What the subject is, and the interval: ("11.8 points ahead of SGD", "9.9 to 13.7"). `of` says of whom.
    fn clause(&self, of: &str) -> (String, Option<String>) {
        let points = 100.0 * self.difference.mean;
        let size = points.abs();
        let (Some(low), Some(high)) = (self.difference.low, self.difference.high) else {
            let side = if points < 0.0 { "lower" } else { "higher" };
            let than = if of.is_empty() { String::new() } else { format!(" than{}", of.trim_start_matches(" of")) };
            return (
                format!("is {size:.1} points {side}{than} on the one seed they share, which allows no interval"),
                None,
            );
        };
        let range =
            |low: f64, high: f64| Some(format!("{} to {}", one_decimal(100.0 * low), one_decimal(100.0 * high)));
        match self.verdict {
            Verdict::Behind => (format!("is {size:.1} points behind{of}"), range(-high, -low)),
            Verdict::Ahead => (format!("is {points:.1} points ahead{of}"), range(low, high)),
            _ => {
                let from = of.replacen(" of", " from", 1);
                (format!("is not clearly different{from}: {} points", one_decimal(points)), range(low, high))
            }
        }
    }

    /// The comparison as a sentence. The first that has an interval says what the interval is.
    fn sentence(&self, lanes: &[LaneSummary], explained: &mut bool) -> String {
        let (subject, baseline) = (display_name(&self.subject), display_name(&self.baseline));
        let (start, of) = match self.kind {
            ComparisonKind::LastEpoch => (format!("{} {subject}", at_the_end(lanes, self)), format!(" of {baseline}")),
            ComparisonKind::EqualCompute => (format!("At equal compute {subject}"), format!(" of {baseline}")),
            ComparisonKind::BaselineStopped => (
                format!("Against {baseline} stopped at its best validation epoch, {subject} at its last epoch"),
                String::new(),
            ),
            ComparisonKind::BothStopped => {
                ("With both stopped at their best validation epoch, ".to_owned() + &subject, String::new())
            }
        };
        let (clause, interval) = self.clause(&of);
        let interval = match interval {
            None => String::new(),
            Some(range) if *explained => format!(" ({range})"),
            Some(range) => {
                *explained = true;
                format!(" (95 % interval of the paired difference over {} seeds: {range})", self.difference.seeds)
            }
        };
        format!("{start} {clause}{interval}.")
    }
}

/// The evaluation that stands for a seed in a comparison.
type Measure = fn(&SeedRun) -> Option<&Evaluation>;

/// A number with one decimal, and no minus before zero.
pub fn one_decimal(value: f64) -> String {
    let text = format!("{value:.1}");
    if text == "-0.0" { "0.0".to_owned() } else { text }
}

/// Every comparison that the lanes allow: each SAM lane against the plain optimizer, at equal epochs, at equal compute and
/// with early stopping. Without a SAM lane, each lane against the first.
pub fn comparisons(lanes: &[Lane]) -> Vec<Comparison> {
    let any_sam = lanes.iter().any(Lane::is_sam);
    let mut found = Vec::new();
    for (index, subject) in lanes.iter().enumerate() {
        let eligible = if any_sam { subject.is_sam() } else { index > 0 };
        let Some(baseline) = eligible.then(|| baseline_of(subject, lanes)).flatten() else { continue };
        let gradients = |lane: &Lane| lane.last_step() as f64 * lane.gradients_per_step();
        let equal = lanes.iter().find(|lane| {
            let near = |a: f64, b: f64| (a - b).abs() <= 0.05 * b;
            subject.is_sam()
                && !lane.is_sam()
                && lane.label != baseline.label
                && lane.optimizer() == baseline.optimizer()
                && near(gradients(lane), gradients(subject))
                && !near(gradients(baseline), gradients(subject))
        });
        found.extend(Comparison::of(ComparisonKind::LastEpoch, subject, baseline));
        found.extend(equal.and_then(|lane| Comparison::of(ComparisonKind::EqualCompute, subject, lane)));
        found.extend(Comparison::of(ComparisonKind::BaselineStopped, subject, baseline));
        found.extend(Comparison::of(ComparisonKind::BothStopped, subject, baseline));
    }
    found
}

/// The plain lane that a lane is held against: the one of its base optimizer, else the first plain one, else the first.
fn baseline_of<'a>(subject: &Lane, lanes: &'a [Lane]) -> Option<&'a Lane> {
    let others = || lanes.iter().filter(|lane| lane.label != subject.label);
    let plain = || others().filter(|lane| !lane.is_sam());
    let base = subject.settings.get("base").and_then(|base| base.as_str()).unwrap_or("sgd");
    plain().find(|lane| lane.optimizer() == base).or_else(|| plain().next()).or_else(|| others().next())
}

/// The finding in one line.
pub fn headline(lanes: &[LaneSummary], comparisons: &[Comparison]) -> String {
    if let Some(first) = comparisons.first() {
        let (subject, baseline) = (display_name(&first.subject), display_name(&first.baseline));
        let points = 100.0 * first.difference.mean;
        let size = points.abs();
        return match first.verdict {
            Verdict::Ahead => format!("{subject} ends {size:.1} points ahead of {baseline}"),
            Verdict::Behind => format!("{subject} ends {size:.1} points behind {baseline}"),
            Verdict::NoClearDifference => format!("No clear difference between {subject} and {baseline}"),
            Verdict::OneSeed => {
                let side = if points < 0.0 { "below" } else { "above" };
                format!("{subject} ends {size:.1} points {side} {baseline}, on one seed")
            }
        };
    }
    match lanes.first().and_then(|lane| lane.test_accuracy.map(|accuracy| (lane, accuracy))) {
        Some((lane, accuracy)) => {
            format!("{} reaches {:.1} % on the test set", display_name(&lane.label), 100.0 * accuracy.mean)
        }
        None => "No evaluation on the test set yet".to_owned(),
    }
}

/// The reading of the numbers, a sentence each.
pub fn reading(lanes: &[LaneSummary], comparisons: &[Comparison]) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut subjects: Vec<&str> = Vec::new();
    let mut explained = false;
    for comparison in comparisons {
        if !subjects.contains(&comparison.subject.as_str()) {
            subjects.push(&comparison.subject);
        }
        if subjects.len() > LANES_IN_WORDS {
            sentences.push("The table of differences has the other lanes.".to_owned());
            break;
        }
        // The first lane's comparisons all stand in words, of the others the one that comes first.
        if subjects.len() > 1 && comparison.kind != ComparisonKind::LastEpoch {
            continue;
        }
        sentences.push(comparison.sentence(lanes, &mut explained));
    }
    if sentences.is_empty() {
        sentences.extend(lanes.iter().take(LANES_IN_WORDS).filter_map(alone));
    }
    sentences
}

/// How a comparison of last rows begins; lanes of other length are named as such.
fn at_the_end(lanes: &[LaneSummary], comparison: &Comparison) -> String {
    let epochs = |label: &str| lanes.iter().find(|lane| lane.label == label).map_or(0.0, |lane| lane.epochs);
    let (subject, baseline) = (epochs(&comparison.subject), epochs(&comparison.baseline));
    if (subject - baseline).abs() > 0.02 * baseline {
        format!("At the end ({} and {} epochs)", one_decimal(subject), one_decimal(baseline))
    } else {
        "At the last epoch".to_owned()
    }
}

/// The sentence for a lane that is compared with nothing.
fn alone(lane: &LaneSummary) -> Option<String> {
    let accuracy = lane.test_accuracy?;
    let name = display_name(&lane.label);
    let value = one_decimal(100.0 * accuracy.mean);
    Some(match (accuracy.low, accuracy.high) {
        (Some(low), Some(high)) => format!(
            "At the last epoch {name} has {value} % of the test set right (95 % interval over {} seeds: {} to {}).",
            accuracy.seeds,
            one_decimal(100.0 * low),
            one_decimal(100.0 * high)
        ),
        _ => format!("At the last epoch {name} has {value} % of the test set right; one seed allows no interval."),
    })
}
