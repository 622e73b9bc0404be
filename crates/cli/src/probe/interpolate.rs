//! `lowland probe interpolate`: the line or curve through two checkpoints, and the two sides of a valley.

use super::{Job, count, extend, name, pictures, same, shortest, statistics};
use crate::args::{InterpolateArgs, Way};
use crate::progress::Counter;
use anyhow::Result;
use clap::ArgMatches;
use lowland::Error;
use lowland::probe::{Curve, Interpolation, Line, Side, Valley, ValleyDirection, ValleyOptions};
use serde_json::json;
use std::fmt::Write as _;
use std::process::ExitCode;

pub fn interpolate(args: &InterpolateArgs, matches: &ArgMatches) -> Result<ExitCode> {
    if args.one_sided {
        return valley(args, matches);
    }
    if args.reach.is_some() || args.zeta.is_some() {
        return Err(Error::input("--reach and --zeta belong to --one-sided; a line goes --from --to.").into());
    }
    let (from, to) = (args.from.unwrap_or(-1.0), args.to.unwrap_or(2.0));
    let line = Interpolation { from, to, points: args.points, statistics: statistics(args.bn) };
    line.check()?;
    let [a, b] = args.files.as_slice() else {
        return Err(count("interpolate takes two checkpoints, A and B", &args.files).into());
    };
    let job = Job::new(&args.probe, &args.files, matches)?;
    same(&args.files, &job.loaded.iter().collect::<Vec<_>>())?;
    let gpu = args.probe.common.gpu()?;
    let mut counter = Counter::new("points", args.probe.common.quiet);
    let path = match args.path {
        Way::Straight => Curve::Straight,
        Way::Curved => Curve::Curved,
    };
    let states = [0, 1].map(|i| &job.loaded[i].state);
    let mut show = |done, all| counter.show(done, all);
    let measured = pollster::block_on(line.along(path, &job.subject(&gpu, 0), states, &mut show));
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

/// `--one-sided`.
fn valley(args: &InterpolateArgs, matches: &ArgMatches) -> Result<ExitCode> {
    if args.from.is_some() || args.to.is_some() || args.path == Way::Curved {
        let why =
            "--one-sided goes straight and equally far to both sides: give --reach, not --from, --to or --path curved.";
        return Err(Error::input(why).into());
    }
    if !(1..=2).contains(&args.files.len()) {
        return Err(count("--one-sided takes A alone, or A and the B that it looks to", &args.files).into());
    }
    let reach = args.reach.unwrap_or(if args.files.len() == 2 { 2.0 } else { 1.0 });
    let zeta = args.zeta.unwrap_or(0.1 * reach);
    let options = ValleyOptions { reach, zeta, points: args.points, statistics: statistics(args.bn) };
    options.check()?;
    let job = Job::new(&args.probe, &args.files, matches)?;
    same(&args.files, &job.loaded.iter().collect::<Vec<_>>())?;
    let gpu = args.probe.common.gpu()?;
    let direction = match job.loaded.get(1) {
        Some(other) => ValleyDirection::To(&other.state),
        None => ValleyDirection::Positive { seed: args.direction_seed },
    };
    let mut counter = Counter::new("points", args.probe.common.quiet);
    let mut show = |done, all| counter.show(done, all);
    let measured =
        pollster::block_on(options.measure(&job.subject(&gpu, 0), &job.loaded[0].state, direction, &mut show));
    counter.finish();
    let measured = measured?;
    let mut document =
        json!({"a": args.files[0].display().to_string(), "b": args.files.get(1).map(|b| b.display().to_string())});
    extend(&mut document, serde_json::to_value(&measured)?);
    shortest(&mut document);
    let sides = match args.files.get(1) {
        Some(b) => [format!("towards {}", name(b)), format!("away from {}", name(b))],
        None => ["along the positive direction".to_owned(), "against it".to_owned()],
    };
    let sides = [sides[0].as_str(), sides[1].as_str()];
    if let Some(folder) = &job.folder {
        folder.write("valley.csv", valley_csv(&measured).as_bytes())?;
        folder.write("valley.json", format!("{document:#}\n").as_bytes())?;
        folder.write("valley.svg", pictures::valley(&measured, &name(&args.files[0]), sides).as_bytes())?;
    }
    job.tell(&document, &valley_text(&measured, sides))
}

fn valley_csv(valley: &Valley) -> String {
    let mut csv = String::from("alpha,distance,loss,accuracy,train_loss,train_accuracy,test_loss,test_accuracy\n");
    for row in &valley.rows {
        let values = [row.loss, row.accuracy, row.train_loss, row.train_accuracy, row.test_loss, row.test_accuracy];
        let _ = writeln!(csv, "{},{},{}", row.alpha, row.distance, values.map(|v| v.to_string()).join(","));
    }
    csv
}

fn valley_text(valley: &Valley, sides: [&str; 2]) -> String {
    let mut text = String::new();
    for (what, a) in [("loss", &valley.asymmetry), ("test loss", &valley.test_asymmetry)] {
        let named = |side: Side| sides[usize::from(side == Side::Backward)];
        let rise = |rise: Option<f64>| rise.map_or("is not finite".to_owned(), |rise| format!("rises by {rise:.4}"));
        let _ = write!(
            text,
            "{}{what}: flat {} ({} over {:.4}), steep {} ({}); {}.",
            if text.is_empty() { "" } else { "\n" },
            named(a.flat),
            rise(a.flat_rise),
            a.r,
            named(a.steep),
            rise(a.steep_rise),
            pictures::asymmetry_in_words(a)
        );
    }
    text
}

pub fn line_csv(line: &Line) -> String {
    let mut csv = String::from("alpha,loss,accuracy,train_loss,train_accuracy,test_loss,test_accuracy\n");
    for row in &line.rows {
        let values = [row.loss, row.accuracy, row.train_loss, row.train_accuracy, row.test_loss, row.test_accuracy];
        let _ = writeln!(csv, "{},{}", row.alpha, values.map(|v| v.to_string()).join(","));
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
    if let Some(barrier) = line.barrier {
        let told = |loss: Option<f64>| loss.map_or("not finite".to_owned(), |loss| format!("{loss:.4}"));
        let (train, test) = (told(barrier.train_loss), told(barrier.test_loss));
        let _ = write!(text, "\nBarrier (above the chord between A and B): training loss {train}, test loss {test}.");
    }
    let bad = line.rows.iter().filter(|row| !row.loss.is_finite()).count();
    if bad > 0 {
        let _ = write!(text, "\nThe loss is not finite at {bad} of {} points.", line.rows.len());
    }
    text
}
