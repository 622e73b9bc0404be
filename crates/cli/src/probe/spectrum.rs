//! `lowland probe spectrum`: the density of the eigenvalues of the curvature.

use super::files::names;
use super::{Job, extend, name};
use crate::args::SpectrumArgs;
use crate::progress::Counter;
use anyhow::{Context as _, Result};
use clap::ArgMatches;
use lowland::probe::{Spectrum, SpectrumOptions};
use lowland_report::{SpectrumLine, spectrum_svg};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::process::ExitCode;

pub fn spectrum(args: &SpectrumArgs, matches: &ArgMatches) -> Result<ExitCode> {
    let options = SpectrumOptions {
        probes: args.probes,
        iterations: args.iterations,
        sigma: args.sigma,
        points: args.points,
        seed: args.probe_seed,
    };
    options.check()?;
    let job = Job::new(&args.probe, &args.files, matches)?;
    let gpu = args.probe.common.gpu()?;
    let mut counter = Counter::new("products", args.probe.common.quiet);
    let (mut documents, mut text) = (Vec::new(), Vec::new());
    for ((i, file), stem) in args.files.iter().enumerate().zip(names(&args.files)) {
        let all_files = args.files.len();
        let mut show = |done: usize, all: usize| counter.show(i * all + done, all_files * all);
        let measured = pollster::block_on(options.measure(&job.subject(&gpu, i), &job.loaded[i].state, &mut show))
            .with_context(|| file.display().to_string())?;
        let mut document = json!({"file": file.display().to_string()});
        extend(&mut document, serde_json::to_value(&measured)?);
        if let Some(folder) = &job.folder {
            let stem = if all_files > 1 { format!("spectrum-{stem}") } else { "spectrum".to_owned() };
            folder.write(&format!("{stem}.csv"), csv(&measured).as_bytes())?;
            folder.write(&format!("{stem}.json"), format!("{document:#}\n").as_bytes())?;
            folder.write(&format!("{stem}.svg"), picture(&name(file), &measured).as_bytes())?;
        }
        text.push(words(&file.display().to_string(), &measured));
        documents.push(document);
    }
    counter.finish();
    let document = if documents.len() == 1 { documents.remove(0) } else { Value::Array(documents) };
    job.tell(&document, &text.join("\n\n"))
}

fn csv(measured: &Spectrum) -> String {
    let mut csv = String::from("eigenvalue,hessian,ggn\n");
    for (i, place) in measured.grid.iter().enumerate() {
        let _ = writeln!(csv, "{place},{:e},{:e}", measured.hessian.density[i], measured.ggn.density[i]);
    }
    csv
}

fn picture(title: &str, measured: &Spectrum) -> String {
    let line = |name: &'static str, of: &'_ lowland::probe::Spectral| (name, of.density.clone(), of.lambda_1);
    let lines = [line("Hessian", &measured.hessian), line("Gauss-Newton", &measured.ggn)];
    let lines = lines.each_ref().map(|(name, density, lambda_1)| SpectrumLine { name, density, lambda_1: *lambda_1 });
    // A tenth of the peak of a single eigenvalue.
    let one = 1.0 / (measured.parameters as f64 * measured.sigma * std::f64::consts::TAU.sqrt());
    spectrum_svg(title, &measured.grid, &lines, 0.1 * one)
}

fn words(name: &str, measured: &Spectrum) -> String {
    let mut text = format!(
        "{name}: {} parameters, {} examples, {} vectors, {} products along each, sigma {:.4}\n\
         \x20                 lambda_1    lambda_5  lambda_min       trace",
        measured.parameters, measured.examples, measured.probes, measured.iterations, measured.sigma
    );
    for (matrix, of) in [("Hessian", &measured.hessian), ("Gauss-Newton", &measured.ggn)] {
        let fifth = of.lambda_5.map_or("-".to_owned(), |value| format!("{value:.5}"));
        let error = of.trace_stderr.map_or(String::new(), |error| format!(" \u{b1} {error:.5}"));
        let _ = write!(
            text,
            "\n{matrix:<12}  {:>12.5}  {fifth:>10}  {:>10.5}  {:>10.5}{error}",
            of.lambda_1, of.lambda_min, of.trace
        );
    }
    text
}
