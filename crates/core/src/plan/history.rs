//! The plan of a history: sets of weights along a path, and what is computed of them on the device.

use super::dispatch;
use crate::gpu::{BufferId, Dispatch, Recording};
use lowland_shaders::params::{Dots, Gram, WeightedSum};
use lowland_shaders::{DOTS, GRAM, WEIGHTED_SUM};

/// Sets beside the entries: the weights at present, and w + e.
pub(crate) const PRESENT: usize = 2;
/// Sets of weights that principal directions are made of at most.
pub(crate) const MOST_CHOSEN: usize = 64;

/// A part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HistorySegment {
    /// Products of all sets with the axes of a plane, and of the axes with each other; the axes are points.
    DotsThrough,
    /// The same; the axes are directions.
    DotsAlong,
    /// Products of the chosen sets with each other.
    Gram,
    /// Two weighted sums of the chosen sets.
    Directions,
}

/// Buffers and dispatches, before a device is asked for anything.
#[derive(Debug)]
pub(crate) struct HistoryPlan {
    pub(crate) recording: Recording,
    segments: Vec<(HistorySegment, Vec<Dispatch>)>,
    pub(crate) buffers: HistoryBuffers,
}

/// The buffers that are written or read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HistoryBuffers {
    /// `[entry][lane][parameter]`; after the entries, the sets at present.
    pub(crate) weights: BufferId,
    pub(crate) running: BufferId,
    /// Origin and axes of a plane.
    pub(crate) plane: BufferId,
    /// Products with the axes, `[entry][lane]`.
    pub(crate) dots: BufferId,
    /// Products of origin and axes with the axes.
    pub(crate) axes: BufferId,
    pub(crate) chosen: BufferId,
    pub(crate) factors: BufferId,
    pub(crate) gram: BufferId,
    pub(crate) directions: BufferId,
    pub(crate) directions_running: BufferId,
}

impl HistoryPlan {
    pub(crate) fn new(parameters: usize, running: usize, lanes: usize, entries: usize) -> Self {
        let mut recording = Recording::default();
        let r = &mut recording;
        let sets = entries + PRESENT;
        let floats = |r: &mut Recording, name, floats: usize| r.buffer(name, 4 * floats as u64);
        let b = HistoryBuffers {
            weights: floats(r, "weights of the history", sets * lanes * parameters),
            running: floats(r, "running statistics of the history", entries * lanes * running),
            plane: floats(r, "origin and axes", 3 * parameters),
            dots: floats(r, "products with the axes", 4 * sets * lanes),
            axes: floats(r, "products of the axes", 4 * 3),
            chosen: floats(r, "chosen sets", MOST_CHOSEN),
            factors: floats(r, "factors", 2 * MOST_CHOSEN),
            gram: floats(r, "products of the chosen sets", MOST_CHOSEN * MOST_CHOSEN),
            directions: floats(r, "directions", 2 * parameters),
            directions_running: floats(r, "running statistics of the directions", 2 * running),
        };
        let all = r.table((0..lanes as u32).map(|lane| [0, 0, 0, lane]).collect());
        let one = r.table(vec![[0; 4]]);
        let two = r.table(vec![[0; 4], [1, 0, 0, 0]]);
        let size4 = (parameters / 4) as u32;
        let dots = |through: f64| {
            let p = Dots { size4, lanes: lanes as u32 };
            let overrides = [("THROUGH", through)];
            let of_sets = dispatch(r, &DOTS, &overrides, &p, all, &[b.weights, b.plane, b.dots], sets);
            // Of axes that are points the origin is taken, of directions it is not.
            let (p, overrides) = (Dots { lanes: 1, ..p }, [("THROUGH", through), ("FROM_ORIGIN", through)]);
            vec![of_sets, dispatch(r, &DOTS, &overrides, &p, one, &[b.plane, b.plane, b.axes], 3)]
        };
        let most = MOST_CHOSEN as u32;
        let gram =
            dispatch(r, &GRAM, &[], &Gram { size4, most }, one, &[b.chosen, b.weights, b.gram], MOST_CHOSEN.pow(2));
        let sum = |floats: usize, from, to| {
            let p = WeightedSum { size4: (floats / 4) as u32, most };
            dispatch(r, &WEIGHTED_SUM, &[], &p, two, &[b.chosen, b.factors, from, to], floats.div_ceil(4 * 64))
        };
        let mut directions = vec![sum(parameters, b.weights, b.directions)];
        if running > 0 {
            directions.push(sum(running, b.running, b.directions_running));
        }
        let segments = vec![
            (HistorySegment::DotsThrough, dots(1.0)),
            (HistorySegment::DotsAlong, dots(0.0)),
            (HistorySegment::Gram, vec![gram]),
            (HistorySegment::Directions, directions),
        ];
        Self { recording, segments, buffers: b }
    }

    /// The dispatches of all segments, in order.
    pub(crate) fn dispatches(&self) -> Vec<Vec<Dispatch>> {
        self.segments.iter().map(|(_, dispatches)| dispatches.clone()).collect()
    }

    /// The place of `segment`.
    pub(crate) fn index(&self, segment: HistorySegment) -> usize {
        self.segments.iter().position(|(name, _)| *name == segment).unwrap_or_default()
    }
}
