//! Products with the curvature of the mean loss, exact and on the device: H v by the R-operator (Pearlmutter 1994), which
//! differentiates the gradient along v as a program, and Gauss-Newton products. No finite differences: across the kinks of a
//! ReLU network those of f32 gradients are wrong by half and more.

use super::{BINDING, BUDGET, Examples, Subject, largest_that};
use crate::data::Dataset;
use crate::gpu::{BufferId, Gpu, Program, Recording};
use crate::model::Model;
pub use crate::model::Product;
use crate::plan::{CLOCK_BYTES, CurvaturePlan, CurvatureRequest, CurvatureSegment, DeviceData, RECORD_BYTES};
use crate::train::{LaneState, Record, Slot};
use crate::{Error, Result};
use std::cell::Cell;
use std::ops::Range;

/// Products of matrices of curvature of the mean loss over a part of the data set, in inference mode, with directions that lie
/// on the device: a lane for each set of weights, with a direction and a product of its own.
///
/// A product is encoded slice by slice, each of bounded device time, and nothing is read back. Values and gradients at the
/// weights stay on the device where they fit into [`Curvature::KEPT`] bytes, so that the next product at these weights costs the
/// derivative of the passes alone; else they are computed again, a batch at a time.
#[derive(Debug)]
pub struct Curvature {
    plan: CurvaturePlan,
    program: Program,
    lanes: usize,
    parameters: usize,
    running: usize,
    /// Batches of a slice.
    slice: usize,
    /// Of each slice, whether what is kept belongs to the present weights.
    fresh: Vec<Cell<bool>>,
}

/// How the work is cut.
#[derive(Clone, Copy, Debug)]
struct Cut {
    /// Examples of a batch at most.
    batch: usize,
    /// Multiply-adds of a slice.
    slice: u64,
    /// Bytes up to which values and gradients of several batches are kept.
    kept: u64,
}

/// Multiply-adds of an example's H v, passes at the weights included: three times those of a forward pass for values and
/// gradients and twice these for how they move, but for the first layer, whose input neither moves nor has a gradient.
fn multiply_adds(model: &Model) -> u64 {
    (model.multiply_adds().saturating_mul(9)).saturating_sub(5 * model.multiply_adds_of_first()).max(1)
}

impl Curvature {
    /// Bytes on the device up to which values and gradients of all examples are kept from product to product.
    pub const KEPT: u64 = BUDGET;

    /// At the weights of `states`, a lane each.
    ///
    /// # Errors
    /// [`Error::Input`] where there are no examples, where states are not the model's, or where it does not fit the device,
    /// with the bytes and what would fit; [`Error::Run`] where the device refuses.
    pub async fn new(subject: &Subject<'_>, states: &[&LaneState]) -> Result<Self> {
        Self::cut(subject, states, Cut::of(subject)).await
    }

    /// The same with batches of `batch` examples, of which the last may be short, and with everything kept or with nothing kept
    /// from batch to batch.
    ///
    /// # Errors
    /// As [`Curvature::new`].
    pub async fn in_batches(subject: &Subject<'_>, states: &[&LaneState], batch: usize, keep: bool) -> Result<Self> {
        let kept = if keep { u64::MAX } else { 0 };
        Self::cut(subject, states, Cut { batch, kept, ..Cut::of(subject) }).await
    }

    /// For weights that are copied later ([`Curvature::copy_weights`]), while something else draws and trains on the device:
    /// its slices are shorter.
    ///
    /// # Errors
    /// As [`Curvature::new`].
    pub async fn of_slots(gpu: &Gpu, model: &Model, data: &Dataset, examples: Examples, lanes: usize) -> Result<Self> {
        let subject = Subject { gpu, model, data, examples };
        subject.check(&[])?;
        // A software adapter takes some 20 ms for 2^28 multiply-adds, and in a browser for a quarter of them.
        let slice = match gpu.is_software() {
            true if cfg!(target_family = "wasm") => 1 << 26,
            true => 1 << 28,
            false => 1 << 33,
        };
        let each = multiply_adds(model).saturating_mul(lanes.max(1) as u64);
        let batch = (slice / each).clamp(1, 1 << 31) as usize;
        let cut = Cut { slice, batch, kept: Self::KEPT };
        let (plan, slice) = plan(&subject, lanes, cut)?;
        Self::build(&subject, plan, slice, lanes).await
    }

    /// Bytes that `lanes` lanes take on the device in [`Curvature::new`], directions and products included.
    ///
    /// # Errors
    /// [`Error::Input`] where they do not fit.
    pub fn bytes(subject: &Subject<'_>, lanes: usize) -> Result<u64> {
        Ok(plan(subject, lanes, Cut::of(subject))?.0.recording.bytes())
    }

    async fn cut(subject: &Subject<'_>, states: &[&LaneState], cut: Cut) -> Result<Self> {
        subject.check(states)?;
        let (plan, slice) = plan(subject, states.len(), cut)?;
        let curvature = Self::build(subject, plan, slice, states.len()).await?;
        for (lane, state) in states.iter().enumerate() {
            curvature.write_weights(subject.gpu, lane, state);
        }
        subject.gpu.check()?;
        Ok(curvature)
    }

    async fn build(subject: &Subject<'_>, plan: CurvaturePlan, slice: usize, lanes: usize) -> Result<Self> {
        let Subject { gpu, model, data, .. } = *subject;
        let program = Program::new(gpu, &plan.recording, &plan.dispatches).await?;
        plan.data_buffers.upload(gpu, &program, &plan.data, data);
        let clocks: Vec<[u32; 3]> = (0..plan.batches as u32).map(|batch| [batch, batch, 0]).collect();
        program.write(gpu, plan.clocks, bytemuck::cast_slice(&clocks));
        let fresh = vec![Cell::new(false); plan.batches.div_ceil(slice)];
        let (parameters, running) = (model.parameter_floats(), model.running_floats());
        Ok(Self { plan, program, lanes, parameters, running, slice, fresh })
    }

    /// Lanes.
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Floats of a lane in the arenas; padding among them is zero, has to be so in directions, and is so in products.
    pub fn floats(&self) -> usize {
        self.parameters
    }

    /// Bytes on the device.
    pub fn gpu_bytes(&self) -> u64 {
        self.program.bytes()
    }

    /// The directions v, `[lane][float]`, to be written or copied into.
    pub fn directions(&self) -> &wgpu::Buffer {
        self.program.buffer(self.plan.directions)
    }

    /// The products, `[lane][float]`, once all slices are done.
    pub fn products(&self) -> &wgpu::Buffer {
        self.program.buffer(self.plan.products)
    }

    /// The gradients of the mean loss, `[lane][float]`, once all slices of [`Curvature::encode_gradient`] are done.
    pub fn gradients(&self) -> &wgpu::Buffer {
        self.program.buffer(self.plan.gradients)
    }

    /// Where the weights of `lane` lie.
    pub fn slot(&self, lane: usize) -> Slot<'_> {
        Slot {
            weights: self.program.buffer(self.plan.weights),
            weights_offset: (4 * lane * self.parameters) as u64,
            running: self.program.buffer(self.plan.running),
            running_offset: (4 * lane * self.running) as u64,
        }
    }

    /// Encodes a copy of the weights that lie in `slot`.
    pub fn copy_weights(&self, encoder: &mut wgpu::CommandEncoder, lane: usize, slot: &Slot<'_>) {
        let own = self.slot(lane);
        let copies = [
            (slot.weights, slot.weights_offset, own.weights, own.weights_offset, self.parameters),
            (slot.running, slot.running_offset, own.running, own.running_offset, self.running),
        ];
        for (from, at, to, place, floats) in copies.into_iter().filter(|copy| copy.4 > 0) {
            encoder.copy_buffer_to_buffer(from, at, to, place, (4 * floats) as u64);
        }
        self.forget();
    }

    /// Writes weights from the host.
    pub fn write_weights(&self, gpu: &Gpu, lane: usize, state: &LaneState) {
        let own = self.slot(lane);
        gpu.queue.write_buffer(own.weights, own.weights_offset, bytemuck::cast_slice(&state.weights));
        if !state.running.is_empty() {
            gpu.queue.write_buffer(own.running, own.running_offset, bytemuck::cast_slice(&state.running));
        }
        self.forget();
    }

    /// Says that the weights have changed: what is kept of them is computed anew. Copying and writing them says so too.
    pub fn forget(&self) {
        self.fresh.iter().for_each(|fresh| fresh.set(false));
    }

    /// Submissions that one product, or one gradient, takes; each is of bounded device time.
    pub fn slices(&self) -> usize {
        self.fresh.len()
    }

    /// Whether values and gradients are kept, so that a second product at the same weights is cheaper than the first.
    pub fn keeps(&self) -> bool {
        self.plan.kept
    }

    /// Encodes slice `slice` of [`Curvature::slices`], from 0 on and in order, of the gradient of the mean loss. The slices of
    /// a gradient and of a product may alternate.
    pub fn encode_gradient(&self, encoder: &mut wgpu::CommandEncoder, slice: usize) {
        if slice == 0 && !self.plan.kept {
            encoder.clear_buffer(self.gradients(), 0, None);
        }
        for batch in self.batches(slice) {
            let parts = [CurvatureSegment::Primal, CurvatureSegment::AddGradient];
            self.encode_batch(encoder, batch, &parts);
        }
        self.fresh[slice].set(self.plan.kept);
    }

    /// Encodes slice `slice` of [`Curvature::slices`], from 0 on and in order, of a product with the directions.
    pub fn encode(&self, encoder: &mut wgpu::CommandEncoder, product: Product, slice: usize) {
        if slice == 0 && !self.plan.kept {
            encoder.clear_buffer(self.products(), 0, None);
        }
        let (primal, part) = match product {
            Product::GaussNewton if !self.plan.kept => (CurvatureSegment::Forward, CurvatureSegment::GaussNewton),
            Product::GaussNewton => (CurvatureSegment::Primal, CurvatureSegment::GaussNewton),
            Product::Hessian => (CurvatureSegment::Primal, CurvatureSegment::Hessian),
        };
        for batch in self.batches(slice) {
            if self.fresh[slice].get() {
                self.encode_batch(encoder, batch, &[part]);
            } else {
                self.encode_batch(encoder, batch, &[primal, part]);
            }
        }
        self.fresh[slice].set(self.plan.kept);
    }

    fn batches(&self, slice: usize) -> Range<usize> {
        let end = self.plan.batches.min((slice + 1) * self.slice);
        slice * self.slice..end
    }

    fn encode_batch(&self, encoder: &mut wgpu::CommandEncoder, batch: usize, parts: &[CurvatureSegment]) {
        let (from, to) = (self.program.buffer(self.plan.clocks), self.program.buffer(self.plan.clock));
        encoder.copy_buffer_to_buffer(from, (CLOCK_BYTES * batch) as u64, to, 0, CLOCK_BYTES as u64);
        let mut pass = encoder.begin_compute_pass(&Default::default());
        parts.iter().for_each(|part| self.program.encode(&mut pass, self.plan.index(*part, batch)));
    }

    /// Sums over the examples of each batch, once a gradient is done: `[batch][lane]`, [`Curvature::RECORD`] bytes each, for
    /// [`Curvature::mean_losses`].
    pub fn records(&self) -> &wgpu::Buffer {
        self.program.buffer(self.plan.ring)
    }

    /// Bytes of a record.
    pub const RECORD: usize = RECORD_BYTES;

    /// Each lane's mean loss, from the bytes of [`Curvature::records`].
    pub fn mean_losses(&self, bytes: &[u8]) -> Vec<f64> {
        let mut sums = vec![[0.0; 2]; self.lanes];
        for (i, record) in bytes.chunks_exact(RECORD_BYTES).enumerate() {
            let [loss, _, _, count] = bytemuck::pod_read_unaligned::<Record>(record).sums();
            let sum = &mut sums[i % self.lanes];
            sum[0] += f64::from(loss);
            sum[1] += f64::from(count);
        }
        sums.into_iter().map(|[loss, count]| loss / count).collect()
    }

    /// A product with directions from the host, read back: `[lane][float]` both.
    ///
    /// # Errors
    /// [`Error::Run`] where the device is lost.
    pub async fn product(&self, gpu: &Gpu, product: Product, directions: &[f32]) -> Result<Vec<f32>> {
        self.program.write(gpu, self.plan.directions, bytemuck::cast_slice(directions));
        self.all(gpu, self.plan.products, |encoder, slice| self.encode(encoder, product, slice)).await
    }

    /// The gradients of the mean loss, read back, `[lane][float]`, and the mean losses.
    ///
    /// # Errors
    /// [`Error::Run`] where the device is lost.
    pub async fn gradient(&self, gpu: &Gpu) -> Result<(Vec<f32>, Vec<f64>)> {
        let gradients =
            self.all(gpu, self.plan.gradients, |encoder, slice| self.encode_gradient(encoder, slice)).await?;
        let bytes = self.program.read(gpu, self.plan.ring, self.records().size()).await?;
        Ok((gradients, self.mean_losses(&bytes)))
    }

    async fn all(
        &self,
        gpu: &Gpu,
        result: BufferId,
        encode: impl Fn(&mut wgpu::CommandEncoder, usize),
    ) -> Result<Vec<f32>> {
        for slice in 0..self.slices() {
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            encode(&mut encoder, slice);
            // Nothing is wanted yet, but what is on its way has to end some time.
            self.program.end_of(gpu, encoder).await?;
        }
        let bytes = self.program.read(gpu, result, (4 * self.parameters * self.lanes) as u64).await?;
        gpu.check()?;
        Ok(bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect())
    }
}

impl Cut {
    /// Batches as large as the time of a dispatch allows. They follow from the network and the number of examples, so that sums
    /// have one order whatever the lanes beside them.
    fn of(subject: &Subject<'_>) -> Self {
        let (dispatch, slice) = subject.work();
        let batch = (dispatch / subject.model.heaviest_layer().max(1)).clamp(1, 1 << 31) as usize;
        Self { batch, slice, kept: Curvature::KEPT }
    }
}

/// The plan, and the batches of a slice.
fn plan(subject: &Subject<'_>, lanes: usize, cut: Cut) -> Result<(CurvaturePlan, usize)> {
    let Subject { gpu, model, data, examples } = *subject;
    if lanes == 0 || lanes > Recording::TABLE_ROWS {
        let most = Recording::TABLE_ROWS;
        return Err(Error::input(format!("{lanes} sets of weights at once; there must be from 1 to {most}.")));
    }
    let count = examples.len(data).max(1);
    let on_device = DeviceData::new(data, gpu.max_binding());
    let make = |lanes, batch, kept| {
        CurvaturePlan::new(&CurvatureRequest {
            model,
            data: on_device.clone(),
            view: examples.view(),
            lanes,
            batch,
            kept,
            family: gpu.family(),
        })
    };
    // Equal batches, but for a few examples of the last one.
    let equal = |most: usize| count.div_ceil(count.div_ceil(most.clamp(1, count)));
    let mut batch = equal(cut.batch);
    // One lane by the baseline's binding, beyond what a single example takes.
    let least = make(1, 1, false)?.recording;
    let most = (least.largest().1.max(BINDING), least.bytes() + BUDGET);
    let too_large = |plan: CurvaturePlan| plan.recording.largest().1 > most.0 || plan.recording.bytes() > most.1;
    while batch > 1 && too_large(make(1, batch, false)?) {
        batch = equal(batch.div_ceil(2));
    }
    let fits = |plan: &CurvaturePlan| plan.recording.largest().1 <= gpu.max_binding();
    let plan = make(lanes, batch, false)?;
    if !fits(&plan) {
        let (label, bytes) = plan.recording.largest();
        let fit = |lanes| make(lanes, batch, false).is_ok_and(|plan| fits(&plan));
        let advice = if fit(1) { format!("{} fit", largest_that(lanes, fit)) } else { "a smaller model fits".into() };
        return Err(Error::input(format!(
            "{lanes} sets of weights at once: the buffer of {label} would have {bytes} bytes, the adapter binds at most {}; {advice}.",
            gpu.max_binding()
        )));
    }
    let batches = plan.batches;
    // A plan of which each batch's buffers are known to be too many is not made to be counted.
    let values = (4 * model.activations() * count * lanes) as u64;
    let keep = batches == 1 || values <= cut.kept;
    let kept = if keep { Some(make(lanes, batch, true)?) } else { None };
    let kept = kept.filter(|plan| fits(plan) && (batches == 1 || plan.recording.bytes() <= cut.kept));
    let work = multiply_adds(model).saturating_mul((batch * lanes) as u64);
    Ok((kept.unwrap_or(plan), (cut.slice / work).clamp(1, batches as u64) as usize))
}
