//! The error of SGD against the error of SAM, over all runs of a folder: a point for each SAM lane and seed that has a
//! partner without SAM, otherwise the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::axis::{decimals, spacing};
use crate::charts::Figure;
use crate::error::{Error, Result};
use crate::html::{document, figure_grid, notices};
use crate::markup::escape;
use crate::read::{Lane, Run, Split, value_text};
use crate::summary::last_evaluation;
use crate::svg::{Anchor, Svg};
use crate::text::{aligned, wrap};

/// Settings in which a SAM lane may differ from its partner.
const OF_SAM: [&str; 9] =
    ["label", "optimizer", "rho", "p", "m", "ascent_steps", "second_order", "gradients_per_step", "base"];
/// Folders within folders that are searched for runs.
const DEEPEST: usize = 3;
/// More runs than colours are drawn in one.
const MOST_COLOURS: usize = 8;

/// SGD against SAM over several runs.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct RunsSummary {
    /// The finding in one line.
    pub headline: String,
    /// Number of runs.
    pub runs: usize,
    /// Pairs in which SAM's error is lower, higher, and the same.
    pub sam_better: usize,
    /// Pairs in which SAM's error is higher.
    pub sgd_better: usize,
    /// Pairs with the same error.
    pub equal: usize,
    /// The pairs.
    pub pairs: Vec<Pair>,
    /// What was left out, and why.
    pub notices: Vec<String>,
}

/// A SAM lane and its partner, on one seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Pair {
    /// The folder of the run.
    pub run: String,
    /// The lane with SAM.
    pub sam: String,
    /// The lane without.
    pub sgd: String,
    /// The seed.
    pub seed: u64,
    /// Test error with SAM at the end, a fraction.
    pub sam_error: f64,
    /// Test error without.
    pub sgd_error: f64,
}

/// The run folders in `dir` and in its folders, by name; runs of sweeps among them.
pub fn run_folders(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    search(dir, 0, &mut found);
    found
}

fn search(dir: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.retain(|path| path.is_dir() && !path.is_symlink() && !hidden(path));
    folders.sort();
    for folder in folders {
        if folder.join("config.json").is_file() && folder.join("eval.csv").is_file() {
            found.push(folder);
        } else if depth < DEEPEST {
            search(&folder, depth + 1, found);
        }
    }
}

/// Reads the runs of a folder.
pub fn summarize_runs(dir: &Path) -> Result<RunsSummary> {
    let mut runs: Vec<(String, Run)> = Vec::new();
    let mut left_out = Vec::new();
    for folder in run_folders(dir) {
        let name = folder.strip_prefix(dir).unwrap_or(&folder).display().to_string();
        match Run::read(&folder) {
            Ok(run) => runs.push((name, run)),
            Err(Error::Empty { .. }) => left_out.push(format!("{name} has no evaluation yet and is left out.")),
            Err(other) => return Err(other),
        }
    }
    if runs.is_empty() {
        return Err(Error::NotARun { dir: dir.to_owned(), file: "config.json" });
    }
    let mut summary = pairs(runs.iter().map(|(name, run)| (name.as_str(), run)));
    summary.notices.splice(0..0, left_out);
    Ok(summary)
}

/// The page over the runs of a folder.
pub fn page(summary: &RunsSummary) -> String {
    let mut body = format!(
        "<header>\n<p class=\"kicker\">Lowland · SGD against SAM</p>\n<h1>{}</h1>\n<p class=\"facts\"><span>{} runs</span> <span>{} pairs</span></p>\n<p class=\"dek\">{}</p>\n</header>\n",
        escape(&summary.headline),
        summary.runs,
        summary.pairs.len(),
        escape(&summary.count_in_words())
    );
    body.push_str(&notices(&summary.notices));
    if !summary.pairs.is_empty() {
        let _ = write!(body, "<section>\n{}</section>\n", figure_grid(&[figure(summary)]));
    }
    body.push_str("<section>\n<h2>By run</h2>\n<div class=\"scroll\"><table class=\"stack\">\n<thead><tr><th scope=\"col\">Run</th><th scope=\"col\">Pairs</th><th scope=\"col\">SAM better</th><th scope=\"col\">Mean error without SAM, %</th><th scope=\"col\">Mean error with SAM, %</th></tr></thead>\n<tbody>\n");
    for [run, pairs, better, sgd, sam] in summary.by_run() {
        let link = escape(&run);
        let _ = writeln!(
            body,
            "<tr><th scope=\"row\"><a href=\"{link}/report.html\">{link}</a></th><td data-label=\"Pairs\">{pairs}</td><td data-label=\"SAM better\">{better}</td><td data-label=\"Mean error without SAM, %\">{sgd}</td><td data-label=\"Mean error with SAM, %\">{sam}</td></tr>"
        );
    }
    body.push_str("</tbody>\n</table></div>\n<p class=\"note\">A pair is one seed of a lane with SAM and of a lane of the same run that has no SAM and is otherwise set the same. Errors are those on the test set at the end of training.</p>\n</section>\n");
    document(&summary.headline, &body)
}

/// All pairs of the runs.
pub fn pairs<'a>(runs: impl Iterator<Item = (&'a str, &'a Run)>) -> RunsSummary {
    let (mut count, mut found, mut alone) = (0, Vec::new(), Vec::new());
    for (name, run) in runs {
        count += 1;
        let plain: Vec<&Lane> = run.lanes.iter().filter(|lane| !lane.is_sam()).collect();
        for sam in run.lanes.iter().filter(|lane| lane.is_sam()) {
            let wanted = settings(run, sam);
            let Some(sgd) = plain.iter().find(|lane| settings(run, lane) == wanted) else {
                alone.push(format!("{} of {name}", sam.label));
                continue;
            };
            for (seed, rows) in &sam.seeds {
                let error = |rows| last_evaluation(rows, Split::Test).map(|row| 1.0 - row.accuracy);
                if let Some((sam_error, sgd_error)) = error(rows).zip(sgd.seeds.get(seed).and_then(error)) {
                    let (sam, sgd, run) = (sam.label.clone(), sgd.label.clone(), name.to_owned());
                    found.push(Pair { run, sam, sgd, seed: *seed, sam_error, sgd_error });
                }
            }
        }
    }
    let better = found.iter().filter(|pair| pair.sam_error < pair.sgd_error).count();
    let worse = found.iter().filter(|pair| pair.sam_error > pair.sgd_error).count();
    let headline = match found.len() {
        0 => "No SAM lane has a partner without SAM".to_owned(),
        all => format!("SAM has the lower test error in {better} of {all} pairs"),
    };
    let notices = match alone.len() {
        0 => Vec::new(),
        few if few <= 6 => {
            vec![format!("Without a partner that is otherwise set the same, and left out: {}.", alone.join("; "))]
        }
        many => {
            vec![format!("{many} lanes with SAM have no partner that is otherwise set the same, and are left out.")]
        }
    };
    let equal = found.len() - better - worse;
    RunsSummary { headline, runs: count, sam_better: better, sgd_better: worse, equal, pairs: found, notices }
}

/// What a lane has in common with its partner: what it was set to, without what is SAM's.
fn settings(run: &Run, lane: &Lane) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> =
        lane.settings.iter().filter_map(|(key, value)| Some((key.clone(), value_text(value)?))).collect();
    // A lane's own settings as they were given, where the summary of the lane does not have them.
    let texts = run.config.get("lane").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for (label, own) in texts.filter_map(|text| text.split_once(':')) {
        if label.trim() == lane.label {
            let pairs = own.split_whitespace().filter_map(|pair| pair.split_once('='));
            for (key, value) in pairs {
                all.entry(key.replace('-', "_")).or_insert_with(|| value.to_owned());
            }
        }
    }
    // The optimizer that takes the step: a lane with SAM names it as its base.
    let optimizer = lane.optimizer();
    let base = || all.get("base").cloned().or_else(|| run.setting("base")).unwrap_or_else(|| "sgd".to_owned());
    let step = if optimizer.ends_with("sam") { base() } else { optimizer.to_owned() };
    all.retain(|key, _| !OF_SAM.contains(&key.as_str()));
    all.insert("step by".to_owned(), step);
    all
}

impl RunsSummary {
    /// Who is better how often, in a sentence.
    pub(crate) fn count_in_words(&self) -> String {
        if self.pairs.is_empty() {
            return "There is no pair of a lane with SAM and one without.".to_owned();
        }
        let (runs, plural) = (self.runs, if self.runs == 1 { "" } else { "s" });
        format!(
            "Of {} pairs in {runs} run{plural} SAM has the lower test error in {}, the higher in {}, the same in {}.",
            self.pairs.len(),
            self.sam_better,
            self.sgd_better,
            self.equal
        )
    }

    /// The counts as a table for a terminal.
    pub fn to_text(&self) -> String {
        let headings = ["run", "pairs", "SAM better", "error %", "SAM's error %"].map(str::to_owned).to_vec();
        let mut text = aligned(&[headings], &self.by_run().into_iter().map(Vec::from).collect::<Vec<_>>());
        text.push('\n');
        wrap(&self.count_in_words(), &mut text);
        for notice in &self.notices {
            text.push('\n');
            wrap(&format!("Note: {notice}"), &mut text);
        }
        text
    }

    /// Each run with its pairs, those in which SAM is better, and the mean errors without and with SAM.
    fn by_run(&self) -> Vec<[String; 5]> {
        let row = |pairs: &[Pair]| {
            let mean = |error: fn(&Pair) -> f64| {
                format!("{:.1}", 100.0 * pairs.iter().map(error).sum::<f64>() / pairs.len() as f64)
            };
            let better = pairs.iter().filter(|pair| pair.sam_error < pair.sgd_error).count();
            let run = pairs.first().map_or_else(String::new, |pair| pair.run.clone());
            [run, pairs.len().to_string(), better.to_string(), mean(|pair| pair.sgd_error), mean(|pair| pair.sam_error)]
        };
        self.pairs.chunk_by(|a, b| a.run == b.run).map(row).collect()
    }
}

/// The scatter: below the diagonal SAM is better.
pub fn figure(summary: &RunsSummary) -> Figure {
    let names: Vec<&str> = summary.pairs.chunk_by(|a, b| a.run == b.run).map(|pairs| pairs[0].run.as_str()).collect();
    let caption = format!(
        "A point for each pair of lanes and seed{}. Below the dashed line SAM has the lower error: {} of {} points.",
        if (2..=MOST_COLOURS).contains(&names.len()) { ", a colour for each run" } else { "" },
        summary.sam_better,
        summary.pairs.len()
    );
    Figure {
        title: "Test error of SGD against test error of SAM".to_owned(),
        caption: escape(&caption),
        svgs: vec![draw(summary, &names, (940.0, 520.0)), draw(summary, &names, (460.0, 400.0))],
    }
}

fn draw(summary: &RunsSummary, names: &[&str], (width, height): (f64, f64)) -> String {
    let errors = || summary.pairs.iter().flat_map(|pair| [pair.sgd_error, pair.sam_error]);
    let (least, most) = (errors().fold(1.0, f64::min), errors().fold(0.0, f64::max));
    let step = spacing((most - least).max(0.01), 5.0);
    let low = ((least - 0.15 * step) / step).floor().max(0.0) * step;
    let high = (((most + 0.15 * step) / step).ceil() * step).min(1.0).max(low + step);
    let (left, top, bottom) = (46.0, 30.0, 46.0);
    let side = (height - top - bottom).min(width - left - 14.0);
    let x = |error: f64| left + side * (error - low) / (high - low);
    let y = |error: f64| top + side - side * (error - low) / (high - low);
    let mut svg = Svg::new(width, top + side + bottom);
    svg.text("title", Anchor::Start, (0.0, 10.0), "test error with SAM, %");
    svg.text("title", Anchor::Middle, (left + 0.5 * side, top + side + 36.0), "test error without SAM, %");
    let ticks = ((high - low) / step + 1e-6).floor() as usize;
    for tick in 0..=ticks {
        let error = low + tick as f64 * step;
        let text = decimals(100.0 * error, 100.0 * step);
        svg.line("grid", (left, y(error)), (left + side, y(error)));
        svg.text("tick", Anchor::End, (left, y(error)), &text);
        svg.text("tick", Anchor::Middle, (x(error), top + side + 15.0), &text);
    }
    svg.line("axis", (left, top + side), (left + side, top + side));
    svg.line("diagonal", (x(low), y(low)), (x(high), y(high)));
    let several = (2..=MOST_COLOURS).contains(&names.len());
    for pair in &summary.pairs {
        let colour = names.iter().position(|name| several && *name == pair.run).unwrap_or(0);
        let title = format!(
            "{}: {} {:.1} %, {} {:.1} %, seed {}",
            pair.run,
            pair.sgd,
            100.0 * pair.sgd_error,
            pair.sam,
            100.0 * pair.sam_error,
            pair.seed
        );
        svg.circle(&format!("dot f{colour}"), (x(pair.sgd_error), y(pair.sam_error)), 4.6, &title);
    }
    // The names of the runs stand beside the picture where there is room, else in the upper left, where SAM is worse.
    if several {
        let beside = width - left - side > 200.0;
        let (from, down) = if beside { (left + side + 28.0, top + 12.0) } else { (left + 12.0, top + 12.0) };
        for (index, name) in names.iter().enumerate() {
            let line = down + 19.0 * index as f64;
            let short: String = name.trim_start_matches("runs/").chars().take(if beside { 50 } else { 24 }).collect();
            svg.circle(&format!("dot f{index}"), (from, line), 4.6, "");
            svg.text("tick", Anchor::Start, (from + 12.0, line), &short);
        }
    }
    svg.finish(&format!("{} {}", summary.headline, summary.count_in_words()))
}
