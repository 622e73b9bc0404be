//! The page: one file, no script, nothing loaded from anywhere.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::charts::{self, Figure};
use crate::compare::{Comparison, one_decimal};
use crate::draw::corners;
use crate::error::Result;
use crate::evolution::Evolution;
use crate::landscape::Landscape;
use crate::lanes::{Marker, Style, display_name, styles};
use crate::markup::{escape, plus_minus};
use crate::read::{Run, value_text};
use crate::stats::Estimate;
use crate::summary::{LaneSummary, Summary};
use crate::text::{loss, thousands, whole_or_one_decimal};

const CHART_STYLE: &str = include_str!("chart.css");
const STYLE: &str = include_str!("style.css");
/// Keys that the page shows elsewhere, or that belong to the machine.
const NOT_SETTINGS: [&str; 4] = ["command", "lanes", "lane", "version"];

/// The report of a run.
pub fn page(
    run: &Run,
    summary: &Summary,
    evolution: Option<&Evolution>,
    landscape: Option<&Landscape>,
) -> Result<String> {
    let styles = styles(&run.lanes);
    let figures = charts::figures(run, &styles)?;
    let mut body = header(run, summary);
    push(&mut body, &[&notices(&summary.notices), &results(summary, &styles)]);
    push(&mut body, &[&comparison_table(&summary.comparisons), &figure_section(summary, &styles, &figures)]);
    let evolution = evolution.map(|evolution| evolution.section(&run.lanes, &styles, swatch));
    let landscape = landscape.map(|landscape| landscape.section(&run.lanes, &styles, swatch));
    push(&mut body, &[&evolution.unwrap_or_default(), &landscape.unwrap_or_default(), &settings(run)]);
    Ok(document(&summary.headline, &body))
}

/// A whole page around what it shows.
pub fn document(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · Lowland</title>\n\
         <style>\n{CHART_STYLE}{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn push(page: &mut String, parts: &[&str]) {
    page.extend(parts.iter().copied());
}

/// What was trained, the finding, and its reading.
fn header(run: &Run, summary: &Summary) -> String {
    let seeds = summary.lanes.iter().map(|lane| lane.seeds.len()).max().unwrap_or(0);
    let mut facts: Vec<String> = ["data", "model"].iter().filter_map(|key| run.setting(key)).collect();
    if run.label_noise() > 0.0 {
        facts.push(format!("{} % of the training labels wrong", whole_or_one_decimal(100.0 * run.label_noise())));
    }
    facts.push(if seeds == 1 { "1 seed".to_owned() } else { format!("{seeds} seeds") });
    format!(
        "<header>\n<p class=\"kicker\">Lowland · run report</p>\n<h1>{}</h1>\n<p class=\"facts\">{}</p>\n<p class=\"dek\">{}</p>\n</header>\n",
        escape(&summary.headline),
        facts.iter().map(|fact| format!("<span>{}</span>", escape(fact))).collect::<Vec<_>>().join(" "),
        escape(&summary.reading.join(" ")).replace("-0", "−0"),
    )
}

pub fn notices(notices: &[String]) -> String {
    if notices.is_empty() {
        return String::new();
    }
    let items: String = notices.iter().map(|notice| format!("<li>{}</li>\n", escape(notice))).collect();
    format!("<aside class=\"notice\">\n<h2>Before you trust these numbers</h2>\n<ul>\n{items}</ul>\n</aside>\n")
}

/// One row a lane.
fn results(summary: &Summary, styles: &[Style]) -> String {
    type Cell = fn(&LaneSummary) -> String;
    let mut columns: Vec<(&str, Cell)> = vec![
        ("Epochs", |lane| whole_or_one_decimal(lane.epochs)),
        ("Gradients", |lane| thousands(lane.gradient_evaluations)),
        ("Test accuracy, last epoch", |lane| estimate(lane.test_accuracy)),
    ];
    if summary.has_validation() {
        columns.push(("Test accuracy, best validation epoch*", |lane| {
            estimate(lane.best_validation.map(|best| best.test_accuracy))
        }));
        columns.push(("Best epoch", |lane| {
            lane.best_validation.map_or_else(dash, |best| whole_or_one_decimal(best.epoch.mean))
        }));
    }
    columns.push(("Test loss", |lane| plus_minus(&loss(lane.test_loss))));
    if summary.has_flipped() {
        columns.push(("Train, right labels", |lane| mean(lane.train_clean_accuracy)));
        columns.push(("Train, flipped labels†", |lane| mean(lane.train_flipped_accuracy)));
    } else {
        columns.push(("Train accuracy", |lane| mean(lane.train_accuracy)));
    }
    let mut html = String::from(
        "<section>\n<h2>Results</h2>\n<div class=\"scroll\"><table class=\"stack\">\n<thead><tr><th scope=\"col\">Lane</th>",
    );
    for (name, _) in &columns {
        let _ = write!(html, "<th scope=\"col\">{name}</th>");
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for (lane, style) in summary.lanes.iter().zip(styles) {
        let seeds = if lane.seeds.len() == 1 { "1 seed".to_owned() } else { format!("{} seeds", lane.seeds.len()) };
        let diverged = match lane.diverged.len() {
            0 => String::new(),
            count => format!(", {count} diverged"),
        };
        let name = escape(&display_name(&lane.label));
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}<span>{name} <small>{seeds}{diverged}</small></span></th>",
            swatch(*style)
        );
        for (name, cell) in &columns {
            let _ = write!(html, "<td data-label=\"{name}\"><span>{}</span></td>", cell(lane));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n<p class=\"note\">Accuracies in percent. ± is half the 95 % interval over seeds (Student’s t). Gradients: how many one seed computed in all, the measure of equal compute.");
    if summary.has_validation() {
        html.push_str(" * Each seed at its own epoch of highest validation accuracy; the epoch is chosen on validation data, never on the test set.");
    }
    if summary.has_flipped() {
        html.push_str(" † Agreement with the wrong label: high means learnt by heart.");
    }
    html.push_str("</p>\n</section>\n");
    html
}

/// The paired differences.
fn comparison_table(comparisons: &[Comparison]) -> String {
    if comparisons.is_empty() {
        return String::new();
    }
    let mut html = String::from(
        "<section>\n<h2>Differences in test accuracy, paired by seed</h2>\n<div class=\"scroll\"><table class=\"stack\">\n<thead><tr>\
         <th scope=\"col\">Comparison</th><th scope=\"col\">Difference, points</th><th scope=\"col\">95 % interval</th>\
         <th scope=\"col\">Seeds</th><th scope=\"col\">Reading</th></tr></thead>\n<tbody>\n",
    );
    for comparison in comparisons {
        let difference = comparison.difference;
        let interval = match (difference.low, difference.high) {
            (Some(low), Some(high)) => format!("{} to {}", signed(low), signed(high)),
            _ => dash(),
        };
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\">{}</th><td data-label=\"Difference, points\">{}</td><td data-label=\"95 % interval\">{interval}</td>\
             <td data-label=\"Seeds\">{}</td><td data-label=\"Reading\">{}</td></tr>",
            escape(&comparison.title()),
            signed(difference.mean),
            difference.seeds,
            comparison.verdict.words(),
        );
    }
    html.push_str("</tbody>\n</table></div>\n<p class=\"note\">Same seed, same initial weights, same batches, same labels: each seed gives one difference. “Ahead” and “behind” only where the whole interval is on one side of zero.");
    if comparisons.len() > 1 {
        html.push_str(" The intervals are not widened for the number of comparisons.");
    }
    html.push_str("</p>\n</section>\n");
    html
}

fn figure_section(summary: &Summary, styles: &[Style], figures: &[Figure]) -> String {
    let mut html = String::from("<section>\n<h2>Over the run</h2>\n<p class=\"legend\">");
    for (lane, style) in summary.lanes.iter().zip(styles) {
        let _ = write!(html, "<span>{}{}</span> ", swatch(*style), escape(&display_name(&lane.label)));
    }
    html.push_str("</p>\n");
    html.push_str(&figure_grid(figures));
    html.push_str("</section>\n");
    html
}

/// Pictures side by side; the wide ones have a row to themselves.
pub fn figure_grid(figures: &[Figure]) -> String {
    let mut html = String::from("<div class=\"figures\">\n");
    for figure in figures {
        let wide = figure.svgs.len() > 1;
        let _ =
            write!(html, "<figure{}>\n<h3>{}</h3>\n", if wide { " class=\"wide\"" } else { "" }, escape(&figure.title));
        for (index, svg) in figure.svgs.iter().enumerate() {
            let class = match (wide, index) {
                (false, _) => "chart",
                (true, 0) => "chart on-wide",
                (true, _) => "chart on-narrow",
            };
            let _ = writeln!(html, "<div class=\"{class}\">{svg}</div>");
        }
        let _ = write!(html, "<figcaption>{}</figcaption>\n</figure>\n", figure.caption);
    }
    html.push_str("</div>\n");
    html
}

/// How to repeat the run: the command, the settings, and those of each lane.
fn settings(run: &Run) -> String {
    let command = run.setting("command").unwrap_or_else(|| "lowland compare --config config.json".to_owned());
    let mut html = repeat("To repeat this run", &command);
    html.push_str(&setting_list(&run.config));
    html.push_str(&lane_settings(run));
    html.push_str("</section>\n");
    html
}

/// The start of the section with the command.
pub fn repeat(title: &str, command: &str) -> String {
    format!(
        "<section>\n<h2>{title}</h2>\n<pre class=\"command\"><code>{}</code></pre>\n\
         <p class=\"note\">One click marks the whole command.</p>\n",
        unbroken(command)
    )
}

/// A configuration, key by key.
pub fn setting_list(config: &Map<String, Value>) -> String {
    let mut html = String::from("<h3>Settings</h3>\n<dl class=\"settings\">\n");
    for (key, value) in config {
        if NOT_SETTINGS.contains(&key.as_str()) {
            continue;
        }
        if let Some(value) = value_text(value).filter(|value| !value.is_empty()) {
            let _ = writeln!(html, "<div><dt>{}</dt><dd>{}</dd></div>", escape(&key.replace('_', "-")), escape(&value));
        }
    }
    html.push_str("</dl>\n");
    html
}

/// A command whose flags are not broken at their hyphens.
pub fn unbroken(command: &str) -> String {
    let word = |word: &str| match word.starts_with('-') && word.len() < 32 {
        true => format!("<span>{}</span>", escape(word)),
        false => escape(word),
    };
    command.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// What each lane was set to, a column a key; nothing where the configuration does not say.
fn lane_settings(run: &Run) -> String {
    let mut keys: Vec<&String> = Vec::new();
    for key in run.lanes.iter().flat_map(|lane| lane.settings.keys()) {
        if key != "label" && !keys.contains(&key) {
            keys.push(key);
        }
    }
    if keys.is_empty() {
        return String::new();
    }
    keys.sort_by_key(|key| (key.as_str() != "optimizer", key.as_str()));
    let mut html = String::from(
        "<h3>Lanes</h3>\n<div class=\"scroll\"><table class=\"lanes\">\n<thead><tr><th scope=\"col\">lane</th>",
    );
    for key in &keys {
        let _ = write!(html, "<th scope=\"col\">{}</th>", escape(&key.replace('_', "-")));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for lane in &run.lanes {
        let _ = write!(html, "<tr><th scope=\"row\">{}</th>", escape(&lane.label));
        for key in &keys {
            let value = lane.settings.get(*key).and_then(setting_text).unwrap_or_else(dash);
            let _ = write!(html, "<td>{}</td>", escape(&value));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
    html
}

/// A setting as text; a whole number that JSON carries as `40.0` without its tail.
fn setting_text(value: &Value) -> Option<String> {
    match value.as_f64() {
        Some(number) if number.fract() == 0.0 && number.abs() < 1e15 => Some(format!("{number:.0}")),
        _ => value_text(value),
    }
}

/// A line with its dash and marker.
fn swatch(style: Style) -> String {
    let Style { colour, dash, marker } = style;
    let mark = match marker {
        Marker::Circle => format!("<circle class=\"f{colour}\" cx=\"170\" cy=\"60\" r=\"38\"/>"),
        other => {
            let points = corners(other).iter().map(|(x, y)| format!("{},{}", 170 + x, 60 + y)).collect::<Vec<_>>();
            format!("<polygon class=\"f{colour}\" points=\"{}\"/>", points.join(" "))
        }
    };
    format!(
        "<svg class=\"swatch\" viewBox=\"0 0 340 120\" aria-hidden=\"true\"><line class=\"line s{colour} d{dash}\" x1=\"5\" y1=\"60\" x2=\"335\" y2=\"60\"/>{mark}</svg>"
    )
}

pub fn dash() -> String {
    "–".to_owned()
}

/// An accuracy in percent with its interval.
fn estimate(value: Option<Estimate>) -> String {
    plus_minus(&crate::text::percent(value))
}

fn mean(value: Option<Estimate>) -> String {
    crate::text::mean_percent(value)
}

/// A difference in points with its sign.
fn signed(fraction: f64) -> String {
    let text = one_decimal(100.0 * fraction);
    match text.strip_prefix('-') {
        Some(digits) => format!("−{digits}"),
        None if text == "0.0" => text,
        None => format!("+{text}"),
    }
}
