//! Checkpoints as commands take them: weights, and by their header the network and the data that they belong to.

use crate::print::say;
use anyhow::Result;
use lowland::Error;
use lowland::config::{Change, Config};
use lowland::data::{self, Dataset, Scaling};
use lowland::model::Model;
use lowland::train::{LaneState, read_metadata, read_tensors};
use serde_json::{Map, Value};
use std::path::Path;
use std::rc::Rc;

/// A checkpoint with the network and the data that it is measured with.
pub struct Loaded {
    /// The configuration of its header, with the flags in it.
    pub config: Config,
    pub model: Model,
    pub data: Rc<Dataset>,
    pub state: LaneState,
    /// The steps that it was trained for, where it was kept on the way.
    pub step: Option<u64>,
}

/// Data sets by the settings they follow from: checkpoints of one run share theirs.
pub type Sets = Vec<(Config, Rc<Dataset>)>;

/// The data set of `config`, read once.
fn data_of(config: &Config, sets: &mut Sets) -> Result<Rc<Dataset>> {
    let Config { data, data_dir, data_size, data_noise, data_seed, train_limit, test_limit, .. } = config.clone();
    let Config { image_size, val_fraction, normalize, label_noise, .. } = *config;
    let limits =
        Config { image_size, train_limit, test_limit, val_fraction, normalize, label_noise, ..Config::default() };
    let key = Config { data, data_dir, data_size, data_noise, data_seed, ..limits };
    if let Some((_, set)) = sets.iter().find(|(known, _)| *known == key) {
        return Ok(Rc::clone(set));
    }
    let set = Rc::new(data::load(&key)?);
    sets.push((key, Rc::clone(&set)));
    Ok(set)
}

/// Reads a checkpoint; flags override what its header says.
pub fn load(file: &Path, changes: &Map<String, Value>, sets: &mut Sets) -> Result<Loaded> {
    let source = file.display().to_string();
    let bytes =
        std::fs::read(file).map_err(|e| Error::input(format!("{source}: {e}. Give a checkpoint that can be read.")))?;
    let mut metadata =
        read_metadata(&bytes).map_err(|e| Error::input(format!("{source}: {e}. Take another checkpoint.")))?;
    if metadata.contains_key(lowland::run::CHECKPOINT_KEY) {
        return Err(Error::input(format!(
            "{source} is a run's state of all its lanes; --resume its folder to the end and take one of its final-*.safetensors."
        ))
        .into());
    }
    let header = match metadata.remove("lowland") {
        Some(text) => {
            let (config, unknown) = Config::from_header(&text, &source)?;
            if !unknown.is_empty() {
                let unknown = unknown.join(", ");
                say(&format!("Warning: {source} has settings of another version, which are left out: {unknown}"));
            }
            config.check().map_err(|e| Error::input(format!("{source}: {e}")))?;
            if config.changes.iter().any(|change| change.key == Change::POINT) {
                say(&format!(
                    "Warning: training examples were moved by hand while {source} trained; they are measured where the data set has them."
                ));
            }
            // The weights are those of the end.
            config.at(u64::MAX)?
        }
        None if changes.contains_key("model") => Config::default(),
        None => {
            return Err(Error::input(format!(
                "{source} does not say which network it belongs to; give --model, and --data for what it is measured on."
            ))
            .into());
        }
    };
    let config = header.with(changes.clone(), "the flags")?;
    config.check()?;
    let mut data = data_of(&config, sets)?;
    if !changes.contains_key("normalize") {
        let scaling: Option<Scaling> = metadata.get("lowland_scaling").and_then(|text| serde_json::from_str(text).ok());
        let fits = |s: &Scaling| s.mean.len() == data.shape.channels && s.std.len() == data.shape.channels;
        if let Some(scaling) = scaling.filter(|s| fits(s) && *s != data.scaling) {
            data = Rc::new(Dataset { scaling, ..Dataset::clone(&data) });
        }
    }
    let model = config.model(data.shape, data.classes)?;
    let state = read_tensors(&model, &bytes, &source)?;
    let step = metadata.get(lowland::run::STEP_KEY).and_then(|text| text.parse().ok());
    Ok(Loaded { config, model, data, state, step })
}

pub fn missing_val() -> Error {
    Error::input("there is no validation part; --val-fraction makes one.")
}
