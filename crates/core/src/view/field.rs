//! The logits of fixed inputs under sets of weights that lie on the device, live: a decision boundary, a table of predictions.

use crate::data::{Dataset, Inputs, Split};
use crate::gpu::{BufferId, Gpu, Program, Readback};
use crate::model::Model;
use crate::plan::{CLOCK_BYTES, DeviceData, FieldPlan, FieldRequest, FieldSegment, SOURCES};
use crate::train::Slot;
use crate::{Error, Result};

/// Bytes of activations that a batch may take, about: more inputs go through in several batches.
const ACTIVATIONS: u64 = 64 << 20;

/// The logits of some inputs under several sets of weights (rows). They are computed where the weights are and stay there:
/// [`super::FieldPainter`] draws those of a grid, [`Field::request`] asks for them as numbers.
#[derive(Debug)]
pub struct Field {
    plan: FieldPlan,
    program: Program,
    rows: usize,
    inputs: usize,
    batch: usize,
    classes: usize,
    grid: Option<[usize; 2]>,
    weight_bytes: u64,
    running_bytes: u64,
    /// The batch that [`Field::step`] computes next.
    next: usize,
    readback: Readback,
    on_its_way: bool,
}

impl Field {
    /// Prepares a field of `rows` rows over `inputs`: examples in the raw units of `data`, whose scaling they go through.
    ///
    /// # Errors
    /// [`Error::Input`] where there are no inputs or rows, or they do not fit the network or the adapter; [`Error::Run`] where
    /// the device refuses.
    pub async fn new(gpu: &Gpu, model: &Model, data: &Dataset, inputs: &Inputs, rows: usize) -> Result<Self> {
        let size = data.shape.len().max(1);
        let count = match inputs {
            Inputs::Bytes(values) => values.len(),
            Inputs::Floats(values) => values.len(),
        };
        if count == 0 || !count.is_multiple_of(size) || rows == 0 || rows > 256 {
            return Err(Error::input(format!(
                "a field of {rows} rows over {count} values: inputs have {size} values each, rows are 1 to 256."
            )));
        }
        let examples = Split { inputs: inputs.clone(), labels: vec![0; count / size], flipped: Vec::new() };
        let data = data.only(examples);
        let inputs = count / size;
        let batch = batch(gpu, model, inputs, rows);
        let request =
            FieldRequest { model, data: DeviceData::new(&data, gpu.max_binding()), rows, batch, family: gpu.family() };
        let plan = FieldPlan::new(&request)?;
        let (label, bytes) = plan.recording.largest();
        if bytes > gpu.max_binding() {
            return Err(Error::input(format!(
                "the buffer of {label} would have {bytes} bytes, the adapter binds at most {}; fewer inputs fit.",
                gpu.max_binding()
            )));
        }
        let program = Program::new(gpu, &plan.recording, plan.dispatches()).await?;
        plan.data_buffers.upload(gpu, &program, &plan.data, &data);
        let field = Self {
            rows,
            inputs,
            batch,
            classes: model.classes(),
            grid: None,
            weight_bytes: 4 * model.parameter_floats() as u64,
            running_bytes: 4 * model.running_floats() as u64,
            next: inputs.div_ceil(batch),
            readback: Readback::new(gpu, plan.logit_bytes * (rows * inputs) as u64),
            on_its_way: false,
            plan,
            program,
        };
        field.lay_out(gpu);
        gpu.check()?;
        Ok(field)
    }

    /// A field over a lattice of two-dimensional points: `width` x `height` of them from (x0, y1) on, row by row from the top,
    /// with the corners of `area`, \[x0, x1, y0, y1\], among them.
    ///
    /// # Errors
    /// [`Error::Input`] where the data is not two-dimensional or the sizes are no lattice; else those of [`Field::new`].
    pub async fn grid(
        gpu: &Gpu,
        model: &Model,
        data: &Dataset,
        area: [f32; 4],
        size: [usize; 2],
        rows: usize,
    ) -> Result<Self> {
        let [width, height] = size;
        if data.shape.len() != 2 || width < 2 || height < 2 {
            return Err(Error::input(format!("a map of {width} x {height} points over inputs of {}.", data.shape)));
        }
        let [x0, x1, y0, y1] = area;
        let place = |i: usize, n: usize, from: f32, to: f32| from + (to - from) * i as f32 / (n - 1) as f32;
        let points = (0..width * height)
            .flat_map(|i| [place(i % width, width, x0, x1), place(i / width, height, y1, y0)])
            .collect();
        let field = Self::new(gpu, model, data, &Inputs::Floats(points), rows).await?;
        Ok(Self { grid: Some(size), ..field })
    }

    /// A field over some examples of a part of the data set, by their places in it.
    ///
    /// # Errors
    /// Those of [`Field::new`].
    pub async fn examples(
        gpu: &Gpu,
        model: &Model,
        data: &Dataset,
        part: &Split,
        chosen: &[usize],
        rows: usize,
    ) -> Result<Self> {
        Self::new(gpu, model, data, &part.chosen(chosen, data.shape).inputs, rows).await
    }

    /// Scales the inputs and lays them out, once.
    fn lay_out(&self, gpu: &Gpu) {
        let buffer = |id: BufferId| self.program.buffer(id);
        let (b, bytes) = (&self.plan.buffers, self.plan.input_bytes);
        for i in 0..self.batches() {
            let mut clock = [0; CLOCK_BYTES];
            clock[4..8].copy_from_slice(&(i as u32).to_le_bytes());
            self.program.write(gpu, b.clock, &clock);
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            self.encode(&mut encoder, FieldSegment::Gather);
            if self.batches() > 1 {
                encoder.copy_buffer_to_buffer(buffer(b.input), 0, buffer(b.inputs), i as u64 * bytes, bytes);
            }
            gpu.queue.submit([encoder.finish()]);
        }
    }

    fn encode(&self, encoder: &mut wgpu::CommandEncoder, segment: FieldSegment) {
        self.program.encode(&mut encoder.begin_compute_pass(&Default::default()), segment as usize);
    }

    /// Copies the rows' weights from `slots`, one a row (fewer leave the last rows as they are). [`Field::step`] then computes.
    pub fn set(&mut self, encoder: &mut wgpu::CommandEncoder, slots: &[Slot<'_>]) {
        for (row, slot) in slots.iter().take(self.rows).enumerate() {
            self.copy(
                encoder,
                slot,
                [self.plan.buffers.mixture.weights, self.plan.buffers.mixture.running],
                row as u64,
            );
        }
        self.next = 0;
    }

    /// Makes the rows' weights as weighted sums of three sets of weights, with three factors a row: for pictures between
    /// moments. A factor of exactly 0 leaves its source out. Running statistics are mixed with the same factors. The
    /// factors are written when the queue is submitted to next, so a submission holds one mix of a field.
    pub fn mix(
        &mut self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        sources: [Slot<'_>; SOURCES],
        factors: &[[f32; 3]],
    ) {
        let mixture = self.plan.buffers.mixture;
        for (i, slot) in sources.iter().enumerate() {
            self.copy(encoder, slot, [mixture.sources, mixture.running_sources], i as u64);
        }
        let row = |i: usize| factors.get(i.min(factors.len().saturating_sub(1))).copied().unwrap_or_default();
        let table: Vec<[f32; 4]> = (0..self.rows).map(row).map(|[a, b, c]| [a, b, c, 0.0]).collect();
        self.program.write(gpu, mixture.factors, bytemuck::cast_slice(&table));
        self.encode(encoder, FieldSegment::Mix);
        self.next = 0;
    }

    fn copy(&self, encoder: &mut wgpu::CommandEncoder, slot: &Slot<'_>, to: [BufferId; 2], place: u64) {
        let parts = [
            (slot.weights, slot.weights_offset, self.weight_bytes),
            (slot.running, slot.running_offset, self.running_bytes),
        ];
        for ((from, offset, bytes), to) in parts.into_iter().zip(to).filter(|((.., bytes), _)| *bytes > 0) {
            encoder.copy_buffer_to_buffer(from, offset, self.program.buffer(to), place * bytes, bytes);
        }
    }

    /// Computes the next batch of inputs with the weights of the last [`Field::set`] or [`Field::mix`], and says whether
    /// the logits of all of them are computed. Grids have one batch; many images have several, one for each frame.
    pub fn step(&mut self, encoder: &mut wgpu::CommandEncoder) -> bool {
        if self.next >= self.batches() {
            return true;
        }
        let b = &self.plan.buffers;
        let buffer = |id: BufferId| self.program.buffer(id);
        if self.batches() > 1 {
            let bytes = self.plan.input_bytes;
            encoder.copy_buffer_to_buffer(buffer(b.inputs), self.next as u64 * bytes, buffer(b.input), 0, bytes);
        }
        self.encode(encoder, FieldSegment::Forward);
        if self.batches() > 1 {
            let (first, size) = (self.next * self.batch, self.plan.logit_bytes);
            let count = self.batch.min(self.inputs - first) as u64;
            for row in 0..self.rows {
                let from = (row * self.batch) as u64 * size;
                let to = (row * self.inputs + first) as u64 * size;
                encoder.copy_buffer_to_buffer(buffer(b.batch_logits), from, buffer(b.logits), to, count * size);
            }
        }
        self.next += 1;
        self.next >= self.batches()
    }

    /// [`Field::set`] and all its steps.
    pub fn refresh(&mut self, encoder: &mut wgpu::CommandEncoder, slots: &[Slot<'_>]) {
        self.set(encoder, slots);
        while !self.step(encoder) {}
    }

    /// Asks for the logits of all inputs as they are after what was submitted; false, and nothing asked for, while those
    /// asked for before have not been taken.
    pub fn request(&mut self, gpu: &Gpu) -> bool {
        if self.on_its_way {
            return false;
        }
        let bytes = self.plan.logit_bytes * (self.rows * self.inputs) as u64;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        self.readback.copy(&mut encoder, self.program.buffer(self.plan.buffers.logits), 0, 0, bytes);
        gpu.queue.submit([encoder.finish()]);
        self.readback.map(bytes);
        self.on_its_way = true;
        true
    }

    /// The logits that were asked for, once they have arrived; never waits. For each row, the inputs' logits in order,
    /// `classes` values each.
    ///
    /// # Errors
    /// [`Error::Run`] where the device is lost.
    pub fn take(&mut self, gpu: &Gpu) -> Result<Option<Vec<Vec<f32>>>> {
        if !self.on_its_way {
            return Ok(None);
        }
        gpu.poll();
        let Some(bytes) = self.readback.take()? else { return Ok(None) };
        self.on_its_way = false;
        let size = self.plan.logit_bytes as usize;
        let classes = 4 * self.classes;
        let row = |bytes: &[u8]| {
            let values = bytes.chunks_exact(size).flat_map(|input| input[..classes].chunks_exact(4));
            values.map(bytemuck::pod_read_unaligned::<f32>).collect()
        };
        Ok(Some(bytes.chunks_exact(size * self.inputs).map(row).collect()))
    }

    /// Sets of weights.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Logits of an input.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Width and height of the lattice, of a field over one.
    pub fn size(&self) -> Option<[usize; 2]> {
        self.grid
    }

    /// The logits on the device: `[row][input][class]`, classes padded to vec4s.
    pub fn logits(&self) -> &wgpu::Buffer {
        self.program.buffer(self.plan.buffers.logits)
    }

    /// Batches that the inputs go through in.
    pub fn batches(&self) -> usize {
        self.inputs.div_ceil(self.batch)
    }

    /// Bytes on the device, constant.
    pub fn bytes(&self) -> u64 {
        self.program.bytes() + self.readback.bytes()
    }
}

/// Inputs that go through together: all of a grid under a small network, fewer where the network is large.
fn batch(gpu: &Gpu, model: &Model, inputs: usize, rows: usize) -> usize {
    let work: u64 = if gpu.is_software() { 1 << 26 } else { 1 << 33 };
    let bytes = 4 * (model.activations() * rows) as u64;
    let most = (ACTIVATIONS / bytes.max(1)).min(work / (model.multiply_adds() * rows as u64).max(1));
    let batches = inputs.div_ceil(most.max(1) as usize);
    inputs.div_ceil(batches)
}
