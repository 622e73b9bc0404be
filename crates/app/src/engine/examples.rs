//! What both sides make of single images: the hardest and the mislabelled ones, and who is taken for whom.

use super::{Duel, Job};
use crate::state::State;
use lowland::data::Split;
use lowland::gpu::Gpu;
use lowland::view::Field;
use std::rc::Rc;
use web_time::{Duration, Instant};

/// Predictions for some training examples and some test examples, renewed every few seconds.
#[derive(Debug)]
pub struct Examples {
    train: Watch,
    test: Watch,
    classes: usize,
}

/// A training example and what both sides say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// Its place in the training set.
    pub index: usize,
    /// Its label, which may be wrong.
    pub label: u16,
    /// Whether it is.
    pub flipped: bool,
    /// What each side takes it for.
    pub predicted: [u16; 2],
    /// The loss of each side on it.
    pub loss: [f32; 2],
}

/// Examples of a part of the data set whose logits are watched.
#[derive(Debug)]
struct Watch {
    indices: Vec<usize>,
    labels: Vec<u16>,
    flipped: Vec<bool>,
    job: Option<Job<lowland::Result<Field>>>,
    field: Option<Field>,
    stage: Stage,
    logits: Option<[Vec<f32>; 2]>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Rests { since: Option<Instant> },
    Computes,
    Comes,
}

/// Examples of a part that are watched at most.
const MOST: usize = 500;
const EVERY: Duration = Duration::from_secs(2);

impl Examples {
    /// What `duel` makes of its images; nothing where it has none.
    pub fn new(gpu: &Rc<Gpu>, duel: &Duel) -> Option<Self> {
        let data = duel.data();
        if data.shape.height * data.shape.width <= 1 {
            return None;
        }
        Some(Self {
            train: Watch::new(gpu, duel, |data| &data.train),
            test: Watch::new(gpu, duel, |data| &data.test),
            classes: data.classes,
        })
    }

    /// Moves the predictions on: one batch of images a frame.
    pub fn tick(&mut self, gpu: &Gpu, duel: &Duel, state: &mut State) {
        for watch in [&mut self.train, &mut self.test] {
            if let Err(error) = watch.tick(gpu, duel) {
                state.warn(error.to_string());
            }
        }
    }

    /// The training examples with wrong labels that are watched, in the order of the set.
    pub fn mislabelled(&self) -> Vec<Seen> {
        let seen = self.train.seen();
        seen.into_iter().filter(|seen| seen.flipped).collect()
    }

    /// The training examples with right labels on which the sides have the largest loss, the largest first.
    pub fn hardest(&self) -> Vec<Seen> {
        let mut seen: Vec<Seen> = self.train.seen().into_iter().filter(|seen| !seen.flipped).collect();
        seen.sort_by(|a, b| (b.loss[0] + b.loss[1]).total_cmp(&(a.loss[0] + a.loss[1])));
        seen
    }

    /// How many of the watched test examples of each class (row) a side takes for each class (column).
    pub fn confusion(&self, side: usize) -> Vec<Vec<u32>> {
        let mut counts = vec![vec![0; self.classes]; self.classes];
        for seen in self.test.seen() {
            counts[usize::from(seen.label)][usize::from(seen.predicted[side.min(1)])] += 1;
        }
        counts
    }

    /// Test examples that are watched.
    pub fn tested(&self) -> usize {
        self.test.indices.len()
    }

    /// Bytes on the device.
    pub fn gpu_bytes(&self) -> u64 {
        [&self.train, &self.test].into_iter().filter_map(|watch| watch.field.as_ref()).map(Field::bytes).sum()
    }
}

impl Watch {
    fn new(gpu: &Rc<Gpu>, duel: &Duel, part: fn(&lowland::data::Dataset) -> &Split) -> Self {
        let (gpu, data, model) = (Rc::clone(gpu), Rc::clone(duel.data()), Rc::clone(duel.model()));
        let split = part(&data);
        let count = MOST.min(split.len());
        let indices: Vec<usize> = (0..count).map(|i| i * split.len() / count).collect();
        let labels = indices.iter().map(|i| split.labels[*i]).collect();
        let flipped = indices.iter().map(|i| split.flipped.get(*i).copied().unwrap_or(false)).collect();
        let chosen = indices.clone();
        let job = Job::new(async move { Field::examples(&gpu, &model, &data, part(&data), &chosen, 2).await });
        let stage = Stage::Rests { since: None };
        Self { indices, labels, flipped, job: Some(job), field: None, stage, logits: None }
    }

    fn tick(&mut self, gpu: &Gpu, duel: &Duel) -> lowland::Result<()> {
        if let Some(job) = &mut self.job {
            let Some(field) = job.poll() else { return Ok(()) };
            self.job = None;
            self.field = Some(field?);
        }
        let Some(field) = &mut self.field else { return Ok(()) };
        match self.stage {
            Stage::Rests { since } if since.is_none_or(|since| since.elapsed() > EVERY) => {
                let mut encoder = gpu.device().create_command_encoder(&Default::default());
                field.set(&mut encoder, &[duel.slot(0), duel.slot(1)]);
                gpu.queue().submit([encoder.finish()]);
                self.stage = Stage::Computes;
            }
            Stage::Rests { .. } => {}
            Stage::Computes => {
                let mut encoder = gpu.device().create_command_encoder(&Default::default());
                let done = field.step(&mut encoder);
                gpu.queue().submit([encoder.finish()]);
                if done && field.request(gpu) {
                    self.stage = Stage::Comes;
                }
            }
            Stage::Comes => {
                if let Some(rows) = field.take(gpu)? {
                    let mut rows = rows.into_iter();
                    self.logits = rows.next().zip(rows.next()).map(|(left, right)| [left, right]);
                    self.stage = Stage::Rests { since: Some(Instant::now()) };
                }
            }
        }
        Ok(())
    }

    /// What has come back.
    fn seen(&self) -> Vec<Seen> {
        let Some(logits) = &self.logits else { return Vec::new() };
        let classes = logits[0].len() / self.indices.len().max(1);
        let of = |i: usize| {
            let sides = [0, 1].map(|side| &logits[side][i * classes..(i + 1) * classes]);
            Seen {
                index: self.indices[i],
                label: self.labels[i],
                flipped: self.flipped[i],
                predicted: sides.map(largest),
                loss: sides.map(|logits| loss(logits, usize::from(self.labels[i]))),
            }
        };
        (0..self.indices.len()).map(of).collect()
    }
}

fn largest(logits: &[f32]) -> u16 {
    let best =
        logits.iter().enumerate().fold((0, f32::NEG_INFINITY), |best, (i, v)| if *v > best.1 { (i, *v) } else { best });
    best.0 as u16
}

/// Cross-entropy of one example.
fn loss(logits: &[f32], label: usize) -> f32 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|v| (v - top).exp()).sum();
    top + sum.ln() - logits[label]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_answer_are_those_of_softmax() {
        assert_eq!(largest(&[0.0, 2.0, 2.0]), 1);
        assert!((loss(&[0.0, 0.0], 1) - 2.0f32.ln()).abs() < 1e-6);
        assert!((loss(&[1000.0, 0.0], 0)).abs() < 1e-6);
    }
}
