//! `lowland probe KIND FILE...`.

mod files;
pub mod pictures;

use crate::args::{
    Bn, Directions, InterpolateArgs, ProbeArgs, ProbeCommon, ProbeKind, SharpnessArgs, SplitName, SurfaceArgs, given,
};
use crate::checkpoint::{Loaded, Sets, load};
use crate::print::{number, out};
use crate::progress::Counter;
use anyhow::{Context as _, Result};
use clap::ArgMatches;
use files::Folder;
use lowland::Error;
use lowland::gpu::Gpu;
use lowland::probe::{Examples, Interpolation, Line, SharpnessOptions, Statistics, Subject, Surface, SurfaceOptions};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub fn probe(args: ProbeArgs, matches: &ArgMatches) -> Result<ExitCode> {
    let matches = matches.subcommand().map_or(matches, |(_, matches)| matches);
    match args.kind {
        ProbeKind::Interpolate(args) => interpolate(&args, matches),
        ProbeKind::Surface(args) => surface(&args, matches),
        ProbeKind::Sharpness(args) => sharpness(&args, matches),
    }
}

fn interpolate(args: &InterpolateArgs, matches: &ArgMatches) -> Result<ExitCode> {
    let line = Interpolation { from: args.from, to: args.to, points: args.points, statistics: statistics(args.bn) };
    line.check()?;
    let [a, b] = args.files.as_slice() else {
        return Err(count("interpolate takes two checkpoints, A and B", &args.files).into());
    };
    let job = Job::new(&args.probe, &args.files, matches)?;
    same(&args.files, &job.loaded)?;
    let gpu = args.probe.common.gpu()?;
    let mut counter = Counter::new("points", args.probe.common.quiet);
    let subject = job.subject(&gpu, 0);
    let [from, to] = [0, 1].map(|i| &job.loaded[i].state);
    let measured = pollster::block_on(line.measure(&subject, from, to, &mut |done, all| counter.show(done, all)));
    counter.finish();
    let measured = measured?;
    let mut document = json!({"a": a.display().to_string(), "b": b.display().to_string()});
    extend(&mut document, serde_json::to_value(&measured)?);
    shortest(&mut document);
    if let Some(folder) = &job.folder {
        folder.write("interpolate.csv", line_csv(&measured).as_bytes())?;
        folder.write("interpolate.json", format!("{document:#}\n").as_bytes())?;
        folder.write("interpolate.svg", pictures::line(&measured, [a, b]).as_bytes())?;
    }
    job.tell(&document, &line_text(&measured))
}

fn surface(args: &SurfaceArgs, matches: &ArgMatches) -> Result<ExitCode> {
    let points = args.directions == Directions::Points;
    let kept = if points { Bn::Recompute } else { Bn::Interpolate };
    let options = SurfaceOptions {
        grid: args.grid,
        range: args.range.unwrap_or(if points { 0.25 } else { 1.0 }),
        statistics: statistics(args.bn.unwrap_or(kept)),
    };
    options.check()?;
    if let Some(cap) = args.cap.filter(|cap| !(cap.is_finite() && *cap > 0.0)) {
        return Err(Error::input(format!("cap is {cap}; it must be a loss above 0.")).into());
    }
    if !(64..=8192).contains(&args.pixels) {
        return Err(Error::input(format!("pixels is {}; it must be from 64 to 8192.", args.pixels)).into());
    }
    if points && args.files.len() != 3 {
        return Err(count("the plane through points takes three checkpoints", &args.files).into());
    }
    let job = Job::new(&args.probe, &args.files, matches)?;
    if points {
        same(&args.files, &job.loaded)?;
    }
    let gpu = args.probe.common.gpu()?;
    let mut counter = Counter::new("points", args.probe.common.quiet);
    let mut surfaces: Vec<(String, Surface)> = Vec::new();
    if points {
        let states = [0, 1, 2].map(|i| &job.loaded[i].state);
        let mut show = |done, all| counter.show(done, all);
        let measured = pollster::block_on(options.through(&job.subject(&gpu, 0), states, &mut show))?;
        surfaces.push(("surface".into(), measured));
    } else {
        for (i, (file, name)) in args.files.iter().zip(files::names(&args.files)).enumerate() {
            let all_files = args.files.len();
            let mut show = |done: usize, all: usize| counter.show(i * all + done, all_files * all);
            let subject = job.subject(&gpu, i);
            let state = &job.loaded[i].state;
            let measured = pollster::block_on(options.random(&subject, state, args.direction_seed, &mut show))
                .with_context(|| file.display().to_string())?;
            let stem = if all_files == 1 { "surface".to_owned() } else { format!("surface-{name}") };
            surfaces.push((stem, measured));
        }
    }
    counter.finish();
    let mut documents = Vec::new();
    for (i, (stem, surface)) in surfaces.iter().enumerate() {
        let mut document = match points {
            true => json!({"files": args.files.iter().map(|f| f.display().to_string()).collect::<Vec<_>>()}),
            false => json!({"file": args.files[i].display().to_string()}),
        };
        extend(&mut document, serde_json::to_value(surface)?);
        shortest(&mut document);
        if let Some(folder) = &job.folder {
            folder.write(&format!("{stem}.csv"), surface_csv(surface).as_bytes())?;
            folder.write(&format!("{stem}.json"), format!("{document:#}\n").as_bytes())?;
        }
        documents.push(document);
    }
    if let Some(folder) = &job.folder {
        pictures::surfaces(&gpu, folder, &surfaces, args)?;
    }
    let text: Vec<String> = surfaces.iter().enumerate().map(|(i, (_, s))| surface_text(s, &args.files, i)).collect();
    let document = if documents.len() == 1 { documents.remove(0) } else { Value::Array(documents) };
    job.tell(&document, &text.join("\n"))
}

fn sharpness(args: &SharpnessArgs, matches: &ArgMatches) -> Result<ExitCode> {
    let config = &args.probe.config;
    let options = SharpnessOptions {
        rho: config.rho.map_or(0.05, decimal),
        p: decimal(config.p.get()),
        ascent_steps: config.ascent_steps,
        m: config.m,
    };
    // Every number is looked at before any file is.
    SharpnessOptions { m: None, ..options }.check(1)?;
    let job = Job::new(&args.probe, &args.files, matches)?;
    for loaded in &job.loaded {
        options.check(examples(&loaded.data, args.probe.split))?;
    }
    let gpu = args.probe.common.gpu()?;
    let mut counter = Counter::new("groups", args.probe.common.quiet);
    let (mut documents, mut text) = (Vec::new(), Vec::new());
    let mut csv = String::from("file,split,examples,rho,p,ascent_steps,m,loss,sam_loss,sharpness,grad_norm\n");
    for (i, file) in args.files.iter().enumerate() {
        let all_files = args.files.len();
        let mut show = |done: usize, all: usize| counter.show(i * all + done, all_files * all);
        let measured = pollster::block_on(options.measure(&job.subject(&gpu, i), &job.loaded[i].state, &mut show))
            .with_context(|| file.display().to_string())?;
        let name = file.display().to_string();
        let mut document = json!({"file": name});
        extend(&mut document, serde_json::to_value(measured)?);
        let field = |key: &str| match &document[key] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let quoted = if name.contains([',', '"', '\n']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name };
        let keys = ["split", "examples", "rho", "p", "ascent_steps", "m", "loss", "sam_loss", "sharpness", "grad_norm"];
        let _ = writeln!(csv, "{quoted},{}", keys.map(field).join(","));
        text.push(format!(
            "{}: sharpness {:.6}; loss {:.6}, at w + e {:.6} (rho {}, p {}, {} examples a group)",
            file.display(),
            measured.sharpness,
            measured.loss,
            measured.sam_loss,
            measured.rho,
            measured.p,
            measured.m
        ));
        documents.push(document);
    }
    counter.finish();
    let document = if documents.len() == 1 { documents.remove(0) } else { Value::Array(documents) };
    if let Some(folder) = &job.folder {
        folder.write("sharpness.csv", csv.as_bytes())?;
        folder.write("sharpness.json", format!("{document:#}\n").as_bytes())?;
    }
    job.tell(&document, &text.join("\n"))
}

/// What every probe starts with: checkpoints that were read, a folder that can be written.
struct Job<'a> {
    common: &'a ProbeCommon,
    loaded: Vec<Loaded>,
    folder: Option<Folder>,
}

impl<'a> Job<'a> {
    fn new(common: &'a ProbeCommon, files: &[PathBuf], matches: &ArgMatches) -> Result<Self> {
        common.config.check()?;
        let folder = common.out.as_deref().map(Folder::new).transpose()?;
        let changes = given(&common.config, matches);
        let mut sets = Sets::new();
        let loaded = files.iter().map(|file| load(file, &changes, &mut sets)).collect::<Result<Vec<_>>>()?;
        if common.split == SplitName::Val && loaded.iter().any(|l| l.data.val.is_none()) {
            return Err(crate::checkpoint::missing_val().into());
        }
        Ok(Self { common, loaded, folder })
    }

    fn subject<'b>(&'b self, gpu: &'b Gpu, i: usize) -> Subject<'b> {
        let Loaded { model, data, .. } = &self.loaded[i];
        let examples = match self.common.split {
            SplitName::Train => Examples::Train,
            SplitName::Val => Examples::Val,
            SplitName::Test => Examples::Test,
        };
        Subject { gpu, model, data, examples }
    }

    /// Prints the document or the text, and where the files are.
    fn tell(&self, document: &Value, text: &str) -> Result<ExitCode> {
        let common = &self.common.common;
        match (&self.folder, common.json) {
            (_, true) => out(&format!("{document:#}"))?,
            (Some(folder), false) => out(&format!("{text}\nWritten to {}", folder.path().display()))?,
            (None, false) => out(&format!("{text}\n--out DIR writes the table, JSON and pictures; --json prints it."))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Weights can only be mixed where they mean the same: one network, and one data set to measure it with.
fn same(files: &[PathBuf], loaded: &[Loaded]) -> Result<(), Error> {
    let first = &loaded[0];
    for (file, other) in files.iter().zip(loaded).skip(1) {
        let network = |l: &Loaded| (l.model.name().to_owned(), l.config.activation, l.config.norm);
        let shapes = |l: &Loaded| {
            let tensors = l.model.parameters().iter().chain(l.model.running());
            tensors.map(|t| (t.name.clone(), t.kind)).collect::<Vec<_>>()
        };
        let (one, two) = (files[0].display(), file.display());
        if network(first) != network(other) || shapes(first) != shapes(other) {
            return Err(Error::input(format!(
                "{one} is a network {}, {two} is {}; take checkpoints of one network (model, activation and norm).",
                first.model.name(),
                other.model.name()
            )));
        }
        if first.data != other.data {
            return Err(Error::input(format!(
                "{one} and {two} belong to different data (sets, seeds, limits, label noise or scaling); give the flags of \
                 the data that both are to be measured with, such as --data, --label-noise, --normalize."
            )));
        }
    }
    Ok(())
}

fn count(what: &str, files: &[PathBuf]) -> Error {
    let n = files.len();
    Error::input(format!("{what}; {n} {} given.", if n == 1 { "was" } else { "were" }))
}

fn statistics(bn: Bn) -> Statistics {
    match bn {
        Bn::Recompute => Statistics::Recompute,
        Bn::Interpolate => Statistics::Interpolate,
    }
}

fn examples(data: &lowland::data::Dataset, split: SplitName) -> usize {
    match split {
        SplitName::Train => data.train.len(),
        SplitName::Val => data.val.as_ref().map_or(0, lowland::data::Split::len),
        SplitName::Test => data.test.len(),
    }
}

/// The decimal number that a person wrote.
fn decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

/// Adds the keys of `more`.
fn extend(document: &mut Value, more: Value) {
    if let (Value::Object(document), Value::Object(more)) = (document, more) {
        document.extend(more);
    }
}

/// Writes each float that came from an f32 as the shortest decimal that reads back to it.
pub fn shortest(document: &mut Value) {
    match document {
        Value::Number(n) if n.is_f64() => {
            let value = n.as_f64().unwrap_or_default();
            if f64::from(value as f32) == value {
                *document = number(value as f32);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(shortest),
        Value::Object(map) => map.values_mut().for_each(shortest),
        _ => {}
    }
}

pub fn line_csv(line: &Line) -> String {
    let mut csv = String::from("alpha,loss,accuracy,train_loss,train_accuracy,test_loss,test_accuracy\n");
    for row in &line.rows {
        let values = [row.loss, row.accuracy, row.train_loss, row.train_accuracy, row.test_loss, row.test_accuracy];
        let _ = writeln!(csv, "{},{}", row.alpha, values.map(|v| v.to_string()).join(","));
    }
    csv
}

pub fn surface_csv(surface: &Surface) -> String {
    let mut csv = String::from("x,y,loss,accuracy\n");
    for (y, (losses, accuracies)) in surface.y.iter().zip(surface.loss.iter().zip(&surface.accuracy)) {
        for (x, (loss, accuracy)) in surface.x.iter().zip(losses.iter().zip(accuracies)) {
            let _ = writeln!(csv, "{x},{y},{loss},{accuracy}");
        }
    }
    csv
}

fn line_text(line: &Line) -> String {
    let mut text = String::from("  alpha  train loss  accuracy   test loss  accuracy");
    for row in &line.rows {
        let percent = |accuracy: f32| format!("{:.2} %", 100.0 * accuracy);
        let _ = write!(
            text,
            "\n{:>7.3}  {:>10.4}  {:>8}  {:>10.4}  {:>8}",
            row.alpha,
            row.train_loss,
            percent(row.train_accuracy),
            row.test_loss,
            percent(row.test_accuracy)
        );
    }
    let bad = line.rows.iter().filter(|row| !row.loss.is_finite()).count();
    if bad > 0 {
        let _ = write!(text, "\nThe loss is not finite at {bad} of {} points.", line.rows.len());
    }
    text
}

fn surface_text(surface: &Surface, files: &[PathBuf], i: usize) -> String {
    let all = || surface.loss.iter().flatten().copied().filter(|loss| loss.is_finite());
    let (low, high) = (all().fold(f32::INFINITY, f32::min), all().fold(f32::NEG_INFINITY, f32::max));
    let mut text = match surface.points.as_slice() {
        [centre] => format!("{}: loss {:.4} in the middle", files[i].display(), centre.loss),
        points => {
            let one = |(file, p): (&PathBuf, &lowland::probe::Marked)| format!("{} {:.4}", name(file), p.loss);
            format!("Loss at the points: {}", files.iter().zip(points).map(one).collect::<Vec<_>>().join(", "))
        }
    };
    let _ = write!(text, "; {low:.4} to {high:.4} over {} points", surface.grid * surface.grid);
    if surface.non_finite > 0 {
        let _ = write!(text, ", and not finite at {} of them", surface.non_finite);
    }
    text
}

fn name(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
