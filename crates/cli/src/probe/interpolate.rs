//! `lowland probe interpolate`: the line through two checkpoints.

use super::{Job, count, extend, pictures, same, shortest, statistics};
use crate::args::InterpolateArgs;
use crate::progress::Counter;
use anyhow::Result;
use clap::ArgMatches;
use lowland::probe::{Interpolation, Line};
use serde_json::json;
use std::fmt::Write as _;
use std::process::ExitCode;

pub fn interpolate(args: &InterpolateArgs, matches: &ArgMatches) -> Result<ExitCode> {
    let line = Interpolation {
        from: args.from.unwrap_or(-1.0),
        to: args.to.unwrap_or(2.0),
        points: args.points,
        statistics: statistics(args.bn),
    };
    line.check()?;
    let [a, b] = args.files.as_slice() else {
        return Err(count("interpolate takes two checkpoints, A and B", &args.files).into());
    };
    let job = Job::new(&args.probe, &args.files, matches)?;
    same(&args.files, &job.loaded)?;
    let gpu = args.probe.common.gpu()?;
    let mut counter = Counter::new("points", args.probe.common.quiet);
    let subject = job.subject(&gpu, 0);
    let [from, to] = [0, 1].map(|i| &job.loaded[i].state);
    let measured = pollster::block_on(line.measure(&subject, from, to, &mut |done, all| counter.show(done, all)));
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
    let bad = line.rows.iter().filter(|row| !row.loss.is_finite()).count();
    if bad > 0 {
        let _ = write!(text, "\nThe loss is not finite at {bad} of {} points.", line.rows.len());
    }
    text
}
