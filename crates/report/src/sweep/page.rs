//! The page of a sweep.

use std::fmt::Write as _;

use super::read::Sweep;
use super::summary::{CellSummary, SweepSummary};
use crate::charts::Figure;
use crate::error::Result;
use crate::html::{dash, document, figure_grid, notices, repeat, setting_list};
use crate::markup::{escape, plus_minus};
use crate::scatter;
use crate::text::{loss, mean_percent, percent};

pub fn page(sweep: &Sweep, summary: &SweepSummary, figures: &[Figure]) -> Result<String> {
    let mut body = header(sweep, summary);
    body.push_str(&notices(&summary.notices));
    if sweep.axes.len() == 2 {
        body.push_str(&crossed(summary));
    }
    if !figures.is_empty() {
        let _ = write!(
            body,
            "<section>\n<h2>{}</h2>\n{}</section>\n",
            escape(summary.metric.title()),
            figure_grid(figures)
        );
    }
    let pairs = scatter::pairs(sweep.runs.iter().map(|(folder, run)| (folder.as_str(), run)));
    if !pairs.pairs.is_empty() {
        let figure = [scatter::figure(&pairs)];
        let _ = write!(
            body,
            "<section>\n<h2>SGD against SAM</h2>\n<p>{}</p>\n{}</section>\n",
            escape(&pairs.count_in_words()),
            figure_grid(&figure)
        );
    }
    body.push_str(&long_table(summary));
    body.push_str(&runs(sweep));
    body.push_str(&repeat("To repeat this sweep", sweep.command.as_deref().unwrap_or("lowland sweep")));
    body.push_str(&setting_list(&sweep.config));
    body.push_str("</section>\n");
    Ok(document(&summary.headline, &body))
}

fn header(sweep: &Sweep, summary: &SweepSummary) -> String {
    let setting = |key: &str| sweep.config.get(key).and_then(crate::read::value_text);
    let varies = |key: &str| sweep.axes.iter().any(|axis| axis.key == key);
    let mut facts: Vec<String> =
        ["data", "model"].iter().filter(|key| !varies(key)).filter_map(|key| setting(key)).collect();
    facts.push(format!("{} cells", summary.cells.len()));
    facts.push(match summary.most_seeds() {
        1 => "1 seed each".to_owned(),
        seeds => format!("{seeds} seeds each"),
    });
    facts.extend(sweep.adapter.clone());
    let facts: Vec<String> = facts.iter().map(|fact| format!("<span>{}</span>", escape(fact))).collect();
    // A line may end after a key, not within it.
    let whole = |text: &str| escape(text).replace('-', "\u{2011}");
    format!(
        "<header>\n<p class=\"kicker\">Lowland · sweep report</p>\n<h1>{}</h1>\n<p class=\"facts\">{}</p>\n<p class=\"dek\">{}</p>\n</header>\n",
        whole(&summary.headline),
        facts.join(" "),
        escape(&summary.reading.join(" ")),
    )
}

/// The value of a cell and its mark; what went wrong stands for a value that says nothing.
fn value(summary: &SweepSummary, cell: &CellSummary) -> String {
    if cell.is_lost() {
        return format!("<em>{}</em>", escape(&cell.trouble().unwrap_or_default()));
    }
    let text = plus_minus(&summary.metric.text(cell.value));
    let trouble = cell.trouble().map(|words| format!(" <small>{}</small>", escape(&words))).unwrap_or_default();
    match (cell.best, cell.tied) {
        (true, _) => format!("<mark>{text}</mark>{trouble}"),
        (_, true) => format!("<span class=\"tied\">{text}</span>{trouble}"),
        _ => text + &trouble,
    }
}

/// Rows by the first axis, columns by the second.
fn crossed(summary: &SweepSummary) -> String {
    let [first, last] = &summary.axes[..] else { return String::new() };
    let mut html = format!(
        "<section>\n<h2>Results</h2>\n<div class=\"scroll\"><table class=\"stack\">\n<thead><tr><th scope=\"col\">{} \\ {}</th>",
        escape(&first.key),
        escape(&last.key)
    );
    for name in &last.values {
        let _ = write!(html, "<th scope=\"col\">{}</th>", escape(name));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in summary.rows() {
        let name = row.first().map_or("", |cell| &cell.values[0]);
        let _ = write!(html, "<tr><th scope=\"row\">{} {}</th>", escape(&first.key), escape(name));
        for cell in row {
            let label = format!("{} {}", last.key, cell.values[1]);
            let _ = write!(html, "<td data-label=\"{}\"><span>{}</span></td>", escape(&label), value(summary, cell));
        }
        html.push_str("</tr>\n");
    }
    let _ = write!(html, "</tbody>\n</table></div>\n<p class=\"note\">{}</p>\n</section>\n", escape(&note(summary)));
    html
}

/// What the numbers are, and what the marks mean.
fn note(summary: &SweepSummary) -> String {
    let interval = match summary.most_seeds() {
        0 | 1 => "One seed allows no interval.".to_owned(),
        seeds => format!("Mean over {seeds} seeds, ± half its 95 % interval (Student’s t)."),
    };
    let unit = if summary.metric.is_percent() { " in percent" } else { "" };
    let legend = summary.legend().replacen("* best", "Framed: the best", 1).replacen("~ not", "Dotted: not", 1);
    format!("{}{unit}, {}. {interval} {legend}", summary.metric.title(), summary.metric.when())
}

/// A row a cell, all numbers.
fn long_table(summary: &SweepSummary) -> String {
    type Column = (&'static str, fn(&CellSummary) -> String);
    let mut columns: Vec<Column> = vec![
        ("Test accuracy", |cell| percent(cell.test_accuracy)),
        ("Test loss", |cell| loss(cell.test_loss)),
        ("Train accuracy", |cell| mean_percent(cell.train_accuracy)),
        ("Gap", |cell| mean_percent(cell.gap)),
    ];
    if summary.has_validation() {
        columns.push(("Validation", |cell| percent(cell.val_accuracy)));
        columns.push(("Test at best validation", |cell| percent(cell.test_accuracy_at_best_val)));
    }
    let own = |name: &str| name.to_lowercase() == summary.metric.title().to_lowercase();
    columns.retain(|(name, _)| !own(name));
    let title = if summary.axes.len() == 2 { "All numbers" } else { "Results" };
    let mut html = format!(
        "<section>\n<h2>{title}</h2>\n<div class=\"scroll\"><table class=\"stack\">\n<thead><tr><th scope=\"col\">Cell</th><th scope=\"col\">{}</th>",
        summary.metric.title()
    );
    for (name, _) in columns.iter().chain(&[("Seeds", (|_| String::new()) as fn(&CellSummary) -> String)]) {
        let _ = write!(html, "<th scope=\"col\">{name}</th>");
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for cell in &summary.cells {
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}</th><td data-label=\"{}\"><span>{}</span></td>",
            escape(&summary.cell_name(cell)),
            summary.metric.title(),
            value(summary, cell)
        );
        for (name, text) in &columns {
            let _ = write!(html, "<td data-label=\"{name}\"><span>{}</span></td>", plus_minus(&text(cell)));
        }
        let seeds = if cell.seeds.is_empty() { dash() } else { cell.seeds.len().to_string() };
        let _ = writeln!(html, "<td data-label=\"Seeds\">{seeds}</td></tr>");
    }
    html.push_str("</tbody>\n</table></div>\n<p class=\"note\">");
    if summary.axes.len() != 2 {
        html.push_str(&escape(&note(summary)));
        html.push(' ');
    }
    html.push_str(
        "Gap: training accuracy, under label noise on the rightly labelled examples, minus test accuracy. \
         Losses that are no number are left out of their means.</p>\n</section>\n",
    );
    html
}

/// The runs that the cells are lanes of, each with its own page.
fn runs(sweep: &Sweep) -> String {
    if sweep.runs.is_empty() {
        return String::new();
    }
    let mut html = String::from(
        "<section>\n<h2>Runs</h2>\n<p class=\"note\">Cells that share data and network are lanes of one run; each has a page of its own.</p>\n<ul class=\"runs\">\n",
    );
    for (folder, run) in &sweep.runs {
        let lanes = run.lanes.len();
        let lanes = if lanes == 1 { "1 lane".to_owned() } else { format!("{lanes} lanes") };
        let folder = escape(folder);
        let _ = writeln!(html, "<li><a href=\"{folder}/report.html\">{folder}</a>, {lanes}</li>");
    }
    html.push_str("</ul>\n</section>\n");
    html
}
