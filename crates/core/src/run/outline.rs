//! What a run is before it begins: data, network and parts, checked as a whole, and the record of it in the folder.

use super::checkpoint::Checkpoint;
use super::session::CHECKPOINT;
use super::table::number;
use crate::config::{Config, LaneConfig};
use crate::data::Dataset;
use crate::gpu::Gpu;
use crate::model::Model;
use crate::train::{LaneState, Setup, Snapshot, Trainer, read_tensors};
use crate::{Error, Result};
use serde_json::{Value, json};
use std::path::Path;

/// What a run will train, found out without a buffer on the device.
#[derive(Debug)]
pub(crate) struct Outline {
    /// The parts.
    pub(crate) parts: Vec<Setup>,
    /// Multiply-adds of one example's forward pass.
    pub(crate) multiply_adds: u64,
}

/// Checks a run as a whole: data, network, initial weights, and the room that each part needs.
///
/// # Errors
/// [`Error::Input`] for what [`Session::create`](super::Session::create) would refuse.
pub(crate) fn outline(gpu: &Gpu, config: &Config, lanes: &[LaneConfig]) -> Result<Outline> {
    let (data, model, parts) = prepare(config, lanes)?;
    if let Some(path) = &config.init {
        read_tensors(&model, &read_init(path)?, &path.display().to_string())?;
    }
    parts.iter().try_for_each(|setup| Trainer::check(gpu, &model, &data, setup))?;
    Ok(Outline { parts, multiply_adds: model.multiply_adds() })
}

/// Whether the run in this folder, of so many parts, has been trained to its end.
pub(crate) fn is_complete(folder: &Path, parts: usize) -> bool {
    let place = Checkpoint::place(&folder.join(CHECKPOINT));
    place.is_some_and(|place| place.part >= parts)
}

/// Data, network and parts of a run.
pub(super) fn prepare(config: &Config, lanes: &[LaneConfig]) -> Result<(Dataset, Model, Vec<Setup>)> {
    let data = crate::data::load(config)?;
    let model = config.model(data.shape, data.classes)?;
    let setups = config.setups(lanes, &data, &model)?;
    let parts: Vec<Setup> = setups.into_iter().flat_map(|setup| Trainer::split(&model, &data, setup)).collect();
    if parts.is_empty() {
        return Err(Error::input("there is no lane to train; name optimizers with --optimizer or lanes with --lane."));
    }
    Ok((data, model, parts))
}

pub(super) fn read_init(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|e| Error::input(format!("{}: {e}. Give --init a safetensors file that can be read.", path.display())))
}

/// The start that `--init` asks for: the same weights in every lane.
pub(super) fn initial(init: Option<&LaneState>, setup: &Setup) -> Option<Snapshot> {
    init.map(|state| Snapshot { step: 0, lanes: vec![state.clone(); setup.lanes.len()] })
}

/// The run folder's `config.json`: the configuration, and what it came to.
pub(super) fn record(
    config: &Config,
    lanes: &[LaneConfig],
    data: &Dataset,
    model: &Model,
    parts: &[Setup],
    command_line: &str,
    gpu: &Gpu,
) -> Value {
    let mut object = Config { model: Some(model.description().into()), ..config.clone() }.to_object();
    object.retain(|_, value| !value.is_null());
    let summary: Vec<Value> = lanes
        .iter()
        .filter_map(|lane| {
            let setup = parts.iter().find(|s| s.lanes.iter().any(|l| l.label == lane.label))?;
            let optimizer = setup.lanes.iter().find(|l| l.label == lane.label)?.optimizer.clone();
            Some(json!({
                "label": lane.label,
                "optimizer": lane.config.optimizer,
                "lr": short(optimizer.schedule.lr),
                "rho": short(optimizer.ascent.rho),
                "batch": setup.batch,
                "steps": setup.steps,
                "steps_per_epoch": config.steps_per_epoch(data.train.len(), setup.batch),
                "gradients_per_step": optimizer.gradients_per_step(),
            }))
        })
        .collect();
    object.insert("version".into(), 1.into());
    object.insert("command".into(), command_line.into());
    object.insert("adapter".into(), gpu.info().name.clone().into());
    object.insert("lanes".into(), summary.into());
    Value::Object(object)
}

/// An f32 as the short decimal that a person wrote.
fn short(value: f32) -> Value {
    serde_json::from_str(&number(value)).unwrap_or(Value::Null)
}
