//! `lowland probe bound`: generalisation bounds of a checkpoint, every term by name.

use super::{Job, decimal, extend};
use crate::args::{BoundArgs, BoundLoss, PriorName};
use crate::progress::Counter;
use anyhow::{Context as _, Result};
use clap::ArgMatches;
use lowland::Error;
use lowland::probe::{Bound, BoundOptions, BoundedLoss, LearnOptions, Prior, SamBound};
use lowland::train::{initial_weights, read_tensors};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::process::ExitCode;

pub fn bound(args: &BoundArgs, matches: &ArgMatches) -> Result<ExitCode> {
    let loss = match args.loss {
        BoundLoss::Error => BoundedLoss::Error,
        BoundLoss::Clipped => BoundedLoss::Clipped,
        BoundLoss::CrossEntropy => {
            return Err(Error::input(
                "loss is cross-entropy, which is not in [0, 1], so no bound holds for it; take --loss error or --loss clipped.",
            )
            .into());
        }
    };
    let config = &args.probe.config;
    let learn = |examples: usize| {
        args.learn.map(|steps| LearnOptions {
            steps,
            lr: args.learn_lr,
            batch: args.learn_batch.unwrap_or_else(|| examples.min(100)),
            sigma: args.learn_sigma,
        })
    };
    let options = BoundOptions {
        rho: config.rho.map_or(0.05, decimal),
        delta: args.delta,
        loss,
        ln_hypotheses: args.hypotheses,
        ascent_steps: args.max_steps,
        samples: args.certificate_samples,
        sample_delta: args.sample_delta,
        seed: args.probe_seed,
        learn: learn(usize::MAX),
    };
    options.check(usize::MAX)?;
    let job = Job::new(&args.probe, &args.files, matches)?;
    for loaded in &job.loaded {
        let examples = loaded.data.train.len();
        BoundOptions { learn: learn(examples), ..options }.check(examples)?;
    }
    // The initial weights of a file are read before any work is done.
    let mut given = Vec::new();
    for loaded in &job.loaded {
        let from = match (&config.init, args.prior) {
            (Some(file), PriorName::Init) => {
                let source = file.display().to_string();
                let bytes = std::fs::read(file)
                    .map_err(|e| Error::input(format!("{source}: {e}. Give a file of tensors that can be read.")))?;
                Some(read_tensors(&loaded.model, &bytes, &source)?.weights)
            }
            _ => None,
        };
        given.push(from);
    }
    let gpu = args.probe.common.gpu()?;
    let mut counter = Counter::new("draws and steps", args.probe.common.quiet);
    let (mut documents, mut text) = (Vec::new(), Vec::new());
    let mut csv = String::from("file,bound,loss,term,value,vacuous\n");
    for (i, file) in args.files.iter().enumerate() {
        let loaded = &job.loaded[i];
        let subject = job.subject(&gpu, i);
        let all_files = args.files.len();
        let mut show = |done: usize, all: usize| counter.show(i * all + done, all_files * all);
        let options = BoundOptions { learn: learn(loaded.data.train.len()), ..options };
        let measured: Result<Bound> = pollster::block_on(async {
            let start = match (args.prior, given[i].take()) {
                (PriorName::Zero, _) => None,
                (PriorName::Init, Some(weights)) => Some(weights),
                (PriorName::Init, None) => {
                    Some(initial_weights(&gpu, &loaded.model, &loaded.data, loaded.config.seed).await?)
                }
            };
            let prior = start.as_deref().map_or(Prior::Zero, Prior::Init);
            Ok(options.measure(&subject, &loaded.state, prior, &mut show).await?)
        });
        let measured = measured.with_context(|| file.display().to_string())?;
        let name = file.display().to_string();
        for row in rows(&measured) {
            let quoted = if name.contains([',', '"', '\n']) {
                format!("\"{}\"", name.replace('"', "\"\""))
            } else {
                name.clone()
            };
            let Row { bound, loss, term, value, vacuous } = row;
            let _ = writeln!(csv, "{quoted},{bound},{loss},{term},{value},{vacuous}");
        }
        text.push(describe(&name, &measured));
        let mut document = json!({"file": name});
        extend(&mut document, serde_json::to_value(&measured)?);
        documents.push(document);
    }
    counter.finish();
    let document = if documents.len() == 1 { documents.remove(0) } else { Value::Array(documents) };
    if let Some(folder) = &job.folder {
        folder.write("bound.csv", csv.as_bytes())?;
        folder.write("bound.json", format!("{document:#}\n").as_bytes())?;
        folder.write("bound.txt", format!("{}\n", text.join("\n\n")).as_bytes())?;
    }
    job.tell(&document, &text.join("\n\n"))
}

/// A bound as loss + term = value.
struct Row {
    bound: &'static str,
    loss: f64,
    term: f64,
    value: f64,
    vacuous: bool,
}

fn rows(b: &Bound) -> Vec<Row> {
    let sam = |bound: &'static str, form: &SamBound| Row {
        bound,
        loss: form.max_factor * b.max_loss + form.outside,
        term: form.term,
        value: form.bound,
        vacuous: form.vacuous,
    };
    let (finite, pac) = (&b.finite_class, &b.pac_bayes);
    let mut rows = vec![
        Row { bound: "finite class", loss: b.loss, term: finite.term, value: finite.bound, vacuous: finite.vacuous },
        Row {
            bound: "PAC-Bayes",
            loss: pac.certificate.expected_loss_limit,
            term: pac.term,
            value: pac.bound,
            vacuous: pac.vacuous,
        },
        sam("SAM: deck", &b.sam.deck),
        sam("SAM: paper", &b.sam.paper),
        sam("SAM: exact", &b.sam.exact),
    ];
    if let Some(learned) = &b.learned {
        let loss = learned.certificate.expected_loss_limit;
        let row = |bound, value: f64| Row { bound, loss, term: value - loss, value, vacuous: value >= 1.0 };
        rows.push(row("learned posterior", learned.bound));
        rows.push(row("learned (KL inverse)", learned.bound_by_kl_inverse));
    }
    rows
}

fn describe(file: &str, b: &Bound) -> String {
    let kind = match b.loss_kind {
        BoundedLoss::Error => "0-1 error",
        BoundedLoss::Clipped => "cross-entropy cut off at 1",
    };
    let mut text = format!(
        "{file}: {kind}; n {}, k {}, rho {}, delta {}, prior at {}, |w - m_P|^2 {:.4}\n",
        b.n,
        b.k,
        b.rho,
        b.delta,
        if b.prior == "zero" { "0" } else { "the initial weights" },
        b.distance_squared
    );
    let _ = writeln!(
        text,
        "  L_S(w) {:.5}, largest in the ball {:.5}, test {:.5}",
        b.loss, b.max_loss, b.assumption.test_loss
    );
    let _ = writeln!(text, "  {:<20} {:>9} {:>12} {:>12}", "bound", "loss", "term", "value");
    for Row { bound, loss, term, value, vacuous } in rows(b) {
        let said = if vacuous { "  vacuous" } else { "" };
        let _ = writeln!(text, "  {bound:<20} {loss:>9.5} {term:>12.5} {value:>12.5}{said}");
    }
    let a = &b.assumption;
    let _ = writeln!(
        text,
        "  The assumption L_D(w) <= E L_D(w + e): {:.5} against {:.5} +- {:.5} on {} test examples: {}",
        a.test_loss, a.test_loss_perturbed, a.stderr, a.test_examples, a.verdict
    );
    if let Some(l) = &b.learned {
        let _ = writeln!(
            text,
            "  Learned posterior: s {:.4e} (from {:.4e}), KL {:.3}, |m - m_P|^2 {:.3}, training {:.5}, test {:.5} +- {:.5}",
            l.sigma, l.sigma_start, l.kl, l.distance_squared, l.certificate.expected_loss, l.test_loss, l.test_stderr
        );
    }
    text += &b.notes.iter().map(|note| format!("  - {note}")).collect::<Vec<_>>().join("\n");
    text
}
