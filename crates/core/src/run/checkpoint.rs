//! Where a run stands, in one safetensors file: all lanes of the part that is being trained, and how much of the tables
//! belongs to it.

use super::folder::write_atomically;
use crate::model::Model;
use crate::train::{Setup, Snapshot, entries, read_lane, read_metadata, serialize};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// The state of a run.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// What the tables and parts are at.
    pub place: Place,
    /// The lanes of the part; `None` at the start of one.
    pub snapshot: Option<Snapshot>,
}

/// Where in the run a checkpoint is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Which part of the run (lanes that are trained together).
    pub part: usize,
    /// Steps done in that part.
    pub step: u64,
    /// Length of `metrics.csv` in bytes.
    pub metrics_bytes: u64,
    /// Length of `eval.csv` in bytes.
    pub eval_bytes: u64,
    /// Lengths of `spectrum.csv` and `density.csv` in bytes, where the run has them.
    #[serde(default)]
    pub spectrum_bytes: [u64; 2],
    /// What went wrong so far, in sentences.
    pub notes: Vec<String>,
}

/// The key of a checkpoint's place in its header's metadata; a lane's final weights have none.
pub const CHECKPOINT_KEY: &str = "lowland-run";

fn prefix(label: &str, seed: u32) -> String {
    format!("{label}/{seed}/")
}

impl Checkpoint {
    /// Writes the checkpoint as a whole. `setup` is the part's.
    ///
    /// # Errors
    /// [`Error::Io`] where the disk is full.
    pub fn write(&self, path: &Path, model: &Model, setup: Option<&Setup>) -> Result<()> {
        let mut all = Vec::new();
        if let (Some(snapshot), Some(setup)) = (&self.snapshot, setup) {
            for (lane, state) in setup.lanes.iter().zip(&snapshot.lanes) {
                let batches = snapshot.step * (setup.batch / setup.m) as u64;
                all.extend(entries(model, state, batches, &prefix(&lane.label, lane.seed)));
            }
        }
        let place = serde_json::to_string(&self.place)
            .map_err(|e| Error::run(format!("a checkpoint could not be written: {e}.")))?;
        write_atomically(path, &serialize(&all, HashMap::from([(CHECKPOINT_KEY.to_owned(), place)]))?)
    }

    /// Where the run of a checkpoint is; `None` where there is none that can be read.
    pub(super) fn place(path: &Path) -> Option<Place> {
        let metadata = read_metadata(&std::fs::read(path).ok()?).ok()?;
        metadata.get(CHECKPOINT_KEY).and_then(|text| serde_json::from_str(text).ok())
    }

    /// Reads the checkpoint of a run with these parts; `None` where there is none yet.
    ///
    /// # Errors
    /// [`Error::Input`] for a damaged file or one of another run.
    pub fn read(path: &Path, model: &Model, parts: &[Setup]) -> Result<Option<Self>> {
        let source = path.display().to_string();
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::input(format!("{source}: {e}. Make the file readable."))),
        };
        let advice = "Remove it to run again from step 0, or start anew with another --out.";
        let metadata =
            read_metadata(&bytes).map_err(|e| Error::input(format!("{source} is damaged: {e}. {advice}")))?;
        let place: Place = metadata
            .get(CHECKPOINT_KEY)
            .and_then(|text| serde_json::from_str(text).ok())
            .ok_or_else(|| Error::input(format!("{source} is not a run's checkpoint. {advice}")))?;
        if place.part > parts.len() || (place.step > 0 && parts.get(place.part).is_none_or(|s| place.step > s.steps)) {
            return Err(Error::input(format!("{source} belongs to another run. {advice}")));
        }
        let snapshot = match parts.get(place.part).filter(|_| place.step > 0) {
            None => None,
            Some(setup) => {
                let lane = |lane: &crate::train::Lane| {
                    read_lane(model, &bytes, &prefix(&lane.label, lane.seed), lane.optimizer.moments())
                };
                let lanes = setup.lanes.iter().map(lane).collect::<Result<_, _>>();
                let lanes =
                    lanes.map_err(|e| Error::input(format!("{source} belongs to another run: {e}. {advice}")))?;
                Some(Snapshot { step: place.step, lanes })
            }
        };
        Ok(Some(Self { place, snapshot }))
    }
}
