//! A run folder becomes one self-contained HTML page, and the table that the program prints.
//!
//! The crate reads files and nothing else: `config.json`, `metrics.csv`, `eval.csv` and, where there is one, `notes.json`.
//! The walk of the data is `read` (files to rows) to `summary` (rows to estimates and sentences) to `text` (a table
//! for the terminal) and `html` (the page, with the pictures of `charts`). The pictures of the landscape ([`Contour`],
//! [`interpolation_svg`], [`relief_svg`]) are drawn of numbers that are given, and stand alone.
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
mod figure;
mod html;
mod interpolation;
mod isolines;
mod lanes;
mod read;
mod relief;
mod scale;
mod series;
mod stats;
mod summary;
mod text;

#[cfg(test)]
mod synthetic;
#[cfg(test)]
mod tests;

use std::io::Write as _;
use std::path::{Path, PathBuf};

pub use compare::{Comparison, ComparisonKind, Verdict};
pub use contour::Contour;
pub use error::{Error, Result};
pub use interpolation::{InterpolationPoint, interpolation_svg};
pub use relief::{ReliefLabels, relief_svg};
pub use scale::{HeightScale, colour};
pub use stats::Estimate;
pub use summary::{BestValidation, Diverged, LaneSummary, Summary};

/// Reads a run folder and sums it up: one row a lane, the paired differences, and what they mean in words.
pub fn summarize(dir: &Path) -> Result<Summary> {
    Ok(Summary::of(&read::Run::read(dir)?))
}

/// The report of a run folder as the text of one self-contained HTML page.
pub fn render(dir: &Path) -> Result<String> {
    let run = read::Run::read(dir)?;
    html::page(&run, &Summary::of(&run))
}

/// Writes `report.html` into the run folder, by a temporary file and one rename, and returns its path.
pub fn write_report(dir: &Path) -> Result<PathBuf> {
    let page = render(dir)?;
    let target = dir.join("report.html");
    let temporary = dir.join(format!(".report.html.{}", std::process::id()));
    let written = std::fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(page.as_bytes()).and_then(|()| file.sync_all()))
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
