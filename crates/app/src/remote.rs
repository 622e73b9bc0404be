//! What the window and the page around the app use: the state as JSON, files, links, and what the app wishes of them.

use crate::app::App;
use crate::curves::Quantity;
use crate::dialogs::Answer;
use crate::engine::{Job, Sharpness};
use crate::execute::Outside;
#[cfg(not(target_arch = "wasm32"))]
use crate::state::Layer;
use crate::text::messages;
use crate::{files, keep, share};
use egui::{ColorImage, ThemePreference};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

/// What the app asks of the window or the page around it.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// Save this file: where, the person says.
    Save {
        /// What it is called, until the person says otherwise.
        name: String,
        /// What is in it.
        bytes: Vec<u8>,
    },
    /// Let the person choose a file and give it to [`App::open`].
    Open,
}

/// A dropped file: its name, and its bytes or why they cannot be read.
type Dropped = (String, Result<Vec<u8>, String>);

/// Files on their way in and out.
#[derive(Default)]
pub struct Files {
    wishes: Vec<Wish>,
    /// Kinds that are to be saved as soon as they are there.
    saving: Vec<String>,
    /// A picture of the window that was asked for, and the picture once it is there.
    picture: Option<Arc<Mutex<Option<Arc<ColorImage>>>>>,
    /// A run folder that the person is choosing.
    choosing: Option<Job<Answer<std::path::PathBuf>>>,
    /// Dropped files that are being read.
    reading: Vec<Job<Dropped>>,
}

impl App {
    /// The state as the page's script gives it: `step`, `paused`, `adapter`, `software`, `steps_per_second`,
    /// `frames_per_second`, `gpu_bytes`, `lanes`, `surface`, `sharpness` (what the meter read last), `error`.
    pub fn state_json(&self) -> String {
        let last = |lane: usize, quantity| self.state.curves.last(lane, quantity).map(|point| point.value);
        let lane = |(i, lane): (usize, &crate::curves::Lane)| {
            json!({
                "optimizer": lane.label,
                "seed": lane.seed,
                "loss": last(i, Quantity::TrainLoss).or_else(|| last(i, Quantity::BatchLoss)),
                "train_accuracy": last(i, Quantity::TrainAccuracy),
                "test_accuracy": last(i, Quantity::TestAccuracy),
            })
        };
        let duel = self.engine.duel();
        let warnings = self.state.messages.iter().rev().filter(|message| message.warning);
        json!({
            "step": duel.map_or(0, |duel| duel.submitted()),
            "paused": !self.state.playing,
            "adapter": self.engine.gpu().info().name,
            "software": self.engine.gpu().is_software(),
            "steps_per_second": self.engine.steps_per_second().unwrap_or(0.0),
            "frames_per_second": self.engine.frames_per_second(),
            "gpu_bytes": self.engine.gpu_bytes(),
            "lanes": self.state.curves.lanes().iter().enumerate().map(lane).collect::<Vec<_>>(),
            "surface": self.engine.surface_state().map(|(plane, grid, step)| json!({ "plane": plane, "grid": grid, "step": step })),
            "sharpness": self.engine.meter().and_then(|meter| meter.last()).map(sharpness),
            "error": warnings.map(|message| message.text.clone()).next(),
        })
        .to_string()
    }

    /// The configuration, as its JSON file has it.
    pub fn config_json(&self) -> String {
        Value::Object(self.state.config.to_object()).to_string()
    }

    /// The link's part behind `#` for what is trained and shown now.
    pub fn link(&self) -> String {
        share::link(&self.state)
    }

    /// Goes where a link points (whole, or from its `#` on); what it says wrong becomes messages.
    pub fn open_link(&mut self, link: &str) {
        self.state.follow(share::parse(link));
    }

    /// Whether nothing may move by itself, for those who asked their system for that: slow motion then shows stills.
    pub fn set_still(&mut self, still: bool) {
        self.state.still = still;
        let time = if still { 0.0 } else { egui::Style::default().animation_time };
        self.context.all_styles_mut(|style| style.animation_time = time);
    }

    /// The bytes of a file: `config`, `checkpoint` (`checkpoint-left`, `checkpoint-right`), `csv`, `surface` or `png`. `None` while it
    /// is being made: ask again after a frame.
    ///
    /// # Errors
    /// A sentence where there is no such kind, or it cannot be made.
    pub fn export(&mut self, kind: &str) -> Result<Option<Vec<u8>>, String> {
        match kind {
            "config" => Ok(Some(files::config(&self.state.config))),
            "csv" => {
                let Some(duel) = self.engine.duel() else { return Ok(None) };
                let (config, data) = (&duel.start().config, duel.data());
                let epoch = config.steps_per_epoch(data.train.len(), config.batch_for(data.shape));
                Ok(Some(files::csv(&self.state.curves, epoch)))
            }
            "checkpoint" | "checkpoint-left" | "checkpoint-right" => {
                if !self.state.playing && !self.engine.snapshot_is_present() {
                    self.engine.fetch_soon();
                    return Ok(None);
                }
                let (Some(duel), Some(snapshot)) = (self.engine.duel(), self.engine.snapshot()) else {
                    return Ok(None);
                };
                files::checkpoint(duel, snapshot, files::side_of(kind, &self.state)).map(Some)
            }
            "surface" => {
                let surface = self.engine.ground().and_then(|ground| ground.surface());
                Ok(surface.map(|surface| surface.csv().into_bytes()))
            }
            "png" => self.picture(),
            _ => Err(messages::no_kind(kind, files::KINDS)),
        }
    }

    /// The picture of the window that was asked for by the first call.
    fn picture(&mut self) -> Result<Option<Vec<u8>>, String> {
        let Some(place) = &self.files.picture else {
            let place = Arc::new(Mutex::new(None));
            self.files.picture = Some(Arc::clone(&place));
            self.context.request_screenshot(move |image| {
                *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(image);
            });
            return Ok(None);
        };
        let image = place.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(image) = image else {
            self.context.request_repaint();
            return Ok(None);
        };
        self.files.picture = None;
        files::png(&image).map(Some)
    }

    /// Opens a file that was dropped or chosen: a configuration, a checkpoint or a link. What it is is read from its bytes;
    /// the training goes on where it cannot be used, and a message says why.
    pub fn open(&mut self, name: &str, bytes: Vec<u8>) {
        if let Err(error) = files::open(&mut self.state, name, bytes) {
            self.state.warn(error);
        }
    }

    /// What to keep to go on from after a crash or a lost device: give it to [`crate::Start`]. Nothing before the first
    /// state of the lanes has come back.
    pub fn snapshot(&self) -> Option<Vec<u8>> {
        keep::write(&self.state, Some(self.engine.snapshot()?))
    }

    /// What the app wishes since it was asked last.
    pub fn take_wishes(&mut self) -> Vec<Wish> {
        std::mem::take(&mut self.files.wishes)
    }

    /// The numbers as a table for those who do not see the pictures: the names of the columns, then rows of a name and a
    /// value a side.
    pub fn numbers(&self) -> (Vec<String>, Vec<(String, Vec<String>)>) {
        (crate::table::columns(&self.engine), crate::table::rows(&self.state, &self.engine))
    }

    /// Once a frame: files that are on their way, and what commands asked of the surroundings.
    pub(crate) fn tick_files(&mut self) {
        self.tick_runs();
        for dropped in self.context.input(|input| input.raw.dropped_files.clone()) {
            let name = dropped.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
            #[cfg(not(target_arch = "wasm32"))]
            match dropped.path() {
                path if path.as_os_str().is_empty() => {
                    self.files.reading.push(Job::new(async move { (name, dropped.bytes()) }))
                }
                path => self.open_path(path),
            }
            #[cfg(target_arch = "wasm32")]
            self.files.reading.push(Job::new(async move { (name, dropped.bytes_async().await) }));
        }
        let mut read = Vec::new();
        self.files.reading.retain_mut(|job| job.poll().map(|file| read.push(file)).is_none());
        for (name, bytes) in read {
            match bytes {
                Ok(bytes) => self.open(&name, bytes),
                Err(error) => self.state.warn(messages::not_read(&name, error)),
            }
        }
        for kind in std::mem::take(&mut self.files.saving) {
            match self.export(&kind) {
                Ok(Some(bytes)) => {
                    let name = files::name(&kind, &self.state, &self.engine);
                    self.files.wishes.push(Wish::Save { name, bytes });
                }
                Ok(None) => self.files.saving.push(kind),
                Err(error) => self.state.warn(error),
            }
        }
        if !self.files.reading.is_empty() || !self.files.saving.is_empty() {
            self.context.request_repaint();
        }
    }

    /// Does what a command asked of the surroundings.
    pub(crate) fn outside(&mut self, asked: Outside) {
        match asked {
            Outside::CopyLink => {
                let link = format!("{}#{}", self.address, share::link(&self.state));
                self.context.copy_text(link);
                self.state.say(crate::text::LINK_COPIED);
            }
            Outside::Copy(text) => {
                self.state.say(messages::copied(&text));
                self.context.copy_text(text);
            }
            Outside::Save(kind) => self.files.saving.push(kind),
            Outside::Open => self.files.wishes.push(Wish::Open),
            Outside::OpenRun => self.choose_run(),
            Outside::Theme => self.context.options_mut(|options| {
                options.theme_preference = match options.theme_preference {
                    ThemePreference::System => ThemePreference::Dark,
                    ThemePreference::Dark => ThemePreference::Light,
                    ThemePreference::Light => ThemePreference::System,
                };
            }),
        }
    }

    #[cfg(target_arch = "wasm32")]
    fn choose_run(&mut self) {
        self.state.warn(messages::NO_FOLDERS);
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn choose_run(&mut self) {
        let dialog = rfd::AsyncFileDialog::new().set_title(crate::text::bar::CHOOSE_TITLE).pick_folder();
        self.files.choosing =
            Some(crate::dialogs::ask(async move { dialog.await.map(|folder| folder.path().to_owned()) }));
    }

    /// Opens the run folder that was chosen, and reads on in those that are open.
    fn tick_runs(&mut self) {
        if let Some(answer) = self.files.choosing.as_mut().and_then(Job::poll) {
            self.files.choosing = None;
            match answer {
                Answer::Chosen(path) => {
                    if let Err(error) = self.state.runs.open(&path) {
                        self.state.warn(error);
                    }
                }
                Answer::Impossible => self.state.warn(crate::text::window::NO_DIALOG),
                Answer::Left => {}
            }
        }
        let (_, troubles) = self.state.runs.tick();
        troubles.into_iter().for_each(|trouble| self.state.warn(trouble));
        let wait = self.files.choosing.as_ref().map(|_| std::time::Duration::from_millis(100));
        if let Some(wait) = wait.or(self.state.runs.next_look()) {
            self.context.request_repaint_after(wait);
        }
    }

    /// Opens a file or folder by its path: what [`App::open`] reads, tables of data (CSV), and folders of runs, of images or
    /// of IDX files.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open_path(&mut self, path: &std::path::Path) {
        let name = path.display().to_string();
        let data =
            if path.is_dir() { folder_of_data(path) } else { path.extension().filter(|e| *e == "csv").map(|_| "csv") };
        let opened = match data {
            Some(kind) => {
                self.command("set", &format!("data={kind}:{name}")).map(|()| self.state.say(messages::data_now(&name)))
            }
            None if !measurements(path).is_empty() => measurements(path).iter().try_for_each(|file| {
                let name = file.display().to_string();
                let bytes = std::fs::read(file).map_err(|e| messages::unreadable(&name, e))?;
                files::open(&mut self.state, &name, bytes)
            }),
            None if path.is_dir() => self.command("open-run", &name).map(|()| {
                if !self.state.shows(Layer::Runs) {
                    self.state.layers.push(Layer::Runs);
                }
            }),
            None => match std::fs::read(path) {
                Ok(bytes) => files::open(&mut self.state, &name, bytes),
                Err(error) => Err(messages::unreadable(&name, error)),
            },
        };
        if let Err(error) = opened {
            self.state.warn(error);
        }
    }
}

/// The files of a folder that `lowland probe --out` wrote, if it is one.
#[cfg(not(target_arch = "wasm32"))]
fn measurements(path: &std::path::Path) -> Vec<std::path::PathBuf> {
    const STEMS: [&str; 7] = ["bound", "hessian", "interpolate", "sharpness", "spectrum", "surface", "valley"];
    if path.join("config.json").exists() {
        return Vec::new();
    }
    let files = std::fs::read_dir(path).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let ours = |file: &std::path::PathBuf| {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        file.extension().is_some_and(|end| end == "json") && STEMS.iter().any(|known| stem.starts_with(known))
    };
    let mut files: Vec<_> = files.filter(ours).collect();
    files.sort();
    files
}

/// A reading of the meter: a number for each side.
fn sharpness(read: &Sharpness) -> Value {
    json!({
        "step": read.step,
        "lambda_1": read.sides.map(|side| side.lambda_1),
        "residual": read.sides.map(|side| side.residual),
        "sam_sharpness": read.sides.map(|side| side.sam_sharpness),
        "adaptive_sharpness": read.sides.map(|side| side.adaptive_sharpness),
        "grad_norm": read.sides.map(|side| side.grad_norm),
        "loss": read.sides.map(|side| side.loss),
        "edge": read.edges.map(|edges| edges.base),
        "sam_edge": read.edges.map(|edges| edges.sam),
        "radii": read.radii,
    })
}

/// The kind of data set that a folder is, if it is one: folders of images by class, or IDX files.
#[cfg(not(target_arch = "wasm32"))]
fn folder_of_data(path: &std::path::Path) -> Option<&'static str> {
    if path.join("config.json").exists() {
        return None;
    }
    let mut entries = std::fs::read_dir(path).ok()?.filter_map(Result::ok);
    entries.find_map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        match entry.file_type().ok()? {
            kind if kind.is_dir() => Some("images"),
            _ => (name.contains("-ubyte") || name.contains("idx")).then_some("idx"),
        }
    })
}
