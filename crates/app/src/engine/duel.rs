//! The duel: two (or more) optimizers, each with one or several seeds, trained side by side as lanes of one trainer.

use super::record::recorded;
use super::{SNAPSHOT_EVERY, Start, Weights};
use crate::state::Edit;
use crate::text::messages;
use lowland::config::{Command, Config};
use lowland::data::{Dataset, Inputs};
use lowland::gpu::Gpu;
use lowland::model::Model;
use lowland::optim::Optimizer;
use lowland::train::{Event, LaneState, Setup, Slot, Snapshot, Timing, Trainer, read_tensors};
use lowland::{Error, Result};
use std::rc::Rc;
use web_time::{Duration, Instant};

/// One of the optimizers.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// Its label.
    pub label: String,
    /// Its first lane; one for each seed follows.
    pub first: usize,
    /// Gradient evaluations a step.
    pub gradients: u32,
    /// Radius of its ascent, 0 for none.
    pub rho: f32,
}

/// What is trained.
#[derive(Debug)]
pub struct Duel {
    gpu: Rc<Gpu>,
    start: Start,
    /// The settings at step 0, and what changed since.
    record: Config,
    data: Rc<Dataset>,
    model: Rc<Model>,
    trainer: Trainer,
    /// SGD with SAM's compute: it takes two steps for each of the others.
    double: Option<Trainer>,
    /// Its newest state that came back.
    double_snapshot: Option<Rc<Snapshot>>,
    sides: Vec<Side>,
    timings: Vec<Timing>,
    timed: Option<Instant>,
    fetched: Option<Instant>,
}

/// How often a step is timed.
const TIMED_EVERY: Duration = Duration::from_secs(2);
/// The duel before one that goes on from its weights.
#[derive(Clone, Debug)]
pub struct Before {
    setup: Setup,
    start: Start,
    record: Config,
}

/// Steps of a duel without an end.
const ENDLESS: u64 = (1 << 30) - 1;

/// Steps that the sides may be ahead of the lanes with double compute.
const MOST_AHEAD: u64 = 64;

impl Duel {
    /// Prepares what `start` asks for; from the weights of `snapshot`, where there is one, which was kept of `before`.
    /// `twice` is that of the lanes with double compute.
    ///
    /// # Errors
    /// [`Error::Input`] for anything that cannot be trained, [`Error::Run`] where the device refuses.
    pub async fn new(
        gpu: Rc<Gpu>,
        start: Start,
        snapshot: Option<Rc<Snapshot>>,
        before: Option<Before>,
        twice: Option<Rc<Snapshot>>,
    ) -> Result<Self> {
        let mut data = lowland::data::load(&start.config)?;
        edit(&mut data, &start.edits)?;
        let model = start.config.model(data.shape, data.classes)?;
        let config = prepared(&start.config, &data);
        let mut setups = config.setups(&config.lanes(Command::Compare)?, &data, &model)?;
        if setups.len() > 2 || setups.len() == 2 && !config.equal_compute {
            return Err(Error::input(messages::UNLIKE_SIDES));
        }
        let double = (setups.len() == 2).then(|| setups.remove(1));
        let setup = setups.remove(0);
        let sides = sides(&setup);
        if sides.len() < 2 {
            return Err(Error::input(messages::TWO_SIDES));
        }
        let from = match (&snapshot, &before) {
            (Some(snapshot), Some(before)) => Some(Snapshot::clone(snapshot).for_setup(&before.setup, &setup)),
            (None, _) => match &start.weights {
                Some(weights) => Some(begin_at(weights, &model, setup.lanes.len())?),
                None => None,
            },
            (snapshot, None) => snapshot.as_deref().cloned(),
        };
        if from.as_ref().is_some_and(|from| from.lanes.iter().any(|lane| !fits(lane, &model))) {
            return Err(Error::input(messages::KEPT_OF_ANOTHER));
        }
        let trainer = Trainer::new(&gpu, &model, &data, setup, from.as_ref()).await?;
        let double = match double {
            Some(setup) => Some(Trainer::new(&gpu, &model, &data, setup, twice.as_deref()).await?),
            None => None,
        };
        let sides = sides.into_iter().chain(double.as_ref().and_then(|double| third(&trainer, double))).collect();
        let record = match (&before, &from) {
            (Some(before), Some(from)) if snapshot.is_some() => {
                recorded(&before.record, &before.start, &start, from.step)
            }
            _ => start.config.clone(),
        };
        let (data, model) = (Rc::new(data), Rc::new(model));
        Ok(Self {
            gpu,
            start,
            record,
            data,
            model,
            trainer,
            double,
            double_snapshot: None,
            sides,
            timings: Vec::new(),
            timed: None,
            fetched: None,
        })
    }

    /// The settings at its first step, and each change with its step.
    pub fn record(&self) -> &Config {
        &self.record
    }

    /// Adds something to the record that is no change of a setting. What does not fit (there is a bound) is logged alone.
    pub(super) fn note(&mut self, step: u64, key: &str, value: serde_json::Value) {
        if let Err(error) = self.record.change(step, key, value) {
            log::warn!("{error}");
        }
    }

    /// What a duel that goes on from this one's weights has to know of it.
    pub fn before(&self) -> Before {
        let (setup, start) = (self.trainer.setup().clone(), self.start.clone());
        Before { setup, start, record: self.record.clone() }
    }

    /// What it was made from.
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// The data set.
    pub fn data(&self) -> &Rc<Dataset> {
        &self.data
    }

    /// The network.
    pub fn model(&self) -> &Rc<Model> {
        &self.model
    }

    /// The optimizers; the first two are the left and the right side. SGD with double compute, if asked for, is the last.
    pub fn sides(&self) -> &[Side] {
        &self.sides
    }

    /// Seeds of each side.
    pub fn seeds(&self) -> usize {
        self.start.config.seeds as usize
    }

    /// Label, seed and gradient evaluations a step of every lane, those with double compute last.
    pub fn lanes(&self) -> Vec<(String, u32, u32)> {
        let trainers = [Some(&self.trainer), self.double.as_ref()];
        let lanes = trainers.into_iter().flatten().flat_map(|trainer| &trainer.setup().lanes);
        lanes.map(|lane| (lane.label.clone(), lane.seed, lane.optimizer.gradients_per_step())).collect()
    }

    /// The label of a lane.
    pub fn label(&self, lane: usize) -> String {
        self.lanes().into_iter().nth(lane).map_or_else(String::new, |(label, ..)| label.to_uppercase())
    }

    /// Steps submitted.
    pub fn submitted(&self) -> u64 {
        self.trainer.submitted()
    }

    /// Whether nothing is on its way from the device.
    pub fn is_idle(&self) -> bool {
        let twice = 2 * self.trainer.submitted();
        let done = |double: &Trainer| double.is_idle() && double.submitted() >= twice;
        self.trainer.is_idle() && self.double.as_ref().is_none_or(done)
    }

    /// Where the weights of side `side` with the first seed lie.
    pub fn slot(&self, side: usize) -> Slot<'_> {
        let (lane, lanes) = (self.sides.get(side).map_or(0, |side| side.first), self.trainer.setup().lanes.len());
        match &self.double {
            Some(double) if lane >= lanes => double.slot(lane - lanes),
            _ => self.trainer.slot(lane),
        }
    }

    /// Where its w + e lies, if it climbs.
    pub fn ascent_slot(&self, side: usize) -> Option<Slot<'_>> {
        let side = self.sides.get(side).filter(|side| side.first < self.trainer.setup().lanes.len());
        side.and_then(|side| self.trainer.ascent_slot(side.first))
    }

    /// Where the time of a step of all lanes goes, where the device has a clock for that.
    pub fn timings(&self) -> &[Timing] {
        &self.timings
    }

    /// The trainer of the sides.
    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    /// Bytes on the device.
    pub fn gpu_bytes(&self) -> u64 {
        self.trainer.gpu_bytes() + self.double.as_ref().map_or(0, Trainer::gpu_bytes)
    }

    /// The state of the lanes with double compute, at their present step or not at all.
    pub fn double_snapshot(&self) -> Option<&Rc<Snapshot>> {
        let now = self.double.as_ref()?.submitted();
        self.double_snapshot.as_ref().filter(|snapshot| snapshot.step == now)
    }

    /// Whether there are lanes with double compute whose present state has not come back.
    pub fn awaits_double(&self) -> bool {
        self.double.is_some() && self.double_snapshot().is_none()
    }

    /// Takes the numbers of `config` into the next steps; false where that takes a new plan.
    ///
    /// # Errors
    /// [`Error::Input`] for numbers that cannot be.
    pub fn retune(&mut self, config: &Config) -> Result<bool> {
        let prepared = prepared(config, &self.data);
        let setups = prepared.setups(&prepared.lanes(Command::Compare)?, &self.data, &self.model)?;
        let optimizers =
            |setup: &Setup| -> Vec<Optimizer> { setup.lanes.iter().map(|l| l.optimizer.clone()).collect() };
        let trainers = [Some(&mut self.trainer), self.double.as_mut()];
        for (setup, trainer) in setups.iter().zip(trainers.into_iter().flatten()) {
            let optimizers = optimizers(setup);
            if !trainer.can_retune(&optimizers) {
                return Ok(false);
            }
            trainer.retune(&self.gpu, &optimizers)?;
        }
        let now = Start { config: config.clone(), ..self.start.clone() };
        self.record = recorded(&self.record, &self.start, &now, self.trainer.submitted());
        self.start = now;
        let double = self.double.as_ref().and_then(|double| third(&self.trainer, double));
        self.sides = sides(self.trainer.setup()).into_iter().chain(double).collect();
        Ok(true)
    }

    /// Asks for the state of all lanes after the steps that are submitted.
    pub fn fetch(&mut self) {
        self.trainer.checkpoint_soon();
        self.fetched = Some(Instant::now());
    }

    /// Submits up to `steps` steps in chunks of `budget`, and returns what has arrived. `fetch` asks for the state of all
    /// lanes, which comes now and then by itself.
    ///
    /// # Errors
    /// [`Error::Run`] where the device is lost.
    pub fn tick(&mut self, steps: u64, budget: Duration, fetch: bool) -> Result<Vec<Event>> {
        let due = self.fetched.is_none_or(|last| last.elapsed() > SNAPSHOT_EVERY);
        if due || fetch && self.fetched.is_none_or(|last| last.elapsed() > Duration::from_millis(500)) {
            self.fetch();
            if let Some(double) = self.double.as_mut().filter(|_| fetch) {
                double.checkpoint_soon();
            }
        }
        let ahead = self
            .double
            .as_ref()
            .map_or(u64::MAX, |double| (double.submitted() / 2 + MOST_AHEAD).saturating_sub(self.trainer.submitted()));
        self.trainer.allow(steps.min(ahead));
        if self.timed.is_none_or(|last| last.elapsed() > TIMED_EVERY) {
            self.trainer.profile(&self.gpu);
            self.timed = Some(Instant::now());
        }
        let mut events = self.trainer.tick(&self.gpu, budget)?;
        if let Some(timings) = self.trainer.take_profile(&self.gpu)? {
            self.timings = timings;
        }
        if let Some(double) = &mut self.double {
            let lanes = self.trainer.setup().lanes.len();
            double.allow((2 * self.trainer.submitted()).saturating_sub(double.submitted()));
            for mut event in double.tick(&self.gpu, budget)? {
                if let Event::Checkpoint(snapshot) = event {
                    self.double_snapshot = Some(Rc::new(*snapshot));
                    continue;
                }
                match &mut event {
                    Event::Step(metrics) => metrics.lane += lanes,
                    Event::Evaluation(e) => e.lane += lanes,
                    Event::Trouble { lane, .. } => *lane += lanes,
                    Event::Checkpoint(_) | Event::Finished => continue,
                }
                events.push(event);
            }
        }
        Ok(events)
    }
}

/// The configuration with what the app decides: how often to look, and no end where none is asked for.
fn prepared(config: &Config, data: &Dataset) -> Config {
    let points = data.shape.len() <= 2;
    let steps = config.steps.or(if config.epochs.is_some() { None } else { Some(ENDLESS) });
    Config {
        steps,
        eval_every: config.eval_every.or(points.then_some(50)),
        log_every: config.log_every.max(if points { 10 } else { 1 }),
        checkpoint_every: Some(ENDLESS),
        ..config.clone()
    }
}

/// All lanes at the weights of a file, before their first step.
fn begin_at(weights: &Weights, model: &Model, lanes: usize) -> Result<Snapshot> {
    let lane = read_tensors(model, &weights.bytes, &weights.name)?;
    Ok(Snapshot { step: 0, lanes: vec![lane; lanes] })
}

fn fits(lane: &LaneState, model: &Model) -> bool {
    let parameters = model.parameter_floats();
    lane.weights.len() == parameters
        && lane.running.len() == model.running_floats()
        && lane.moments.iter().all(|moment| moment.len() == parameters)
}

fn sides(setup: &Setup) -> Vec<Side> {
    let mut sides: Vec<Side> = Vec::new();
    for (i, lane) in setup.lanes.iter().enumerate() {
        if sides.last().is_none_or(|side| side.label != lane.label) {
            let (gradients, rho) = (lane.optimizer.gradients_per_step(), lane.optimizer.ascent.rho);
            sides.push(Side { label: lane.label.clone(), first: i, gradients, rho });
        }
    }
    sides
}

/// SGD with double compute as a side: its lanes follow those of `trainer`.
fn third(trainer: &Trainer, double: &Trainer) -> Option<Side> {
    let side = sides(double.setup()).into_iter().next()?;
    Some(Side { first: trainer.setup().lanes.len(), ..side })
}

/// Changes the training points.
fn edit(data: &mut Dataset, edits: &[Edit]) -> Result<()> {
    if edits.is_empty() {
        return Ok(());
    }
    let (classes, size) = (data.classes, data.shape.len());
    let train = &mut data.train;
    let Inputs::Floats(inputs) = &mut train.inputs else {
        return Err(Error::input(messages::ONLY_POINTS));
    };
    if size != 2 {
        return Err(Error::input(messages::ONLY_TWO));
    }
    for edit in edits {
        match *edit {
            Edit::Add(place, class) if usize::from(class) < classes => {
                inputs.extend(place);
                train.labels.push(class);
                if !train.flipped.is_empty() {
                    train.flipped.push(false);
                }
            }
            Edit::Move(i, place) if i < train.labels.len() => inputs[2 * i..2 * i + 2].copy_from_slice(&place),
            Edit::Remove(i) if i < train.labels.len() && train.labels.len() > 1 => {
                inputs.drain(2 * i..2 * i + 2);
                train.labels.remove(i);
                if !train.flipped.is_empty() {
                    train.flipped.remove(i);
                }
            }
            _ => return Err(Error::input(messages::NO_POINT)),
        }
    }
    Ok(())
}
