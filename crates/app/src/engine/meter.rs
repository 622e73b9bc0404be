//! The sharpness meter: how the loss bends where both sides stand, read a slice a frame while they train.

use super::{Duel, Job};
use crate::text::messages;
use lowland::gpu::Gpu;
use lowland::optim::Optimizer;
use lowland::probe::{Edges, Meter, Reading};
use lowland::{Error, Result};
use std::rc::Rc;

/// The meter of a duel, and what it has read.
#[derive(Debug)]
pub struct SharpnessMeter {
    job: Option<Job<Result<Meter>>>,
    meter: Option<Meter>,
    /// The moment that is being read.
    begun: Option<Begun>,
    /// All that was read, in order of its steps.
    read: Vec<Sharpness>,
    /// Whether the weights have changed since without a step.
    stale: bool,
    rescaled: Option<Rescaled>,
    trouble: Option<String>,
}

/// A moment on its way.
#[derive(Debug)]
struct Begun {
    step: u64,
    optimizers: [Optimizer; 2],
    radii: [f32; 2],
}

/// Both sides at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sharpness {
    /// Steps done.
    pub step: u64,
    /// What was measured, left and right.
    pub sides: [Reading; 2],
    /// The curvature that their steps bear.
    pub edges: [Edges; 2],
    /// The radius of SAM's ball and that of the adaptive one; the same for both sides.
    pub radii: [f32; 2],
}

/// A side was rescaled.
#[derive(Clone, Debug, PartialEq)]
pub struct Rescaled {
    /// 0 left, 1 right.
    pub side: usize,
    /// By what, all in all at this step.
    pub factor: f32,
    /// The last reading before.
    pub before: Option<Sharpness>,
}

/// Training examples that are looked at: those of an adapter that is fast, and of one that is not.
const EXAMPLES: [usize; 2] = [1024, 256];
/// Steps between readings at least.
const EVERY: u64 = 10;
/// Readings that are kept.
const MOST: usize = 2000;
/// The radius of SAM's ball where no side climbs, and that of the adaptive ball where none is ASAM.
const RADII: [f32; 2] = [0.05, 0.5];

impl SharpnessMeter {
    /// A meter for `duel`, which goes on with the readings of `before`.
    pub fn new(gpu: &Rc<Gpu>, duel: &Duel, before: Option<Self>) -> Self {
        let (of, model, data) = (Rc::clone(gpu), Rc::clone(duel.model()), Rc::clone(duel.data()));
        let limit = EXAMPLES[usize::from(gpu.is_software())];
        let job = Job::new(async move { Meter::new(&of, &model, &data, limit, 2).await });
        let (mut read, rescaled) = before.map_or_else(Default::default, |before| (before.read, before.rescaled));
        read.retain(|reading| reading.step <= duel.submitted());
        Self { job: Some(job), meter: None, begun: None, read, stale: true, rescaled, trouble: None }
    }

    /// All readings, in order.
    pub fn read(&self) -> &[Sharpness] {
        &self.read
    }

    /// The newest one.
    pub fn last(&self) -> Option<&Sharpness> {
        self.read.last()
    }

    /// Training examples that it looks at.
    pub fn examples(&self) -> usize {
        self.meter.as_ref().map_or(0, Meter::examples)
    }

    /// The last rescaling, while no step has been made since.
    pub fn rescaled(&self) -> Option<&Rescaled> {
        self.rescaled.as_ref()
    }

    /// Why there are no readings.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// How much of a reading is done; nothing where none is under way.
    pub fn progress(&self) -> Option<f32> {
        self.begun.as_ref().and(self.meter.as_ref()).map(Meter::progress)
    }

    /// Whether there is something to read, or on its way, after `step` steps.
    pub fn is_busy(&self, step: u64) -> bool {
        self.trouble.is_none() && (self.job.is_some() || self.begun.is_some() || self.is_due(step))
    }

    fn is_due(&self, step: u64) -> bool {
        self.stale || self.last().is_none_or(|last| last.step != step)
    }

    /// Bytes on the device.
    pub fn gpu_bytes(&self) -> u64 {
        self.meter.as_ref().map_or(0, Meter::bytes)
    }

    /// A side is rescaled by `factor`: what is read next is compared with what was read before.
    pub(super) fn note(&mut self, side: usize, factor: f32) {
        let last = self.rescaled.take().filter(|last| last.side == side);
        let before = last.as_ref().map_or_else(|| self.last().cloned(), |last| last.before.clone());
        self.rescaled = Some(Rescaled { side, factor: factor * last.map_or(1.0, |last| last.factor), before });
    }

    /// Reads on by a slice. Never waits.
    pub fn tick(&mut self, gpu: &Gpu, duel: &Duel, playing: bool) {
        if self.trouble.is_none()
            && let Err(error) = self.advance(gpu, duel, playing)
        {
            self.trouble = Some(error.to_string());
        }
    }

    fn advance(&mut self, gpu: &Gpu, duel: &Duel, playing: bool) -> Result<()> {
        if let Some(job) = &mut self.job {
            let Some(meter) = job.poll() else { return Ok(()) };
            self.job = None;
            self.meter = Some(meter?);
        }
        let step = duel.submitted();
        if playing && self.begun.is_none() {
            self.rescaled = None;
        }
        let due = self.is_due(step) && (!playing || self.last().is_none_or(|last| step >= last.step + EVERY));
        let Some(meter) = &mut self.meter else { return Ok(()) };
        if self.begun.is_none() && due {
            let lane = |side: usize| {
                let first = duel.sides().get(side).map_or(0, |side| side.first);
                duel.trainer().setup().lanes.get(first).map(|lane| lane.optimizer.clone())
            };
            let (Some(left), Some(right)) = (lane(0), lane(1)) else {
                return Err(Error::run(messages::NO_OPTIMIZER));
            };
            let optimizers = [left, right];
            let radii = radii(&optimizers);
            let slots = [0, 1].map(|side| duel.slot(side));
            if meter.begin(gpu, &slots, &[radii; 2])? {
                (self.begun, self.stale) = (Some(Begun { step, optimizers, radii }), false);
            }
        }
        if self.begun.is_some() {
            meter.advance(gpu, 1)?;
            if let Some(sides) = meter.take(gpu)? {
                self.keep(&sides);
            }
        }
        Ok(())
    }

    fn keep(&mut self, sides: &[Reading]) {
        let (Some(begun), [left, right]) = (self.begun.take(), sides) else { return };
        let sides = [*left, *right];
        let edges = [0, 1].map(|side| {
            let optimizer = &begun.optimizers[side];
            Edges::of(optimizer, optimizer.schedule.lr(begun.step), sides[side].grad_norm)
        });
        self.read.retain(|reading| reading.step < begun.step);
        if self.read.len() >= MOST {
            // Every second one goes, as in the path.
            let mut count = 0;
            self.read.retain(|_| {
                count += 1;
                count % 2 == 1
            });
        }
        self.read.push(Sharpness { step: begun.step, sides, edges, radii: begun.radii });
    }
}

/// The radii that both sides are measured with: those of the side that climbs.
fn radii(optimizers: &[Optimizer; 2]) -> [f32; 2] {
    let of = |euclidean: bool, other: f32| {
        let climbing = optimizers.iter().map(|optimizer| &optimizer.ascent);
        let rho = climbing.filter(|ascent| ascent.climbs() && ascent.is_euclidean() == euclidean).map(|a| a.rho);
        rho.fold(None, |most: Option<f32>, rho| Some(most.map_or(rho, |most| most.max(rho)))).unwrap_or(other)
    };
    [of(true, RADII[0]), of(false, RADII[1])]
}
