//! What is on the device: the duel that is trained, and the pictures of it.

mod boundary;
mod duel;
mod examples;
mod ground;
mod job;
mod map;
mod pace;
mod past;
mod picture;
mod record;
mod slow;
mod weights;

pub use boundary::{ASPECT, Boundary, Moment, Source};
pub use duel::{Duel, Side};
pub use examples::{Examples, Seen};
pub use ground::{BEYOND, Ground, Laid, Line, Scale, Subject, Surface, What, camera};
pub use job::Job;
pub use map::{Cell, RhoMap, SIDE};
pub use past::Past;
pub use picture::{FORMAT, Picture};
pub use record::of_lane;
pub use slow::{Numbers, PARTS, Slow, place};

use crate::settings::{self, Change};
use crate::state::{Edit, State};
use egui_wgpu::RenderState;
use lowland::config::Config;
use lowland::gpu::Gpu;
use lowland::train::{Event, Slot, Snapshot, Trouble};
use lowland::{Error, Result};
use pace::Pace;
use std::rc::Rc;
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
    /// Its start has to come back from the device first.
    Snapshot(Start),
    /// It is being built.
    Build { job: Job<Result<Duel>>, change: Change, start: Start },
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
            Some(boundary) => {
                let factors = mixed(self.slow.as_ref(), state);
                let moment = factors.map_or_else(|| moment(duel, past, state.scrub), Moment::Mixed);
                boundary.moment() == Some(moment)
            }
            None => true,
        };
        let at_work = |duel: &Duel| !duel.is_idle() || past.is_some_and(Past::is_preparing) || !drawn(duel);
        let map = self.map.as_ref().is_some_and(RhoMap::is_running);
        map || self.is_preparing() || self.is_measuring() || self.duel.as_ref().is_some_and(at_work)
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
        let mut budget = self.pace.budget();
        if let Some(map) = &mut self.map {
            // Both train on, each in half of the time.
            budget = if map.is_running() { budget / 2 } else { budget };
            if let Err(error) = map.tick(&self.render, &self.gpu, budget, theme) {
                state.warn(format!("The map of rho and learning rate has stopped: {error}"));
            }
        }
        let known = self.snapshot_is_present();
        let Some(duel) = &mut self.duel else { return };
        match &mut state.slow {
            Some(motion) => {
                let slow = self.slow.get_or_insert_with(|| Slow::new(&self.gpu, duel));
                if slow.unfolded().is_some() {
                    motion.pass();
                }
            }
            None => self.slow = None,
        }
        // While another duel is prepared, from this one's state or anew, it rests: steps would be lost.
        let mut rests = self.next.is_some();
        if let Some(past) = &mut self.past {
            past.tick(&self.gpu, duel);
            rests |= past.is_preparing();
        }
        let steps = match (rests, &mut self.slow, state.playing) {
            (true, ..) => 0,
            (false, Some(slow), _) => slow.allow(&self.gpu, duel),
            (false, None, true) => self.pace.steps(state.view.speed, duel.data().shape.len() == 2),
            (false, None, false) => state.single_steps,
        };
        let before = duel.submitted();
        self.pace.look(before, state.playing && !rests);
        // At rest the host has what is on screen: to save it, and for planes around it.
        let resting = !state.playing && !known;
        let fetch = self.wanted || resting || self.snapshot.is_none() || matches!(self.next, Some(Next::Snapshot(_)));
        match duel.tick(steps, budget, fetch) {
            Ok(events) => {
                // A step that did not fit into this frame is done in one of the next.
                state.single_steps = match state.playing {
                    true => 0,
                    false => state.single_steps.saturating_sub(duel.submitted() - before),
                };
                if state.playing && !rests && self.slow.is_none() {
                    state.curves.pass(self.pace.seconds());
                }
                if let Some(slow) = &mut self.slow {
                    slow.look(&self.gpu, duel);
                    events.iter().for_each(|event| slow.hear(event));
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
            let factors = mixed(self.slow.as_ref(), state);
            let unfolded = self.slow.as_ref().and_then(Slow::unfolded);
            let source = match unfolded.zip(factors) {
                Some((slots, factors)) => Source::Mix(slots, factors),
                None => Source::Slots([0, 1].map(|side| slot(duel, past, side, state.scrub))),
            };
            let moment = factors.map_or_else(|| moment(duel, past, state.scrub), Moment::Mixed);
            boundary.tick((&self.render, &self.gpu), moment, source, state, theme);
        }
        if let Err(error) = self.tick_ground(state, theme) {
            state.warn(error.to_string());
        }
    }

    fn tick_ground(&mut self, state: &State, theme: egui::Theme) -> Result<()> {
        let (Some(duel), Some(ground)) = (&self.duel, &mut self.ground) else { return Ok(()) };
        let past = self.past.as_ref();
        let (step, present) = match moment(duel, past, state.scrub) {
            Moment::Past(step) => (step, false),
            _ => (duel.submitted(), true),
        };
        // Copies of the handles: the history is asked while its entries are looked at.
        let sides = [0, 1].map(|side| {
            let slot = slot(duel, past, side, state.scrub);
            (slot.weights.clone(), slot.weights_offset, slot.running.clone(), slot.running_offset)
        });
        let Some(history) = self.past.as_mut().and_then(Past::history_mut) else { return Ok(()) };
        let moment = ground::Moment {
            step,
            sides: [0, 1].map(|side| {
                let (weights, weights_offset, running, running_offset) = &sides[side];
                Slot { weights, weights_offset: *weights_offset, running, running_offset: *running_offset }
            }),
            lanes: [0, 1].map(|side| duel.sides().get(side).map_or(0, |side| side.first)),
            present,
            unfolded: self.slow.as_ref().and_then(Slow::unfolded),
            climbs: self.slow.as_ref().is_none_or(Slow::climbs),
        };
        let mut frame = ground::Frame {
            render: &self.render,
            duel,
            history,
            snapshot: self.snapshot.as_deref(),
            view: &state.view,
            dark: theme == egui::Theme::Dark,
            playing: state.playing && self.slow.is_none(),
            pixels: self.ground_pixels,
        };
        ground.tick(&mut frame, &moment)
    }

    fn hear(&mut self, state: &mut State, event: Event) {
        let Some(duel) = &self.duel else { return };
        match event {
            Event::Step(metrics) => state.curves.step(metrics.lane, &metrics),
            Event::Evaluation(e) => {
                state.curves.evaluation(e.lane, &e);
            }
            Event::Checkpoint(snapshot) => {
                self.snapshot = Some(Rc::new(*snapshot));
                self.wanted = false;
            }
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
        let sizes = |duel: &Duel| (duel.model().parameter_floats(), duel.model().running_floats());
        let goes_on = change == Change::Rebuild && self.duel.as_ref().is_some_and(|last| sizes(last) == sizes(&duel));
        let before = self.ground.take().filter(|_| goes_on);
        self.ground = Some(Ground::new(&self.render, &self.gpu, &duel, before));
        self.slow = None;
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

/// Where slow motion stands between before, climbed and after, once its step is done.
fn mixed(slow: Option<&Slow>, state: &State) -> Option<[f32; 3]> {
    let (slow, motion) = slow.filter(|slow| slow.unfolded().is_some()).zip(state.slow)?;
    let still = !slow.climbs() && motion.part < PARTS - 1;
    Some(if still { [1.0, 0.0, 0.0] } else { place(motion.part, motion.done) })
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
