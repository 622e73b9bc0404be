//! A sweep's folder to cells: `sweep.json` and the run folders that it names.

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::read::{Evaluation, Lane, Run, SeedRun, Split, json_shape, read_json, value_text};
use crate::summary::{best_on_validation, last_evaluation};

/// The file that makes a folder a sweep's.
pub const SWEEP_FILE: &str = "sweep.json";

/// One axis of the grid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SweepAxis {
    /// The flag, without its dashes.
    pub key: String,
    /// The values, as they were written.
    pub values: Vec<String>,
}

/// How a training went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// Loss or gradient stopped being a number.
    Diverged,
    /// The network says the same of every input.
    Collapsed,
}

/// One trained seed of a cell, at the end of training.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SeedResult {
    /// The seed.
    pub seed: u64,
    /// Accuracy on the test set.
    pub test_accuracy: Option<f64>,
    /// Cross-entropy on the test set.
    pub test_loss: Option<f64>,
    /// Accuracy on the training examples, with the labels of the run.
    pub train_accuracy: Option<f64>,
    /// Cross-entropy on the training examples, with the labels of the run.
    pub train_loss: Option<f64>,
    /// Accuracy on the training examples whose label was left right, under label noise.
    pub train_clean_accuracy: Option<f64>,
    /// Accuracy on the validation examples.
    pub val_accuracy: Option<f64>,
    /// Cross-entropy on the validation examples.
    pub val_loss: Option<f64>,
    /// Test accuracy where the validation accuracy was highest.
    pub test_accuracy_at_best_val: Option<f64>,
    /// What went wrong.
    pub trouble: Option<Trouble>,
}

impl SeedResult {
    /// Training accuracy, on rightly labelled examples under label noise, minus test accuracy.
    pub fn gap(&self) -> Option<f64> {
        Some(self.train_clean_accuracy.or(self.train_accuracy)? - self.test_accuracy?)
    }

    fn of(run: &Run, lane: &Lane, seed: u64, rows: &SeedRun) -> Self {
        type Value = fn(&Evaluation) -> f64;
        let last = |split: Split, value: Value| last_evaluation(rows, split).map(value);
        let (accuracy, loss): (Value, Value) = (|row| row.accuracy, |row| row.loss);
        let told =
            |what: &str| run.notices.iter().any(|note| note.starts_with(&format!("{} seed {seed} {what}", lane.label)));
        let trouble = match rows.diverged_at.is_some() || told("diverged") {
            true => Some(Trouble::Diverged),
            false => told("collapsed").then_some(Trouble::Collapsed),
        };
        Self {
            seed,
            test_accuracy: last(Split::Test, accuracy),
            test_loss: last(Split::Test, loss),
            train_accuracy: last(Split::Train, accuracy),
            train_loss: last(Split::Train, loss),
            train_clean_accuracy: last(Split::TrainClean, accuracy),
            val_accuracy: last(Split::Validation, accuracy),
            val_loss: last(Split::Validation, loss),
            test_accuracy_at_best_val: best_on_validation(rows).map(accuracy),
            trouble,
        }
    }
}

/// One cell of the grid and its trained seeds.
#[derive(Debug)]
pub struct Cell {
    /// A value an axis.
    pub values: Vec<String>,
    /// The run's folder, below the sweep's.
    pub run: String,
    /// The lane in that run.
    pub label: String,
    /// The seeds that were trained to their end.
    pub seeds: Vec<SeedResult>,
    /// Seeds that were begun.
    pub begun: usize,
}

/// Everything that a sweep's folder holds.
#[derive(Debug)]
pub struct Sweep {
    /// What all cells have in common.
    pub config: Map<String, Value>,
    pub command: Option<String>,
    pub adapter: Option<String>,
    /// The metric that it was made with.
    pub metric: Option<String>,
    pub axes: Vec<SweepAxis>,
    /// The cells in the order of the axes, the last one fastest.
    pub cells: Vec<Cell>,
    /// The runs that are there, by folder.
    pub runs: Vec<(String, Run)>,
    pub notices: Vec<String>,
}

impl Sweep {
    /// Reads the folder; runs that are not there yet are cells without seeds.
    pub fn read(dir: &Path) -> Result<Self> {
        let shape = |message| json_shape(dir, SWEEP_FILE, message);
        let Some(record) = read_json(dir, SWEEP_FILE)? else {
            return Err(Error::NotARun { dir: dir.to_owned(), file: SWEEP_FILE });
        };
        let texts = |value: &Value| -> Option<Vec<String>> { value.as_array()?.iter().map(value_text).collect() };
        let axis = |axis: &Value| {
            Some(SweepAxis { key: axis["key"].as_str()?.replace('_', "-"), values: texts(&axis["values"])? })
        };
        let axes: Option<Vec<SweepAxis>> = record["axes"].as_array().and_then(|axes| axes.iter().map(axis).collect());
        let axes = axes
            .filter(|axes| !axes.is_empty() && axes.iter().all(|axis| !axis.values.is_empty()))
            .ok_or_else(|| shape("`axes` must be a list `[{\"key\": ..., \"values\": [...]}, ...]`"))?;
        let mut sweep = Self {
            config: record["config"].as_object().cloned().unwrap_or_default(),
            command: value_text(&record["command"]),
            adapter: value_text(&record["adapter"]),
            metric: value_text(&record["metric"]),
            axes,
            cells: Vec::new(),
            runs: Vec::new(),
            notices: Vec::new(),
        };
        let runs = record["runs"].as_array().ok_or_else(|| shape("`runs` must be a list"))?;
        for run in runs {
            let folder = run["folder"].as_str().filter(|folder| is_inside(folder));
            let cells = run["cells"].as_array();
            let (Some(folder), Some(cells)) = (folder, cells) else {
                return Err(shape("an entry of `runs` must be `{\"folder\": ..., \"cells\": [...]}`"));
            };
            sweep.read_run(dir, folder)?;
            for cell in cells {
                let cell = sweep.cell(folder, cell).ok_or_else(|| shape("a cell does not fit the axes"))?;
                sweep.cells.push(cell);
            }
        }
        let order = |cell: &Cell| -> Vec<usize> {
            let place = |(axis, value): (&SweepAxis, &String)| axis.values.iter().position(|v| v == value).unwrap_or(0);
            sweep.axes.iter().zip(&cell.values).map(place).collect()
        };
        sweep.cells.sort_by_cached_key(order);
        if sweep.cells.is_empty() {
            return Err(shape("there are no cells in `runs`"));
        }
        Ok(sweep)
    }

    /// Reads a run where there is one with an evaluation.
    fn read_run(&mut self, dir: &Path, folder: &str) -> Result<()> {
        let path = dir.join(folder);
        if !path.join("config.json").exists() {
            return Ok(());
        }
        match Run::read(&path) {
            Ok(run) => self.runs.push((folder.to_owned(), run)),
            Err(Error::Empty { .. }) => {}
            Err(other) => return Err(other),
        }
        Ok(())
    }

    /// A cell of the record, with the seeds that its run has.
    fn cell(&self, folder: &str, cell: &Value) -> Option<Cell> {
        let label = cell["label"].as_str()?.to_owned();
        let values: Vec<String> = cell["values"].as_array()?.iter().map(value_text).collect::<Option<_>>()?;
        let fits = values.len() == self.axes.len()
            && self.axes.iter().zip(&values).all(|(axis, value)| axis.values.contains(value));
        let run = self.runs.iter().find(|(name, _)| name == folder).map(|(_, run)| run);
        let lane = run.and_then(|run| run.lanes.iter().find(|lane| lane.label == label));
        let mut seeds = Vec::new();
        if let (Some(run), Some(lane)) = (run, lane) {
            let planned = lane.number("steps").unwrap_or(0.0);
            for (seed, rows) in &lane.seeds {
                let last = last_evaluation(rows, Split::Test).map_or(-1.0, |row| row.step as f64);
                if last >= planned {
                    seeds.push(SeedResult::of(run, lane, *seed, rows));
                }
            }
        }
        fits.then(|| Cell {
            values,
            run: folder.to_owned(),
            label,
            begun: lane.map_or(0, |lane| lane.seeds.len()),
            seeds,
        })
    }
}

/// Whether a path of the record stays inside of the sweep's folder.
fn is_inside(folder: &str) -> bool {
    Path::new(folder).components().all(|part| matches!(part, std::path::Component::Normal(_)))
}
