//! `lowland probe sharpness`: how much the loss rises around a checkpoint.

use super::{Job, decimal, examples, extend};
use crate::args::SharpnessArgs;
use crate::progress::Counter;
use anyhow::{Context as _, Result};
use clap::ArgMatches;
use lowland::probe::SharpnessOptions;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::process::ExitCode;

pub fn sharpness(args: &SharpnessArgs, matches: &ArgMatches) -> Result<ExitCode> {
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
