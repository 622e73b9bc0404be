//! What each command does.

use crate::command::Command;
use crate::engine::Engine;
use crate::presets;
use crate::state::{Edit, Layer, SlowMotion, State, View};
use crate::text::messages;
use lowland::config::Config;
use web_time::Instant;

/// What a command asks of the app around state and engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Outside {
    /// Put the link on the clipboard.
    CopyLink,
    /// Put this text on the clipboard.
    Copy(String),
    /// Save what `export` of this kind gives.
    Save(String),
    /// Let the person choose a file to open.
    Open,
    /// Let the person choose a run folder to open.
    OpenRun,
    /// Another theme.
    Theme,
}

impl State {
    /// Does `command`; what only the surroundings can do comes back.
    ///
    /// # Errors
    /// A sentence for the person: what was wrong with it and what to do. Nothing has changed then.
    pub fn execute(&mut self, command: Command, engine: &mut Engine) -> Result<Option<Outside>, String> {
        match command {
            Command::Play => self.playing = true,
            Command::Pause => self.playing = false,
            Command::TogglePlay if self.slow.is_some() => self.slow.iter_mut().for_each(SlowMotion::toggle),
            Command::TogglePlay => self.playing = !self.playing,
            Command::Step => {
                self.playing = false;
                self.single_steps += 1;
            }
            Command::Restart => {
                self.scrub = None;
                engine.restart(self);
            }
            Command::SlowMotion => self.toggle_slow_motion(),
            Command::SlowPlay => self.slow.iter_mut().for_each(SlowMotion::toggle),
            Command::SlowPart(by) => self.slow.iter_mut().for_each(|slow| slow.go(by)),
            Command::Set(key, value) => self.set(&key, &value)?,
            Command::Reset(key) => {
                let default = crate::presets::default_of(&self.config, &key)?;
                self.set(&key, &default)?;
            }
            Command::Preset(name) => self.preset(&name)?,
            Command::Dice => {
                let seed = (u64::from(self.config.seed) * 1_664_525 + 1_013_904_223) % 10_000;
                self.set("seed", &seed.to_string())?;
            }
            Command::Focus(side) => self.view.focus = if self.view.focus == Some(side) { None } else { Some(side) },
            Command::Plane(kind) => self.view.plane = kind,
            Command::ToggleContour => self.view.contour = !self.view.contour,
            Command::ToggleLogHeight => self.view.log_height = !self.view.log_height,
            Command::ResetCamera => {
                let View { azimuth, elevation, zoom, .. } = View::default();
                (self.view.azimuth, self.view.elevation, self.view.zoom) = (azimuth, elevation, zoom);
            }
            Command::Orbit(right, up) => {
                self.view.azimuth = (self.view.azimuth + right).rem_euclid(360.0);
                self.view.elevation = (self.view.elevation + up).clamp(5.0, 90.0);
            }
            Command::Zoom(factor) => self.view.zoom = (self.view.zoom * factor).clamp(0.4, 4.0),
            Command::Axis(axis) => self.view.axis = axis,
            Command::Smoothing(amount) => self.view.smoothing = amount,
            Command::Plot(place, plot) => self.view.plots[place.min(1)] = plot,
            Command::TrainMap(steps) => engine.train_map(self, steps)?,
            Command::Rescale(side, factor) => engine.rescale(self, crate::engine::Rescale { side, factor })?,
            Command::OpenRun(path) => self.runs.open(std::path::Path::new(path.trim()))?,
            Command::ChooseRun => return Ok(Some(Outside::OpenRun)),
            Command::CloseRun(run) => self.runs.close(run),
            Command::TrainRun(run) => {
                let run = self.runs.all().get(run).ok_or_else(|| messages::NO_RUN.to_owned())?;
                let (name, config) = (run.name().to_owned(), crate::files::duel(run.config().clone())?);
                crate::share::check(&config)?;
                self.take(config);
                self.say(messages::race_of(&name));
            }
            Command::CloseResult(i) if i < self.results.len() => drop(self.results.remove(i)),
            Command::CloseResult(_) => return Err(messages::NO_MEASUREMENT.to_owned()),
            Command::ToggleLogLoss => self.view.log_loss = !self.view.log_loss,
            Command::Scrub(step) => self.scrub = step.map(|step| engine.look_back(step)).transpose()?,
            Command::ToggleTestPoints => self.view.test_points = !self.view.test_points,
            Command::AddPoint(place, class) => self.edits.push(Edit::Add(place, class)),
            Command::MovePoint(point, place) => self.move_point(point, place),
            Command::RemovePoint(point) => self.edits.push(Edit::Remove(point)),
            Command::ClearEdits => self.edits.clear(),
            Command::Class(class) => self.view.class = class,
            Command::ToggleSpeed => {
                self.view.speed = if self.view.speed.is_some() { None } else { Some(crate::state::WATCHABLE) };
            }
            Command::Layer(layer) => self.toggle(layer),
            Command::Close => self.close(),
            Command::CopyLink => return Ok(Some(Outside::CopyLink)),
            Command::Export(kind) => return Ok(Some(Outside::Save(kind))),
            Command::Open => return Ok(Some(Outside::Open)),
            Command::NextTheme => return Ok(Some(Outside::Theme)),
            Command::CopyCommandLine => {
                let steps = engine.duel().map_or(0, |duel| duel.submitted());
                return Ok(Some(Outside::Copy(crate::share::command_line(&self.config, steps))));
            }
        }
        Ok(None)
    }

    /// Changes one setting, if the configuration is whole with it.
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let config = crate::share::with(&self.config, key, value)?;
        self.take(config);
        Ok(())
    }

    /// Goes over to another configuration. Points that were edited belong to their set, weights from a file to their
    /// network.
    pub fn take(&mut self, config: Config) {
        let same = |a: &Config, b: &Config| (&a.data, a.data_size, a.data_seed) == (&b.data, b.data_size, b.data_seed);
        let network = |config: &Config| (config.data.clone(), config.model.clone(), config.norm, config.image_size);
        if !same(&self.config, &config) {
            self.edits.clear();
        }
        if network(&self.config) != network(&config) {
            self.weights = None;
        }
        self.config = config;
    }

    fn preset(&mut self, name: &str) -> Result<(), String> {
        let preset = presets::preset(name).ok_or_else(|| {
            let names: Vec<&str> = presets::PRESETS.iter().map(|preset| preset.name).collect();
            messages::no_preset(name, &names)
        })?;
        self.take((preset.config)());
        self.edits.clear();
        self.weights = None;
        self.playing = true;
        Ok(())
    }

    fn move_point(&mut self, point: usize, place: [f32; 2]) {
        // Dragging is one change, not one for every frame.
        if let Some(Edit::Move(last, to)) = self.edits.last_mut()
            && *last == point
        {
            *to = place;
        } else {
            self.edits.push(Edit::Move(point, place));
        }
    }

    fn toggle_slow_motion(&mut self) {
        self.slow = match self.slow {
            Some(_) => None,
            None => Some(SlowMotion { since: Instant::now(), part: 0, done: 0.0, running: !self.still }),
        };
    }

    fn toggle(&mut self, layer: Layer) {
        match self.layers.iter().position(|open| *open == layer) {
            Some(place) => drop(self.layers.remove(place)),
            None => self.layers.push(layer),
        }
        self.search.clear();
    }

    fn close(&mut self) {
        if self.layers.pop().is_none() && self.slow.take().is_none() && self.scrub.take().is_none() {
            self.messages.pop();
        }
    }
}
