//! The program `lowland`: headless training, comparison, evaluation and reports.
//!
//! Exit codes: 0 done; 1 failed at run time, what was saved stands; 2 bad input, nothing was done; 130 stopped by Ctrl-C
//! after saving.

mod args;
mod bench;
mod checkpoint;
mod doctor;
mod eval;
mod landscape;
mod print;
mod probe;
mod progress;
mod report;
mod sweep;
mod train;

use args::{Cli, Command};
use clap::{CommandFactory as _, FromArgMatches as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let start = std::time::Instant::now();
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let given = matches.subcommand().map(|(_, sub)| sub).unwrap_or(&matches);
    let outcome = match cli.command {
        Command::Train(args) => train::train(args, given),
        Command::Compare(args) => train::compare(args, given),
        Command::Sweep(args) => sweep::sweep(args, given),
        Command::Eval(args) => eval::eval(args, given),
        Command::Predict(args) => eval::predict(args, given),
        Command::Bench(args) => bench::bench(args, start),
        Command::Probe(args) => probe::probe(args, given),
        Command::Report(args) => report::report(&args),
        Command::Doctor(args) => doctor::doctor(&args),
    };
    outcome.unwrap_or_else(|error| {
        print::say(&format!("lowland: {error:#}"));
        let input = error.downcast_ref::<lowland::Error>().is_some_and(lowland::Error::is_input);
        ExitCode::from(if input { 2 } else { 1 })
    })
}
