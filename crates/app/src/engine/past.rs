//! The training's past: the weights of all lanes at some moments, kept on the device within a bound of bytes.

use super::{Duel, Job};
use lowland::gpu::Gpu;
use lowland::train::{History, Slot};
use lowland::{Error, Result};
use std::rc::Rc;

/// The bound on a GPU, which has memory of its own.
const ON_GPU: u64 = 64_000_000;
/// The bound on a software adapter, whose memory is everybody's.
const ON_CPU: u64 = 16_000_000;

/// The history of a duel, in preparation, there, or refused.
#[derive(Debug)]
pub struct Past {
    /// Floats of parameters and of running statistics, and lanes.
    sizes: [usize; 3],
    job: Option<Job<Result<History>>>,
    history: Option<History>,
    /// Why there is none.
    refused: Option<String>,
}

impl Past {
    /// A history for `duel`.
    pub fn new(gpu: &Rc<Gpu>, duel: &Duel) -> Self {
        let (of, model, bound) = (Rc::clone(gpu), Rc::clone(duel.model()), bound(gpu));
        let sizes = sizes(duel);
        let job = Job::new(async move { History::new(&of, &model, sizes[2], bound).await });
        Self { sizes, job: Some(job), history: None, refused: None }
    }

    /// The same history for `duel`, which begins anew or goes on from where the one before it stood; another one where its
    /// network or lanes are others.
    #[must_use]
    pub fn go_on(mut self, gpu: &Rc<Gpu>, duel: &Duel, anew: bool) -> Self {
        if self.sizes != sizes(duel) {
            return Self::new(gpu, duel);
        }
        if let Some(history) = self.history.as_mut().filter(|_| anew) {
            history.clear();
        }
        self
    }

    /// Whether it is not there yet: the first step waits for it, so that the start is in it.
    pub fn is_preparing(&self) -> bool {
        self.job.is_some()
    }

    /// Keeps the present moment, where it is time to. Before the steps of a frame, so that step 0 is kept.
    pub fn tick(&mut self, gpu: &Gpu, duel: &Duel) {
        if let Some(outcome) = self.job.as_mut().and_then(Job::poll) {
            self.job = None;
            match outcome {
                Ok(history) => self.history = Some(history),
                Err(error) => self.refuse(&error),
            }
        }
        if let Some(history) = &mut self.history
            && let Err(error) = history.record(gpu, duel.trainer())
        {
            self.history = None;
            self.refuse(&error);
        }
    }

    fn refuse(&mut self, error: &Error) {
        self.refused = Some(error.to_string());
    }

    /// Why there is no history, if there is none.
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// The history, once it is there.
    pub fn history(&self) -> Option<&History> {
        self.history.as_ref()
    }

    /// The same, to ask it.
    pub fn history_mut(&mut self) -> Option<&mut History> {
        self.history.as_mut()
    }

    /// The kept step nearest to `step`.
    pub fn step_near(&self, step: u64) -> Option<u64> {
        let history = self.history.as_ref()?;
        history.nearest(step).and_then(|entry| history.entries().get(entry)).map(|entry| entry.step)
    }

    /// The weights of `lane` at the kept step nearest to `step`.
    pub fn slot(&self, lane: usize, step: u64) -> Option<Slot<'_>> {
        let history = self.history.as_ref()?;
        history.slot(history.nearest(step)?, lane)
    }

    /// Bytes on the device.
    pub fn gpu_bytes(&self) -> u64 {
        self.history.as_ref().map_or(0, History::bytes)
    }
}

fn bound(gpu: &Gpu) -> u64 {
    if gpu.is_software() { ON_CPU } else { ON_GPU }
}

fn sizes(duel: &Duel) -> [usize; 3] {
    let model = duel.model();
    [model.parameter_floats(), model.running_floats(), duel.trainer().setup().lanes.len()]
}
