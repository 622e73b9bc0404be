//! The table of sharpness and curvature, lane by lane, and whether they tell how well a network generalises.

use std::fmt::Write as _;
use std::path::Path;

use crate::csv::Csv;
use crate::error::Result;
use crate::lanes::display_name;
use crate::markup::{escape, plus_minus};
use crate::read::{Lane, Split};
use crate::scale::short;
use crate::stats::{Estimate, kendall};
use crate::summary::last_evaluation;
use crate::text::thousands;

/// What may stand in a column of `sharpness.csv`, with what the table calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    Loss,
    Climbed,
    Sharpness,
    Adaptive,
    Lambda1,
    /// The largest eigenvalue over the fifth.
    Ratio,
    Trace,
    Barrier,
}

/// The columns of the table, in order.
const TABLE: [Measure; 8] = [
    Measure::Loss,
    Measure::Climbed,
    Measure::Sharpness,
    Measure::Adaptive,
    Measure::Lambda1,
    Measure::Ratio,
    Measure::Trace,
    Measure::Barrier,
];

impl Measure {
    fn title(self) -> &'static str {
        match self {
            Self::Loss => "Loss at w",
            Self::Climbed => "Loss at w + e",
            Self::Sharpness => "Sharpness",
            Self::Adaptive => "Adaptive sharpness",
            Self::Lambda1 => "λ<sub>1</sub>",
            Self::Ratio => "λ<sub>1</sub> / λ<sub>5</sub>",
            Self::Trace => "Trace",
            Self::Barrier => "Barrier",
        }
    }

    /// Whether it is meant to tell something of generalisation.
    fn is_flatness(self) -> bool {
        !matches!(self, Self::Loss | Self::Climbed)
    }
}

/// One lane's, by seed.
#[derive(Debug)]
pub struct Measures {
    label: String,
    seeds: Vec<u64>,
    values: [Vec<f64>; TABLE.len()],
}

/// Reads `sharpness.csv` in `dir`. Files of earlier versions have no curvature, and the lane that others' barriers are
/// measured from has none.
pub fn read(dir: &Path) -> Result<Vec<Measures>> {
    let mut csv = Csv::open(dir, "sharpness.csv")?;
    let (label, seed) = (csv.column("optimizer")?, csv.column("seed")?);
    let (loss, climbed, rise) = (csv.column("loss")?, csv.column("sam_loss")?, csv.column("sharpness")?);
    let more = ["adaptive_sharpness", "lambda_1", "lambda_5", "trace", "barrier"].map(|name| csv.column(name).ok());
    let mut lanes: Vec<Measures> = Vec::new();
    while csv.advance()? {
        let name = csv.text(label).to_owned();
        if lanes.last().is_none_or(|lane| lane.label != name) {
            lanes.push(Measures { label: name, seeds: Vec::new(), values: Default::default() });
        }
        let [adaptive, first, fifth, trace, barrier] = {
            let mut values = [f64::NAN; 5];
            for (value, column) in values.iter_mut().zip(more) {
                if let Some(column) = column.filter(|column| !csv.text(*column).is_empty()) {
                    *value = csv.number(column)?;
                }
            }
            values
        };
        let row = [csv.number(loss)?, csv.number(climbed)?, csv.number(rise)?];
        let row = [row[0], row[1], row[2], adaptive, first, first / fifth, trace, barrier];
        let number = csv.number(seed)? as u64;
        if let Some(lane) = lanes.last_mut() {
            lane.seeds.push(number);
            lane.values.iter_mut().zip(row).for_each(|(values, value)| values.push(value));
        }
    }
    Ok(lanes)
}

/// What the text under the table says of how it was measured.
pub struct Text<'a> {
    /// Radius of the sharpness.
    pub rho: f64,
    /// Its norm.
    pub p: f64,
    /// Of which examples.
    pub examples: String,
    /// How many of them the curvature is of, where it is not all.
    pub curvature_examples: Option<f64>,
    /// The lane that barriers are measured from.
    pub baseline: Option<&'a str>,
}

/// Writes table, text and rank correlations.
pub fn section(
    measures: &[Measures],
    lanes: &[Lane],
    name: &impl Fn(&str) -> String,
    text: &Text<'_>,
    html: &mut String,
) {
    if measures.is_empty() {
        return;
    }
    // Losses are always there; of the others, what was measured anywhere.
    let measured = |i: &usize| *i < 3 || measures.iter().any(|lane| lane.values[*i].iter().any(|v| v.is_finite()));
    let columns: Vec<usize> = (0..TABLE.len()).filter(measured).collect();
    let curved = columns.iter().any(|i| TABLE[*i] == Measure::Lambda1);
    html.push_str(if curved { "<h3>Sharpness and curvature</h3>\n" } else { "<h3>Sharpness</h3>\n" });
    html.push_str("<div class=\"scroll\"><table class=\"stack sharpness\">\n<thead><tr><th scope=\"col\">Lane</th>");
    for i in &columns {
        let _ = write!(html, "<th scope=\"col\">{}</th>", TABLE[*i].title());
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for lane in measures {
        let seeds = if lane.seeds.len() == 1 { "1 seed".into() } else { format!("{} seeds", lane.seeds.len()) };
        let _ = write!(html, "<tr><th scope=\"row\">{} <small>{seeds}</small></th>", name(&lane.label));
        for i in &columns {
            // Inside an attribute there are no tags.
            let label = TABLE[*i].title().replace("<sub>", "").replace("</sub>", "");
            let _ = write!(html, "<td data-label=\"{label}\"><span>{}</span></td>", cell(lane, *i));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n<p class=\"note\">");
    let _ = write!(
        html,
        "Sharpness: how much the training loss rises by one ascent step of length |e|<sub>{}</sub> = {} along its gradient \
         (Foret et al. 2021): {} as one batch, labels as trained on, inference mode. ",
        text.p, text.rho, text.examples
    );
    let has = |measure: Measure| columns.iter().any(|i| TABLE[*i] == measure);
    if has(Measure::Adaptive) {
        let _ = write!(
            html,
            "Adaptive sharpness: the same with each weight’s step as long as the weight (Kwon et al. 2021), |e / T|<sub>2</sub> \
             = {}; rescaling a ReLU network does not change it. ",
            text.rho
        );
    }
    if curved {
        let some =
            text.curvature_examples.map_or_else(String::new, |n| format!(" on {} of these examples", thousands(n)));
        let _ = write!(
            html,
            "λ<sub>1</sub>, λ<sub>5</sub>, trace: of the exact Hessian of that loss{some}, the largest and the fifth largest \
             eigenvalue (Lanczos) and the sum of all (Hutchinson). "
        );
    }
    if let Some(baseline) = text.baseline.filter(|_| has(Measure::Barrier)) {
        let _ = write!(
            html,
            "Barrier: how far the training loss on the straight line from {} of the same seed rises above the straight line \
             between the losses at its ends. ",
            escape(&display_name(baseline))
        );
    }
    html.push_str(&ratios(measures, text.baseline));
    html.push_str("Smaller is flatter. ± is half the 95 % interval over seeds (Student’s t).</p>\n");
    correlations(measures, lanes, &columns, html);
}

/// How many times larger the first lane's largest eigenvalue is than another's, seed by seed.
fn ratios(measures: &[Measures], baseline: Option<&str>) -> String {
    let column = TABLE.iter().position(|measure| *measure == Measure::Lambda1).unwrap_or(0);
    let Some(first) = measures.iter().find(|lane| Some(lane.label.as_str()) == baseline) else { return String::new() };
    let of = |lane: &Measures| {
        let pairs = lane.seeds.iter().zip(&lane.values[column]).filter_map(|(seed, value)| {
            let place = first.seeds.iter().position(|other| other == seed)?;
            Some(first.values[column][place] / value)
        });
        let estimate = Estimate::of(pairs)?;
        let [one, other] = [first, lane].map(|lane| escape(&display_name(&lane.label)));
        let interval = match (estimate.low, estimate.high) {
            (Some(low), Some(high)) => {
                format!(" (95 % interval over {} seeds: {} to {})", estimate.seeds, short(low), short(high))
            }
            _ => String::new(),
        };
        Some(format!("λ<sub>1</sub> of {one} is {} times that of {other}{interval}. ", short(estimate.mean)))
    };
    measures.iter().filter(|lane| lane.label != first.label).filter_map(of).collect::<String>().replace(" -", " −")
}

/// A mean over seeds, and how many of them have none.
fn cell(lane: &Measures, column: usize) -> String {
    let values = &lane.values[column];
    let text = Estimate::of(values.iter().copied()).map_or_else(|| "–".to_owned(), digits);
    // What was never measured is not lost.
    let lost = values.iter().filter(|value| !value.is_finite()).count();
    let lost = if lost > 0 && (column < 3 || lost < values.len()) {
        format!(" <small>{lost} not finite</small>")
    } else {
        String::new()
    };
    plus_minus(&text) + &lost
}

/// Networks that a rank correlation is drawn from at least.
const FEWEST: usize = 4;

/// The rank correlation of each measure with the generalisation gap over all networks of the run.
fn correlations(measures: &[Measures], lanes: &[Lane], columns: &[usize], html: &mut String) {
    let noisy = lanes.iter().any(|lane| lane.has(Split::TrainClean));
    let upper = if noisy { Split::TrainClean } else { Split::Train };
    let gap = |label: &str, seed: u64| {
        let run = lanes.iter().find(|lane| lane.label == label)?.seeds.get(&seed)?;
        Some(last_evaluation(run, upper)?.accuracy - last_evaluation(run, Split::Test)?.accuracy)
    };
    let networks: Vec<(&Measures, usize, f64)> = measures
        .iter()
        .flat_map(|lane| lane.seeds.iter().enumerate().map(move |(i, seed)| (lane, i, gap(&lane.label, *seed))))
        .filter_map(|(lane, i, gap)| Some((lane, i, gap.filter(|gap| gap.is_finite())?)))
        .collect();
    let mut rows = String::new();
    for column in columns.iter().filter(|i| TABLE[**i].is_flatness()) {
        let pairs: Vec<[f64; 2]> = networks
            .iter()
            .map(|(lane, i, gap)| [lane.values[*column][*i], *gap])
            .filter(|pair| pair[0].is_finite())
            .collect();
        if pairs.len() < FEWEST {
            continue;
        }
        let text = kendall(&pairs).map_or_else(|| "–".to_owned(), |tau| format!("{tau:+.2}").replace('-', "−"));
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\">{}</th><td data-label=\"Kendall’s τ\"><span>{text}</span></td>\
             <td data-label=\"Networks\"><span>{}</span></td></tr>",
            TABLE[*column].title(),
            pairs.len()
        );
    }
    if rows.is_empty() {
        return;
    }
    let _ = write!(
        html,
        "<h3>Does flatness tell the generalisation gap?</h3>\n<div class=\"scroll\"><table class=\"stack sharpness\">\n<thead><tr>\
         <th scope=\"col\">Measure</th><th scope=\"col\">Kendall’s τ</th><th scope=\"col\">Networks</th></tr></thead>\n<tbody>\n{rows}\
         </tbody>\n</table></div>\n<p class=\"note\">Rank correlation (τ-b) between each measure and the generalisation gap ({} \
         accuracy minus test accuracy at the end) over all networks of the run: +1 where the sharper of two always has the wider gap, 0 \
         where the order says nothing. Networks of a few lanes fall into a few groups, so this describes them and proves no law.</p>\n",
        if noisy { "rightly labelled training" } else { "training" }
    );
}

/// A mean in about three digits, its interval with as many decimals.
fn digits(estimate: Estimate) -> String {
    let size = estimate.mean.abs();
    if size != 0.0 && !(1e-5..1e5).contains(&size) {
        let half = estimate.half_width().map_or(String::new(), |half| format!(" ± {half:.1e}"));
        return format!("{:.2e}{half}", estimate.mean);
    }
    let places = if size == 0.0 { 2 } else { (2.0 - size.log10().floor()).clamp(0.0, 7.0) as usize };
    let half = estimate.half_width().map_or(String::new(), |half| format!(" ± {half:.places$}"));
    format!("{:.places$}{half}", estimate.mean)
}
