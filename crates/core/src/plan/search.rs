//! The search in Keskar's box: what it adds to a plan of gradients. Points, gradients, the box and the steps stay on the device.

use super::{Draw, GradientPlan, dispatch};
use crate::gpu::{BufferId, Dispatch, Recording, TableId};
use lowland_shaders::params::{BoxStep, Subspace};
use lowland_shaders::{BOX_STEP, Kernel, SUBSPACE_DOTS, SUBSPACE_POINT, SUBSPACE_SUM};

/// A part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SearchSegment {
    /// The weights at the start of an ascent.
    Start,
    /// The weights a step further, from the sums of gradients.
    Step,
    /// The lengths of the subspace's columns.
    Lengths,
    /// weights = centre + A z.
    Point,
    /// A' of the weights, into [`SearchPlan::products`].
    Products,
}

/// Buffers and dispatches beside those of a plan of gradients with one lane.
#[derive(Debug)]
pub(crate) struct SearchPlan {
    segments: Vec<(SearchSegment, Vec<Dispatch>)>,
    /// One [`Draw`].
    pub(crate) draw: BufferId,
    /// The layout of the parameters, and of the subspace's coordinates.
    pub(crate) places: BufferId,
    pub(crate) coordinates: BufferId,
    /// The weights that the box lies around.
    pub(crate) centre: BufferId,
    /// Of a subspace: what the box is wide by, the point, and products of its columns.
    pub(crate) widths: BufferId,
    pub(crate) z: BufferId,
    pub(crate) products: BufferId,
}

impl SearchPlan {
    /// The box around all `floats` parameters, or in a subspace of `columns` Gaussian columns of `seed`.
    pub(crate) fn new(gradient: &mut GradientPlan, floats: usize, subspace: Option<(usize, u32)>) -> Self {
        let (weights, sum) = (gradient.weights, gradient.sum);
        let r = &mut gradient.recording;
        let rows = r.table(vec![[0; 4]]);
        let arena = |r: &mut Recording, name: &str, floats: usize| r.buffer(name, 4 * floats as u64);
        let columns = subspace.map_or(0, |(columns, _)| columns);
        let padded = columns.next_multiple_of(4);
        let draw = r.buffer("draw", std::mem::size_of::<Draw>() as u64);
        let places = arena(r, "layout of parameters", floats);
        let centre = arena(r, "centre of the box", floats);
        let [coordinates, widths, z, products, zero, inverse] =
            ["layout of the subspace", "widths", "coordinates", "products", "zero", "lengths"]
                .map(|name| arena(r, name, padded));
        let mut plan = Self { segments: Vec::new(), draw, places, coordinates, centre, widths, z, products };
        let Some((columns, seed)) = subspace else {
            let of_weights = |start| step(r, rows, floats, start, [draw, places, centre, centre, sum, weights]);
            plan.segments =
                vec![(SearchSegment::Start, vec![of_weights(true)]), (SearchSegment::Step, vec![of_weights(false)])];
            return plan;
        };
        let size4 = floats / 4;
        let per_slice = size4.div_ceil(1024).max(64);
        let slices = size4.div_ceil(per_slice);
        let partial = arena(r, "slices of products", slices * columns);
        let p = Subspace {
            size4: size4 as u32,
            per_slice: per_slice as u32,
            slices: slices as u32,
            columns: columns as u32,
            seed,
        };
        let launch = |kernel: &'static Kernel, squares: bool, buffers: &[BufferId], groups: usize| {
            let overrides: &[_] = if squares { &[("SQUARES", 1.0)] } else { &[] };
            dispatch(r, kernel, overrides, &p, rows, buffers, groups)
        };
        let dots = |of: BufferId, squares: bool, to: BufferId| {
            let groups = slices * columns.div_ceil(64);
            vec![
                launch(&SUBSPACE_DOTS, squares, &[places, of, partial], groups),
                launch(
                    &SUBSPACE_SUM,
                    squares,
                    &[partial, if squares { zero } else { inverse }, to],
                    columns.div_ceil(64),
                ),
            ]
        };
        let point = launch(&SUBSPACE_POINT, false, &[places, inverse, z, centre, weights], size4.div_ceil(64));
        let of_z = |start| step(r, rows, padded, start, [draw, coordinates, zero, widths, products, z]);
        plan.segments = vec![
            (SearchSegment::Start, vec![of_z(true), point.clone()]),
            (SearchSegment::Step, [dots(sum, false, products), vec![of_z(false), point.clone()]].concat()),
            (SearchSegment::Lengths, dots(weights, true, inverse)),
            (SearchSegment::Point, vec![point]),
            (SearchSegment::Products, dots(weights, false, products)),
        ];
        plan
    }

    /// The dispatches of all segments, in order.
    pub(crate) fn dispatches(&self) -> Vec<Vec<Dispatch>> {
        self.segments.iter().map(|(_, dispatches)| dispatches.clone()).collect()
    }

    /// The place of `segment`; a plan without a subspace has the first two.
    pub(crate) fn index(segment: SearchSegment) -> usize {
        segment as usize
    }
}

fn step(r: &Recording, rows: TableId, floats: usize, start: bool, buffers: [BufferId; 6]) -> Dispatch {
    let p = BoxStep { size4: (floats / 4) as u32 };
    let overrides = [("START", f64::from(u8::from(start)))];
    dispatch(r, &BOX_STEP, &overrides, &p, rows, &buffers, (floats / 4).div_ceil(64))
}
