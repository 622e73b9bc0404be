//! `lowland probe hessian`: the largest eigenvalues of the Hessian, its trace, and its eigenvectors.

use super::files::{Folder, names};
use super::{Job, extend};
use crate::args::{HessianArgs, Matrix};
use crate::checkpoint::Loaded;
use crate::print::say;
use crate::progress::Counter;
use anyhow::{Context as _, Result};
use clap::ArgMatches;
use lowland::Error;
use lowland::probe::{Hessian, HessianOptions, Product};
use lowland::train::write_direction;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::process::ExitCode;

pub fn hessian(args: &HessianArgs, matches: &ArgMatches) -> Result<ExitCode> {
    let options = HessianOptions {
        top: args.top,
        trace_probes: args.trace_probes,
        product: match args.product {
            Matrix::Hessian => Product::Hessian,
            Matrix::Ggn => Product::GaussNewton,
        },
        iterations: args.iterations.unwrap_or_else(|| HessianOptions::usual_iterations(args.top)),
        tolerance: args.tolerance,
        seed: args.probe_seed,
    };
    // Every number is looked at before any file is.
    options.check(usize::MAX)?;
    let vectors = args.save_vectors.as_deref().map(Folder::new).transpose()?;
    let job = Job::new(&args.probe, &args.files, matches)?;
    for (file, loaded) in args.files.iter().zip(&job.loaded) {
        options.check(loaded.model.parameter_count()).map_err(|e| Error::input(format!("{}: {e}", file.display())))?;
    }
    let gpu = args.probe.common.gpu()?;
    let mut counter = Counter::new("products", args.probe.common.quiet);
    let (mut documents, mut text) = (Vec::new(), Vec::new());
    let mut csv = String::from("file,split,product,rank,eigenvalue,residual,trace,trace_stderr\n");
    for ((i, file), stem) in args.files.iter().enumerate().zip(names(&args.files)) {
        let all_files = args.files.len();
        let mut show = |done: usize, all: usize| counter.show(i * all + done, all_files * all);
        let measured = pollster::block_on(options.measure(&job.subject(&gpu, i), &job.loaded[i].state, &mut show))
            .with_context(|| file.display().to_string())?;
        let name = file.display().to_string();
        if !measured.converged {
            say(&format!(
                "{name}: not all eigenvalues were found to within the tolerance in {} iterations; --iterations takes more.",
                measured.iterations
            ));
        }
        if let Some(folder) = &vectors {
            let prefix = if all_files > 1 { format!("{stem}-") } else { String::new() };
            save(folder, &prefix, &job.loaded[i], &measured)?;
        }
        let mut document = json!({"file": name});
        extend(&mut document, serde_json::to_value(&measured)?);
        document["product"] = matrix(args.product).into();
        rows(&mut csv, &document);
        text.push(words(&name, args.product, &measured));
        documents.push(document);
    }
    counter.finish();
    let document = if documents.len() == 1 { documents.remove(0) } else { Value::Array(documents) };
    if let Some(folder) = &job.folder {
        folder.write("hessian.csv", csv.as_bytes())?;
        folder.write("hessian.json", format!("{document:#}\n").as_bytes())?;
    }
    job.tell(&document, &text.join("\n\n"))
}

pub fn matrix(matrix: Matrix) -> &'static str {
    match matrix {
        Matrix::Hessian => "hessian",
        Matrix::Ggn => "ggn",
    }
}

/// A row for each eigenvalue.
fn rows(csv: &mut String, document: &Value) {
    let field = |value: &Value| match value {
        Value::String(text) if text.contains([',', '"', '\n']) => format!("\"{}\"", text.replace('"', "\"\"")),
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let lists = ["eigenvalues", "residuals"].map(|key| document[key].as_array().cloned().unwrap_or_default());
    for (rank, (value, residual)) in lists[0].iter().zip(&lists[1]).enumerate() {
        let start = ["file", "split", "product"].map(|key| field(&document[key])).join(",");
        let [trace, error] = ["trace", "trace_stderr"].map(|key| field(&document[key]));
        let _ = writeln!(csv, "{start},{},{},{},{trace},{error}", rank + 1, field(value), field(residual));
    }
}

fn words(name: &str, product: Matrix, measured: &Hessian) -> String {
    let what = match product {
        Matrix::Hessian => "Hessian",
        Matrix::Ggn => "Gauss-Newton matrix",
    };
    let mut text = format!(
        "{name}: {what} of {} parameters, {} examples, {} products\n  rank  eigenvalue  residual",
        measured.parameters, measured.examples, measured.iterations
    );
    for (rank, (value, residual)) in measured.eigenvalues.iter().zip(&measured.residuals).enumerate() {
        let _ = write!(text, "\n{:>6}  {value:>10.5}  {residual:.1e}", rank + 1);
    }
    let _ = write!(text, "\n   min  {:>10.5}  {:.1e}", measured.smallest, measured.smallest_residual);
    if let [first, _, _, _, fifth, ..] = measured.eigenvalues[..] {
        let _ = write!(text, "\nlambda_1 / lambda_5 = {:.3}", first / fifth);
    }
    if let Some(trace) = measured.trace {
        let _ = write!(text, "\ntrace {trace:.5}");
        if let Some(error) = measured.trace_stderr {
            let _ = write!(text, " \u{b1} {error:.5} (standard error of {} vectors)", measured.trace_probes);
        }
    }
    text
}

/// Writes each eigenvector as a file with the parameters' names.
fn save(folder: &Folder, prefix: &str, loaded: &Loaded, measured: &Hessian) -> Result<()> {
    for (rank, vector) in measured.vectors.iter().enumerate() {
        let metadata = HashMap::from([
            ("lowland_eigenvalue".to_owned(), measured.eigenvalues[rank].to_string()),
            ("lowland_residual".to_owned(), measured.residuals[rank].to_string()),
            ("lowland".to_owned(), loaded.config.to_header()),
        ]);
        let bytes = write_direction(&loaded.model, vector, metadata)?;
        folder.write(&format!("{prefix}eigenvector-{}.safetensors", rank + 1), &bytes)?;
    }
    Ok(())
}
