//! A sweep: the loss at many weighted sums of three sets of weights, measured a slice at a time while training goes on, and
//! left on the device for whoever draws it.

use crate::data::Dataset;
use crate::gpu::{BufferId, Gpu, Program, Readback, Recording};
use crate::model::{First, Model};
use crate::plan::{CLOCK_BYTES, DeviceData, RING, SOURCES, SamplePlan, SampleRequest, SampleSegment, View, kept};
use crate::probe::{Examples, POINTS_PER_SOURCE, fit, largest_that};
use crate::train::Slot;
use crate::{Error, Result};
use std::ops::Range;

/// Examples per batch: at most that of evaluations, and on a software adapter no more than a slice has time for, but some.
const BATCH: usize = 250;
const FEWEST: usize = 32;
/// Bytes that a sweep takes on the device at most.
const BUDGET: u64 = 256 << 20;

/// Loss and accuracy at points that are weighted sums of three sets of weights: a line, a plane, and marked points.
///
/// [`Sweep::begin`] freezes the three sets by a copy, so a sweep shows one moment however long it takes; [`Sweep::advance`]
/// submits a slice and never waits. When all is submitted, the new values replace those of the sweep before in
/// [`Sweep::losses`], all at once. Batch norm's running statistics are mixed with the factors of the weights; far outside the
/// three sets their variance can become negative, and the loss a NaN.
#[derive(Debug)]
pub struct Sweep {
    plan: SamplePlan,
    program: Program,
    /// Loss and accuracy of the last whole sweep.
    shown: wgpu::Buffer,
    readback: Readback,
    lanes: usize,
    batches: usize,
    /// Batches of a slice at most.
    slice: usize,
    most_points: usize,
    weight_bytes: u64,
    running_bytes: u64,
    /// Points of the sweep in progress, and those, of its next slice's lanes, whose batches before `next_batch` are submitted.
    points: usize,
    next_point: usize,
    next_batch: usize,
    /// Outputs of the first layer that are still to be computed: batches under each source, in order.
    first: Range<usize>,
    /// What one of them costs, in batches of a lane.
    first_cost: u64,
    in_progress: bool,
    shown_points: usize,
    /// Points of the sweep whose values are on their way to the host.
    reading: Option<usize>,
}

impl Sweep {
    /// Prepares sweeps of up to `most_points` points over the first `limit` examples of a part of the data set.
    ///
    /// # Errors
    /// [`Error::Input`] where that part is empty, or a buffer does not fit the adapter; [`Error::Run`] where the device refuses.
    pub async fn new(
        gpu: &Gpu,
        model: &Model,
        data: &Dataset,
        examples: Examples,
        limit: usize,
        most_points: usize,
    ) -> Result<Self> {
        let part = examples.of(data).filter(|part| !part.is_empty() && limit > 0 && most_points > 0);
        let Some(part) = part else {
            return Err(Error::input("a sweep has no examples or no points; --val-fraction makes a validation part."));
        };
        let count = limit.min(part.len());
        let data = data.only(part.chosen(&(0..count).collect::<Vec<_>>(), data.shape));
        // Multiply-adds of a slice: a few milliseconds, between two frames.
        let work: u64 = if gpu.is_software() { 1 << 23 } else { 1 << 31 };
        let all = model.multiply_adds().max(1);
        let sizes = |first: Option<First>| {
            let of_first = first.map_or(0, |first| first.multiply_adds);
            let each = first.map_or(all, |first| first.rest(model));
            let in_time = (work / each.max(of_first)) as usize;
            (of_first, each, in_time.max(FEWEST).max(count.div_ceil(RING)).min(BATCH).min(count))
        };
        // The linearity of a first dense layer, where there are points enough, and room for its outputs of all examples.
        let first = model.first().filter(|first| {
            let (.., batch) = sizes(Some(*first));
            most_points >= POINTS_PER_SOURCE * SOURCES && kept(*first, SOURCES, batch) >= count.div_ceil(batch)
        });
        let (of_first, each, batch) = sizes(first);
        let batches = count.div_ceil(batch);
        if batches > RING {
            let most = RING * BATCH;
            return Err(Error::input(format!("a sweep over {count} examples; at most {most} are possible.")));
        }
        let request = SampleRequest {
            model,
            data: DeviceData::new(&data, gpu.max_binding()),
            lanes: 1,
            batch,
            statistics: None,
            views: &[View::Train],
            sources: SOURCES,
            first,
            points: most_points,
            family: gpu.family(),
        };
        let per_lane = each * batch as u64;
        let most = most_points.min(Recording::TABLE_ROWS).min((work / per_lane).max(1) as usize);
        let fits = |lanes: usize| {
            let plan = SamplePlan::new(&SampleRequest { lanes, ..request.clone() });
            plan.is_ok_and(|plan| plan.recording.bytes() <= BUDGET && plan.recording.largest().1 <= gpu.max_binding())
        };
        let lanes = largest_that(most, fits);
        let plan = SamplePlan::new(&SampleRequest { lanes, ..request })?;
        fit(&plan.recording, gpu.max_binding())?;
        let program = Program::new(gpu, &plan.recording, &plan.dispatches()).await?;
        plan.data_buffers.upload(gpu, &program, &plan.data, &data);
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let bytes = 8 * most_points as u64;
        let sweep = Self {
            shown: gpu.buffer("losses of a sweep", bytes, usage),
            readback: Readback::new(gpu, bytes),
            lanes,
            batches,
            slice: (work / (per_lane * lanes as u64)).clamp(1, batches as u64) as usize,
            most_points,
            weight_bytes: 4 * model.parameter_floats() as u64,
            running_bytes: 4 * model.running_floats() as u64,
            points: 0,
            next_point: 0,
            next_batch: 0,
            first: 0..0,
            first_cost: of_first.div_ceil(each),
            in_progress: false,
            shown_points: 0,
            reading: None,
            plan,
            program,
        };
        gpu.check()?;
        Ok(sweep)
    }

    fn buffer(&self, id: BufferId) -> &wgpu::Buffer {
        self.program.buffer(id)
    }

    /// Freezes `sources` as they are after what was submitted, and begins a sweep over `points`, each the factors of the
    /// three; a factor of exactly 0 leaves its source out. One that is in progress is given up.
    ///
    /// # Errors
    /// [`Error::Input`] for no points, or more than the sweep was made for.
    pub fn begin(&mut self, gpu: &Gpu, sources: [Slot<'_>; SOURCES], points: &[[f32; 3]]) -> Result<()> {
        if points.is_empty() || points.len() > self.most_points {
            let (count, most) = (points.len(), self.most_points);
            return Err(Error::input(format!("a sweep of {count} points; this one has 1 to {most}.")));
        }
        let buffers = self.plan.buffers;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        for (slot, i) in sources.iter().zip(0..) {
            let parts = [
                (slot.weights, slot.weights_offset, buffers.mixture.sources, self.weight_bytes),
                (slot.running, slot.running_offset, buffers.mixture.running_sources, self.running_bytes),
            ];
            for (from, offset, to, bytes) in parts.into_iter().filter(|(.., bytes)| *bytes > 0) {
                encoder.copy_buffer_to_buffer(from, offset, self.buffer(to), i * bytes, bytes);
            }
        }
        // The last slice's lanes that have no point of their own repeat the last one, and say so.
        let row = |i: usize| {
            let [a, b, c] = points[i.min(points.len() - 1)];
            [a, b, c, if i < points.len() { i as f32 } else { -1.0 }]
        };
        let table: Vec<[f32; 4]> = (0..points.len().next_multiple_of(self.lanes)).map(row).collect();
        self.program.write(gpu, buffers.points, bytemuck::cast_slice(&table));
        gpu.queue.submit([encoder.finish()]);
        (self.points, self.next_point, self.next_batch, self.in_progress) = (points.len(), 0, 0, true);
        self.first = 0..if self.plan.first.is_some() { SOURCES * self.batches } else { 0 };
        Ok(())
    }

    /// Submits the next slices, worth about `points` points (one slice at least), and says whether all of the sweep is
    /// submitted. It never waits; where the values of the sweep before have not come back yet, the last slice does.
    pub fn advance(&mut self, gpu: &Gpu, points: usize) -> bool {
        let mut budget = (points * self.batches) as u64;
        while let Some(next) = self.first.next() {
            self.submit_first(gpu, next);
            budget = budget.saturating_sub(self.first_cost);
            if budget < self.first_cost {
                return false;
            }
        }
        while self.in_progress {
            let count = self.slice.min(self.batches - self.next_batch);
            let ends = self.next_batch + count == self.batches && self.next_point + self.lanes >= self.points;
            if ends && self.reading.is_some() {
                break;
            }
            self.submit(gpu, count, ends);
            let cost = (self.lanes * count) as u64;
            budget = budget.saturating_sub(cost);
            if budget < cost {
                break;
            }
        }
        !self.in_progress
    }

    /// The outputs of the first layer for a batch under a source, which are kept for all points.
    fn submit_first(&self, gpu: &Gpu, next: usize) {
        let (batch, source) = (next / SOURCES, next % SOURCES);
        let mut clock = [0; CLOCK_BYTES];
        clock[4..8].copy_from_slice(&(batch as u32).to_le_bytes());
        self.program.write(gpu, self.plan.buffers.clock, &clock);
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let inputs = (source == 0).then_some(SampleSegment::Inputs(View::Train));
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for segment in inputs.into_iter().chain([SampleSegment::Outputs(source)]) {
            self.plan.index(segment).into_iter().for_each(|segment| self.program.encode(&mut pass, segment));
        }
        drop(pass);
        if source + 1 == SOURCES {
            self.plan.keep(&self.program, &mut encoder, batch);
        }
        gpu.queue.submit([encoder.finish()]);
    }

    fn submit(&mut self, gpu: &Gpu, count: usize, ends: bool) {
        let buffers = self.plan.buffers;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let first = self.next_batch == 0;
        if first {
            let offset = 16 * self.next_point as u64;
            let bytes = 16 * self.lanes as u64;
            encoder.copy_buffer_to_buffer(
                self.buffer(buffers.points),
                offset,
                self.buffer(buffers.mixture.factors),
                0,
                bytes,
            );
            encoder.clear_buffer(self.buffer(buffers.clock), 0, None);
        }
        let closes = self.next_batch + count == self.batches;
        let segments = [SampleSegment::Weights, SampleSegment::Running].into_iter().filter(|_| first);
        let segments = segments.chain((0..count).map(|_| SampleSegment::Evaluate(View::Train)));
        let segments = segments.chain(closes.then_some(SampleSegment::Means));
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for segment in segments.filter_map(|segment| self.plan.index(segment)) {
            self.program.encode(&mut pass, segment);
        }
        drop(pass);
        self.next_batch += count;
        if closes {
            (self.next_point, self.next_batch) = (self.next_point + self.lanes, 0);
        }
        let bytes = 8 * self.points as u64;
        if ends {
            encoder.copy_buffer_to_buffer(self.buffer(buffers.means), 0, &self.shown, 0, bytes);
            self.readback.copy(&mut encoder, &self.shown, 0, 0, bytes);
        }
        gpu.queue.submit([encoder.finish()]);
        if ends {
            self.readback.map(bytes);
            self.reading = Some(self.points);
            (self.in_progress, self.shown_points) = (false, self.points);
        }
    }

    /// Loss and accuracy at the points of the last whole sweep, each sweep's once, when they have arrived; never waits.
    ///
    /// # Errors
    /// [`Error::Run`] where the device is lost.
    pub fn take(&mut self, gpu: &Gpu) -> Result<Option<Vec<[f32; 2]>>> {
        if self.reading.is_none() {
            return Ok(None);
        }
        gpu.poll();
        let Some(bytes) = self.readback.take()? else { return Ok(None) };
        self.reading = None;
        Ok(Some(bytemuck::pod_collect_to_vec(&bytes)))
    }

    /// Loss and accuracy at the points of the last whole sweep, on the device: `array<vec2f>`.
    pub fn losses(&self) -> &wgpu::Buffer {
        &self.shown
    }

    /// Points of the last whole sweep; 0 before the first.
    pub fn shown(&self) -> usize {
        self.shown_points
    }

    /// How much of the sweep in progress is submitted, from 0 to 1; 1 where none is.
    pub fn progress(&self) -> f32 {
        if !self.in_progress {
            return 1.0;
        }
        let of_slice = (self.lanes * self.next_batch) as f32 / self.batches as f32;
        ((self.next_point as f32 + of_slice) / self.points as f32).min(1.0)
    }

    /// Points that are measured at once.
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Points that a sweep has at most.
    pub fn most_points(&self) -> usize {
        self.most_points
    }

    /// Bytes on the device, constant.
    pub fn bytes(&self) -> u64 {
        self.program.bytes() + self.shown.size() + self.readback.bytes()
    }
}
