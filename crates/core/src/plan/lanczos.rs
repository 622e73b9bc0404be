//! The plan of the Lanczos method: a basis for each lane, and what extends it by a product with an operator.

use super::dispatch;
use crate::gpu::{BufferId, Dispatch, Recording};
use lowland_shaders::params::{Lanczos, LanczosRitz};
use lowland_shaders::{LANCZOS_COEFFICIENTS, LANCZOS_DOTS, LANCZOS_EXTEND, LANCZOS_RITZ, LANCZOS_SUBTRACT};

/// Slices that sums over a vector are cut into, by its size alone.
const MOST_SLICES: usize = 256;
/// vec4s of a slice at least.
const SLICE: usize = 256;

/// A part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LanczosSegment {
    /// Makes the vectors orthogonal to the basis, twice, and adds them to it.
    Extend,
    /// Ritz vectors as sums of the first lane's basis.
    Ritz,
}

/// Buffers and dispatches, before a device is asked for anything.
#[derive(Debug)]
pub(crate) struct LanczosPlan {
    pub(crate) recording: Recording,
    segments: Vec<(LanczosSegment, Vec<Dispatch>)>,
    pub(crate) buffers: LanczosBuffers,
}

/// The buffers that are written or read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LanczosBuffers {
    /// `[lane]`: basis vectors now and next, and a square.
    pub(crate) state: BufferId,
    /// `[lane]`: vectors to begin with.
    pub(crate) start: BufferId,
    /// `[lane]`: the vectors that are added next.
    pub(crate) vectors: BufferId,
    /// `[slot][lane]`.
    pub(crate) basis: BufferId,
    /// `[lane][slot]`: alpha of each vector, and beta between it and the one before.
    pub(crate) tridiagonal: BufferId,
    /// `[vector][slot]`.
    pub(crate) factors: BufferId,
    /// `[vector]`.
    pub(crate) ritz: BufferId,
}

/// What a plan is made for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LanczosRequest {
    /// Floats of a vector, a multiple of 4.
    pub(crate) floats: usize,
    pub(crate) lanes: usize,
    /// Basis vectors of a lane.
    pub(crate) slots: usize,
    /// Ritz vectors of the first lane.
    pub(crate) ritz: usize,
}

impl LanczosPlan {
    pub(crate) fn new(request: LanczosRequest) -> Self {
        let LanczosRequest { floats, lanes, slots, ritz } = request;
        let mut recording = Recording::default();
        let r = &mut recording;
        let buffer = |r: &mut Recording, name, floats: usize| r.buffer(name, 4 * floats as u64);
        let b = LanczosBuffers {
            state: buffer(r, "state of the Lanczos method", 4 * lanes),
            start: buffer(r, "vectors to begin with", lanes * floats),
            vectors: buffer(r, "new vectors", lanes * floats),
            basis: buffer(r, "Lanczos vectors", slots * lanes * floats),
            tridiagonal: buffer(r, "tridiagonal matrices", 2 * lanes * slots),
            factors: buffer(r, "factors of Ritz vectors", ritz * slots),
            ritz: buffer(r, "Ritz vectors", ritz * floats),
        };
        let sums = buffer(r, "sums of products", lanes * slots * MOST_SLICES);
        let coefficients = buffer(r, "coefficients", lanes * slots);
        let rows = r.table((0..lanes as u32).map(|lane| [lane; 4]).collect());
        let size4 = floats / 4;
        let slices = size4.div_ceil(SLICE).clamp(1, MOST_SLICES);
        let p = Lanczos {
            size4: size4 as u32,
            slots: slots as u32,
            lanes: lanes as u32,
            slices: slices as u32,
            per_slice: size4.div_ceil(slices) as u32,
        };
        let pass = |first: f64| {
            let first = [("FIRST", first)];
            let dots = [b.state, b.vectors, b.basis, sums];
            [
                dispatch(r, &LANCZOS_DOTS, &first, &p, rows, &dots, slots * slices),
                dispatch(r, &LANCZOS_COEFFICIENTS, &first, &p, rows, &[sums, b.state, coefficients, b.tridiagonal], 1),
                dispatch(
                    r,
                    &LANCZOS_SUBTRACT,
                    &[],
                    &p,
                    rows,
                    &[b.state, coefficients, b.basis, b.vectors, sums],
                    slices,
                ),
            ]
        };
        let mut extend = [pass(1.0), pass(0.0)].concat();
        let to = [b.state, b.vectors, sums, b.basis, b.tridiagonal];
        extend.push(dispatch(r, &LANCZOS_EXTEND, &[], &p, rows, &to, slices));
        let mut segments = vec![(LanczosSegment::Extend, extend)];
        let mut list = Vec::new();
        for first in (0..ritz).step_by(Recording::TABLE_ROWS) {
            let last = ritz.min(first + Recording::TABLE_ROWS);
            let rows = r.table((first as u32..last as u32).map(|vector| [vector, 0, 0, 0]).collect());
            let p = LanczosRitz { size4: p.size4, slots: p.slots, lanes: p.lanes };
            list.push(dispatch(r, &LANCZOS_RITZ, &[], &p, rows, &[b.factors, b.basis, b.ritz], size4.div_ceil(64)));
        }
        segments.push((LanczosSegment::Ritz, list));
        Self { recording, segments, buffers: b }
    }

    /// The dispatches of all segments, in order.
    pub(crate) fn dispatches(&self) -> Vec<Vec<Dispatch>> {
        self.segments.iter().map(|(_, dispatches)| dispatches.clone()).collect()
    }

    /// The place of `segment`.
    pub(crate) fn index(&self, segment: LanczosSegment) -> usize {
        self.segments.iter().position(|(name, _)| *name == segment).unwrap_or_default()
    }
}
