//! The plan of products with the Hessian and the Gauss-Newton matrix of the mean loss over given examples.

use super::data::Visit;
use super::{CLOCK_BYTES, DataBuffers, DeviceData, RECORD_BYTES, View, dispatch, dispatch_rows, log_of_outcomes};
use crate::Result;
use crate::config::Augment;
use crate::gpu::{BufferId, Dispatch, Family, Recording, TableId};
use crate::model::{Arenas, LossBuffers, Mode, Model, Network, Pass, Product, Room, Sizes, TangentPass, Tangents};
use lowland_shaders::params::{AddProducts, Log};
use lowland_shaders::{ADD_PRODUCTS, LOG};

/// A part of the work on one batch. The clock names the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CurvatureSegment {
    /// Fetches the examples; loss and gradient of their mean. What products are made from stays.
    Primal,
    /// The same without gradients, which is all that Gauss-Newton products need.
    Forward,
    /// Adds the batch's share of the gradient.
    AddGradient,
    /// The batch's share of H v.
    Hessian,
    /// The batch's share of a Gauss-Newton product.
    GaussNewton,
}

const SEGMENTS: [CurvatureSegment; 5] = {
    use CurvatureSegment::{AddGradient, Forward, GaussNewton, Hessian, Primal};
    [Primal, Forward, AddGradient, Hessian, GaussNewton]
};

/// What a plan is made for.
#[derive(Clone, Debug)]
pub(crate) struct CurvatureRequest<'a> {
    pub(crate) model: &'a Model,
    pub(crate) data: DeviceData,
    /// The examples.
    pub(crate) view: View,
    pub(crate) lanes: usize,
    /// Examples of a batch; the last one may be short.
    pub(crate) batch: usize,
    /// Whether each batch has values and gradients of its own, so that they need not be computed again for each product.
    pub(crate) kept: bool,
    pub(crate) family: Family,
}

/// Buffers and dispatches, before a device is asked for anything. Arenas are `[lane][float]`.
#[derive(Debug)]
pub(crate) struct CurvaturePlan {
    pub(crate) recording: Recording,
    /// The dispatches of the segments of each batch in order; of one batch where nothing is kept.
    pub(crate) dispatches: Vec<Vec<Dispatch>>,
    pub(crate) data: DeviceData,
    pub(crate) data_buffers: DataBuffers,
    pub(crate) batches: usize,
    pub(crate) kept: bool,
    pub(crate) weights: BufferId,
    pub(crate) running: BufferId,
    pub(crate) directions: BufferId,
    pub(crate) products: BufferId,
    pub(crate) gradients: BufferId,
    pub(crate) clock: BufferId,
    /// The clock's contents for each batch, to copy from.
    pub(crate) clocks: BufferId,
    /// Sums of the examples' losses and so on, `[batch][lane]`.
    pub(crate) ring: BufferId,
}

impl CurvaturePlan {
    pub(crate) fn new(request: &CurvatureRequest<'_>) -> Result<Self> {
        let CurvatureRequest { model, view, lanes, batch, kept, .. } = *request;
        let data = request.data.clone();
        let batches = data.range(view).1.div_ceil(batch);
        let mut recording = Recording::default();
        let r = &mut recording;
        let parameters = model.parameter_floats();
        let arena = |r: &mut Recording, name, floats: usize| r.buffer(name, (4 * floats * lanes) as u64);
        let weights = arena(r, "weights", parameters);
        let running = arena(r, "running statistics", model.running_floats());
        let directions = arena(r, "directions", parameters);
        let terms = [arena(r, "gradients", parameters), arena(r, "second terms", parameters)];
        let (products, gradients) = (arena(r, "products", parameters), arena(r, "sums of gradients", parameters));
        let unused = r.buffer("unused", 16);
        let clock = r.buffer("clock", CLOCK_BYTES as u64);
        let ring = r.buffer("metrics", (RECORD_BYTES * batches * lanes) as u64);
        let mut record = Recorder {
            request,
            batches,
            sizes: Sizes { batch, lanes, data_slots: 1, parameters, running: model.running_floats() },
            arenas: Arenas { grads: terms[0], running, unused, seeds: r.buffer("seeds", (4 * lanes) as u64), clock },
            rows: r.table(dispatch_rows(lanes)),
            one_slot: r.table(vec![[0; 4]]),
            weights,
            directions,
            terms,
            sums: [gradients, products],
            ring,
            // Zero, and so without label smoothing.
            hyper: r.buffer("hyper-parameters", (48 * lanes) as u64),
            outcome: r.buffer("outcomes", (16 * batch * lanes) as u64),
            squares: r.buffer("squares of gradients", 16),
            from: data.declare(r),
        };
        let clocks = r.buffer("clocks", (CLOCK_BYTES * batches) as u64);
        let mut tangents = None;
        let mut dispatches = Vec::new();
        let mut before: Option<Network<'_>> = None;
        for index in 0..if kept { batches } else { 1 } {
            let mut network = model.connect(r, record.sizes, Room::Tangents)?;
            if let Some(before) = &before {
                network.share_passing(before);
            }
            let tangents = tangents.get_or_insert_with(|| model.connect_tangents(r, record.sizes));
            dispatches.extend(record.batch(r, &mut network, tangents, kept && index == 0));
            before = Some(network);
        }
        let data_buffers = record.from;
        Ok(Self {
            recording,
            dispatches,
            data,
            data_buffers,
            batches,
            kept,
            weights,
            running,
            directions,
            products,
            gradients,
            clock,
            clocks,
            ring,
        })
    }

    /// The place of a segment of `batch`.
    pub(crate) fn index(&self, segment: CurvatureSegment, batch: usize) -> usize {
        let own = SEGMENTS.iter().position(|own| *own == segment).unwrap_or_default();
        own + if self.kept { SEGMENTS.len() * batch } else { 0 }
    }
}

/// What the segments of all batches have in common.
struct Recorder<'a> {
    request: &'a CurvatureRequest<'a>,
    batches: usize,
    sizes: Sizes,
    arenas: Arenas,
    rows: TableId,
    one_slot: TableId,
    weights: BufferId,
    directions: BufferId,
    terms: [BufferId; 2],
    /// Of gradients, of products.
    sums: [BufferId; 2],
    ring: BufferId,
    hyper: BufferId,
    outcome: BufferId,
    squares: BufferId,
    from: DataBuffers,
}

impl Recorder<'_> {
    /// The segments of a batch, which starts the sums where it is the `first`.
    fn batch(
        &mut self,
        r: &mut Recording,
        network: &mut Network<'_>,
        tangents: &Tangents,
        first: bool,
    ) -> [Vec<Dispatch>; 5] {
        let CurvatureRequest { model, ref data, view, lanes, batch, family, .. } = *self.request;
        let labels = r.buffer("labels", (4 * batch) as u64);
        let to = [self.arenas.clock, network.input().value, labels];
        let plain = Augment::default();
        let gather =
            data.record(r, family, model, view, Visit::Once, batch, 0..batch, plain, self.one_slot, &self.from, to);
        let loss = LossBuffers { labels, hyper: self.hyper, outcome: self.outcome, outcome_offset: 0 };
        let p = Log { ring: self.batches as u32, ..log_of_outcomes(batch, lanes) };
        let log = dispatch(r, &LOG, &[], &p, self.rows, &[self.outcome, self.squares, self.arenas.clock, self.ring], 1);
        let pass = |mode| Pass { weights: self.weights, rows: self.rows, mode, batch };
        let gradient = network.record(r, self.arenas, family, pass(Mode::Gradient), loss);
        let forward = network.record(r, self.arenas, family, pass(Mode::Inference), loss);
        let add_gradient = self.add(r, first, false, 0);
        let mut product = |r: &mut Recording, product| {
            let pass = pass(Mode::Gradient);
            let along = TangentPass { pass, product, directions: self.directions, products: self.terms };
            let mut dispatches = network.record_tangent(r, self.arenas, family, tangents, along, loss);
            dispatches.push(self.add(r, first, product == Product::Hessian, 1));
            dispatches
        };
        let products = [product(r, Product::Hessian), product(r, Product::GaussNewton)];
        let primal = [gather.clone(), gradient, vec![log.clone()]].concat();
        let [hessian, gauss_newton] = products;
        [primal, [gather, forward, vec![log]].concat(), vec![add_gradient], hessian, gauss_newton]
    }

    /// Adds a batch's share to a sum: examples that do not count have no gradient, and a batch's is divided by its size.
    fn add(&self, r: &Recording, first: bool, second: bool, sum: usize) -> Dispatch {
        let CurvatureRequest { ref data, view, batch, .. } = *self.request;
        let size4 = (self.sizes.parameters / 4) as u32;
        let scale = batch as f64 / data.range(view).1 as f64;
        let p = AddProducts { size4, stride: size4, scale: scale as f32 };
        let flags = [("FIRST", f64::from(u8::from(first))), ("SECOND", f64::from(u8::from(second)))];
        let buffers = [self.terms[0], self.terms[1], self.sums[sum]];
        dispatch(r, &ADD_PRODUCTS, &flags, &p, self.rows, &buffers, (size4 as usize).div_ceil(512))
    }
}
