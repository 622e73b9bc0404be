//! `lowland eval` and `lowland predict`.

use crate::args::{EvalArgs, PredictArgs, SplitName, given};
use crate::checkpoint::{Loaded, Sets, load, missing_val};
use crate::print::{number, out};
use anyhow::{Context as _, Result};
use clap::ArgMatches;
use lowland::Error;
use lowland::data::Split;
use lowland::gpu::Gpu;
use lowland::train::Evaluator;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

pub fn eval(args: EvalArgs, matches: &ArgMatches) -> Result<ExitCode> {
    args.config.check()?;
    let changes = given(&args.config, matches);
    // Every file is read before the first is measured: bad input is found before any work.
    let mut sets = Sets::new();
    let loaded = args.files.iter().map(|file| load(file, &changes, &mut sets)).collect::<Result<Vec<_>>>()?;
    if args.split == SplitName::Val && loaded.iter().any(|l| l.data.val.is_none()) {
        return Err(missing_val().into());
    }
    let gpu = args.common.gpu()?;
    let mut rows = Vec::new();
    for (file, loaded) in args.files.iter().zip(&loaded) {
        let measured =
            pollster::block_on(measure(&gpu, loaded, args.split)).with_context(|| file.display().to_string())?;
        rows.push(json!({
            "file": file.display().to_string(),
            "loss": number(measured.loss),
            "accuracy": number(measured.accuracy),
            "top5": number(measured.top5),
            "examples": measured.examples,
        }));
        if !args.common.json {
            out(&format!(
                "{}: loss {:.4}, accuracy {:.2} %, top-5 {:.2} % of {} examples",
                file.display(),
                measured.loss,
                100.0 * measured.accuracy,
                100.0 * measured.top5,
                measured.examples
            ))?;
        }
    }
    if args.common.json {
        out(&format!("{:#}", Value::Array(rows)))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(gpu: &Gpu, loaded: &Loaded, split: SplitName) -> lowland::Result<lowland::train::Evaluation> {
    let evaluator = Evaluator::new(gpu, &loaded.model, &loaded.data, &loaded.state).await?;
    let parts = match split {
        SplitName::Train => evaluator.train(gpu).await?,
        SplitName::Val => evaluator.val(gpu).await?,
        SplitName::Test => evaluator.test(gpu).await?,
    };
    parts.into_iter().next().ok_or_else(missing_val)
}

pub fn predict(args: PredictArgs, matches: &ArgMatches) -> Result<ExitCode> {
    args.config.check()?;
    if let Some(path) = &args.out {
        check_writable(path)?;
    }
    let loaded = load(&args.file, &given(&args.config, matches), &mut Sets::new())?;
    let split: &Split = match args.split {
        SplitName::Train => &loaded.data.train,
        SplitName::Val => loaded.data.val.as_ref().ok_or_else(missing_val)?,
        SplitName::Test => &loaded.data.test,
    };
    let gpu = args.common.gpu()?;
    let logits = pollster::block_on(async {
        let evaluator = Evaluator::new(&gpu, &loaded.model, &loaded.data, &loaded.state).await?;
        match args.split {
            SplitName::Train => evaluator.train_logits(&gpu).await,
            SplitName::Val => evaluator.val_logits(&gpu).await,
            SplitName::Test => evaluator.test_logits(&gpu).await,
        }
    })?;
    let predictions: Vec<_> =
        logits.chunks_exact(loaded.data.classes).zip(&split.labels).map(Prediction::new).collect();
    if args.common.json {
        let rows: Vec<Value> = predictions
            .iter()
            .enumerate()
            .map(|(i, p)| json!({"index": i, "label": p.label, "prediction": p.class, "probability": number(p.probability), "loss": number(p.loss)}))
            .collect();
        out(&format!("{:#}", Value::Array(rows)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut csv = String::from("index,label,prediction,correct,probability,loss\n");
    for (i, p) in predictions.iter().enumerate() {
        let _ = writeln!(csv, "{i},{},{},{},{},{}", p.label, p.class, p.label == p.class, p.probability, p.loss);
    }
    match &args.out {
        None => out(csv.trim_end())?,
        Some(path) => lowland::run::write_atomically(path, csv.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Finds out before any work whether `path` can be written.
fn check_writable(path: &Path) -> Result<()> {
    let refuse = |why: &str| Error::input(format!("{}: {why}. Choose another file with --out.", path.display()));
    if path.is_dir() || path.file_name().is_none() {
        return Err(refuse("it is a folder").into());
    }
    let probe = path.with_file_name(format!(".{}.part", path.file_name().unwrap_or_default().to_string_lossy()));
    std::fs::File::create(&probe).and_then(|_| std::fs::remove_file(&probe)).map_err(|e| refuse(&e.to_string()))?;
    Ok(())
}

/// What a network says of one example.
struct Prediction {
    label: usize,
    class: usize,
    probability: f32,
    loss: f32,
}

impl Prediction {
    fn new((logits, label): (&[f32], &u16)) -> Self {
        let label = usize::from(*label);
        // The first of equal logits, as the kernels count.
        let class = logits.iter().enumerate().fold(0, |best, (i, z)| if *z > logits[best] { i } else { best });
        let highest = f64::from(logits[class]);
        let total: f64 = logits.iter().map(|z| (f64::from(*z) - highest).exp()).sum();
        let loss = total.ln() + highest - f64::from(logits[label]);
        Self { label, class, probability: (1.0 / total) as f32, loss: loss as f32 }
    }
}
