//! What is on the device: the duel that is trained, and the pictures of it.

mod boundary;
mod duel;
mod examples;
mod ground;
mod job;
mod map;
mod meter;
mod pace;
mod past;
mod picture;
mod record;
mod rescale;
mod slow;
mod tick;
mod weights;

pub use boundary::{ASPECT, Boundary, Moment, Source};
pub use duel::{Duel, Side};
pub use examples::{Examples, Seen};
pub use ground::{BEYOND, Ground, Laid, Line, Subject, Surface, What, camera};
pub use job::Job;
pub use map::{Cell, RhoMap, SIDE};
pub use meter::{Sharpness, SharpnessMeter};
pub use past::Past;
pub use picture::{FORMAT, Picture};
pub use record::of_lane;
pub use rescale::{FACTORS, Rescale};
pub use slow::{Numbers, PARTS, Slow, place};

use crate::settings::{self, Change};
use crate::state::{Edit, Layer, State};
use crate::text::messages;
use egui_wgpu::RenderState;
use lowland::config::Config;
use lowland::gpu::Gpu;
use lowland::train::{Slot, Snapshot};
use lowland::{Error, Result};
use pace::Pace;
use std::rc::Rc;
use tick::{mixed, moment, slot};
use web_time::Duration;

/// A configuration and the changes of its training points.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// What to train.
    pub config: Config,
    /// Changes of its training points, in order.
    pub edits: Vec<Edit>,
    /// The weights that both sides begin at, where they come from a file.
    pub weights: Option<Rc<Weights>>,
}

/// A checkpoint that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weights {
    /// The file's name, for messages.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// The device and what lives on it.
pub struct Engine {
    render: RenderState,
    gpu: Rc<Gpu>,
    duel: Option<Duel>,
    boundary: Option<Boundary>,
    examples: Option<Examples>,
    past: Option<Past>,
    map: Option<RhoMap>,
    ground: Option<Ground>,
    slow: Option<Slow>,
    meter: Option<SharpnessMeter>,
    /// Pixels that the picture of the ground may have.
    ground_pixels: [u32; 2],
    next: Option<Next>,
    /// What was asked for last, whether it is there yet or not.
    asked: Option<Start>,
    /// The newest state of all lanes that came back.
    snapshot: Option<Rc<Snapshot>>,
    /// Whether a present one is waited for.
    wanted: bool,
    pace: Pace,
    /// When the device was lost.
    lost: bool,
}

/// A duel in preparation; the one before rests meanwhile.
#[derive(Debug)]
enum Next {
    /// Its start has to come back from the device first; a side of it may be rescaled then.
    Snapshot(Start, Option<Rescale>),
    /// It is being built.
    Build { job: Job<Result<Duel>>, change: Change, start: Start },
}

/// How often a state is fetched to go on from after a crash or a lost device.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(4);

impl Engine {
    /// An engine on egui's device. `software` says whether it computes on the CPU, and `adapter` what it is called, where
    /// wgpu does not know: a browser tells it neither.
    pub fn new(render: RenderState, software: Option<bool>, adapter: &str) -> Self {
        let mut info = render.adapter.get_info();
        if info.name.is_empty() {
            adapter.clone_into(&mut info.name);
        }
        if software == Some(true) {
            info.device_type = wgpu::DeviceType::Cpu;
        }
        let gpu = Gpu::from_parts(info, render.device.clone(), render.queue.clone(), None);
        let target = if gpu.is_software() { 0.08 } else { 1.0 / 60.0 };
        let pace = Pace::new(target);
        let gpu = Rc::new(gpu);
        Self {
            render,
            gpu,
            duel: None,
            boundary: None,
            examples: None,
            past: None,
            map: None,
            ground: None,
            slow: None,
            meter: None,
            ground_pixels: [640, 420],
            next: None,
            asked: None,
            snapshot: None,
            wanted: false,
            pace,
            lost: false,
        }
    }

    /// The device.
    pub fn gpu(&self) -> &Rc<Gpu> {
        &self.gpu
    }

    /// egui's side of the device.
    pub fn render(&self) -> &RenderState {
        &self.render
    }

    /// What is trained, once the first is there.
    pub fn duel(&self) -> Option<&Duel> {
        self.duel.as_ref()
    }

    /// The pictures of the decision, of 2-D data.
    pub fn boundary(&self) -> Option<&Boundary> {
        self.boundary.as_ref()
    }

    /// The loss surface.
    pub fn ground(&self) -> Option<&Ground> {
        self.ground.as_ref()
    }

    /// The step that slow motion shows.
    pub fn slow(&self) -> Option<&Slow> {
        self.slow.as_ref()
    }

    /// The sharpness meter, since it was looked at.
    pub fn meter(&self) -> Option<&SharpnessMeter> {
        self.meter.as_ref()
    }

    /// What the last whole surface shows: the plane's name, points along each side, and the step.
    pub fn surface_state(&self) -> Option<(&'static str, usize, u64)> {
        let surface = self.ground.as_ref()?.surface()?;
        let plane = match surface.subject {
            Subject::Plane(kind) => kind.name(),
            Subject::Step => "step",
        };
        Some((plane, surface.grid, surface.step))
    }

    /// How many pixels the picture of the ground has room for.
    pub fn look(&mut self, ground_pixels: [u32; 2]) {
        self.ground_pixels = ground_pixels;
    }

    /// What both sides make of single images.
    pub fn examples(&self) -> Option<&Examples> {
        self.examples.as_ref()
    }

    /// The kept moments of the training.
    pub fn past(&self) -> Option<&Past> {
        self.past.as_ref()
    }

    /// The map of rho and learning rate, since it was asked for.
    pub fn map(&self) -> Option<&RhoMap> {
        self.map.as_ref()
    }

    /// Trains the map for `steps` steps a cell, or ends that.
    ///
    /// # Errors
    /// A sentence for what cannot be trained.
    pub fn train_map(&mut self, state: &State, steps: Option<u64>) -> std::result::Result<(), String> {
        let Some(steps) = steps else {
            if let Some(map) = &mut self.map {
                map.stop();
            }
            return Ok(());
        };
        let duel = self.duel.as_ref().ok_or_else(|| messages::NO_RACE.to_owned())?;
        let map =
            RhoMap::new(&self.render, &self.gpu, duel, &state.config, steps).map_err(|error| error.to_string())?;
        self.map = Some(map);
        Ok(())
    }

    /// Where the weights of `side` lie that `state` shows: those that are looked back at, or the present ones.
    pub fn slot(&self, side: usize, state: &State) -> Option<Slot<'_>> {
        Some(slot(self.duel.as_ref()?, self.past.as_ref(), side, state.scrub))
    }

    /// Whether frames are wanted though nothing is trained: something is on its way, or not drawn yet.
    pub fn has_work(&self, state: &State) -> bool {
        let past = self.past.as_ref();
        let drawn = |duel: &Duel| match &self.boundary {
            Some(boundary) => {
                let factors = mixed(self.slow.as_ref(), state);
                let moment = factors.map_or_else(|| moment(duel, past, state.scrub), Moment::Mixed);
                boundary.moment() == Some(moment)
            }
            None => true,
        };
        let at_work = |duel: &Duel| !duel.is_idle() || past.is_some_and(Past::is_preparing) || !drawn(duel);
        let map = self.map.as_ref().is_some_and(RhoMap::is_running);
        let reads = |duel: &Duel| {
            let busy = |meter: &SharpnessMeter| meter.is_busy(duel.submitted());
            state.shows(Layer::Meter) && self.meter.as_ref().is_none_or(busy)
        };
        let reads = self.duel.as_ref().is_some_and(reads);
        map || reads || self.is_preparing() || self.is_measuring() || self.duel.as_ref().is_some_and(at_work)
    }

    /// The kept step nearest to `step`.
    ///
    /// # Errors
    /// A sentence where nothing is kept.
    pub fn look_back(&self, step: u64) -> std::result::Result<u64, String> {
        let past = self.past.as_ref();
        if let Some(why) = past.and_then(Past::refused) {
            return Err(messages::no_looking_back(why));
        }
        past.and_then(|past| past.step_near(step)).ok_or_else(|| messages::NOTHING_KEPT.to_owned())
    }

    /// The newest state that came back from the device.
    pub fn snapshot(&self) -> Option<&Rc<Snapshot>> {
        self.snapshot.as_ref()
    }

    /// Whether the newest state that came back is the present one.
    pub fn snapshot_is_present(&self) -> bool {
        let present = self.duel.as_ref().map(Duel::submitted);
        self.snapshot.as_ref().is_some_and(|snapshot| Some(snapshot.step) == present)
    }

    /// Asks for the state of all lanes as soon as it can come.
    pub fn fetch_soon(&mut self) {
        self.wanted = true;
    }

    /// Whether another duel is being prepared.
    pub fn is_preparing(&self) -> bool {
        self.next.is_some()
    }

    /// Whether a picture is still becoming finer.
    pub fn is_measuring(&self) -> bool {
        self.ground.as_ref().is_some_and(Ground::is_busy)
    }

    /// Whether the device is gone, and everything on it.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Frames a second, of the last ones.
    pub fn frames_per_second(&self) -> f64 {
        self.pace.frames_per_second()
    }

    /// Steps a second of one lane, as they pass in this app: drawing takes its share of the device.
    pub fn steps_per_second(&self) -> Option<f64> {
        self.pace.steps_per_second()
    }

    /// How long until the next frame is wanted while training.
    pub fn frame_interval(&self) -> Duration {
        Duration::from_secs_f64(if self.gpu.is_software() { 0.5 * self.pace.target() } else { 0.0 })
    }

    /// Bytes on the device.
    pub fn gpu_bytes(&self) -> u64 {
        let pictures = self.boundary.as_ref().map_or(0, Boundary::gpu_bytes);
        let examples = self.examples.as_ref().map_or(0, Examples::gpu_bytes);
        self.duel.as_ref().map_or(0, Duel::gpu_bytes)
            + pictures
            + examples
            + self.past.as_ref().map_or(0, Past::gpu_bytes)
            + self.map.as_ref().map_or(0, RhoMap::gpu_bytes)
            + self.ground.as_ref().map_or(0, Ground::gpu_bytes)
            + self.slow.as_ref().map_or(0, Slow::gpu_bytes)
            + self.meter.as_ref().map_or(0, SharpnessMeter::gpu_bytes)
    }

    /// Goes from what is trained to what `state` asks for, by the least that is needed.
    pub fn apply(&mut self, state: &mut State) {
        let start = state.start();
        let Some(before) = self.asked.replace(start.clone()) else {
            self.build(start, Change::Restart, None);
            return;
        };
        if before == start {
            return;
        }
        let change = match settings::change(&before.config, &start.config) {
            Some(Change::Restart) => Change::Restart,
            _ if before.weights != start.weights => Change::Restart,
            Some(Change::Live) if before.edits == start.edits && self.next.is_none() => Change::Live,
            _ => Change::Rebuild,
        };
        match (change, &mut self.duel) {
            (Change::Restart, _) | (_, None) => self.build(start, Change::Restart, None),
            (Change::Rebuild, Some(_)) => self.next = Some(Next::Snapshot(start, None)),
            (Change::Live, Some(duel)) => match duel.retune(&start.config) {
                Ok(true) => {}
                Ok(false) => self.next = Some(Next::Snapshot(start, None)),
                Err(error) => self.refuse(state, &error),
            },
        }
    }

    /// The same from its beginning.
    pub fn restart(&mut self, state: &State) {
        let start = state.start();
        self.asked = Some(start.clone());
        self.build(start, Change::Restart, None);
    }

    /// From a state that was kept.
    pub fn resume(&mut self, state: &State, snapshot: Rc<Snapshot>) {
        let start = state.start();
        self.asked = Some(start.clone());
        self.build(start, Change::Rebuild, Some(snapshot));
    }

    fn build(&mut self, start: Start, change: Change, from: Option<Rc<Snapshot>>) {
        let (gpu, with) = (Rc::clone(&self.gpu), start.clone());
        let before = self.duel.as_ref().map(Duel::before);
        let twice = self.duel.as_ref().filter(|_| from.is_some()).and_then(|duel| duel.double_snapshot().cloned());
        let job = Job::new(async move { Duel::new(gpu, with, from, before, twice).await });
        self.next = Some(Next::Build { job, change, start });
    }

    /// Says why something cannot be trained, and goes on with what is.
    fn refuse(&mut self, state: &mut State, error: &Error) {
        state.warn(error.to_string());
        match &self.duel {
            Some(duel) => {
                state.begin_at(duel.start().clone());
                self.asked = Some(duel.start().clone());
            }
            // Nothing is trained yet: the opening duel is, instead.
            None if self.asked.as_ref() != Some(&crate::presets::opening()) => {
                state.begin_at(crate::presets::opening());
                self.asked = None;
            }
            None => {}
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("duel", &self.duel).field("lost", &self.lost).finish_non_exhaustive()
    }
}
