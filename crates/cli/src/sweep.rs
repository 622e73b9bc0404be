//! `lowland sweep`.

use crate::args::{Common, SweepArgs, TrainArgs, given};
use crate::print::{out, quoted, say};
use crate::progress::SweepDisplay;
use crate::train::{CHUNK, base_config, command_line, default_folder, refuse_changes, stop_on_ctrl_c};
use anyhow::{Context as _, Result};
use clap::ArgMatches;
use lowland::Error;
use lowland::config::Config;
use lowland::gpu::Gpu;
use lowland::run::{Progress, RunFolder};
use lowland::sweep::{Grid, Record, Sweep};
use lowland_report::Metric;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub fn sweep(args: SweepArgs, matches: &ArgMatches) -> Result<ExitCode> {
    let SweepArgs { grid, metric, train } = args;
    let TrainArgs { config, out, resume, config_file, common } = train;
    config.check()?;
    let changes = given(&config, matches);
    if let Some(dir) = resume {
        let record = Record::read(&dir)?;
        refuse_changes(&changes, &record.base.to_object(), &dir.join(lowland::sweep::SWEEP_FILE))?;
        if !grid.is_empty() && Grid::parse(&grid, &record.base)? != record.grid {
            return Err(Error::input(format!(
                "{} was made with another grid; leave --grid out to go on with it, or start anew with another --out.",
                dir.display()
            ))
            .into());
        }
        let shown = metric.or_else(|| record.metric.parse().ok()).unwrap_or_default();
        check_metric(shown, &record.base)?;
        let stop = stop_on_ctrl_c();
        let gpu = common.gpu()?;
        let data_dir = changes.contains_key("data_dir").then_some(config.data_dir.as_path());
        let sweep = Sweep::resume(&gpu, &dir, data_dir)?;
        return run(sweep, &gpu, &common, shown, &stop);
    }
    let mut base = base_config(config_file.as_deref())?.with(changes, "the flags")?;
    let is_axis = |key: &str| grid.iter().any(|axis| axis.trim_start_matches("--").trim_start().starts_with(key));
    if base.optimizer.is_none() && base.lane.is_empty() && !is_axis("optimizer") {
        base.optimizer = Some("sam".into());
    }
    let grid = Grid::parse(&grid, &base)?;
    let metric = metric.unwrap_or_default();
    check_metric(metric, &base)?;
    let out = match out {
        Some(out) => out,
        None => default_folder(&base, "-sweep"),
    };
    RunFolder::check_free(&out)?;
    let stop = stop_on_ctrl_c();
    let gpu = common.gpu()?;
    let record = Record { base, grid, command: command_line(), metric: metric.name().into() };
    let sweep = Sweep::create(&gpu, record, &out)?;
    run(sweep, &gpu, &common, metric, &stop)
}

fn check_metric(metric: Metric, base: &Config) -> Result<()> {
    if metric.needs_validation() && base.val_fraction == 0.0 {
        let name = metric.name();
        return Err(
            Error::input(format!("--metric {name} needs validation examples; --val-fraction makes some.")).into()
        );
    }
    Ok(())
}

fn run(mut sweep: Sweep, gpu: &Gpu, common: &Common, metric: Metric, stop: &AtomicBool) -> Result<ExitCode> {
    let dir = sweep.path().to_owned();
    let before = sweep.group();
    let mut display = SweepDisplay::new(&sweep, gpu, common.quiet);
    let outcome = drive(&mut sweep, gpu, &mut display, stop);
    display.finish();
    let (done, cells) = (sweep.cells_done(), sweep.cells());
    let go_on = format!(
        "{done} of {cells} cells are done; go on with: lowland sweep --resume {}",
        quoted(&dir.display().to_string())
    );
    match outcome {
        Ok(true) => {}
        Ok(false) => {
            say(&format!("Stopped. {go_on}"));
            return Ok(ExitCode::from(130));
        }
        Err(error) => {
            // Where not even the first run came to be, nothing was done, and nothing is left.
            if before == 0 && std::fs::read_dir(&dir).is_ok_and(|entries| entries.count() == 1) {
                std::fs::remove_dir_all(&dir).with_context(|| dir.display().to_string())?;
                return Err(error.into());
            }
            let why = error.to_string();
            say(&format!("lowland: {}. The sweep stopped. {go_on}", why.trim_end_matches('.')));
            return Ok(ExitCode::from(1));
        }
    }
    for group in 0..sweep.groups().len() {
        let folder = sweep.run_folder(group);
        if !folder.join("report.html").exists() {
            lowland_report::write_report(&folder).with_context(|| again(&dir))?;
        }
    }
    print(&dir, metric, common)
}

fn again(dir: &Path) -> String {
    format!("the sweep is complete, but not its report; when that is mended: lowland report {}", dir.display())
}

/// Writes what a sweep comes to, and prints it.
pub fn print(dir: &Path, metric: Metric, common: &Common) -> Result<ExitCode> {
    let files = lowland_report::write_sweep(dir, Some(metric)).with_context(|| again(dir))?;
    let summary = lowland_report::summarize_sweep(dir, Some(metric)).with_context(|| again(dir))?;
    if common.json {
        let mut document = serde_json::to_value(&summary)?;
        document["folder"] = dir.display().to_string().into();
        for (key, file) in [("report", &files.report), ("csv", &files.csv), ("per_seed_csv", &files.per_seed)] {
            document[key] = file.display().to_string().into();
        }
        document["picture"] = files.picture.as_ref().map(|file| file.display().to_string()).into();
        out(&format!("{document:#}"))?;
    } else {
        let mut written: Vec<_> = vec![&files.csv, &files.per_seed];
        written.extend(files.picture.as_ref());
        let written: Vec<_> = written.iter().map(|file| file.display().to_string()).collect();
        out(&format!("{}\nFiles: {}\nReport: {}", summary.to_text(), written.join(", "), files.report.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Trains to the end (true) or until `stop` is raised (false; then all is saved).
fn drive(sweep: &mut Sweep, gpu: &Gpu, display: &mut SweepDisplay, stop: &AtomicBool) -> lowland::Result<bool> {
    while !sweep.is_finished() {
        if stop.load(Ordering::SeqCst) {
            pollster::block_on(sweep.save(gpu))?;
            return Ok(false);
        }
        let group = sweep.group();
        let progress = pollster::block_on(sweep.advance(gpu, CHUNK))?;
        display.show(sweep, &progress);
        if sweep.group() != group {
            // The table of a run that is done is worth reading before the sweep is. It can be written again.
            let _ = lowland_report::write_report(&sweep.run_folder(group));
        } else if !progress.iter().any(|p| matches!(p, Progress::PartDone)) {
            gpu.wait(Duration::from_millis(20));
        }
    }
    Ok(true)
}
