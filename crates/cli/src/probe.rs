//! `lowland probe KIND FILE...`.

mod bound;
mod files;
mod hessian;
mod interpolate;
pub mod pictures;
mod plane;
mod sharpness;
mod spectrum;
mod surface;

use crate::args::{Bn, ProbeArgs, ProbeCommon, ProbeKind, SplitName, given};
use crate::checkpoint::{Loaded, Sets, load};
use crate::print::{number, out};
use anyhow::Result;
use clap::ArgMatches;
use files::Folder;
use lowland::Error;
use lowland::gpu::Gpu;
use lowland::probe::{Examples, Statistics, Subject};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub use interpolate::line_csv;
pub use surface::surface_csv;

pub fn probe(args: ProbeArgs, matches: &ArgMatches) -> Result<ExitCode> {
    let matches = matches.subcommand().map_or(matches, |(_, matches)| matches);
    match args.kind {
        ProbeKind::Interpolate(args) => interpolate::interpolate(&args, matches),
        ProbeKind::Surface(args) => surface::surface(&args, matches),
        ProbeKind::Sharpness(args) => sharpness::sharpness(&args, matches),
        ProbeKind::Bound(args) => bound::bound(&args, matches),
        ProbeKind::Hessian(args) => hessian::hessian(&args, matches),
        ProbeKind::Spectrum(args) => spectrum::spectrum(&args, matches),
    }
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
fn same(files: &[PathBuf], loaded: &[&Loaded]) -> Result<(), Error> {
    let first = loaded[0];
    for (file, other) in files.iter().zip(loaded.iter().copied()).skip(1) {
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

fn name(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
