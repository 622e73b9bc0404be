//! The plan of a meter: points to climb to, by gradients that lie on the device.

use super::dispatch;
use crate::gpu::{BufferId, Dispatch, Recording};
use lowland_shaders::CLIMB;
use lowland_shaders::params::Climb;

/// A part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MeterSegment {
    /// SAM's w + e from a unit vector.
    Climb,
    /// The gradient as an adaptive ascent sees it.
    Scale,
    /// The adaptive ascent's w + e from a unit vector.
    ClimbAdaptive,
}

/// Buffers and dispatches, before a device is asked for anything.
#[derive(Debug)]
pub(crate) struct MeterPlan {
    pub(crate) recording: Recording,
    segments: Vec<(MeterSegment, Vec<Dispatch>)>,
    /// `[lane]`, two radii each.
    pub(crate) radii: BufferId,
    /// `[lane]`: weights as they were when a reading began.
    pub(crate) weights: BufferId,
    /// `[lane]`: what the next segment reads.
    pub(crate) vectors: BufferId,
    /// `[lane]`: what [`MeterSegment::Scale`] writes.
    pub(crate) scaled: BufferId,
    /// `[lane]`: both ascents' points.
    pub(crate) climbed: [BufferId; 2],
    /// What a reading comes to.
    pub(crate) results: BufferId,
}

impl MeterPlan {
    pub(crate) fn new(floats: usize, lanes: usize, result_bytes: u64) -> Self {
        let mut recording = Recording::default();
        let r = &mut recording;
        let arena = |r: &mut Recording, name| r.buffer(name, 4 * (floats * lanes) as u64);
        let radii = r.buffer("radii", 8 * lanes as u64);
        let (weights, vectors) = (arena(r, "weights of a reading"), arena(r, "vectors of a reading"));
        let scaled = arena(r, "scaled gradients");
        let climbed = [arena(r, "w + e"), arena(r, "w + e, adaptive")];
        let results = r.buffer("results of a reading", result_bytes);
        let rows = r.table((0..lanes as u32).map(|lane| [lane; 4]).collect());
        let p = Climb { size4: (floats / 4) as u32 };
        let list = |adaptive: f64, climbs: f64, to: BufferId| {
            let overrides = [("ADAPTIVE", adaptive), ("CLIMBED", climbs)];
            vec![dispatch(r, &CLIMB, &overrides, &p, rows, &[radii, weights, vectors, to], floats.div_ceil(4 * 512))]
        };
        let segments = vec![
            (MeterSegment::Climb, list(0.0, 1.0, climbed[0])),
            (MeterSegment::Scale, list(1.0, 0.0, scaled)),
            (MeterSegment::ClimbAdaptive, list(1.0, 1.0, climbed[1])),
        ];
        Self { recording, segments, radii, weights, vectors, scaled, climbed, results }
    }

    /// The dispatches of all segments, in order.
    pub(crate) fn dispatches(&self) -> Vec<Vec<Dispatch>> {
        self.segments.iter().map(|(_, dispatches)| dispatches.clone()).collect()
    }

    /// The place of `segment`.
    pub(crate) fn index(&self, segment: MeterSegment) -> usize {
        self.segments.iter().position(|(name, _)| *name == segment).unwrap_or_default()
    }
}
