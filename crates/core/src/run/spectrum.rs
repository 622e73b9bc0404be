//! The curvature along a run: every so many steps eigenvalues, trace, edges and density of each lane, in two tables.

use super::folder::RunFolder;
use super::table::{Table, number};
use crate::Result;
use crate::data::Dataset;
use crate::gpu::{Gpu, Recording};
use crate::model::Model;
use crate::probe::{Curvature, Edges, Examples, Lanczos, Product, Quadrature, signs, usual_sigma};
use crate::train::Trainer;

pub(super) const SPECTRUM: &str =
    "optimizer,seed,step,epoch,examples,loss,grad_norm,lambda_1,lambda_5,lambda_min,trace,trace_stderr,edge,sam_edge";
pub(super) const DENSITY: &str = "optimizer,seed,step,eigenvalue,density";

/// Random vectors of a lane, the same at every step, and products along each.
const PROBES: usize = 4;
const PRODUCTS: usize = 40;
/// Places of a density.
const POINTS: usize = 201;
/// Multiply-adds that the measurement of a lane should have at most, and the examples that it takes all the same, at least
/// and at most.
const WORK: u64 = 1 << 33;
const EXAMPLES: (usize, usize) = (128, 10_000);
/// Bytes of Lanczos vectors, and multiply-adds of a product, of networks that are measured side by side.
const BYTES: u64 = 128 << 20;
const SIDE_BY_SIDE: u64 = 1 << 29;

/// What a run records of its curvature.
#[derive(Debug)]
pub(super) struct SpectrumLog {
    every: u64,
    spectrum: Table,
    density: Table,
    /// Rows of steps that no event has come back from yet: a checkpoint of an earlier step does not count them.
    pending: Vec<(u64, String, String)>,
    /// What measures the part that is being trained.
    gauge: Option<Gauge>,
    /// The step that is measured next, of that part.
    due: Option<u64>,
}

/// Lengths of the tables, in bytes.
pub(super) type Lengths = [u64; 2];

/// What measures lanes.
#[derive(Debug)]
struct Gauge {
    curvature: Curvature,
    lanczos: Lanczos,
    examples: usize,
}

/// A lane at one step.
struct Reading {
    loss: f64,
    gradient: f64,
    quadrature: Quadrature,
}

impl SpectrumLog {
    pub(super) fn files(every: Option<u64>) -> Vec<(&'static str, String)> {
        let all = vec![("spectrum.csv", format!("{SPECTRUM}\n")), ("density.csv", format!("{DENSITY}\n"))];
        if every.is_some_and(|every| every > 0) { all } else { Vec::new() }
    }

    /// Opens the tables, cut to `lengths`; nothing where the run records none.
    pub(super) fn open(folder: &RunFolder, every: Option<u64>, [spectrum, density]: Lengths) -> Result<Option<Self>> {
        let Some(every) = every.filter(|every| *every > 0) else { return Ok(None) };
        Ok(Some(Self {
            every,
            spectrum: Table::open(&folder.file("spectrum.csv"), SPECTRUM, spectrum)?,
            density: Table::open(&folder.file("density.csv"), DENSITY, density)?,
            pending: Vec::new(),
            gauge: None,
            due: None,
        }))
    }

    /// A part begins, or goes on after a checkpoint of step `start`, whose row is in the table.
    pub(super) fn begin(&mut self, start: u64, steps: u64) {
        self.gauge = None;
        let next = if start == 0 { 0 } else { (start / self.every + 1) * self.every };
        self.due = (start == 0 || start < steps).then_some(next.min(steps));
    }

    /// Lets the trainer go no further than the step that is measured next.
    pub(super) fn hold(&self, trainer: &mut Trainer) {
        trainer.allow(self.due.map_or(u64::MAX, |due| due.saturating_sub(trainer.submitted())));
    }

    /// Measures all lanes where it is time to.
    pub(super) async fn measure(
        &mut self,
        gpu: &Gpu,
        model: &Model,
        data: &Dataset,
        trainer: &Trainer,
        row_start: impl Fn(usize, u64) -> [String; 2],
    ) -> Result<()> {
        let (step, setup) = (trainer.submitted(), trainer.setup());
        if self.due != Some(step) {
            return Ok(());
        }
        let gauge = match self.gauge.take() {
            Some(gauge) => gauge,
            None => Gauge::new(gpu, model, data, setup.lanes.len()).await?,
        };
        let gauge = self.gauge.insert(gauge);
        let readings = gauge.measure(gpu, model, trainer).await?;
        for (lane, reading) in readings.iter().enumerate() {
            let [lane_and_step, epoch] = row_start(lane, step);
            let optimizer = &setup.lanes[lane].optimizer;
            let lr = optimizer.schedule.lr(step.min(setup.steps.saturating_sub(1)));
            let edges = Edges::of(optimizer, lr, reading.gradient);
            let (row, places) = rows(reading, edges, gauge.examples, [&lane_and_step, &epoch])?;
            self.pending.push((step, row, places));
        }
        self.due = (step < setup.steps).then(|| (step + self.every).min(setup.steps));
        Ok(())
    }

    /// Everything up to `step` has come back: its rows go into the tables.
    pub(super) fn arrived(&mut self, step: u64) {
        for (_, row, places) in self.pending.extract_if(.., |(of, ..)| *of <= step) {
            self.spectrum.row(&row);
            // An empty line is no row.
            places.lines().for_each(|place| self.density.row(place));
        }
    }

    /// Writes what is pending in the tables, if it is time.
    pub(super) fn flush_in_time(&mut self) -> Result<()> {
        self.spectrum.flush_in_time()?;
        self.density.flush_in_time()
    }

    /// What a checkpoint cuts back to.
    pub(super) fn sync(&mut self) -> Result<Lengths> {
        Ok([self.spectrum.sync()?, self.density.sync()?])
    }
}

/// The row of a lane, and those of its density.
fn rows(reading: &Reading, edges: Edges, examples: usize, [start, epoch]: [&str; 2]) -> Result<(String, String)> {
    let Reading { loss, gradient, quadrature } = reading;
    let text = |value: Option<f64>| value.filter(|v| v.is_finite()).map(|v| number(v as f32)).unwrap_or_default();
    let measured = !quadrature.nodes.is_empty();
    let (low, high) = quadrature.range();
    let (trace, error) = quadrature.trace();
    let values = [
        Some(*loss),
        Some(*gradient),
        quadrature.largest(1),
        quadrature.largest(5),
        measured.then_some(low),
        measured.then_some(trace),
        error,
        edges.base,
        edges.sam,
    ];
    let row = format!("{start},{epoch},{examples},{}", values.map(text).join(","));
    let mut places = String::new();
    if measured {
        let density = quadrature.density((low, high), usual_sigma(low, high), POINTS)?;
        for (place, value) in density.grid.iter().zip(&density.density) {
            places += &format!("{start},{},{}\n", number(*place as f32), number(*value as f32));
        }
    }
    Ok((row, places))
}

impl Gauge {
    async fn new(gpu: &Gpu, model: &Model, data: &Dataset, lanes: usize) -> Result<Self> {
        let each = (PROBES * PRODUCTS * 9) as u64 * model.multiply_adds().max(1);
        let examples = ((WORK / each) as usize).clamp(EXAMPLES.0, EXAMPLES.1).min(data.train.len());
        let data = data.thinned(examples, 0);
        let vector = 4 * model.parameter_floats().max(1) as u64;
        let by_bytes = BYTES / (vector * (PRODUCTS as u64 + 4));
        let by_work = SIDE_BY_SIDE / (model.multiply_adds().max(1) * examples as u64);
        let all = lanes * PROBES;
        let mut rows = all.min(by_bytes.min(by_work) as usize).clamp(1, Recording::TABLE_ROWS);
        let curvature = loop {
            match Curvature::of_slots(gpu, model, &data, Examples::Train, rows).await {
                Err(error) if error.is_input() && rows > 1 => rows /= 2,
                done => break done?,
            }
        };
        let products = PRODUCTS.min(model.parameter_count());
        let lanczos = Lanczos::new(gpu, &curvature.along(Product::Hessian), products).await?;
        Ok(Self { curvature, lanczos, examples })
    }

    /// Each lane's weights along all vectors: as many networks side by side as there are rows.
    async fn measure(&mut self, gpu: &Gpu, model: &Model, trainer: &Trainer) -> Result<Vec<Reading>> {
        let lanes = trainer.setup().lanes.len();
        let rows = self.curvature.lanes();
        let all: Vec<(usize, u32)> =
            (0..lanes).flat_map(|lane| (0..PROBES as u32).map(move |probe| (lane, probe))).collect();
        let empty = || Quadrature { nodes: Vec::new(), traces: Vec::new() };
        let mut readings: Vec<Reading> =
            (0..lanes).map(|_| Reading { loss: f64::NAN, gradient: f64::NAN, quadrature: empty() }).collect();
        let operator = self.curvature.along(Product::Hessian);
        let dimension = model.parameter_count();
        for some in all.chunks(rows) {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            let mut starts = Vec::new();
            // Rows that nothing is left for repeat the last one.
            for row in 0..rows {
                let (lane, probe) = some[row.min(some.len() - 1)];
                self.curvature.copy_weights(&mut encoder, row, &trainer.slot(lane));
                starts.extend(signs(model, 0, probe));
            }
            gpu.queue().submit([encoder.finish()]);
            let (gradients, losses) = self.curvature.gradient(gpu).await?;
            let norm = |g: &[f32]| g.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            self.lanczos.begin(gpu, &starts);
            while self.lanczos.product(gpu, &operator).await? {}
            let found = self.lanczos.read_each(gpu).await?;
            for (row, (lane, _)) in some.iter().enumerate() {
                let reading = &mut readings[*lane];
                reading.loss = losses[row];
                reading.gradient = norm(&gradients[row * self.curvature.floats()..][..self.curvature.floats()]);
                // Of a lane that diverged there is nothing to tell.
                if let Ok(matrix) = &found[row] {
                    reading
                        .quadrature
                        .traces
                        .push(dimension as f64 * matrix.alpha.first().copied().unwrap_or_default());
                    reading.quadrature.nodes.push(matrix.nodes());
                }
            }
        }
        Ok(readings)
    }
}
