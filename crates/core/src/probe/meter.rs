//! A meter of sharpness for networks that are being trained: read a slice at a time, between frames.

use super::curvature::{Curvature, Product};
use super::lanczos::Lanczos;
use super::quadrature::gaussians;
use super::{Examples, Subject};
use crate::data::Dataset;
use crate::gpu::{BufferId, Gpu, Program, Readback};
use crate::model::Model;
use crate::plan::{MeterPlan, MeterSegment};
use crate::train::Slot;
use crate::{Error, Result};

/// Curvature and sharpness of some networks' loss over a part of the training set, taken from live weights.
///
/// [`Meter::begin`] freezes the weights by a copy, so a reading shows one moment however long it takes; [`Meter::advance`] submits
/// some slices a frame and never waits, and submits none while those of the last time are still on their way. When all has
/// come back, [`Meter::take`] tells it once.
#[derive(Debug)]
pub struct Meter {
    curvature: Curvature,
    lanczos: Lanczos,
    plan: MeterPlan,
    program: Program,
    examples: usize,
    stage: Stage,
    /// Slices of the stage that are submitted.
    slice: usize,
    results: Readback,
    fence: Readback,
    fenced: bool,
}

/// What one network comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Mean loss over the meter's examples, in inference mode.
    pub loss: f64,
    /// Length of its gradient.
    pub grad_norm: f64,
    /// The largest eigenvalue of its Hessian, from below; not a number where the loss is none.
    pub lambda_1: f64,
    /// The norm of the residual of its Ritz vector: how far off it can be.
    pub residual: f64,
    /// The smallest eigenvalue, from above.
    pub lambda_min: f64,
    /// The rise of the loss from w to w + e, e = rho g / |g| (SAM's, p = 2, one step).
    pub sam_sharpness: f64,
    /// The same in the ball `|e / w| <= rho`, which does not see a rescaled ReLU network: e = rho w^2 g / |w g| (ASAM's with
    /// eta 0 and T = |w| for all parameters).
    pub adaptive_sharpness: f64,
}

/// Where a reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    Gradient,
    Eigenvalues,
    /// The loss at one of the two points that were climbed to.
    Climbed(usize),
    Reading,
}

/// Products of a reading: the largest eigenvalue of a trained network is found in fewer.
const PRODUCTS: usize = 24;
/// Losses of a reading: at w, and at the two points that are climbed to.
const LOSSES: u64 = 3;

impl Meter {
    /// For `lanes` networks, on at most `limit` training examples, evenly spaced.
    ///
    /// # Errors
    /// As [`Curvature::new`].
    pub async fn new(gpu: &Gpu, model: &Model, data: &Dataset, limit: usize, lanes: usize) -> Result<Self> {
        let data = data.thinned(limit.max(1), 0);
        Subject { gpu, model, data: &data, examples: Examples::Train }.check(&[])?;
        let curvature = Curvature::of_slots(gpu, model, &data, Examples::Train, lanes).await?;
        let products = PRODUCTS.min(model.parameter_count()).max(1);
        let lanczos = Lanczos::new(gpu, &curvature.along(Product::Hessian), products).await?;
        let bytes = lanczos.matrix_bytes() + 16 * lanes as u64 + LOSSES * curvature.records().size();
        let plan = MeterPlan::new(model.parameter_floats(), lanes, bytes);
        let program = Program::new(gpu, &plan.recording, &plan.dispatches()).await?;
        lanczos.write_start(gpu, &gaussians(model, 0, 0).repeat(lanes));
        gpu.check()?;
        Ok(Self {
            results: Readback::new(gpu, bytes),
            fence: Readback::new(gpu, 16),
            examples: data.train.len(),
            curvature,
            lanczos,
            plan,
            program,
            stage: Stage::Idle,
            slice: 0,
            fenced: false,
        })
    }

    /// Networks.
    pub fn lanes(&self) -> usize {
        self.curvature.lanes()
    }

    /// Examples that it measures on.
    pub fn examples(&self) -> usize {
        self.examples
    }

    /// Bytes on the device, constant.
    pub fn bytes(&self) -> u64 {
        let own = self.program.bytes() + self.results.bytes() + self.fence.bytes();
        self.curvature.gpu_bytes() + self.lanczos.bytes() + own
    }

    /// Whether a reading is under way: begun, and not taken.
    pub fn is_reading(&self) -> bool {
        self.stage != Stage::Idle
    }

    /// How much of the reading is submitted, from 0 to 1.
    pub fn progress(&self) -> f32 {
        let slices = self.curvature.slices() as f32;
        let whole = self.lanczos.room() as f32 + LOSSES as f32;
        let done = match self.stage {
            Stage::Idle => return 0.0,
            Stage::Reading => return 1.0,
            Stage::Gradient => 0.0,
            Stage::Eigenvalues => 1.0 + self.lanczos.products() as f32,
            Stage::Climbed(which) => whole - 2.0 + which as f32,
        };
        (done + self.slice as f32 / slices) / whole
    }

    fn buffer(&self, id: BufferId) -> &wgpu::Buffer {
        self.program.buffer(id)
    }

    /// Freezes the weights of all lanes as they are after what was submitted, and begins a reading with the radii of each
    /// lane: SAM's, and that of the adaptive ball. False, and nothing has begun, while the last reading was not taken.
    ///
    /// # Errors
    /// [`Error::Input`] where there are more or fewer slots or radii than lanes.
    pub fn begin(&mut self, gpu: &Gpu, slots: &[Slot<'_>], radii: &[[f32; 2]]) -> Result<bool> {
        if slots.len() != self.lanes() || radii.len() != self.lanes() {
            let (lanes, given) = (self.lanes(), slots.len());
            return Err(Error::input(format!("the meter is made for {lanes} networks; {given} were given.")));
        }
        if self.is_reading() {
            return Ok(false);
        }
        self.program.write(gpu, self.plan.radii, bytemuck::cast_slice(radii));
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        for (lane, slot) in slots.iter().enumerate() {
            self.curvature.copy_weights(&mut encoder, lane, slot);
        }
        let own = self.curvature.slot(0);
        let weights = self.buffer(self.plan.weights);
        encoder.copy_buffer_to_buffer(own.weights, own.weights_offset, weights, 0, self.lanczos.vector_bytes());
        gpu.queue.submit([encoder.finish()]);
        (self.stage, self.slice) = (Stage::Gradient, 0);
        Ok(true)
    }

    /// Gives a reading up that is under way. What was submitted is not told.
    pub fn cancel(&mut self) {
        if self.stage != Stage::Reading {
            self.stage = Stage::Idle;
        }
    }

    /// Submits up to `slices` slices of the reading, each a few milliseconds at most; none while those before are on their
    /// way. It never waits.
    ///
    /// # Errors
    /// [`Error::Run`] where the device is lost.
    pub fn advance(&mut self, gpu: &Gpu, slices: usize) -> Result<()> {
        gpu.poll();
        gpu.check()?;
        if self.fenced {
            if self.fence.take()?.is_none() {
                return Ok(());
            }
            self.fenced = false;
        }
        let mut submitted = 0;
        while submitted < slices.max(1) && !matches!(self.stage, Stage::Idle | Stage::Reading) {
            self.submit(gpu);
            submitted += 1;
        }
        if submitted > 0 {
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            self.fence.copy(&mut encoder, self.program.buffer(self.plan.radii), 0, 0, 4);
            gpu.queue.submit([encoder.finish()]);
            self.fence.map(4);
            self.fenced = true;
        }
        Ok(())
    }

    fn submit(&mut self, gpu: &Gpu) {
        match self.stage {
            Stage::Idle | Stage::Reading => {}
            Stage::Eigenvalues => {
                let operator = self.curvature.along(Product::Hessian);
                let more = self.lanczos.advance(gpu, &operator) && self.lanczos.has_room();
                if !more {
                    let mut encoder = gpu.device.create_command_encoder(&Default::default());
                    self.keep_matrices(&mut encoder);
                    self.climb(&mut encoder, 0);
                    gpu.queue.submit([encoder.finish()]);
                }
            }
            Stage::Gradient | Stage::Climbed(_) => {
                let mut encoder = gpu.device.create_command_encoder(&Default::default());
                self.curvature.encode_gradient(&mut encoder, self.slice);
                self.slice += 1;
                if self.slice == self.curvature.slices() {
                    self.close_gradient(&mut encoder);
                }
                gpu.queue.submit([encoder.finish()]);
                if self.stage == Stage::Reading {
                    self.results.map(self.results.bytes());
                }
            }
        }
    }

    /// Losses and gradients are there: what follows from them.
    fn close_gradient(&mut self, encoder: &mut wgpu::CommandEncoder) {
        self.slice = 0;
        let which = if let Stage::Climbed(which) = self.stage { 1 + which } else { 0 };
        let records = self.curvature.records();
        let to = self.records_offset(which);
        encoder.copy_buffer_to_buffer(records, 0, self.buffer(self.plan.results), to, records.size());
        match which {
            0 => {
                self.ascend(encoder);
                self.lanczos.encode_start(encoder);
                self.stage = Stage::Eigenvalues;
            }
            1 => self.climb(encoder, 1),
            _ => {
                let results = self.buffer(self.plan.results);
                self.results.copy(encoder, results, 0, 0, self.results.bytes());
                self.stage = Stage::Reading;
            }
        }
    }

    /// Both points that are climbed to, from the gradients. Lanczos makes vectors as long as 1, and tells how long they were.
    fn ascend(&mut self, encoder: &mut wgpu::CommandEncoder) {
        let bytes = self.lanczos.vector_bytes();
        let (vectors, scaled) = (self.program.buffer(self.plan.vectors), self.program.buffer(self.plan.scaled));
        encoder.copy_buffer_to_buffer(self.curvature.gradients(), 0, vectors, 0, bytes);
        self.encode(encoder, MeterSegment::Scale);
        for (from, segment) in
            [(self.curvature.gradients(), MeterSegment::Climb), (scaled, MeterSegment::ClimbAdaptive)]
        {
            self.lanczos.encode_begin(encoder, from);
            if segment == MeterSegment::Climb {
                let to = self.lanczos.matrix_bytes();
                self.lanczos.encode_lengths(encoder, self.program.buffer(self.plan.results), to);
            }
            self.lanczos.encode_first(encoder, vectors);
            self.encode(encoder, segment);
        }
    }

    fn encode(&self, encoder: &mut wgpu::CommandEncoder, segment: MeterSegment) {
        self.program.encode(&mut encoder.begin_compute_pass(&Default::default()), self.plan.index(segment));
    }

    fn keep_matrices(&self, encoder: &mut wgpu::CommandEncoder) {
        self.lanczos.encode_matrices(encoder, self.buffer(self.plan.results), 0);
    }

    /// The loss is measured next where the ascent came to.
    fn climb(&mut self, encoder: &mut wgpu::CommandEncoder, which: usize) {
        let own = self.curvature.slot(0);
        let from = self.buffer(self.plan.climbed[which]);
        encoder.copy_buffer_to_buffer(from, 0, own.weights, own.weights_offset, self.lanczos.vector_bytes());
        self.curvature.forget();
        (self.stage, self.slice) = (Stage::Climbed(which), 0);
    }

    fn records_offset(&self, which: usize) -> u64 {
        self.lanczos.matrix_bytes() + 16 * self.lanes() as u64 + which as u64 * self.curvature.records().size()
    }

    /// The reading, a network each, once it has come back; it never waits.
    ///
    /// # Errors
    /// [`Error::Run`] where the device is lost.
    pub fn take(&mut self, gpu: &Gpu) -> Result<Option<Vec<Reading>>> {
        if self.stage != Stage::Reading {
            return Ok(None);
        }
        gpu.poll();
        gpu.check()?;
        let Some(bytes) = self.results.take()? else { return Ok(None) };
        self.stage = Stage::Idle;
        let part = |from: u64, length: u64| &bytes[from as usize..(from + length) as usize];
        let matrices = self.lanczos.matrices(part(0, self.lanczos.matrix_bytes()));
        let lengths = part(self.lanczos.matrix_bytes(), 16 * self.lanes() as u64);
        let size = self.curvature.records().size();
        let losses = [0, 1, 2].map(|which| self.curvature.mean_losses(part(self.records_offset(which), size)));
        let reading = |(lane, matrix): (usize, Result<super::Tridiagonal>)| {
            let nodes = matrix.map(|matrix| matrix.nodes()).unwrap_or_default();
            let of = |node: Option<&super::Node>| node.map_or([f64::NAN; 2], |node| [node.value, node.residual]);
            let [first, last] = [of(nodes.first()), of(nodes.last())];
            let length: [f32; 2] = bytemuck::pod_read_unaligned(&lengths[16 * lane..16 * lane + 8]);
            Reading {
                loss: losses[0][lane],
                grad_norm: length[1].into(),
                lambda_1: first[0],
                residual: first[1],
                lambda_min: last[0],
                sam_sharpness: losses[1][lane] - losses[0][lane],
                adaptive_sharpness: losses[2][lane] - losses[0][lane],
            }
        };
        Ok(Some(matrices.into_iter().enumerate().map(reading).collect()))
    }
}
