//! Whole training runs: from settings, as the program takes them, to everything that the trainer tells.

use lowland::config::{Command, Config};
use lowland::data::{self, Dataset};
use lowland::gpu::Gpu;
use lowland::model::Model;
use lowland::train::{Evaluation, Event, Part, Setup, Snapshot, StepMetrics, Trainer, Trouble};
use serde_json::Value;
use std::time::Duration;

/// Chunks as long as the trainer allows.
pub const LONG: Duration = Duration::from_secs(3600);
/// Chunks of one step.
pub const SHORT: Duration = Duration::ZERO;

/// What to train on what.
#[derive(Debug)]
pub struct Job {
    /// The examples.
    pub data: Dataset,
    /// The network.
    pub model: Model,
    /// The lanes.
    pub setup: Setup,
}

/// All that a trainer told.
#[derive(Debug, Default)]
pub struct Story {
    /// Logged steps of all lanes.
    pub steps: Vec<StepMetrics>,
    /// Evaluations of all lanes.
    pub evaluations: Vec<Evaluation>,
    /// What went wrong.
    pub troubles: Vec<(usize, u64, Trouble)>,
    /// The checkpoints, the last at the end of the run.
    pub checkpoints: Vec<Snapshot>,
}

impl Job {
    /// The job that `settings` describe, in the keys of the configuration.
    ///
    /// # Panics
    /// Where they are bad input, or take more than one trainer.
    pub fn new(settings: &Value) -> Self {
        let config = Config::from_json(&settings.to_string(), "test").unwrap();
        Self::on(settings, data::load(&config).unwrap())
    }

    /// The same on other examples than those that the settings name.
    ///
    /// # Panics
    /// Where they are bad input, or take more than one trainer.
    pub fn on(settings: &Value, data: Dataset) -> Self {
        let config = Config::from_json(&settings.to_string(), "test").unwrap();
        let model = config.model(data.shape, data.classes).unwrap();
        let lanes = config.lanes(Command::Compare).unwrap();
        let mut setups = config.setups(&lanes, &data, &model).unwrap();
        assert_eq!(setups.len(), 1, "the lanes of a test share a trainer");
        Self { setup: setups.remove(0), data, model }
    }

    /// The setup with some of the lanes.
    pub fn only(&self, lanes: &[usize]) -> Setup {
        Setup { lanes: lanes.iter().map(|lane| self.setup.lanes[*lane].clone()).collect(), ..self.setup.clone() }
    }

    /// A trainer of `setup`.
    ///
    /// # Panics
    /// Where the device refuses.
    pub fn trainer(&self, gpu: &Gpu, setup: Setup, start: Option<&Snapshot>) -> Trainer {
        pollster::block_on(Trainer::new(gpu, &self.model, &self.data, setup, start)).unwrap()
    }

    /// Trains all lanes from their initial weights, in long chunks.
    pub fn run(&self, gpu: &Gpu) -> Story {
        self.run_as(gpu, self.setup.clone(), None, LONG)
    }

    /// Trains `setup` from `start` in chunks of about `budget`.
    pub fn run_as(&self, gpu: &Gpu, setup: Setup, start: Option<&Snapshot>, budget: Duration) -> Story {
        follow(gpu, &mut self.trainer(gpu, setup, start), budget)
    }
}

/// Ticks until all is done.
///
/// # Panics
/// Where the device is lost.
pub fn follow(gpu: &Gpu, trainer: &mut Trainer, budget: Duration) -> Story {
    let mut story = Story::default();
    while !trainer.is_finished() {
        for event in trainer.tick(gpu, budget).unwrap() {
            match event {
                Event::Step(step) => story.steps.push(step),
                Event::Evaluation(evaluation) => story.evaluations.push(evaluation),
                Event::Trouble { lane, step, trouble } => story.troubles.push((lane, step, trouble)),
                Event::Checkpoint(snapshot) => story.checkpoints.push(*snapshot),
                Event::Finished => {}
            }
        }
        gpu.wait(Duration::from_millis(20));
    }
    gpu.check().unwrap();
    story
}

impl Story {
    /// The state at the end.
    ///
    /// # Panics
    /// Where there is none.
    pub fn end(&self) -> &Snapshot {
        self.checkpoints.last().expect("a run ends with a checkpoint")
    }

    /// The logged steps of a lane.
    pub fn steps_of(&self, lane: usize) -> Vec<StepMetrics> {
        self.steps.iter().filter(|step| step.lane == lane).copied().collect()
    }

    /// The last evaluation of a lane on a part of the data.
    ///
    /// # Panics
    /// Where there is none.
    pub fn last_on(&self, part: Part, lane: usize) -> Evaluation {
        let fits = |e: &&Evaluation| e.part == part && e.lane == lane;
        *self.evaluations.iter().rev().find(fits).expect("a run ends with an evaluation")
    }

    /// All that was told of a lane from step `from` on, bit for bit, as lines with a name each.
    pub fn bits(&self, lane: usize, from: u64) -> Vec<(String, Vec<u32>)> {
        let mut lines = Vec::new();
        for s in self.steps_of(lane).into_iter().filter(|s| s.step >= from) {
            let sam_loss = s.sam_loss.unwrap_or(-1.0);
            let cosine = s.second_order_cosine.unwrap_or(-2.0);
            let values = [s.loss, sam_loss, s.accuracy, s.grad_norm, s.lr, s.rho, cosine];
            lines.push((format!("step {}", s.step), bits(&values)));
        }
        for e in self.evaluations.iter().filter(|e| e.lane == lane && e.step > from) {
            let values = [e.loss, e.accuracy, e.top5, e.examples as f32];
            lines.push((format!("evaluation {:?} after {}", e.part, e.step), bits(&values)));
        }
        let state = &self.end().lanes[lane];
        lines.push(("weights".into(), bits(&state.weights)));
        lines.push(("running statistics".into(), bits(&state.running)));
        lines.extend(state.moments.iter().enumerate().map(|(i, m)| (format!("moment {i}"), bits(m))));
        lines
    }
}

/// The bits of floats.
pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Checks that two lanes were told the same, bit for bit.
///
/// # Panics
/// With the first thing that differs.
pub fn same_bits(what: &str, found: &[(String, Vec<u32>)], wanted: &[(String, Vec<u32>)]) {
    let names = |lines: &[(String, Vec<u32>)]| lines.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(found), names(wanted), "{what}: other things were told");
    for ((name, found), (_, wanted)) in found.iter().zip(wanted) {
        let differ: Vec<usize> = (0..wanted.len()).filter(|i| found.get(*i) != Some(&wanted[*i])).collect();
        if let (Some(first), true) = (differ.first(), found.len() == wanted.len()) {
            let [found, wanted] = [found[*first], wanted[*first]].map(f32::from_bits);
            let count = differ.len();
            panic!("{what}: {name} differs in {count} places, first at [{first}]: {found:e} for {wanted:e}");
        }
        assert_eq!(found.len(), wanted.len(), "{what}: {name} has another length");
    }
}
