//! `lowland probe sharpness`: how much the loss rises around a checkpoint, in all definitions.

use super::{Job, decimal, examples, extend, files, name};
use crate::args::{AdaptiveScale, AscentName, SharpnessArgs, SharpnessKind};
use crate::progress::Counter;
use anyhow::{Context as _, Result};
use clap::ArgMatches;
use lowland::Error;
use lowland::probe::{
    Adaptive, AverageOptions, KeskarOptions, MainDirection, RandomDirections, SharpnessOptions, Subject,
    hessian_directions,
};
use lowland::train::LaneState;
use lowland_report::{RisesPicture, rises_svg};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::process::ExitCode;

/// A kind of sharpness with all its numbers.
enum Kind {
    Sam(SharpnessOptions),
    Adaptive(SharpnessOptions),
    Average(AverageOptions),
    AdaptiveAverage(AverageOptions),
    Keskar(Vec<KeskarOptions>),
    Subspace(RandomDirections, usize),
}

pub fn sharpness(args: &SharpnessArgs, matches: &ArgMatches) -> Result<ExitCode> {
    // Every number is looked at before any file is; how many parameters and examples there are is known after that.
    kinds(args, usize::MAX).iter().try_for_each(|kind| kind.check(None))?;
    let job = Job::new(&args.probe, &args.files, matches)?;
    for loaded in &job.loaded {
        let (parameters, count) = (loaded.model.parameter_count(), examples(&loaded.data, args.probe.split));
        kinds(args, parameters).iter().try_for_each(|kind| kind.check(Some((count, parameters))))?;
    }
    let gpu = args.probe.common.gpu()?;
    let mut counter = Counter::new("measurements", args.probe.common.quiet);
    let (mut documents, mut text) = (Vec::new(), Vec::new());
    let mut tables: Vec<(String, String)> = Vec::new();
    let several = args.kind.len() > 1;
    for (i, (file, short)) in args.files.iter().zip(files::names(&args.files)).enumerate() {
        let subject = job.subject(&gpu, i);
        let state = &job.loaded[i].state;
        let mut document = json!({"file": file.display().to_string()});
        for (j, kind) in kinds(args, subject.model.parameter_count()).iter().enumerate() {
            let (place, all) = (i * args.kind.len() + j, args.files.len() * args.kind.len());
            let mut show = |done: usize, of: usize| counter.show(place * of + done, all * of);
            let measured = pollster::block_on(kind.measure(&subject, state, &mut show));
            let measured = measured.with_context(|| file.display().to_string())?;
            table(&mut tables, kind, &file.display().to_string(), &measured);
            text.push(format!("{}: {}", file.display(), kind.text(&measured)));
            if let (Kind::Subspace(..), Some(folder)) = (kind, &job.folder) {
                let stem = if args.files.len() == 1 { "subspace".to_owned() } else { format!("subspace-{short}") };
                folder.write(&format!("{stem}.svg"), picture(&measured, &name(file)).as_bytes())?;
            }
            match several {
                true => document[kind.name()] = measured,
                false => {
                    document["kind"] = kind.name().into();
                    extend(&mut document, measured);
                }
            }
        }
        documents.push(document);
    }
    counter.finish();
    let document = if documents.len() == 1 { documents.remove(0) } else { Value::Array(documents) };
    if let Some(folder) = &job.folder {
        for (stem, csv) in &tables {
            folder.write(&format!("{stem}.csv"), csv.as_bytes())?;
        }
        folder.write("sharpness.json", format!("{document:#}\n").as_bytes())?;
    }
    job.tell(&document, &text.join("\n"))
}

/// The kinds that were asked for, for a network of `parameters` parameters.
fn kinds(args: &SharpnessArgs, parameters: usize) -> Vec<Kind> {
    let config = &args.probe.config;
    let rho = |default: f64| config.rho.map_or(default, decimal);
    let everywhere = args.adaptive_scale == AdaptiveScale::All;
    let adaptive = Some(Adaptive { eta: args.adaptive_eta, everywhere });
    let sam = |rho: f64, adaptive: Option<Adaptive>| SharpnessOptions {
        rho,
        p: decimal(config.p.get()),
        ascent_steps: config.ascent_steps,
        m: config.m,
        projected: (args.ascent == AscentName::Projected).then(|| {
            args.ascent_step.unwrap_or(2.5 * rho.max(f64::MIN_POSITIVE) / f64::from(config.ascent_steps.max(1)))
        }),
        adaptive,
    };
    let average = |rho: f64, adaptive: Option<Adaptive>| {
        let sigma = args.sigma.unwrap_or(rho / (parameters as f64).sqrt());
        AverageOptions { sigma, samples: args.samples, adaptive, seed: args.probe_seed }
    };
    let keskar = |epsilon: &f64| KeskarOptions {
        epsilon: *epsilon,
        subspace: args.subspace_dim,
        steps: args.search_steps,
        restarts: args.restarts,
        seed: args.probe_seed,
    };
    let random = RandomDirections { radius: rho(0.05), directions: args.directions, seed: args.probe_seed };
    let kind = |kind: &SharpnessKind| match kind {
        SharpnessKind::Sam => Kind::Sam(sam(rho(0.05), None)),
        SharpnessKind::Adaptive => Kind::Adaptive(sam(rho(0.5), adaptive)),
        SharpnessKind::Average => Kind::Average(average(rho(0.05), None)),
        SharpnessKind::AdaptiveAverage => Kind::AdaptiveAverage(average(rho(0.5), adaptive)),
        SharpnessKind::Keskar => Kind::Keskar(args.epsilon.iter().map(keskar).collect()),
        SharpnessKind::Subspace => Kind::Subspace(random, args.top),
    };
    args.kind.iter().map(kind).collect()
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::Sam(_) => "sam",
            Self::Adaptive(_) => "adaptive",
            Self::Average(_) => "average",
            Self::AdaptiveAverage(_) => "adaptive-average",
            Self::Keskar(_) => "keskar",
            Self::Subspace(..) => "subspace",
        }
    }

    /// Checks the numbers; against how many examples and parameters there are where that is known.
    fn check(&self, sizes: Option<(usize, usize)>) -> Result<(), Error> {
        let parameters = sizes.map_or(usize::MAX, |(_, parameters)| parameters);
        match self {
            Self::Sam(options) | Self::Adaptive(options) => match sizes {
                Some((examples, _)) => options.check(examples),
                None => SharpnessOptions { m: None, ..*options }.check(1),
            },
            Self::Average(options) | Self::AdaptiveAverage(options) => options.check(),
            Self::Keskar(boxes) => boxes.iter().try_for_each(|options| options.check(parameters)),
            Self::Subspace(_, top) if *top > parameters => {
                Err(Error::input(format!("top is {top}; the network has {parameters} parameters.")))
            }
            Self::Subspace(options, _) => options.check(),
        }
    }

    async fn measure(
        &self,
        subject: &Subject<'_>,
        state: &LaneState,
        show: &mut dyn FnMut(usize, usize),
    ) -> Result<Value> {
        Ok(match self {
            Self::Sam(options) | Self::Adaptive(options) => {
                serde_json::to_value(options.measure(subject, state, show).await?)?
            }
            Self::Average(options) | Self::AdaptiveAverage(options) => {
                serde_json::to_value(options.measure(subject, state, show).await?)?
            }
            Self::Keskar(boxes) => {
                let mut measured = Vec::new();
                for options in boxes {
                    measured.push(serde_json::to_value(options.measure(subject, state, show).await?)?);
                }
                // The first box's numbers stand at the top.
                let mut document = measured.first().cloned().unwrap_or(Value::Null);
                document["boxes"] = measured.into();
                document
            }
            Self::Subspace(options, top) => {
                let main = match top {
                    0 => None,
                    _ => Some(hessian_directions(subject, state, *top, show).await?),
                };
                let main: Vec<MainDirection<'_>> = main
                    .iter()
                    .flat_map(|found| {
                        let pairs = found.eigenvalues.iter().zip(&found.vectors);
                        pairs.map(|(eigenvalue, vector)| MainDirection { eigenvalue: *eigenvalue, vector })
                    })
                    .collect();
                let mut document = serde_json::to_value(options.measure(subject, state, &main, show).await?)?;
                super::shortest(&mut document["rises"]);
                document
            }
        })
    }

    /// The columns of its table, after the file.
    fn columns(&self) -> &'static [&'static str] {
        match self {
            Self::Sam(_) => {
                &["split", "examples", "rho", "p", "ascent_steps", "m", "loss", "sam_loss", "sharpness", "grad_norm"]
            }
            Self::Adaptive(_) => &[
                "split",
                "examples",
                "rho",
                "p",
                "ascent_steps",
                "m",
                "adaptive_eta",
                "adaptive_scale",
                "loss",
                "sam_loss",
                "sharpness",
                "grad_norm",
            ],
            Self::Average(_) | Self::AdaptiveAverage(_) => &[
                "split",
                "examples",
                "sigma",
                "radius",
                "samples",
                "seed",
                "loss",
                "average_loss",
                "sharpness",
                "stderr",
            ],
            Self::Keskar(_) => &[
                "split",
                "examples",
                "epsilon",
                "subspace_dim",
                "steps",
                "restarts",
                "seed",
                "loss",
                "vertex_loss",
                "ascent_loss",
                "max_loss",
                "winner",
                "sharpness",
            ],
            Self::Subspace(..) => &[
                "split",
                "examples",
                "radius",
                "directions",
                "seed",
                "loss",
                "mean_rise",
                "stderr",
                "share_above_10_percent",
            ],
        }
    }

    fn text(&self, measured: &Value) -> String {
        let number = |key: &str| measured[key].as_f64().unwrap_or(f64::NAN);
        let loss = number("loss");
        match self {
            Self::Sam(_) | Self::Adaptive(_) => {
                let what = if matches!(self, Self::Sam(_)) { "sharpness" } else { "adaptive sharpness" };
                let p = measured["p"].as_str().map_or_else(|| number("p").to_string(), str::to_owned);
                format!(
                    "{what} {:.6}; loss {loss:.6}, at w + e {:.6} (rho {}, p {p}, {} examples a group)",
                    number("sharpness"),
                    number("sam_loss"),
                    number("rho"),
                    measured["m"]
                )
            }
            Self::Average(_) | Self::AdaptiveAverage(_) => {
                let what = if matches!(self, Self::Average(_)) { "average" } else { "adaptive average" };
                format!(
                    "{what} sharpness {:.6} +- {:.6}; loss {loss:.6} (sigma {:.3e}, {} points)",
                    number("sharpness"),
                    number("stderr"),
                    number("sigma"),
                    measured["samples"]
                )
            }
            Self::Keskar(boxes) => {
                let list = measured["boxes"].as_array().map_or(&[][..], Vec::as_slice);
                let one = |found: &Value| {
                    let number = |key: &str| found[key].as_f64().unwrap_or(f64::NAN);
                    format!(
                        "{:.4} at epsilon {} (the {} won; the vertex alone {:.4})",
                        number("sharpness"),
                        number("epsilon"),
                        found["winner"].as_str().unwrap_or_default(),
                        number("vertex_sharpness")
                    )
                };
                let space = boxes.first().and_then(|b| b.subspace);
                let space = space.map_or_else(String::new, |n| format!(" in a random subspace of {n}"));
                format!("Keskar's sharpness{space} {}", list.iter().map(one).collect::<Vec<_>>().join(", "))
            }
            Self::Subspace(..) => {
                let main = measured["main"].as_array().map_or(&[][..], Vec::as_slice);
                let along = match main.first() {
                    None => String::new(),
                    Some(first) => format!(
                        "; along the first of {} main directions {:.3e}",
                        main.len(),
                        first["rise"].as_f64().unwrap_or(f64::NAN)
                    ),
                };
                format!(
                    "mean rise {:.3e} +- {:.1e} along {} random directions of length {}, {:.1} % of them above 10 %{along}",
                    number("mean_rise"),
                    number("stderr"),
                    measured["directions"],
                    number("radius"),
                    100.0 * number("share_above_10_percent")
                )
            }
        }
    }
}

/// Adds the rows of a measurement to the table of its kind.
fn table(tables: &mut Vec<(String, String)>, kind: &Kind, file: &str, measured: &Value) {
    let stem = if kind.name() == "sam" { "sharpness".to_owned() } else { format!("sharpness-{}", kind.name()) };
    let columns = kind.columns();
    let place = tables.iter().position(|(own, _)| *own == stem).unwrap_or_else(|| {
        tables.push((stem, format!("file,{}\n", columns.join(","))));
        tables.len() - 1
    });
    let quoted =
        if file.contains([',', '"', '\n']) { format!("\"{}\"", file.replace('"', "\"\"")) } else { file.into() };
    let rows = measured["boxes"].as_array().cloned().unwrap_or_else(|| vec![measured.clone()]);
    for row in rows {
        let field = |key: &&str| match &row[*key] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let fields: Vec<String> = columns.iter().map(field).collect();
        let _ = writeln!(tables[place].1, "{quoted},{}", fields.join(","));
    }
}

/// The histogram of the rises, and the main directions.
fn picture(measured: &Value, title: &str) -> String {
    let numbers = |list: &Value, key: Option<&str>| -> Vec<f64> {
        let list = list.as_array().map_or(&[][..], Vec::as_slice);
        list.iter().map(|v| key.map_or(v, |key| &v[key]).as_f64().unwrap_or(f64::NAN)).collect()
    };
    rises_svg(&RisesPicture {
        title,
        random: &numbers(&measured["rises"], None),
        main: &numbers(&measured["main"], Some("rise")),
        threshold: 0.1 * measured["loss"].as_f64().unwrap_or(f64::NAN),
        radius: measured["radius"].as_f64().unwrap_or(f64::NAN),
    })
}
