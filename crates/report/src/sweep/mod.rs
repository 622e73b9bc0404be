//! A sweep's folder becomes a table, two CSV files, a picture and a page.

mod figures;
mod heat;
mod metric;
mod page;
mod read;
mod summary;
mod tables;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use metric::Metric;
pub use read::{SWEEP_FILE, SeedResult, SweepAxis, Trouble};
pub use summary::{CellSummary, SweepSummary};

use crate::error::{Error, Result};
use crate::write_whole;
use read::Sweep;

/// The files that a sweep's folder gets.
#[derive(Debug, Clone)]
pub struct SweepFiles {
    /// The page.
    pub report: PathBuf,
    /// A row a cell.
    pub csv: PathBuf,
    /// A row a trained seed.
    pub per_seed: PathBuf,
    /// The first picture of the page; none before a cell is done.
    pub picture: Option<PathBuf>,
}

/// Reads a sweep's folder and sums it up: a row a cell, judged by `metric` or by what the sweep was made with.
pub fn summarize_sweep(dir: &Path, metric: Option<Metric>) -> Result<SweepSummary> {
    let sweep = Sweep::read(dir)?;
    judged(dir, &sweep, metric)
}

/// Writes `sweep.csv`, `cells.csv`, `sweep.svg` and `report.html` into a sweep's folder.
pub fn write_sweep(dir: &Path, metric: Option<Metric>) -> Result<SweepFiles> {
    let sweep = Sweep::read(dir)?;
    let summary = judged(dir, &sweep, metric)?;
    let figures = figures::figures(&sweep, &summary)?;
    let page = page::page(&sweep, &summary, &figures)?;
    let csv = write_whole(dir, "sweep.csv", &summary.cells_csv())?;
    let per_seed = write_whole(dir, "cells.csv", &summary.seeds_csv())?;
    let first = figures.first().and_then(|figure| figure.svgs.first());
    let picture = first.map(|svg| write_whole(dir, "sweep.svg", &crate::svg::standalone(svg, 940))).transpose()?;
    Ok(SweepFiles { report: write_whole(dir, "report.html", &page)?, csv, per_seed, picture })
}

fn judged(dir: &Path, sweep: &Sweep, metric: Option<Metric>) -> Result<SweepSummary> {
    let made_with = || sweep.metric.as_deref().and_then(|name| name.parse().ok());
    let metric = metric.or_else(made_with).unwrap_or_default();
    let done = || sweep.cells.iter().flat_map(|cell| &cell.seeds);
    if metric.needs_validation() && done().next().is_some() && done().all(|seed| seed.val_accuracy.is_none()) {
        return Err(Error::NoValidation { dir: dir.to_owned(), metric: metric.name() });
    }
    Ok(SweepSummary::of(sweep, metric))
}
