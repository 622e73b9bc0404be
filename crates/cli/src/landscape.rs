//! The landscape of a finished run, measured for its report into `RUN/landscape`: the line from one solution to the other,
//! the surface around each, and the sharpness of all.

mod measures;

use crate::args::Common;
use crate::checkpoint::{Loaded, Sets, load};
use crate::print::say;
use crate::probe::{line_csv, pictures, shortest, surface_csv};
use crate::progress::Counter;
use anyhow::{Context as _, Result};
use lowland::Error;
use lowland::data::Dataset;
use lowland::gpu::Gpu;
use lowland::probe::{Examples, Interpolation, Statistics, Subject, Surface, SurfaceOptions};
use lowland::run::{RunFolder, write_atomically};
use lowland::view::{Camera, HeightField};
use lowland_report::HeightScale;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

/// How it ended. None of them spoils the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is there, there is nothing to measure, or a warning was given.
    Done,
    /// Ctrl-C came before it was measured.
    Stopped,
}

/// The exit code of a command whose other work is done: 130 where somebody wanted it to stop.
pub fn exit_code(outcome: Outcome) -> ExitCode {
    if outcome == Outcome::Stopped { ExitCode::from(130) } else { ExitCode::SUCCESS }
}

/// What is measured, and how; raised when that changes, so that landscapes of before are measured again.
const VERSION: u32 = 2;
/// The folder below that of the run, and the file that says what is in it, which is written last.
const FOLDER: &str = "landscape";
const RECORD: &str = "landscape.json";
/// The line.
const FROM: f64 = -0.5;
const TO: f64 = 1.5;
/// Sharpness is measured of so many networks at most: of the first seeds.
const MOST_NETWORKS: usize = 64;
/// The radius where no lane climbs.
const RHO: f64 = 0.05;
/// The views in three dimensions, and the lightness of their grids on light and on dark ground.
const CAMERA: (usize, usize) = (900, 720);
const INKS: [(&str, f32); 2] = [("light", 0.3), ("dark", 0.62)];

/// Measures the landscape of the run in `dir` unless it is there for these very weights. What goes wrong is a warning.
pub fn update(dir: &Path, gpu: Option<&Gpu>, common: &Common, data_dir: Option<&Path>, stop: &AtomicBool) -> Outcome {
    match try_update(dir, gpu, common, data_dir, stop) {
        Ok(()) => Outcome::Done,
        Err(error) if error.is::<Stopped>() => {
            let dir = crate::print::quoted(&dir.display().to_string());
            say(&format!(
                "Stopped before the landscape was measured; the run is complete. Measure it with: lowland report {dir}"
            ));
            Outcome::Stopped
        }
        Err(error) => {
            say(&format!("Warning: the report has no new landscape: {error:#}"));
            Outcome::Done
        }
    }
}

fn try_update(
    dir: &Path,
    gpu: Option<&Gpu>,
    common: &Common,
    data_dir: Option<&Path>,
    stop: &AtomicBool,
) -> Result<()> {
    let Some(subjects) = Networks::of(dir)? else { return Ok(()) };
    let record = dir.join(FOLDER).join(RECORD);
    let known = std::fs::read(&record).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    if known.is_some_and(|known| known["version"] == VERSION && known["weights"] == subjects.weights) {
        return Ok(());
    }
    let opened;
    let gpu = match gpu {
        Some(gpu) => gpu,
        None => {
            opened = common.gpu()?;
            &opened
        }
    };
    let mut changes = Map::new();
    let data_dir = data_dir.unwrap_or(&subjects.data_dir);
    changes.insert("data_dir".into(), data_dir.display().to_string().into());
    let mut sets = Sets::new();
    let drawn = subjects.drawn.iter().map(|label| load(&subjects.file(label, subjects.seeds[0]), &changes, &mut sets));
    let drawn = drawn.collect::<Result<Vec<Loaded>>>()?;
    let first = drawn.first().context("there are no final weights")?;
    let networks = subjects.networks();
    let sizes = Sizes::of(first.model.multiply_adds(), &first.data, drawn.len(), networks.len());
    if sizes.work > MOST_WORK && gpu.is_software() {
        return Err(Error::run(format!(
            "{} is too large for one on a software adapter; lowland probe measures at the sizes you choose.",
            first.model.name()
        ))
        .into());
    }
    let data = first.data.thinned(sizes.train, sizes.test);
    // From here on what lies there does not belong together until the record is written again.
    if let Err(e) = std::fs::remove_file(&record)
        && e.kind() != std::io::ErrorKind::NotFound
    {
        return Err(Error::io(&record, e, "Make the folder writable").into());
    }
    std::fs::create_dir_all(dir.join(FOLDER)).map_err(|e| Error::io(dir.join(FOLDER), e, "Make room there"))?;
    let line_points = if drawn.len() == 2 { sizes.points } else { 0 };
    let total = line_points + drawn.len() * sizes.grid * sizes.grid + networks.len();
    if !common.quiet {
        say(&format!(
            "Landscape: {total} points on {} training examples (--no-landscape leaves it out)",
            data.train.len()
        ));
    }
    let mut job = Job {
        gpu,
        folder: dir.join(FOLDER),
        data: &data,
        counter: Counter::new("points of the landscape", common.quiet),
        done: 0,
        total,
        stop,
    };
    let mut document = json!({
        "version": VERSION,
        "weights": subjects.weights,
        "seed": subjects.seeds[0],
        "train_examples": data.train.len(),
        "train_examples_of": first.data.train.len(),
        "test_examples": data.test.len(),
        "test_examples_of": first.data.test.len(),
    });
    let outcome = job.line(&drawn, &subjects, &sizes, &mut document).and_then(|()| {
        job.surfaces(&drawn, &subjects, &sizes, &mut document)?;
        job.measures(&networks, &changes, &mut sets, &subjects, &mut document)
    });
    job.counter.finish();
    outcome?;
    shortest(&mut document);
    job.write(RECORD, format!("{document:#}\n").as_bytes())
}

/// The final weights of a run.
struct Networks {
    folder: RunFolder,
    data_dir: PathBuf,
    /// All lanes that have some.
    labels: Vec<String>,
    seeds: Vec<u32>,
    /// The lanes that are drawn: one without ascent and one with, where there are both.
    drawn: Vec<String>,
    rho: f64,
    /// Each file with a hash of its bytes.
    weights: Value,
}

impl Networks {
    /// Those in `dir`; none where there are none.
    fn of(dir: &Path) -> Result<Option<Self>> {
        let (folder, config) = RunFolder::open(dir)?;
        let text = std::fs::read_to_string(folder.file("config.json"))
            .map_err(|e| Error::io(folder.file("config.json"), e, "Check that it may be read"))?;
        let record: Value = serde_json::from_str(&text)?;
        let seeds: Vec<u32> = (0..config.seeds).map(|i| config.seed.wrapping_add(i)).collect();
        let Some(&first) = seeds.first() else { return Ok(None) };
        let lanes = record["lanes"].as_array().cloned().unwrap_or_default();
        let label = |lane: &Value| lane["label"].as_str().map(str::to_owned);
        let there = |lane: &Value| label(lane).is_some_and(|label| folder.final_weights(&label, first).is_file());
        let lanes: Vec<Value> = lanes.into_iter().filter(there).collect();
        let climbs = |lane: &&Value| lane["gradients_per_step"].as_u64().unwrap_or(1) > 1;
        // Lanes that are called as their method before others of it.
        let named = |lanes: Vec<&Value>, name: &str| {
            lanes.iter().find(|lane| lane["label"] == name).or(lanes.first()).map(|lane| (*lane).clone())
        };
        let below = named(lanes.iter().filter(|lane| !climbs(lane)).collect(), "sgd");
        let above = named(lanes.iter().filter(climbs).collect(), "sam");
        let rho = above.as_ref().and_then(|lane| lane["rho"].as_f64()).filter(|rho| *rho > 0.0).unwrap_or(RHO);
        let drawn: Vec<String> = match (below, above) {
            (Some(below), Some(above)) => [below, above].iter().filter_map(label).collect(),
            _ => lanes.iter().take(2).filter_map(label).collect(),
        };
        let labels: Vec<String> = lanes.iter().filter_map(label).collect();
        if labels.is_empty() {
            return Ok(None);
        }
        let mut weights = Map::new();
        for (label, seed) in labels.iter().flat_map(|label| seeds.iter().map(move |seed| (label, *seed))) {
            if let Ok(bytes) = std::fs::read(folder.final_weights(label, seed)) {
                weights.insert(format!("{label} {seed}"), format!("{:016x}", hash(&bytes)).into());
            }
        }
        let (data_dir, weights) = (config.data_dir, Value::Object(weights));
        Ok(Some(Self { folder, data_dir, labels, seeds, drawn, rho, weights }))
    }

    fn file(&self, label: &str, seed: u32) -> PathBuf {
        self.folder.final_weights(label, seed)
    }

    /// Those whose sharpness is measured, by lane and seed.
    fn networks(&self) -> Vec<(&str, u32)> {
        let seeds = (MOST_NETWORKS / self.labels.len()).clamp(1, self.seeds.len());
        let all =
            self.labels.iter().flat_map(|label| self.seeds[..seeds].iter().map(move |seed| (label.as_str(), *seed)));
        all.filter(|(label, seed)| self.file(label, *seed).is_file()).collect()
    }
}

/// FNV-1a, to tell whether files are the ones that were measured.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// How finely a landscape is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sizes {
    grid: usize,
    points: usize,
    train: usize,
    test: usize,
    /// Multiply-adds of all its passes.
    work: u64,
}

/// Multiply-adds that a landscape should stay within: about 15 s on a software adapter of two cores.
const WORK: u64 = 110_000_000_000;
/// What a software adapter is not asked for.
const MOST_WORK: u64 = 4 * WORK;
/// Grids and examples, from fine to coarse. They follow from the sizes of network and data alone, so that a landscape has the
/// same points on every machine.
const STEPS: [(usize, usize); 7] = [(25, 2000), (25, 1000), (25, 500), (17, 500), (17, 250), (13, 250), (13, 125)];

impl Sizes {
    /// The finest whose work is affordable, or the coarsest.
    fn of(multiply_adds: u64, data: &Dataset, surfaces: usize, networks: usize) -> Self {
        let sizes = STEPS.map(|(grid, examples)| {
            let (train, test) = (examples.min(data.train.len()), examples.min(data.test.len()));
            let points = 21;
            // Of a network whose sharpness is measured: two forward passes, and one backward, which costs as much as they do.
            let passes = surfaces * grid * grid * train + points * (2 * train + test) + 4 * networks * train;
            // A small network costs what its examples cost, not what its layers do.
            Self { grid, points, train, test, work: passes as u64 * multiply_adds.max(5_000) }
        });
        sizes.into_iter().find(|sizes| sizes.work <= WORK).unwrap_or(sizes[sizes.len() - 1])
    }
}

/// Somebody pressed Ctrl-C.
#[derive(Debug)]
struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped")
    }
}

impl std::error::Error for Stopped {}

/// Waits for a measurement, or for Ctrl-C.
fn until<T>(stop: &AtomicBool, work: impl Future<Output = lowland::Result<T>>) -> Result<T> {
    let mut work = pin!(work);
    pollster::block_on(std::future::poll_fn(|context| match stop.load(Ordering::SeqCst) {
        true => Poll::Ready(Err(Stopped.into())),
        false => work.as_mut().poll(context).map_err(Into::into),
    }))
}

/// The measurements, one after the other.
struct Job<'a> {
    gpu: &'a Gpu,
    folder: PathBuf,
    data: &'a Dataset,
    counter: Counter,
    done: usize,
    total: usize,
    stop: &'a AtomicBool,
}

impl Job<'_> {
    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        Ok(write_atomically(&self.folder.join(name), bytes)?)
    }

    fn line(&mut self, drawn: &[Loaded], networks: &Networks, sizes: &Sizes, document: &mut Value) -> Result<()> {
        let [a, b] = drawn else { return Ok(()) };
        let line = Interpolation { from: FROM, to: TO, points: sizes.points, statistics: Statistics::Recompute };
        let subject = Subject { gpu: self.gpu, model: &a.model, data: self.data, examples: Examples::Train };
        let (done, total) = (self.done, self.total);
        let mut show = |some: usize, _: usize| self.counter.show(done + some, total);
        let measured = until(self.stop, line.measure(&subject, &a.state, &b.state, &mut show))?;
        self.done += sizes.points;
        self.write("line.csv", line_csv(&measured).as_bytes())?;
        document["line"] = json!({"file": "line.csv", "from": networks.drawn[0], "to": networks.drawn[1]});
        if let Some(statistics) = measured.statistics {
            document["line"]["bn"] = serde_json::to_value(statistics)?;
        }
        Ok(())
    }

    fn surfaces(&mut self, drawn: &[Loaded], networks: &Networks, sizes: &Sizes, document: &mut Value) -> Result<()> {
        let options = SurfaceOptions { grid: sizes.grid, range: 1.0, statistics: Statistics::Interpolate };
        let mut surfaces: Vec<Surface> = Vec::new();
        for network in drawn {
            let subject = Subject { gpu: self.gpu, model: &network.model, data: self.data, examples: Examples::Train };
            let (done, total) = (self.done, self.total);
            let mut show = |some: usize, _: usize| self.counter.show(done + some, total);
            surfaces.push(until(self.stop, options.random(&subject, &network.state, 0, &mut show))?);
            self.done += sizes.grid * sizes.grid;
        }
        let losses = surfaces.iter().flat_map(|surface| surface.loss.iter().flatten());
        let scale = HeightScale::of(losses.map(|loss| f64::from(*loss)), None, None).unwrap_or_default();
        let camera = Camera { width: CAMERA.0, height: CAMERA.1, ..Camera::default() };
        let mut list = Vec::new();
        for (label, surface) in networks.drawn.iter().zip(&surfaces) {
            self.write(&format!("surface-{label}.csv"), surface_csv(surface).as_bytes())?;
            let losses: Vec<f64> = surface.loss.iter().flatten().map(|loss| f64::from(*loss)).collect();
            let field = pictures::height_field(surface, &losses, &scale);
            for (ground, ink) in INKS {
                let field = HeightField { ink, ..field.clone() };
                let picture = until(self.stop, field.render(self.gpu, &camera))?;
                self.write(&format!("relief-{label}-{ground}.png"), &pictures::png(&picture)?)?;
            }
            let mut of_surface = json!({
                "label": label,
                "file": format!("surface-{label}.csv"),
                "pictures": INKS.map(|(ground, _)| format!("relief-{label}-{ground}.png")),
                "direction_norms": surface.direction_norms,
                "non_finite": surface.non_finite,
            });
            if let Some(statistics) = surface.statistics {
                of_surface["bn"] = serde_json::to_value(statistics)?;
            }
            let labels = pictures::labels(&camera, &field, &scale);
            document["relief"] = json!({
                "size": labels.size, "heights": labels.heights, "middles": labels.middles, "corners": labels.corners,
            });
            list.push(of_surface);
        }
        let Sizes { grid, .. } = sizes;
        document["surfaces"] = json!({"grid": grid, "range": options.range, "direction_seed": 0, "list": list});
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lowland::config::Config;

    #[test]
    fn a_landscape_is_as_fine_as_it_is_affordable() {
        let data = lowland::data::load(&Config::default()).unwrap_or_else(|e| panic!("{e}"));
        let tiny = Sizes::of(2_000, &data, 2, 6);
        assert_eq!((tiny.grid, tiny.train, tiny.test), (25, 200, 2000), "all examples of a small set");
        let mut finest = usize::MAX;
        for power in 0..40 {
            let sizes = Sizes::of(1 << power, &data, 2, 6);
            assert!(sizes.work <= WORK || (sizes.grid, sizes.train) == (13, 125), "{sizes:?}");
            assert!(sizes.grid * sizes.train <= finest);
            finest = sizes.grid * sizes.train;
        }
    }
}
