//! The chores of this workspace, run as `cargo xtask COMMAND`. Every command is safe to repeat and installs what it
//! needs. Exit code 0: done; 1: something that was run failed; 2: it could not start, and the message says what to do.

mod app;
mod apt;
mod browser;
mod check;
mod demo;
mod node;
mod serve;
mod shell;
mod summary;
mod test;
mod vulkan;
mod wasm;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "\
The chores of this workspace. Each is safe to repeat and installs what it needs.

cargo xtask demo               train SAM against SGD on images that ship with the project; a table and a report
cargo xtask app                the desktop app: SAM and SGD race, live; arguments go to it
cargo xtask serve              build the page and serve it to this machine, at --port P (8080)
cargo xtask web                build the page into --out DIR (target/site), for any static host
cargo xtask test               run every test: unit, integration, documentation, and the page in a real browser
cargo xtask test -- ARGS       run `cargo nextest run --workspace ARGS` alone, for example: cargo xtask test -- rng
cargo xtask soak               train in the page for --minutes N (30); fails where memory grows
cargo xtask check              format, lints, documentation, licences, spelling, and the builds for other systems
cargo xtask help               this text
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    let command = args.next().unwrap_or_default();
    args.next_if(|arg| arg == "--");
    let rest: Vec<String> = args.collect();
    let outcome = match command.as_str() {
        "demo" => refuse(&rest).and_then(|()| demo::demo()),
        "app" => app::app(&rest),
        "serve" => serve::serve(&rest),
        "web" => out(&rest).and_then(|out| web::build(&out)).map(|()| ExitCode::SUCCESS),
        "test" => test::test(&rest),
        "soak" => browser::soak(&rest),
        "check" => refuse(&rest).and_then(|()| check::check()),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        "" => Err(anyhow::anyhow!("no command given\n\n{HELP}")),
        unknown => Err(anyhow::anyhow!("there is no command `{unknown}`\n\n{HELP}")),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::from(2)
    })
}

/// The folder that `web` is asked to build into.
fn out(rest: &[String]) -> anyhow::Result<PathBuf> {
    match rest {
        [] => Ok(web::default_folder()),
        // As the person who types it sees it, who may stand below the workspace's root.
        [flag, folder] if flag == "--out" => Ok(std::path::absolute(folder)?),
        _ => anyhow::bail!("web takes --out DIR and nothing else, but got: {}", rest.join(" ")),
    }
}

/// Arguments that a command would silently ignore are an error.
fn refuse(rest: &[String]) -> anyhow::Result<()> {
    anyhow::ensure!(rest.is_empty(), "this command takes no arguments, but got: {}", rest.join(" "));
    Ok(())
}
