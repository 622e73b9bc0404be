//! The progress of a run on stderr: a bar on a terminal, a line now and then elsewhere.

use crate::print::say;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lowland::config::Config;
use lowland::gpu::Gpu;
use lowland::run::{Progress, Session};
use lowland::sweep::Sweep;
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

/// Shows how a session goes on.
pub struct Display {
    bar: ProgressBar,
    lines: bool,
    latest: BTreeMap<(usize, u32), (f32, f32)>,
    last_line: Instant,
    started: Instant,
    started_at: u64,
}

const LINE_EVERY: Duration = Duration::from_secs(5);

impl Display {
    pub fn new(session: &Session, gpu: &Gpu, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let total: u64 = session.parts().iter().map(|part| part.steps).sum();
        let bar = ProgressBar::with_draw_target(
            Some(total),
            if quiet || !terminal { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(8) },
        );
        let style = "{bar:24} {pos}/{len} steps  {msg}";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        if !quiet {
            let model = session.model();
            let bytes = session.trainer().map_or(0, |t| t.gpu_bytes());
            say(&format!(
                "{} on {}: {} parameters, {} training examples; {} ({} kernels), {:.1} MB on the device",
                model.name(),
                session.data().name,
                model.parameter_count(),
                session.data().train.len(),
                gpu.info().name,
                if gpu.family() == lowland::gpu::Family::Shared { "gpu" } else { "cpu" },
                bytes as f64 / 1e6
            ));
        }
        let started_at = session.saved_steps();
        Self {
            bar,
            lines: !quiet && !terminal,
            latest: BTreeMap::new(),
            last_line: Instant::now(),
            started: Instant::now(),
            started_at,
        }
    }

    pub fn show(&mut self, session: &Session, progress: &[Progress]) {
        let mut step = None;
        for p in progress {
            match p {
                Progress::Step(m) => {
                    let setup = &session.parts()[session.part().min(session.parts().len() - 1)];
                    if let Some(lane) = setup.lanes.get(m.lane) {
                        let order = setup.lanes.iter().position(|l| l.label == lane.label).unwrap_or(m.lane);
                        self.latest.insert((order, lane.seed), (m.loss, m.accuracy));
                    }
                    step = Some(m.step + 1);
                }
                Progress::Note(note) => self.bar.suspend(|| say(&format!("Note: {note}"))),
                Progress::PartDone => {
                    self.latest.clear();
                    step = Some(0);
                }
                Progress::Evaluation(_) | Progress::Saved(_) => {}
            }
        }
        let Some(step) = step else { return };
        let position = done(session, step);
        self.bar.set_position(position);
        let message = self.message(session, position);
        self.bar.set_message(message.clone());
        if self.lines && self.last_line.elapsed() > LINE_EVERY {
            self.last_line = Instant::now();
            say(&format!("{position}/{} steps  {message}", self.bar.length().unwrap_or(0)));
        }
    }

    /// Steps a second, time left, and each label's mean loss and accuracy over its seeds.
    fn message(&self, session: &Session, position: u64) -> String {
        let rate = (position - self.started_at) as f64 / self.started.elapsed().as_secs_f64().max(1e-3);
        let left = self.bar.length().unwrap_or(0).saturating_sub(position) as f64 / rate.max(1e-9);
        let mut text = format!("{rate:.0} steps/s, {} left", minutes(left));
        let Some(setup) = session.parts().get(session.part()) else { return text };
        let mut orders: Vec<usize> = self.latest.keys().map(|(order, _)| *order).collect();
        orders.dedup();
        for order in orders.into_iter().take(4) {
            let of_label: Vec<_> = self.latest.iter().filter(|((o, _), _)| *o == order).map(|(_, v)| v).collect();
            let mean = |f: fn(&(f32, f32)) -> f32| of_label.iter().map(|v| f(v)).sum::<f32>() / of_label.len() as f32;
            let label = setup.lanes.get(order).map_or("", |lane| lane.label.as_str());
            text.push_str(&format!("  {label}: loss {:.3}, accuracy {:.1} %", mean(|v| v.0), 100.0 * mean(|v| v.1)));
        }
        text
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Shows how a sweep goes on: cells done, and the time left by the work that is left.
pub struct SweepDisplay {
    bar: ProgressBar,
    lines: bool,
    last_line: Instant,
    started: Option<(Instant, f64)>,
    step: u64,
}

impl SweepDisplay {
    pub fn new(sweep: &Sweep, gpu: &Gpu, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let shown =
            if quiet || !terminal { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(8) };
        let bar = ProgressBar::with_draw_target(Some(1000), shown);
        bar.set_style(ProgressStyle::with_template("{bar:24} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar()));
        if !quiet {
            let Config { seeds, ref data, .. } = sweep.record().base;
            say(&format!(
                "{} cells of {seeds} seed{} in {} run{} on {data}; {} ({} kernels)",
                sweep.cells(),
                if seeds == 1 { "" } else { "s" },
                sweep.groups().len(),
                if sweep.groups().len() == 1 { "" } else { "s" },
                gpu.info().name,
                if gpu.family() == lowland::gpu::Family::Shared { "gpu" } else { "cpu" },
            ));
        }
        Self { bar, lines: !quiet && !terminal, last_line: Instant::now(), started: None, step: 0 }
    }

    pub fn show(&mut self, sweep: &Sweep, progress: &[Progress]) {
        for p in progress {
            match p {
                Progress::Step(m) => self.step = m.step + 1,
                Progress::Note(note) => self.bar.suspend(|| say(&format!("Note: {note}"))),
                Progress::PartDone => self.step = 0,
                Progress::Evaluation(_) | Progress::Saved(_) => {}
            }
        }
        let (done, total) = sweep.work(self.step);
        let (start, from) = *self.started.get_or_insert_with(|| (Instant::now(), done));
        self.bar.set_position((1000.0 * done / total.max(1.0)) as u64);
        let mut message = format!("{}/{} cells", sweep.cells_done(), sweep.cells());
        if done > from {
            let left = start.elapsed().as_secs_f64() * (total - done) / (done - from);
            message.push_str(&format!(", {} left", minutes(left)));
        }
        if let Some(group) = sweep.groups().get(sweep.group()).filter(|group| !group.shared.is_empty()) {
            message.push_str(&format!("  {}", group.shared));
        }
        self.bar.set_message(message.clone());
        if self.lines && self.last_line.elapsed() > LINE_EVERY {
            self.last_line = Instant::now();
            say(&message);
        }
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Steps of all parts before the present one, and of it.
fn done(session: &Session, step: u64) -> u64 {
    session.parts()[..session.part()].iter().map(|part| part.steps).sum::<u64>() + step
}

fn minutes(seconds: f64) -> String {
    let whole = seconds.min(359_999.0) as u64;
    if whole >= 3600 {
        format!("{}h{:02}m", whole / 3600, whole / 60 % 60)
    } else {
        format!("{}m{:02}s", whole / 60, whole % 60)
    }
}

/// A count of points or groups on stderr, as a bar or as lines.
pub struct Counter {
    bar: ProgressBar,
    lines: bool,
    what: &'static str,
    last_line: Instant,
}

impl Counter {
    pub fn new(what: &'static str, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let hidden = quiet || !terminal;
        let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(8) };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = format!("{{bar:24}} {{pos}}/{{len}} {what}  {{eta}} left");
        bar.set_style(ProgressStyle::with_template(&style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, lines: !quiet && !terminal, what, last_line: Instant::now() }
    }

    pub fn show(&mut self, done: usize, all: usize) {
        self.bar.set_length(all as u64);
        self.bar.set_position(done as u64);
        if self.lines && self.last_line.elapsed() > LINE_EVERY {
            self.last_line = Instant::now();
            say(&format!("{done}/{all} {}", self.what));
        }
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
