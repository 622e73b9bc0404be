//! Sweeps: a grid over the settings of a comparison, trained as few runs of many lanes.
//!
//! A sweep is a folder with `sweep.json` (what was asked for, and which cell is which lane of which run) and one ordinary
//! run folder for each [`Group`] below `runs/`. Everything that a run can do (go on after a kill, be evaluated, have a
//! report) a cell can do, too.

mod grid;
mod plan;

pub use grid::{Axis, Grid, MOST_CELLS};
pub use plan::{Cell, Group, Plan};

use crate::config::{Command, Config};
use crate::gpu::Gpu;
use crate::run::{Outline, Progress, RunFolder, Session, create_folder, is_complete, outline};
use crate::train::Setup;
use crate::{Error, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use web_time::Duration;

/// The file that makes a folder a sweep's.
pub const SWEEP_FILE: &str = "sweep.json";
const VERSION: u64 = 1;

/// What `sweep.json` says.
#[derive(Clone, Debug)]
pub struct Record {
    /// What all cells have in common.
    pub base: Config,
    /// The grid.
    pub grid: Grid,
    /// The command that repeats the sweep.
    pub command: String,
    /// What the report shows; the engine only keeps it.
    pub metric: String,
}

/// A sweep in progress.
#[derive(Debug)]
pub struct Sweep {
    path: PathBuf,
    record: Record,
    plan: Plan,
    outlines: Vec<Outline>,
    /// The group that is being trained.
    at: usize,
    session: Option<Session>,
    data_dir: Option<PathBuf>,
}

impl Record {
    /// Reads a sweep's record.
    ///
    /// # Errors
    /// [`Error::Input`] where the folder is not a sweep's, or its record is damaged.
    pub fn read(path: &Path) -> Result<Self> {
        let file = path.join(SWEEP_FILE);
        let source = file.display().to_string();
        let text = std::fs::read_to_string(&file).map_err(|e| {
            let folder = path.display();
            Error::input(format!(
                "{folder} is not a sweep's folder: {source}: {e}. Give the folder that --out of a sweep made."
            ))
        })?;
        let damaged =
            |what: &str| Error::input(format!("{source} is damaged: {what}. Start the sweep anew with another --out."));
        let record: Value = serde_json::from_str(&text).map_err(|e| damaged(&e.to_string()))?;
        if record["version"].as_u64().is_some_and(|version| version > VERSION) {
            return Err(Error::input(format!("{source} was written by a later version; go on with that one.")));
        }
        let base = Config::from_json(&record["config"].to_string(), &source)?;
        let texts: Option<Vec<Axis>> = serde_json::from_value(record["grid"].clone()).ok();
        let axes = texts.ok_or_else(|| damaged("it has no grid"))?;
        let written: Vec<String> = axes.iter().map(|axis| format!("{}={};", axis.key, axis.values.join(";"))).collect();
        let grid = Grid::parse(&written, &base).map_err(|e| damaged(e.to_string().trim_end_matches('.')))?;
        let word = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
        Ok(Self { base, grid, command: word("command"), metric: word("metric") })
    }

    fn to_json(&self, plan: &Plan, gpu: &Gpu) -> Value {
        let mut config = self.base.to_object();
        config.retain(|_, value| !value.is_null());
        let cell = |cell: &Cell| json!({"label": cell.label, "values": cell.values});
        let runs = plan
            .groups
            .iter()
            .map(|group| json!({"folder": group.folder, "cells": group.cells.iter().map(cell).collect::<Vec<_>>()}));
        json!({
            "version": VERSION,
            "command": self.command,
            "adapter": gpu.info().name,
            "metric": self.metric,
            "config": config,
            "grid": self.grid,
            "axes": plan.axes,
            "runs": runs.collect::<Vec<_>>(),
        })
    }
}

impl Sweep {
    /// Starts a sweep in a new folder. Every cell is checked before the folder is made.
    ///
    /// # Errors
    /// [`Error::Input`] naming the cell that cannot be trained, with no folder left behind.
    pub fn create(gpu: &Gpu, record: Record, path: &Path) -> Result<Self> {
        RunFolder::check_free(path)?;
        let sweep = Self::plan(gpu, record, path, None)?;
        let text = format!("{:#}\n", sweep.record.to_json(&sweep.plan, gpu));
        create_folder(path, &[(SWEEP_FILE, text.as_bytes())])?;
        Ok(sweep)
    }

    /// Goes on with a sweep: runs that are done are passed over, one that was begun goes on from its checkpoint.
    ///
    /// # Errors
    /// [`Error::Input`] where the folder is not a sweep's or is damaged.
    pub fn resume(gpu: &Gpu, path: &Path, data_dir: Option<&Path>) -> Result<Self> {
        let mut record = Record::read(path)?;
        if let Some(dir) = data_dir {
            record.base.data_dir = dir.to_owned();
        }
        let mut sweep = Self::plan(gpu, record, path, data_dir)?;
        sweep.pass_over_complete();
        Ok(sweep)
    }

    fn plan(gpu: &Gpu, record: Record, path: &Path, data_dir: Option<&Path>) -> Result<Self> {
        let plan = Plan::new(&record.base, &record.grid)?;
        let check = |group: &Group| {
            let named = |e: Error| match e {
                Error::Input(why) if !group.shared.is_empty() => Error::input(format!("{}: {why}", group.shared)),
                other => other,
            };
            outline(gpu, &group.config, &group.config.lanes(Command::Compare)?).map_err(named)
        };
        let outlines = plan.groups.iter().map(check).collect::<Result<Vec<_>>>()?;
        let data_dir = data_dir.map(Path::to_owned);
        Ok(Self { path: path.to_owned(), record, plan, outlines, at: 0, session: None, data_dir })
    }

    /// Whether all cells are done.
    pub fn is_finished(&self) -> bool {
        self.at == self.plan.groups.len()
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was asked for.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The axes and runs.
    pub fn groups(&self) -> &[Group] {
        &self.plan.groups
    }

    /// The group that is being trained.
    pub fn group(&self) -> usize {
        self.at
    }

    /// The folder of a group's run.
    pub fn run_folder(&self, group: usize) -> PathBuf {
        self.plan.groups.get(group).map_or_else(|| self.path.clone(), |group| self.path.join(&group.folder))
    }

    /// Number of cells.
    pub fn cells(&self) -> usize {
        self.plan.cells()
    }

    /// Cells that are trained to their end.
    pub fn cells_done(&self) -> usize {
        let before: usize = self.plan.groups[..self.at].iter().map(|group| group.cells.len()).sum();
        let Some(session) = &self.session else { return before };
        let (done, open) = session.parts().split_at(session.part());
        let has =
            |parts: &[Setup], label: &str| parts.iter().any(|part| part.lanes.iter().any(|lane| lane.label == label));
        let cells = self.plan.groups[self.at].cells.iter();
        before + cells.filter(|cell| has(done, &cell.label) && !has(open, &cell.label)).count()
    }

    /// The work done, `step` steps into the present part, and all work, in multiply-adds: what time goes by.
    pub fn work(&self, step: u64) -> (f64, f64) {
        let of = |group: usize, part: usize, steps: u64| {
            let outline = &self.outlines[group];
            let setup = &outline.parts[part];
            let gradients: f64 = setup.lanes.iter().map(|lane| f64::from(lane.optimizer.gradients_per_step())).sum();
            gradients * steps as f64 * setup.batch as f64 * outline.multiply_adds.max(1) as f64
        };
        let all = |group: usize, parts: usize| -> f64 {
            (0..parts).map(|part| of(group, part, self.outlines[group].parts[part].steps)).sum()
        };
        let parts = |group: usize| self.outlines[group].parts.len();
        let total = (0..self.outlines.len()).map(|group| all(group, parts(group))).sum();
        let before: f64 = (0..self.at).map(|group| all(group, parts(group))).sum();
        let here = self.session.as_ref().map_or(0.0, |session| {
            let part = session.part();
            all(self.at, part) + if part < parts(self.at) { of(self.at, part, step) } else { 0.0 }
        });
        (before + here, total)
    }

    /// Does what can be done without waiting for the device (set-ups aside), and tells what happened. A group is done when
    /// [`Sweep::group`] has moved on.
    ///
    /// # Errors
    /// [`Error::Run`] where the device is lost, [`Error::Io`] where the disk is full; what was saved stands.
    pub async fn advance(&mut self, gpu: &Gpu, budget: Duration) -> Result<Vec<Progress>> {
        if self.is_finished() {
            return Ok(Vec::new());
        }
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.open(gpu).await?,
        };
        let progress = session.advance(gpu, budget).await;
        if session.is_finished() {
            self.at += 1;
            self.pass_over_complete();
        } else {
            self.session = Some(session);
        }
        progress
    }

    /// Saves where the sweep stands.
    ///
    /// # Errors
    /// [`Error::Run`] where the device is lost, [`Error::Io`] where the disk is full.
    pub async fn save(&mut self, gpu: &Gpu) -> Result<()> {
        match &mut self.session {
            Some(session) => session.save(gpu).await,
            None => Ok(()),
        }
    }

    fn pass_over_complete(&mut self) {
        while self
            .outlines
            .get(self.at)
            .is_some_and(|outline| is_complete(&self.run_folder(self.at), outline.parts.len()))
        {
            self.at += 1;
        }
    }

    /// The session of the present group: a new one, or the one that was begun.
    async fn open(&self, gpu: &Gpu) -> Result<Session> {
        let folder = self.run_folder(self.at);
        if folder.join("config.json").exists() {
            return Session::resume(gpu, &folder, self.data_dir.as_deref()).await;
        }
        let mut config = self.plan.groups[self.at].config.clone();
        if let Some(dir) = &self.data_dir {
            config.data_dir.clone_from(dir);
        }
        let lanes = config.lanes(Command::Compare)?;
        // Repeating the run alone is not repeating the sweep.
        Session::create(gpu, config, lanes, &folder, "lowland compare --config config.json").await
    }
}
