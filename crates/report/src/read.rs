//! Files to rows: `config.json`, `metrics.csv`, `eval.csv`, `notes.json`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::csv::Csv;
use crate::error::{Error, Result};

/// What part of the data an evaluation measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Split {
    /// The training examples with the labels of the run.
    Train,
    /// The test set.
    Test,
    /// The training examples kept for validation.
    Validation,
    /// The training examples whose label was left right.
    TrainClean,
    /// The training examples whose label was moved, against that wrong label.
    TrainFlipped,
}

impl Split {
    /// The split of a name in `eval.csv`; names from a later version are passed over.
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "train" => Self::Train,
            "test" => Self::Test,
            "val" => Self::Validation,
            "train-clean" => Self::TrainClean,
            "train-flipped" => Self::TrainFlipped,
            _ => return None,
        })
    }
}

/// One row of `eval.csv`.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation {
    pub step: u64,
    pub epoch: f64,
    pub loss: f64,
    pub accuracy: f64,
}

/// One row of `metrics.csv`: the columns that the report shows.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    pub step: u64,
    pub epoch: f64,
    pub loss: f64,
    /// Between SAM's gradient with the second-order term and without, where the lane has that term.
    pub second_order_cosine: Option<f64>,
}

/// One seed of a lane.
#[derive(Debug, Default)]
pub struct SeedRun {
    pub metrics: Vec<Metric>,
    /// By step; of a row written twice the later one holds.
    pub evaluations: BTreeMap<Split, BTreeMap<u64, Evaluation>>,
    /// First step at which a loss was not finite.
    pub diverged_at: Option<u64>,
}

/// One lane over its seeds.
#[derive(Debug, Default)]
pub struct Lane {
    pub label: String,
    pub settings: Map<String, Value>,
    pub seeds: BTreeMap<u64, SeedRun>,
    /// Whether a row of `metrics.csv` has a `sam_loss`.
    pub has_sam_loss: bool,
}

/// Everything that a run folder holds.
#[derive(Debug)]
pub struct Run {
    pub config: Map<String, Value>,
    pub lanes: Vec<Lane>,
    pub notices: Vec<String>,
}

impl Lane {
    /// A setting of the lane as a number.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.settings.get(key).and_then(Value::as_f64)
    }

    /// The optimizer's name; the label where the configuration does not say.
    pub fn optimizer(&self) -> &str {
        self.settings.get("optimizer").and_then(Value::as_str).unwrap_or(&self.label)
    }

    /// Gradients that one step computes: stated by the configuration, else one more than its ascent steps where a SAM
    /// loss was logged or the optimizer is of SAM's kind.
    pub fn gradients_per_step(&self) -> f64 {
        let climbs = self.has_sam_loss || (self.optimizer().contains("sam") && self.number("rho") != Some(0.0));
        let second_order = self.settings.get("second_order").is_some_and(|on| *on == true);
        let ascent = self.number("ascent_steps").unwrap_or(1.0).max(1.0);
        let guessed = if climbs { 1.0 + ascent + if second_order { 3.0 } else { 0.0 } } else { 1.0 };
        self.number("gradients_per_step").filter(|count| *count > 0.0).unwrap_or(guessed)
    }

    /// Whether the lane climbs before it descends.
    pub fn is_sam(&self) -> bool {
        self.gradients_per_step() > 1.0
    }

    /// Steps of one epoch: stated by the configuration, else read off the first change of epoch.
    pub fn steps_per_epoch(&self) -> Option<f64> {
        let stated = self.number("steps_per_epoch").filter(|steps| *steps > 0.0);
        stated.or_else(|| {
            let seed = self.seeds.values().next()?;
            seed.metrics.iter().find(|row| row.epoch >= 1.0).map(|row| row.step as f64 / row.epoch.floor())
        })
    }

    /// Epochs done after `step` updates, as a fraction; `epoch` is what the file says, used if nothing better is known.
    pub fn epochs_done(&self, step: u64, epoch: f64) -> f64 {
        self.steps_per_epoch().map_or(epoch, |per_epoch| step as f64 / per_epoch)
    }

    /// Updates done at the last evaluation of any seed.
    pub fn last_step(&self) -> u64 {
        self.evaluations().map(|row| row.step).max().unwrap_or(0)
    }

    /// Every evaluation of every seed and split.
    pub fn evaluations(&self) -> impl Iterator<Item = &Evaluation> {
        self.seeds.values().flat_map(|seed| seed.evaluations.values()).flat_map(BTreeMap::values)
    }

    /// Whether any seed was measured on `split`.
    pub fn has(&self, split: Split) -> bool {
        self.seeds.values().any(|seed| seed.evaluations.contains_key(&split))
    }
}

impl Run {
    /// Reads a run folder.
    pub fn read(dir: &Path) -> Result<Self> {
        if !dir.is_dir() {
            let source = std::io::Error::new(std::io::ErrorKind::NotFound, "there is no such folder");
            return Err(Error::Io { path: dir.to_owned(), source, advice: "Give the folder of a run" });
        }
        let config = match read_json(dir, "config.json")? {
            None => return Err(Error::NotARun { dir: dir.to_owned(), file: "config.json" }),
            Some(Value::Object(map)) => map,
            Some(_) => return Err(json_shape(dir, "config.json", "the configuration must be an object `{...}`")),
        };
        let mut run = Self { lanes: lanes_of(dir, &config)?, config, notices: read_notes(dir)? };
        if run.config.get("version").and_then(Value::as_u64).is_some_and(|version| version > 1) {
            run.notices
                .push("This folder was written by a later version of the program; parts may be missing here.".into());
        }
        run.read_evaluations(dir)?;
        run.read_metrics(dir)?;
        let silent: Vec<String> =
            run.lanes.iter().filter(|lane| lane.seeds.is_empty()).map(|lane| lane.label.clone()).collect();
        if !silent.is_empty() {
            run.notices.push(format!("No evaluation yet of: {}.", silent.join(", ")));
        }
        run.lanes.retain(|lane| lane.evaluations().next().is_some());
        if run.lanes.is_empty() {
            return Err(Error::Empty { path: dir.join("eval.csv") });
        }
        Ok(run)
    }

    /// A value of the configuration as text, without quotes.
    pub fn setting(&self, key: &str) -> Option<String> {
        self.config.get(key).and_then(value_text)
    }

    /// The share of training labels that were moved to a wrong class.
    pub fn label_noise(&self) -> f64 {
        self.config.get("label_noise").and_then(Value::as_f64).filter(|noise| *noise > 0.0).unwrap_or(0.0)
    }

    /// The lane of a label, added if the configuration does not have it.
    fn lane(&mut self, label: &str) -> &mut Lane {
        let index = self.lanes.iter().position(|lane| lane.label == label).unwrap_or_else(|| {
            self.lanes.push(Lane { label: label.to_owned(), ..Lane::default() });
            self.lanes.len() - 1
        });
        &mut self.lanes[index]
    }

    fn read_evaluations(&mut self, dir: &Path) -> Result<()> {
        let mut csv = Csv::open(dir, "eval.csv")?;
        let (label, seed, step) = (csv.column("optimizer")?, csv.column("seed")?, csv.column("step")?);
        let (epoch, split) = (csv.column("epoch")?, csv.column("split")?);
        let (loss, accuracy) = (csv.column("loss")?, csv.column("accuracy")?);
        while csv.advance()? {
            let step = csv.whole(step)?;
            let row = Evaluation {
                step,
                epoch: csv.number(epoch)?,
                loss: csv.number(loss)?,
                accuracy: csv.number(accuracy)?,
            };
            let seed = csv.whole(seed)?;
            if csv.text(label).is_empty() {
                return Err(csv.damaged(label, "the name of a lane"));
            }
            let lane = self.lane(csv.text(label));
            let seed = lane.seeds.entry(seed).or_default();
            if let Some(split) = Split::from_name(csv.text(split)) {
                seed.evaluations.entry(split).or_default().insert(step, row);
            }
            seed.note_loss(step, row.loss);
        }
        self.note_cut(&csv, "eval.csv");
        Ok(())
    }

    fn read_metrics(&mut self, dir: &Path) -> Result<()> {
        let mut csv = Csv::open(dir, "metrics.csv")?;
        let (label, seed, step) = (csv.column("optimizer")?, csv.column("seed")?, csv.column("step")?);
        let (epoch, loss, sam_loss) = (csv.column("epoch")?, csv.column("loss")?, csv.optional_column("sam_loss"));
        let cosine = csv.optional_column("second_order_cosine");
        while csv.advance()? {
            let cosine = cosine.filter(|column| !csv.text(*column).is_empty());
            let row = Metric {
                step: csv.whole(step)?,
                epoch: csv.number(epoch)?,
                loss: csv.number(loss)?,
                second_order_cosine: cosine.map(|column| csv.number(column)).transpose()?,
            };
            let seed = csv.whole(seed)?;
            if csv.text(label).is_empty() {
                return Err(csv.damaged(label, "the name of a lane"));
            }
            let has_sam_loss = match sam_loss {
                Some(column) if !csv.text(column).is_empty() => csv.number(column).map(|_| true)?,
                _ => false,
            };
            let lane = self.lane(csv.text(label));
            lane.has_sam_loss |= has_sam_loss;
            let seed = lane.seeds.entry(seed).or_default();
            seed.metrics.push(row);
            seed.note_loss(row.step, row.loss);
        }
        self.note_cut(&csv, "metrics.csv");
        Ok(())
    }

    fn note_cut(&mut self, csv: &Csv, file: &str) {
        if csv.cut_short {
            self.notices
                .push(format!("The last line of {file} is cut short and was left out: the run was stopped there."));
        }
    }
}

impl SeedRun {
    fn note_loss(&mut self, step: u64, loss: f64) {
        if !loss.is_finite() {
            self.diverged_at = Some(self.diverged_at.map_or(step, |first| first.min(step)));
        }
    }
}

/// The text of a value: a string without its quotes, a list with commas, nothing for null.
pub fn value_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(items.iter().filter_map(value_text).collect::<Vec<_>>().join(", ")),
        // A network as a list of layers, by its name or by their types.
        Value::Object(object) if object.contains_key("layers") => {
            let types = || -> Option<String> {
                let types: Option<Vec<_>> =
                    object["layers"].as_array()?.iter().map(|layer| layer["type"].as_str()).collect();
                Some(types?.join(", "))
            };
            object.get("name").and_then(value_text).or_else(types)
        }
        other => Some(other.to_string()),
    }
}

/// The lanes of the configuration, in its order; none where it names none.
fn lanes_of(dir: &Path, config: &Map<String, Value>) -> Result<Vec<Lane>> {
    let list = match config.get("lanes") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(json_shape(dir, "config.json", "`lanes` must be a list `[{\"label\": ...}, ...]`")),
    };
    let mut lanes: Vec<Lane> = Vec::with_capacity(list.len());
    for item in list {
        let Some(settings) = item.as_object() else {
            return Err(json_shape(dir, "config.json", "every entry of `lanes` must be an object `{\"label\": ...}`"));
        };
        let Some(label) = settings.get("label").and_then(Value::as_str) else {
            return Err(json_shape(dir, "config.json", "an entry of `lanes` has no `label`"));
        };
        if !lanes.iter().any(|lane| lane.label == label) {
            lanes.push(Lane { label: label.to_owned(), settings: settings.clone(), ..Lane::default() });
        }
    }
    Ok(lanes)
}

/// The remarks in `notes.json`; none where there is no such file.
fn read_notes(dir: &Path) -> Result<Vec<String>> {
    let Some(value) = read_json(dir, "notes.json")? else { return Ok(Vec::new()) };
    match value.get("notes") {
        Some(Value::Array(notes)) => Ok(notes.iter().filter_map(value_text).collect()),
        _ => Err(json_shape(dir, "notes.json", "it must be `{\"notes\": [\"...\"]}`")),
    }
}

pub fn read_json(dir: &Path, file: &str) -> Result<Option<Value>> {
    let path = dir.join(file);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::Io { path, source, advice: "Check that it may be read" }),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|fault| {
        let full = fault.to_string();
        let message = full.split(" at line ").next().unwrap_or(&full).to_owned();
        Error::Json { path, line: fault.line(), column: fault.column(), message }
    })
}

pub fn json_shape(dir: &Path, file: &str, message: &'static str) -> Error {
    Error::Shape { path: dir.join(file), message }
}
