//! What is on the device: the duel that is trained, and the pictures of it.

mod boundary;
mod duel;
mod examples;
mod job;
mod map;
mod past;
mod picture;

pub use boundary::{ASPECT, Boundary, Moment, Source};
pub use duel::{Duel, Side};
pub use examples::{Examples, Seen};
pub use job::Job;
pub use map::{Cell, RhoMap, SIDE};
pub use past::Past;
pub use picture::{FORMAT, Picture};

use crate::settings::{self, Change};
use crate::state::{Edit, State};
use egui_wgpu::RenderState;
use lowland::config::Config;
use lowland::gpu::Gpu;
use lowland::train::{Event, Slot, Snapshot, Trouble};
use lowland::{Error, Result};
use std::rc::Rc;
use web_time::{Duration, Instant};

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
    next: Option<Next>,
    /// What was asked for last, whether it is there yet or not.
    asked: Option<Start>,
    /// The newest state of all lanes that came back.
    snapshot: Option<Rc<Snapshot>>,
    pace: Pace,
    /// When the device was lost.
    lost: bool,
}

/// A duel in preparation; the one before rests meanwhile.
#[derive(Debug)]
enum Next {
    /// Its start has to come back from the device first.
    Snapshot(Start),
    /// It is being built.
    Build { job: Job<Result<Duel>>, change: Change, start: Start },
}

/// How long the device may work for a frame, so that frames keep coming.
#[derive(Debug)]
struct Pace {
    /// Seconds a frame should take.
    target: f64,
    /// Seconds of work in a chunk.
    budget: f64,
    frames_per_second: f64,
    last: Option<Instant>,
    /// Steps that the pace to follow allows by now, and has not given out.
    steps: f64,
    frame: f64,
}

/// How often a state is fetched to go on from after a crash or a lost device.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(4);

impl Engine {
    /// An engine on egui's device. `software` says whether it computes on the CPU, where the adapter does not know.
    pub fn new(render: RenderState, software: Option<bool>) -> Self {
        let mut info = render.adapter.get_info();
        if software == Some(true) {
            info.device_type = wgpu::DeviceType::Cpu;
        }
        let gpu = Gpu::from_parts(info, render.device.clone(), render.queue.clone(), None);
        let target = if gpu.is_software() { 0.08 } else { 1.0 / 60.0 };
        let pace = Pace { target, budget: 0.2 * target, frames_per_second: 0.0, last: None, steps: 0.0, frame: 0.0 };
        let gpu = Rc::new(gpu);
        Self {
            render,
            gpu,
            duel: None,
            boundary: None,
            examples: None,
            past: None,
            map: None,
            next: None,
            asked: None,
            snapshot: None,
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
        let duel = self.duel.as_ref().ok_or_else(|| "The race is not there yet.".to_owned())?;
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
            Some(boundary) => boundary.moment() == Some(moment(duel, past, state.scrub)),
            None => true,
        };
        let at_work = |duel: &Duel| !duel.is_idle() || past.is_some_and(Past::is_preparing) || !drawn(duel);
        let map = self.map.as_ref().is_some_and(RhoMap::is_running);
        map || self.is_preparing() || self.duel.as_ref().is_some_and(at_work)
    }

    /// The kept step nearest to `step`.
    ///
    /// # Errors
    /// A sentence where nothing is kept.
    pub fn look_back(&self, step: u64) -> std::result::Result<u64, String> {
        let past = self.past.as_ref();
        if let Some(why) = past.and_then(Past::refused) {
            return Err(format!("There is no looking back: {why}"));
        }
        past.and_then(|past| past.step_near(step)).ok_or_else(|| "Nothing is kept yet to look back at.".to_owned())
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

    /// Whether another duel is being prepared.
    pub fn is_preparing(&self) -> bool {
        self.next.is_some()
    }

    /// Whether the device is gone, and everything on it.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Frames a second, of the last ones.
    pub fn frames_per_second(&self) -> f64 {
        self.pace.frames_per_second
    }

    /// How long until the next frame is wanted while training.
    pub fn frame_interval(&self) -> Duration {
        Duration::from_secs_f64(if self.gpu.is_software() { 0.5 * self.pace.target } else { 0.0 })
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
            (Change::Rebuild, Some(_)) => self.next = Some(Next::Snapshot(start)),
            (Change::Live, Some(duel)) => match duel.retune(&start.config) {
                Ok(true) => {}
                Ok(false) => self.next = Some(Next::Snapshot(start)),
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
        let before = self.duel.as_ref().map(|duel| duel.trainer().setup().clone());
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

    /// Once a frame: trains, draws and measures what fits, and takes what has arrived. Never waits.
    pub fn tick(&mut self, state: &mut State, theme: egui::Theme) {
        self.pace.frame();
        if self.gpu.lost() {
            self.lost = true;
            return;
        }
        self.prepare(state);
        if self.next.is_none() {
            self.apply(state);
        }
        let mut budget = Duration::from_secs_f64(self.pace.budget);
        if let Some(map) = &mut self.map {
            // Both train on, each in half of the time.
            budget = if map.is_running() { budget / 2 } else { budget };
            if let Err(error) = map.tick(&self.render, &self.gpu, budget, theme) {
                state.warn(format!("The map of rho and learning rate has stopped: {error}"));
            }
        }
        let Some(duel) = &mut self.duel else { return };
        // While another duel is prepared, from this one's state or anew, it rests: steps would be lost.
        let mut rests = self.next.is_some() || state.slow.is_some();
        if let Some(past) = &mut self.past {
            past.tick(&self.gpu, duel);
            rests |= past.is_preparing();
        }
        let steps = match (rests, state.playing) {
            (true, _) => 0,
            (false, true) => self.pace.steps(state.view.speed, duel.data().shape.len() == 2),
            (false, false) => std::mem::take(&mut state.single_steps),
        };
        let fetch = self.snapshot.is_none() || matches!(self.next, Some(Next::Snapshot(_)));
        match duel.tick(steps, budget, fetch) {
            Ok(events) => {
                if state.playing && !rests {
                    state.curves.pass(self.pace.seconds());
                }
                events.into_iter().for_each(|event| self.hear(state, event));
            }
            Err(error) => {
                self.lost = self.gpu.lost();
                if !self.lost {
                    state.warn(error.to_string());
                    state.playing = false;
                }
                return;
            }
        }
        if let (Some(duel), Some(examples)) = (&self.duel, &mut self.examples) {
            examples.tick(&self.gpu, duel, state);
        }
        if let (Some(duel), Some(boundary)) = (&self.duel, &mut self.boundary) {
            let past = self.past.as_ref();
            let source = Source::Slots([0, 1].map(|side| slot(duel, past, side, state.scrub)));
            boundary.tick((&self.render, &self.gpu), moment(duel, past, state.scrub), source, state, theme);
        }
    }

    fn hear(&mut self, state: &mut State, event: Event) {
        let Some(duel) = &self.duel else { return };
        match event {
            Event::Step(metrics) => state.curves.step(metrics.lane, &metrics),
            Event::Evaluation(e) => {
                state.curves.evaluation(e.lane, &e);
            }
            Event::Checkpoint(snapshot) => self.snapshot = Some(Rc::new(*snapshot)),
            Event::Trouble { lane, step, trouble } => {
                let label = duel.label(lane);
                let advice = match trouble {
                    Trouble::Diverged => "its loss is no longer a number. A smaller learning rate or rho helps.",
                    Trouble::Collapsed => {
                        "it gives every point the same answer. Its rho or learning rate is too large."
                    }
                };
                state.warn(format!("{label} has gone wrong at step {step}: {advice}"));
            }
            Event::Finished => state.playing = false,
        }
    }

    /// Moves the duel in preparation on.
    fn prepare(&mut self, state: &mut State) {
        match self.next.take() {
            Some(Next::Snapshot(start)) => {
                let wanted = self.duel.as_ref().filter(|duel| !duel.awaits_double()).map(Duel::submitted);
                match self.snapshot.clone().filter(|snapshot| Some(snapshot.step) == wanted) {
                    Some(snapshot) => self.build(start, Change::Rebuild, Some(snapshot)),
                    None => self.next = Some(Next::Snapshot(start)),
                }
            }
            Some(Next::Build { mut job, change, start }) => match job.poll() {
                None => self.next = Some(Next::Build { job, change, start }),
                Some(Ok(duel)) => self.install(state, duel, change),
                Some(Err(error)) => self.refuse(state, &error),
            },
            None => {}
        }
    }

    fn install(&mut self, state: &mut State, duel: Duel, change: Change) {
        if change == Change::Restart || state.curves.lanes().is_empty() {
            state.curves.begin(duel.lanes());
            state.scrub = None;
        } else {
            state.curves.go_on(duel.lanes(), duel.submitted());
        }
        self.snapshot = None;
        self.past = Some(match self.past.take() {
            Some(past) => past.go_on(&self.gpu, &duel, change == Change::Restart),
            None => Past::new(&self.gpu, &duel),
        });
        self.boundary = Boundary::new(&self.render, &self.gpu, &duel);
        self.examples = Examples::new(&self.gpu, &duel);
        self.duel = Some(duel);
    }
}

/// Where the weights of `side` lie: the kept ones nearest to a step that is looked back at, or the present ones.
fn slot<'a>(duel: &'a Duel, past: Option<&'a Past>, side: usize, back: Option<u64>) -> Slot<'a> {
    let lane = duel.sides().get(side).map_or(0, |side| side.first);
    back.and_then(|step| past?.slot(lane, step)).unwrap_or_else(|| duel.slot(side))
}

/// What these weights are.
fn moment(duel: &Duel, past: Option<&Past>, back: Option<u64>) -> Moment {
    let back = back.and_then(|step| past?.step_near(step));
    back.map_or(Moment::Present(duel.submitted()), Moment::Past)
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("duel", &self.duel).field("lost", &self.lost).finish_non_exhaustive()
    }
}

impl Pace {
    /// A frame begins.
    fn frame(&mut self) {
        let now = Instant::now();
        let Some(last) = self.last.replace(now) else { return };
        let seconds = (now - last).as_secs_f64();
        if seconds > 1.0 {
            // The window was hidden.
            return;
        }
        self.frame = seconds;
        let rate = 1.0 / seconds.max(1e-4);
        self.frames_per_second += 0.1 * (rate - self.frames_per_second);
        // Frames that are slow for other reasons than training are no reason to train less.
        let slow = seconds > 1.2 * self.target && 3.0 * self.budget > 0.5 * seconds;
        let factor = if slow { 0.85 } else { 1.08 };
        let least = (0.15 * seconds).min(0.05);
        self.budget = (self.budget * factor).clamp(least, least.max(0.6 * self.target));
    }

    /// Seconds of the frame before.
    fn seconds(&self) -> f64 {
        self.frame
    }

    /// Steps that this frame may submit: as many as fit, or, of a race of points, what the pace to follow allows.
    fn steps(&mut self, speed: Option<f32>, points: bool) -> u64 {
        let Some(speed) = speed.filter(|_| points) else { return u64::MAX };
        // What a slow frame could not give out is not made up for later.
        self.steps = (self.steps + f64::from(speed) * self.frame).min(0.5 * f64::from(speed));
        let whole = self.steps.floor();
        self.steps -= whole;
        whole as u64
    }
}
