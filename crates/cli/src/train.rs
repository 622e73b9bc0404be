//! `lowland train` and `lowland compare`.

use crate::args::{Common, CompareArgs, TrainArgs, given};
use crate::landscape::{self, Outcome};
use crate::print::{out, quoted, say};
use crate::progress::Display;
use anyhow::{Context as _, Result};
use clap::ArgMatches;
use lowland::Error;
use lowland::config::{Command, Config};
use lowland::gpu::Gpu;
use lowland::run::{Progress, RunFolder, Session};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long one submission keeps the device busy: long enough to make its cost small, short enough to answer Ctrl-C.
pub const CHUNK: Duration = Duration::from_millis(50);

pub fn train(args: TrainArgs, matches: &ArgMatches) -> Result<ExitCode> {
    // A single network has nothing to be compared with; who wants its landscape asks `lowland report` for it.
    start(args, matches, Command::Train, false)
}

pub fn compare(args: CompareArgs, matches: &ArgMatches) -> Result<ExitCode> {
    start(args.train, matches, Command::Compare, !args.no_landscape)
}

fn start(args: TrainArgs, matches: &ArgMatches, command: Command, landscape: bool) -> Result<ExitCode> {
    let TrainArgs { config, out, resume, config_file, common } = args;
    config.check()?;
    let changes = given(&config, matches);
    if let Some(dir) = resume {
        let begun = RunFolder::open(&dir)?.1.to_object();
        refuse_changes(&changes, &begun, &dir.join("config.json"))?;
        let stop = stop_on_ctrl_c();
        let gpu = common.gpu()?;
        let data_dir = changes.contains_key("data_dir").then_some(config.data_dir.as_path());
        let session = pollster::block_on(Session::resume(&gpu, &dir, data_dir))?;
        let measure = |dir: &Path| landscape::update(dir, Some(&gpu), &common, data_dir, &stop);
        return run(session, &gpu, &common, command, &stop, landscape.then_some(measure));
    }
    let mut config = base_config(config_file.as_deref())?.with(changes, "the flags")?;
    if command == Command::Train && config.optimizer.is_none() {
        config.optimizer = Some("sgd".into());
    }
    let lanes = config.lanes(command)?;
    let out = match out {
        Some(out) => out,
        None => default_folder(&config, ""),
    };
    RunFolder::check_free(&out)?;
    let stop = stop_on_ctrl_c();
    let gpu = common.gpu()?;
    let session = pollster::block_on(Session::create(&gpu, config, lanes, &out, &command_line()))?;
    let measure = |dir: &Path| landscape::update(dir, Some(&gpu), &common, None, &stop);
    run(session, &gpu, &common, command, &stop, landscape.then_some(measure))
}

/// The configuration that flags override: that of `--config`, or the defaults.
pub fn base_config(file: Option<&Path>) -> Result<Config> {
    let Some(file) = file else { return Ok(Config::default()) };
    let source = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|e| Error::input(format!("{source}: {e}. Give --config a JSON file that can be read.")))?;
    let config = Config::from_json(&text, &source)?;
    config.check().map_err(|e| Error::input(format!("{source}: {e}")))?;
    config.refuse_changes(&source)?;
    Ok(config)
}

/// Flags beside `--resume` may say what `begun`, the record in `file`, says already, and nothing else.
pub fn refuse_changes(changes: &Map<String, Value>, begun: &Map<String, Value>, file: &Path) -> Result<()> {
    let other = |(key, value): &(&String, &Value)| *key != "data_dir" && begun.get(*key) != Some(*value);
    let Some((key, _)) = changes.iter().find(other) else { return Ok(()) };
    let flag = key.replace('_', "-");
    let file = file.display();
    Err(Error::input(format!("--{flag} cannot change what has begun; --resume takes it all from {file}.")).into())
}

/// A flag that Ctrl-C raises: the run saves and ends. A second Ctrl-C ends the program at once.
pub fn stop_on_ctrl_c() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    // Without a handler Ctrl-C ends the program at once, too; the last checkpoint stands all the same.
    let _ = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
    stop
}

/// The command that repeats the run: what was typed, without what belongs to the machine.
pub fn command_line() -> String {
    let mut words = vec!["lowland".to_owned()];
    let mut skip_value = false;
    for word in std::env::args().skip(1) {
        if std::mem::take(&mut skip_value) || ["--quiet", "--json", "--no-landscape"].contains(&word.as_str()) {
            continue;
        }
        if ["--out", "--adapter", "--data-dir"].iter().any(|flag| word == *flag) {
            skip_value = true;
            continue;
        }
        if ["--out=", "--adapter=", "--data-dir="].iter().any(|flag| word.starts_with(flag)) {
            continue;
        }
        words.push(quoted(&word));
    }
    words.join(" ")
}

pub fn default_folder(config: &Config, kind: &str) -> PathBuf {
    let now = time::OffsetDateTime::now_utc();
    let word = |text: &str| {
        text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect::<String>()
    };
    let name = format!(
        "{}{:02}{:02}-{}{kind}",
        now.year(),
        u8::from(now.month()),
        now.day(),
        word(&config.data).chars().take(60).collect::<String>()
    );
    let path = |n: u32| PathBuf::from("runs").join(if n == 1 { name.clone() } else { format!("{name}-{n}") });
    (1..).map(path).find(|path| !path.exists()).unwrap_or_else(|| path(1))
}

/// Trains, has the landscape measured where there is somebody to do it, and writes the report.
fn run(
    mut session: Session,
    gpu: &Gpu,
    common: &Common,
    command: Command,
    stop: &AtomicBool,
    measure: Option<impl FnOnce(&Path) -> Outcome>,
) -> Result<ExitCode> {
    let dir = session.folder().path().to_owned();
    let name = if command == Command::Train { "train" } else { "compare" };
    let mut display = Display::new(&session, gpu, common.quiet);
    let outcome = drive(&mut session, gpu, &mut display, stop);
    display.finish();
    let saved = match session.saved_steps() {
        0 => "Nothing was saved yet, so it starts again from step 0".to_owned(),
        steps => format!("{steps} of {} steps are saved", session.parts().iter().map(|part| part.steps).sum::<u64>()),
    };
    let go_on = format!("{saved}; go on with: lowland {name} --resume {}", quoted(&dir.display().to_string()));
    match outcome {
        Ok(true) => {}
        Ok(false) => {
            say(&format!("Stopped. {go_on}"));
            return Ok(ExitCode::from(130));
        }
        // Whatever it is, it is no bad input: work was done.
        Err(error) => {
            let why = error.to_string();
            say(&format!("lowland: {}. The run stopped. {go_on}", why.trim_end_matches('.')));
            return Ok(ExitCode::from(1));
        }
    }
    // Its buffers make room for those of the probes.
    drop(session);
    let measured = measure.map_or(Outcome::Done, |measure| measure(&dir));
    let again =
        || format!("the run is complete, but not its report; when that is mended: lowland report {}", dir.display());
    let report = lowland_report::write_report(&dir).with_context(again)?;
    let summary = lowland_report::summarize(&dir).with_context(again)?;
    if common.json {
        let mut document = serde_json::to_value(&summary)?;
        document["folder"] = dir.display().to_string().into();
        document["report"] = report.display().to_string().into();
        out(&format!("{document:#}"))?;
    } else {
        out(&format!("{}\nReport: {}", summary.to_text(), report.display()))?;
    }
    Ok(landscape::exit_code(measured))
}

/// Trains to the end (true) or until `stop` is raised (false; then all is saved).
fn drive(session: &mut Session, gpu: &Gpu, display: &mut Display, stop: &AtomicBool) -> lowland::Result<bool> {
    while !session.is_finished() {
        if stop.load(Ordering::SeqCst) {
            pollster::block_on(session.save(gpu))?;
            return Ok(false);
        }
        let progress = pollster::block_on(session.advance(gpu, CHUNK))?;
        let done = progress.iter().any(|p| matches!(p, Progress::PartDone));
        display.show(session, &progress);
        if !done {
            gpu.wait(Duration::from_millis(20));
        }
    }
    Ok(true)
}
