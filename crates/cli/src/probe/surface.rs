//! `lowland probe surface`: the loss over a plane.

use super::{Job, count, extend, files, name, pictures, same, shortest, statistics};
use crate::args::{Bn, Directions, SurfaceArgs};
use crate::progress::Counter;
use anyhow::{Context as _, Result};
use clap::ArgMatches;
use lowland::Error;
use lowland::probe::{Marked, Surface, SurfaceOptions};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

pub fn surface(args: &SurfaceArgs, matches: &ArgMatches) -> Result<ExitCode> {
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

pub fn surface_csv(surface: &Surface) -> String {
    let mut csv = String::from("x,y,loss,accuracy\n");
    for (y, (losses, accuracies)) in surface.y.iter().zip(surface.loss.iter().zip(&surface.accuracy)) {
        for (x, (loss, accuracy)) in surface.x.iter().zip(losses.iter().zip(accuracies)) {
            let _ = writeln!(csv, "{x},{y},{loss},{accuracy}");
        }
    }
    csv
}

fn surface_text(surface: &Surface, files: &[PathBuf], i: usize) -> String {
    let all = || surface.loss.iter().flatten().copied().filter(|loss| loss.is_finite());
    let (low, high) = (all().fold(f32::INFINITY, f32::min), all().fold(f32::NEG_INFINITY, f32::max));
    let mut text = match surface.points.as_slice() {
        [centre] => format!("{}: loss {:.4} in the middle", files[i].display(), centre.loss),
        points => {
            let one = |(file, p): (&PathBuf, &Marked)| format!("{} {:.4}", name(file), p.loss);
            format!("Loss at the points: {}", files.iter().zip(points).map(one).collect::<Vec<_>>().join(", "))
        }
    };
    let _ = write!(text, "; {low:.4} to {high:.4} over {} points", surface.grid * surface.grid);
    if surface.non_finite > 0 {
        let _ = write!(text, ", and not finite at {} of them", surface.non_finite);
    }
    text
}
