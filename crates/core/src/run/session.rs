//! Drives a run: part after part, events into tables, checkpoints and final weights.

use super::checkpoint::{Checkpoint, Place};
use super::folder::{RunFolder, write_atomically};
use super::outline::{initial, prepare, read_init, record};
use super::spectrum::SpectrumLog;
use super::table::{Table, number};
use crate::config::{Config, LaneConfig};
use crate::data::Dataset;
use crate::gpu::Gpu;
use crate::model::Model;
use crate::train::{
    Evaluation, Event, Lane, LaneState, Setup, Snapshot, StepMetrics, Trainer, read_tensors, write_tensors,
};
use crate::{Error, Result};
use serde_json::json;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use web_time::Duration;

/// A run in progress.
#[derive(Debug)]
pub struct Session {
    folder: RunFolder,
    config: Config,
    lanes: Vec<LaneConfig>,
    data: Dataset,
    model: Model,
    parts: Vec<Setup>,
    part: usize,
    trainer: Option<Trainer>,
    metrics: Table,
    evals: Table,
    spectrum: Option<SpectrumLog>,
    notes: Vec<String>,
    /// The tensors of `--init`.
    init: Option<LaneState>,
    /// Steps that the last checkpoint holds, those of earlier parts included.
    saved: u64,
}

/// What a session tells while it goes on.
#[derive(Clone, Debug)]
pub enum Progress {
    /// A logged step of a lane of the present part.
    Step(StepMetrics),
    /// An evaluation of a lane of the present part.
    Evaluation(Evaluation),
    /// A sentence about a lane that went wrong.
    Note(String),
    /// A checkpoint was written after this many steps of the part.
    Saved(u64),
    /// The part is done.
    PartDone,
}

const METRICS: &str = "optimizer,seed,step,epoch,loss,sam_loss,accuracy,grad_norm,lr,rho,second_order_cosine";
const EVALS: &str = "optimizer,seed,step,epoch,split,loss,accuracy,top5";
pub(super) const CHECKPOINT: &str = "checkpoint.safetensors";
/// The key of the step in the metadata of weights that were kept on the way.
pub const STEP_KEY: &str = "lowland_step";
/// A copy of the file that `--init` named: a run that goes on does not depend on files elsewhere.
const INIT: &str = "init.safetensors";

impl Session {
    /// Starts a run in a new folder. Everything is checked, and the first part is on the device, before the folder is made.
    ///
    /// # Errors
    /// [`Error::Input`] for anything that cannot be trained, with no folder left behind.
    pub async fn create(
        gpu: &Gpu,
        config: Config,
        lanes: Vec<LaneConfig>,
        out: &Path,
        command_line: &str,
    ) -> Result<Self> {
        RunFolder::check_free(out)?;
        let (data, model, parts) = prepare(&config, &lanes)?;
        let init_bytes = config.init.as_deref().map(read_init).transpose()?;
        let init_state = |bytes: &Vec<u8>| {
            let path = config.init.clone().unwrap_or_default();
            read_tensors(&model, bytes, &path.display().to_string())
        };
        let init = init_bytes.as_ref().map(init_state).transpose()?;
        let start = initial(init.as_ref(), &parts[0]);
        let trainer = Trainer::new(gpu, &model, &data, parts[0].clone(), start.as_ref()).await?;
        let record = record(&config, &lanes, &data, &model, &parts, command_line, gpu);
        let (metrics, evals) = (format!("{METRICS}\n"), format!("{EVALS}\n"));
        let mut files = vec![("metrics.csv", metrics.as_bytes()), ("eval.csv", evals.as_bytes())];
        let tables = SpectrumLog::files(config.spectrum_every);
        files.extend(tables.iter().map(|(name, header)| (*name, header.as_bytes())));
        files.extend(init_bytes.iter().map(|bytes| (INIT, bytes.as_slice())));
        let folder = RunFolder::create(out, &record, &files)?;
        let metrics = Table::open(&folder.file("metrics.csv"), METRICS, metrics.len() as u64)?;
        let evals = Table::open(&folder.file("eval.csv"), EVALS, evals.len() as u64)?;
        let mut spectrum = SpectrumLog::open(&folder, config.spectrum_every, [0, 0])?;
        spectrum.iter_mut().for_each(|log| log.begin(0, parts[0].steps));
        Ok(Self {
            spectrum,
            folder,
            config,
            lanes,
            data,
            model,
            parts,
            part: 0,
            trainer: Some(trainer),
            metrics,
            evals,
            notes: Vec::new(),
            init,
            saved: 0,
        })
    }

    /// Goes on with a run from its last checkpoint, or from its start where there is none.
    ///
    /// # Errors
    /// [`Error::Input`] where the folder is not a run's or is damaged.
    pub async fn resume(gpu: &Gpu, path: &Path, data_dir: Option<&Path>) -> Result<Self> {
        let (folder, mut config) = RunFolder::open(path)?;
        config.refuse_changes(&folder.file("config.json").display().to_string())?;
        if let Some(dir) = data_dir {
            config.data_dir = dir.to_owned();
        }
        let lanes = config.lanes(crate::config::Command::Compare)?;
        let (data, model, parts) = prepare(&config, &lanes)?;
        let checkpoint = Checkpoint::read(&folder.file(CHECKPOINT), &model, &parts)?;
        let (place, snapshot) = checkpoint.map_or((Place::default(), None), |c| (c.place, c.snapshot));
        let copy = folder.file(INIT);
        let path = if copy.exists() { Some(copy) } else { config.init.clone() };
        let init = match path.filter(|_| config.init.is_some() && place.part < parts.len()) {
            Some(path) => Some(read_tensors(&model, &read_init(&path)?, &path.display().to_string())?),
            None => None,
        };
        let trainer = match parts.get(place.part) {
            None => None,
            Some(setup) => {
                let start = if snapshot.is_some() { snapshot } else { initial(init.as_ref(), setup) };
                Some(Trainer::new(gpu, &model, &data, setup.clone(), start.as_ref()).await?)
            }
        };
        let metrics = Table::open(&folder.file("metrics.csv"), METRICS, place.metrics_bytes)?;
        let evals = Table::open(&folder.file("eval.csv"), EVALS, place.eval_bytes)?;
        let mut spectrum = SpectrumLog::open(&folder, config.spectrum_every, place.spectrum_bytes)?;
        if let (Some(log), Some(setup)) = (&mut spectrum, parts.get(place.part)) {
            log.begin(place.step, setup.steps);
        }
        let saved = parts[..place.part].iter().map(|part| part.steps).sum::<u64>() + place.step;
        let (part, notes) = (place.part, place.notes);
        Ok(Self {
            folder,
            config,
            lanes,
            data,
            model,
            parts,
            part,
            trainer,
            metrics,
            evals,
            spectrum,
            notes,
            init,
            saved,
        })
    }

    /// Whether all parts are done.
    pub fn is_finished(&self) -> bool {
        self.part == self.parts.len()
    }

    /// The folder.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// The data set.
    pub fn data(&self) -> &Dataset {
        &self.data
    }

    /// The network.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The parts: lanes that are trained together.
    pub fn parts(&self) -> &[Setup] {
        &self.parts
    }

    /// The part that is being trained.
    pub fn part(&self) -> usize {
        self.part
    }

    /// The trainer of the part that is being trained.
    pub fn trainer(&self) -> Option<&Trainer> {
        self.trainer.as_ref()
    }

    /// What went wrong so far, in sentences.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Steps that the last checkpoint holds, those of earlier parts included.
    pub fn saved_steps(&self) -> u64 {
        self.saved
    }

    /// Does what can be done without waiting for the device (a part's set-up aside), and tells what happened.
    ///
    /// # Errors
    /// [`Error::Run`] where the device is lost, [`Error::Io`] where the disk is full; the last checkpoint stands.
    pub async fn advance(&mut self, gpu: &Gpu, budget: Duration) -> Result<Vec<Progress>> {
        let Some(setup) = self.parts.get(self.part) else { return Ok(Vec::new()) };
        let mut trainer = match self.trainer.take() {
            Some(trainer) => trainer,
            None => {
                let start = initial(self.init.as_ref(), setup);
                Trainer::new(gpu, &self.model, &self.data, setup.clone(), start.as_ref()).await?
            }
        };
        let mut ready = self.keep_start(gpu, &trainer).await;
        if ready.is_ok() {
            ready = self.measure(gpu, &trainer).await;
        }
        if let Err(error) = ready {
            self.trainer = Some(trainer);
            return Err(error);
        }
        self.spectrum.iter().for_each(|log| log.hold(&mut trainer));
        let events = trainer.tick(gpu, budget);
        // At once, so that a stop between two steps finds all rows that are due.
        let measured = self.measure(gpu, &trainer).await;
        let finished = trainer.is_finished();
        self.trainer = (!finished).then_some(trainer);
        measured?;
        let mut progress = Vec::new();
        for event in events? {
            self.handle(event, &mut progress)?;
        }
        self.metrics.flush_in_time()?;
        self.evals.flush_in_time()?;
        self.spectrum.as_mut().map_or(Ok(()), SpectrumLog::flush_in_time)?;
        Ok(progress)
    }

    /// Measures the curvature of the lanes where that is due; it waits for it.
    async fn measure(&mut self, gpu: &Gpu, trainer: &Trainer) -> Result<()> {
        let Some(mut log) = self.spectrum.take() else { return Ok(()) };
        let measured = log.measure(gpu, &self.model, &self.data, trainer, |lane, step| self.lane_at(lane, step)).await;
        self.spectrum = Some(log);
        measured
    }

    /// Saves where the run stands.
    ///
    /// # Errors
    /// [`Error::Run`] where the device is lost, [`Error::Io`] where the disk is full.
    pub async fn save(&mut self, gpu: &Gpu) -> Result<()> {
        let mut ignored = Vec::new();
        let Some(mut trainer) = self.trainer.take() else { return Ok(()) };
        trainer.stop();
        trainer.checkpoint_soon();
        while !trainer.is_finished() {
            for event in trainer.tick(gpu, Duration::ZERO)? {
                if !matches!(event, Event::Finished) {
                    self.handle(event, &mut ignored)?;
                }
            }
            #[cfg(not(target_family = "wasm"))]
            gpu.wait(Duration::from_millis(5));
        }
        Ok(())
    }

    fn handle(&mut self, event: Event, progress: &mut Vec<Progress>) -> Result<()> {
        match event {
            Event::Step(m) => {
                self.spectrum.iter_mut().for_each(|log| log.arrived(m.step));
                let optional = |value: Option<f32>| value.map(number).unwrap_or_default();
                let (sam_loss, cosine) = (optional(m.sam_loss), optional(m.second_order_cosine));
                let row = format!(
                    "{},{},{sam_loss},{},{},{},{},{cosine}",
                    self.row_start(m.lane, m.step),
                    number(m.loss),
                    number(m.accuracy),
                    number(m.grad_norm),
                    number(m.lr),
                    number(m.rho)
                );
                self.metrics.row(&row);
                progress.push(Progress::Step(m));
            }
            Event::Evaluation(e) => {
                let [loss, accuracy, top5] = [e.loss, e.accuracy, e.top5].map(number);
                let row = format!("{},{},{loss},{accuracy},{top5}", self.row_start(e.lane, e.step), e.part.name());
                self.evals.row(&row);
                progress.push(Progress::Evaluation(e));
            }
            Event::Trouble { lane, step, trouble } => {
                let lane = &self.parts[self.part].lanes[lane];
                let what = format!("{} seed {} {trouble}", lane.label, lane.seed);
                if self.notes.iter().any(|note| note.starts_with(&what)) {
                    // A run that goes on finds the trouble again that it had before its checkpoint.
                    return Ok(());
                }
                let note = format!("{what} (step {step})");
                self.notes.push(note.clone());
                write_atomically(
                    &self.folder.file("notes.json"),
                    json!({ "notes": self.notes }).to_string().as_bytes(),
                )?;
                progress.push(Progress::Note(note));
            }
            Event::Checkpoint(snapshot) => {
                let step = snapshot.step;
                self.checkpoint(*snapshot)?;
                progress.push(Progress::Saved(step));
            }
            Event::Finished => {
                self.part += 1;
                if let Some(log) = &mut self.spectrum {
                    log.arrived(u64::MAX);
                    self.parts.get(self.part).into_iter().for_each(|setup| log.begin(0, setup.steps));
                }
                progress.push(Progress::PartDone);
            }
        }
        Ok(())
    }

    /// Optimizer, seed, step and epoch of a row.
    fn row_start(&self, lane: usize, step: u64) -> String {
        self.lane_at(lane, step).join(",")
    }

    /// Optimizer, seed and step of a row, and the epoch.
    fn lane_at(&self, lane: usize, step: u64) -> [String; 2] {
        let setup = &self.parts[self.part];
        let lane = &setup.lanes[lane];
        let epoch = self.config.epochs_of(self.data.train.len(), setup.batch).of(step);
        [format!("{},{},{step}", lane.label, lane.seed), epoch.to_string()]
    }

    fn checkpoint(&mut self, snapshot: Snapshot) -> Result<()> {
        if snapshot.step == 0 && self.parts[self.part].steps > 0 {
            // The start of a part is where the end of the one before it, or an empty folder, goes on anyway.
            return Ok(());
        }
        let metrics_bytes = self.metrics.sync()?;
        let eval_bytes = self.evals.sync()?;
        let spectrum_bytes = self.spectrum.as_mut().map_or(Ok([0, 0]), |log| {
            log.arrived(snapshot.step);
            log.sync()
        })?;
        let setup = &self.parts[self.part];
        let (part, step, notes) = (self.part, snapshot.step, self.notes.clone());
        let mut place = Place { part, step, metrics_bytes, eval_bytes, spectrum_bytes, notes };
        if setup.keeps(snapshot.step) || (setup.keep_every.is_some() && snapshot.step == setup.steps) {
            self.keep(setup, &snapshot)?;
        }
        let mut snapshot = Some(snapshot);
        if place.step == setup.steps {
            if let Some(last) = snapshot.take() {
                self.write_final_weights(setup, &last)?;
            }
            (place.part, place.step) = (self.part + 1, 0);
        }
        let saved = self.parts[..place.part].iter().map(|part| part.steps).sum::<u64>() + place.step;
        Checkpoint { place, snapshot }.write(&self.folder.file(CHECKPOINT), &self.model, Some(setup))?;
        self.saved = saved;
        Ok(())
    }

    /// Keeps the weights that a part begins with, unless they are there.
    async fn keep_start(&self, gpu: &Gpu, trainer: &Trainer) -> Result<()> {
        let setup = &self.parts[self.part];
        let start = |lane: &Lane| self.folder.kept_weights(&lane.label, lane.seed, 0, setup.steps);
        if !setup.keeps(0) || trainer.submitted() > 0 || setup.lanes.iter().all(|lane| start(lane).exists()) {
            return Ok(());
        }
        self.keep(setup, &trainer.snapshot(gpu).await?)
    }

    /// Keeps the weights of all lanes beside those of other steps.
    fn keep(&self, setup: &Setup, snapshot: &Snapshot) -> Result<()> {
        let path = self.folder.file("path");
        std::fs::create_dir_all(&path).map_err(|e| Error::io(&path, e, super::table::ADVICE))?;
        let file = |lane: &Lane| self.folder.kept_weights(&lane.label, lane.seed, snapshot.step, setup.steps);
        let step = HashMap::from([(STEP_KEY.to_owned(), snapshot.step.to_string())]);
        self.write_weights(setup, snapshot, file, &step)
    }

    fn write_final_weights(&self, setup: &Setup, snapshot: &Snapshot) -> Result<()> {
        let file = |lane: &Lane| self.folder.final_weights(&lane.label, lane.seed);
        self.write_weights(setup, snapshot, file, &HashMap::new())
    }

    /// Writes the weights of each lane to its `file`, with the configuration and `more` in the header.
    fn write_weights(
        &self,
        setup: &Setup,
        snapshot: &Snapshot,
        file: impl Fn(&Lane) -> PathBuf,
        more: &HashMap<String, String>,
    ) -> Result<()> {
        let groups = (setup.batch / setup.m) as u64;
        for (lane, state) in setup.lanes.iter().zip(&snapshot.lanes) {
            let of_lane = self.lanes.iter().find(|l| l.label == lane.label).map_or(&self.config, |l| &l.config);
            let config = Config {
                seed: lane.seed,
                seeds: 1,
                equal_compute: false,
                model: Some(self.model.description().into()),
                init: None,
                ..of_lane.clone()
            };
            let scaling = serde_json::to_string(&self.data.scaling)
                .map_err(|e| Error::run(format!("the scaling could not be written: {e}.")))?;
            let mut metadata = more.clone();
            metadata.extend([("lowland".to_owned(), config.to_header()), ("lowland_scaling".to_owned(), scaling)]);
            let bytes = write_tensors(&self.model, state, snapshot.step * groups, metadata)?;
            write_atomically(&file(lane), &bytes)?;
        }
        Ok(())
    }
}
