//! A frame of the engine: trains, draws and measures what fits, and takes what has arrived.

use super::{
    Boundary, Duel, Engine, Examples, Ground, Moment, Next, PARTS, Past, SharpnessMeter, Slow, Source, ground, place,
};
use crate::settings::Change;
use crate::state::{Layer, State};
use crate::text::messages;
use lowland::Result;
use lowland::train::{Event, Slot};
use std::rc::Rc;

impl Engine {
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
                state.warn(messages::map_stopped(error));
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
        let fetch = self.wanted || resting || self.snapshot.is_none() || matches!(self.next, Some(Next::Snapshot(..)));
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
        // What training needs is prepared first, and one thing at a time: compiling takes the adapter seconds where it is the CPU.
        if self.past.as_ref().is_some_and(Past::is_preparing) {
            return;
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
            if boundary.is_preparing() {
                return;
            }
        }
        if let Err(error) = self.tick_ground(state, theme) {
            state.warn(error.to_string());
        }
        if let Some(duel) = self.duel.as_ref().filter(|_| state.shows(Layer::Meter) && self.next.is_none()) {
            let meter = self.meter.get_or_insert_with(|| SharpnessMeter::new(&self.gpu, duel, None));
            meter.tick(&self.gpu, duel, state.playing);
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
                state.warn(messages::gone_wrong(&label, step, trouble));
            }
            Event::Finished => state.playing = false,
        }
    }

    /// Moves the duel in preparation on.
    fn prepare(&mut self, state: &mut State) {
        match self.next.take() {
            Some(Next::Snapshot(start, rescale)) => {
                let wanted = self.duel.as_ref().filter(|duel| !duel.awaits_double()).map(Duel::submitted);
                match self.snapshot.clone().filter(|snapshot| Some(snapshot.step) == wanted) {
                    Some(snapshot) => match self.rescaled(snapshot, rescale) {
                        Ok(snapshot) => self.build(start, Change::Rebuild, Some(snapshot)),
                        Err(error) => state.warn(error.to_string()),
                    },
                    None => self.next = Some(Next::Snapshot(start, rescale)),
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
        let before = self.meter.take();
        self.meter = before.map(|meter| SharpnessMeter::new(&self.gpu, &duel, Some(meter).filter(|_| goes_on)));
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
pub(super) fn slot<'a>(duel: &'a Duel, past: Option<&'a Past>, side: usize, back: Option<u64>) -> Slot<'a> {
    let lane = duel.sides().get(side).map_or(0, |side| side.first);
    back.and_then(|step| past?.slot(lane, step)).unwrap_or_else(|| duel.slot(side))
}

/// Where slow motion stands between before, climbed and after, once its step is done.
pub(super) fn mixed(slow: Option<&Slow>, state: &State) -> Option<[f32; 3]> {
    let (slow, motion) = slow.filter(|slow| slow.unfolded().is_some()).zip(state.slow)?;
    let still = !slow.climbs() && motion.part < PARTS - 1;
    Some(if still { [1.0, 0.0, 0.0] } else { place(motion.part, motion.done) })
}

/// What these weights are.
pub(super) fn moment(duel: &Duel, past: Option<&Past>, back: Option<u64>) -> Moment {
    let back = back.and_then(|step| past?.step_near(step));
    back.map_or(Moment::Present(duel.submitted()), Moment::Past)
}
