//! A run folder becomes one self-contained HTML page, and the table that the program prints.
//!
//! The crate reads files and nothing else: `config.json`, `metrics.csv`, `eval.csv` and, where there are some, `notes.json`
//! `spectrum.csv` with `density.csv`, and the folder `landscape`.
//! The walk of the data is `read` (files to rows) to `summary` (rows to estimates and sentences) to `text` (a table
//! for the terminal) and `html` (the page, with the pictures of `charts`). A sweep (`sweep.json` and several run folders)
//! has the same walk in `sweep`; `scatter` sets SGD against SAM over the runs of a folder.
//! The pictures of the landscape ([`Contour`], [`interpolation_svg`], [`relief_svg`]) are drawn of numbers that are given, and
//! stand alone.
//!
//! ```no_run
//! # fn main() -> Result<(), lowland_report::Error> {
//! let run = std::path::Path::new("runs/first");
//! print!("{}", lowland_report::summarize(run)?.to_text());
//! let page = lowland_report::write_report(run)?;
//! println!("{}", page.display());
//! # Ok(())
//! # }
//! ```

mod axis;
mod charts;
mod compare;
mod contour;
mod csv;
mod draw;
mod error;
mod evolution;
mod figure;
mod html;
mod interpolation;
mod isolines;
mod landscape;
mod lanes;
mod markup;
mod measures;
mod read;
mod relief;
mod rises;
mod scale;
mod scatter;
mod series;
mod spectrum;
mod stats;
mod summary;
mod svg;
mod sweep;
mod text;
mod valley;

#[cfg(test)]
mod synthetic;
#[cfg(test)]
mod tests;

use std::io::Write as _;
use std::path::{Path, PathBuf};

pub use compare::{Comparison, ComparisonKind, Verdict};
pub use contour::{Contour, Legend};
pub use error::{Error, Result};
pub use interpolation::{InterpolationPoint, interpolation_svg};
pub use relief::{ReliefLabels, relief_svg, relief_with};
pub use rises::{RisesPicture, rises_svg};
pub use scale::{HeightScale, colour};
pub use scatter::{Pair, RunsSummary, summarize_runs};
pub use spectrum::{SpectrumLine, spectrum_svg};
pub use stats::Estimate;
pub use summary::{BestValidation, Diverged, LaneSummary, Summary};
pub use sweep::{
    CellSummary, Metric, SeedResult, SweepAxis, SweepFiles, SweepSummary, Trouble, summarize_sweep, write_sweep,
};
pub use valley::{ValleySide, valley_svg};

/// What a folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderKind {
    /// One run, or nothing that is known.
    Run,
    /// A sweep.
    Sweep,
    /// Several runs or sweeps, each in a folder of its own.
    Runs,
}

/// Finds out what a folder holds.
pub fn kind_of(dir: &Path) -> FolderKind {
    if dir.join(sweep::SWEEP_FILE).exists() {
        FolderKind::Sweep
    } else if !dir.join("config.json").exists() && !scatter::run_folders(dir).is_empty() {
        FolderKind::Runs
    } else {
        FolderKind::Run
    }
}

/// Writes `report.html` into a folder of runs: the test error of SGD against that of SAM over all of them.
pub fn write_runs(dir: &Path) -> Result<PathBuf> {
    write_whole(dir, "report.html", &scatter::page(&summarize_runs(dir)?))
}

/// Reads a run folder and sums it up: one row a lane, the paired differences, and what they mean in words.
pub fn summarize(dir: &Path) -> Result<Summary> {
    Ok(Summary::of(&read::Run::read(dir)?))
}

/// The report of a run folder as the text of one self-contained HTML page.
pub fn render(dir: &Path) -> Result<String> {
    let run = read::Run::read(dir)?;
    let mut summary = Summary::of(&run);
    // A run is worth reporting without it.
    let landscape = landscape::read(dir).unwrap_or_else(|damage| {
        summary.notices.push(format!("The landscape was left out: {damage}."));
        None
    });
    let evolution = evolution::read(dir).unwrap_or_else(|damage| {
        summary.notices.push(format!("The curvature over the run was left out: {damage}."));
        None
    });
    html::page(&run, &summary, evolution.as_ref(), landscape.as_ref())
}

/// Writes `report.html` into the run folder, by a temporary file and one rename, and returns its path.
pub fn write_report(dir: &Path) -> Result<PathBuf> {
    write_whole(dir, "report.html", &render(dir)?)
}

/// Writes a file of `dir` by a temporary file and one rename.
fn write_whole(dir: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let target = dir.join(name);
    let temporary = dir.join(format!(".{name}.{}", std::process::id()));
    let written = std::fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, &target));
    match written {
        Ok(()) => Ok(target),
        Err(source) => {
            // Best effort: the error that matters is the one being returned.
            let _ = std::fs::remove_file(&temporary);
            Err(Error::Io { path: target, source, advice: "Free some space there, or make the folder writable" })
        }
    }
}
