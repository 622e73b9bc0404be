//! `lowland probe surface`: the loss over a plane.

use super::plane::{Group, expanded, groups};
use super::{Job, count, extend, name, pictures, shortest, statistics};
use crate::args::{Bn, Directions, DirectionsNorm, SurfaceArgs};
use crate::progress::Counter;
use anyhow::{Context as _, Result};
use clap::ArgMatches;
use lowland::Error;
use lowland::gpu::Gpu;
use lowland::probe::{Axes, Marked, Normalisation, Surface, SurfaceOptions, hessian_directions};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

pub fn surface(args: &SurfaceArgs, matches: &ArgMatches) -> Result<ExitCode> {
    let around_several = matches!(args.directions, Directions::Points | Directions::Pca);
    let kept = if around_several { Bn::Recompute } else { Bn::Interpolate };
    let mut options = SurfaceOptions {
        grid: args.grid,
        range: args.range.unwrap_or(if around_several { 0.25 } else { 1.0 }),
        statistics: statistics(args.bn.unwrap_or(kept)),
    };
    options.check()?;
    if let Some(cap) = args.cap.filter(|cap| !(cap.is_finite() && *cap > 0.0)) {
        return Err(Error::input(format!("cap is {cap}; it must be a loss above 0.")).into());
    }
    if !(64..=8192).contains(&args.pixels) {
        return Err(Error::input(format!("pixels is {}; it must be from 64 to 8192.", args.pixels)).into());
    }
    let files = expanded(args.directions, &args.files)?;
    if args.directions == Directions::Points && files.len() != 3 {
        return Err(count("the plane through points takes three checkpoints", &files).into());
    }
    let job = Job::new(&args.probe, &files, matches)?;
    let groups = groups(args.directions, &files, &job.loaded)?;
    if args.range.is_none() && normalisation(args) == Some(Normalisation::None) {
        options.range = length(&job.loaded[0]);
    }
    let gpu = args.probe.common.gpu()?;
    let mut surfaces: Vec<(Group, Surface, Value)> = Vec::new();
    let all = groups.len();
    for (i, group) in groups.into_iter().enumerate() {
        let subject_name = files[group.last()].display().to_string();
        let (surface, more) = measure(args, &options, &job, &gpu, &group, (i, all)).context(subject_name)?;
        surfaces.push((group, surface, more));
    }
    let mut documents = Vec::new();
    for (group, surface, more) in &surfaces {
        let paths: Vec<String> = group.files.iter().map(|i| files[*i].display().to_string()).collect();
        let mut document = if around_several { json!({"files": paths}) } else { json!({"file": paths[0]}) };
        extend(&mut document, serde_json::to_value(surface)?);
        extend(&mut document, more.clone());
        shortest(&mut document);
        if let Some(folder) = &job.folder {
            let stem = &group.stem;
            folder.write(&format!("{stem}.csv"), surface_csv(surface).as_bytes())?;
            folder.write(&format!("{stem}.json"), format!("{document:#}\n").as_bytes())?;
        }
        documents.push(document);
    }
    if let Some(folder) = &job.folder {
        pictures::surfaces(&gpu, folder, &surfaces, args)?;
    }
    let text: Vec<String> = surfaces.iter().map(|(group, surface, _)| surface_text(surface, &files, group)).collect();
    let document = if documents.len() == 1 { documents.remove(0) } else { Value::Array(documents) };
    job.tell(&document, &text.join("\n"))
}

/// The surface of one group of checkpoints, and what else its document tells.
fn measure(
    args: &SurfaceArgs,
    options: &SurfaceOptions,
    job: &Job<'_>,
    gpu: &Gpu,
    group: &Group,
    (i, all): (usize, usize),
) -> Result<(Surface, Value)> {
    let quiet = args.probe.common.quiet;
    let states: Vec<_> = group.files.iter().map(|i| &job.loaded[*i].state).collect();
    let (subject, state) = (job.subject(gpu, group.last()), states[states.len() - 1]);
    let mut more = json!({});
    let axes = match args.directions {
        Directions::Points => None,
        Directions::Pca => Some(Axes::principal(&states)?),
        Directions::Random => {
            let norm = normalisation(args).unwrap_or(Normalisation::Filter);
            Some(Axes::random(subject.model, state, norm, args.direction_seed))
        }
        Directions::Hessian => {
            let mut counter = Counter::new("products", quiet);
            let mut show = |done: usize, of: usize| counter.show(i * of + done, all * of);
            let found = pollster::block_on(hessian_directions(&subject, state, 2, &mut show));
            counter.finish();
            let found = found?;
            let ([first, second], [a, b]) = (
                <[Vec<f32>; 2]>::try_from(found.vectors).map_err(|_| Error::run("two eigenvectors were not found."))?,
                [0, 1].map(|which| found.eigenvalues.get(which).copied().unwrap_or(f64::NAN)),
            );
            more = json!({"residuals": found.residuals});
            Some(Axes::eigenvectors([first, second], [a, b], state))
        }
    };
    if let Some(steps) = group.steps(&job.loaded) {
        more["steps"] = json!(steps);
    }
    let mut counter = Counter::new("points", quiet);
    let mut show = |done: usize, of: usize| counter.show(i * of + done, all * of);
    let measured = match (&axes, states.as_slice()) {
        (None, [a, b, c]) => pollster::block_on(options.through(&subject, [a, b, c], &mut show)),
        (Some(axes), _) => pollster::block_on(options.along(&subject, state, axes, &mut show)),
        (None, _) => Err(Error::input("the plane through points takes three checkpoints.")),
    };
    counter.finish();
    Ok((measured?, more))
}

fn normalisation(args: &SurfaceArgs) -> Option<Normalisation> {
    (args.directions == Directions::Random).then_some(match args.directions_norm {
        DirectionsNorm::Filter => Normalisation::Filter,
        DirectionsNorm::Layer => Normalisation::Layer,
        DirectionsNorm::None => Normalisation::None,
    })
}

/// How long the weights are, those left out that random directions leave alone: biases and the parameters of norms.
fn length(loaded: &crate::checkpoint::Loaded) -> f64 {
    let tensors = loaded.model.parameters().iter().filter(|tensor| tensor.kind.shape().len() > 1);
    let squares = tensors.flat_map(|tensor| tensor.unpack(&loaded.state.weights)).map(|w| f64::from(w).powi(2));
    let length = squares.sum::<f64>().sqrt();
    if length > 0.0 && length.is_finite() { length } else { 1.0 }
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

fn surface_text(surface: &Surface, files: &[PathBuf], group: &Group) -> String {
    let all = || surface.loss.iter().flatten().copied().filter(|loss| loss.is_finite());
    let (low, high) = (all().fold(f32::INFINITY, f32::min), all().fold(f32::NEG_INFINITY, f32::max));
    let names = group.files.iter().map(|i| &files[*i]);
    let mut text = match surface.points.as_slice() {
        [centre] => format!("{}: loss {:.4} in the middle", files[group.last()].display(), centre.loss),
        path if surface.directions == "pca" => {
            let (first, last) = (&path[0], &path[path.len() - 1]);
            format!("{}: loss {:.4} at its start, {:.4} at its end", group.title, first.loss, last.loss)
        }
        points => {
            let one = |(file, p): (&PathBuf, &Marked)| format!("{} {:.4}", name(file), p.loss);
            format!("Loss at the points: {}", names.zip(points).map(one).collect::<Vec<_>>().join(", "))
        }
    };
    match (surface.variance_explained, surface.eigenvalues) {
        (Some([a, b]), _) => {
            let _ = write!(text, "; {:.1} % and {:.1} % of the path's variance", 100.0 * a, 100.0 * b);
        }
        (_, Some([a, b])) => {
            let _ = write!(text, "; eigenvalues {a:.4} and {b:.4}");
        }
        _ => {}
    }
    if low <= high {
        let _ = write!(text, "; {low:.4} to {high:.4} over {} points", surface.grid * surface.grid);
    }
    if surface.non_finite > 0 {
        let _ = write!(text, "; not finite at {} of {} points", surface.non_finite, surface.grid * surface.grid);
    }
    text
}
