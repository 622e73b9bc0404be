//! Every test of the workspace.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::shell::{cargo, ensure_installed, run_and_read, say, target_dir};
use crate::summary;
use crate::{browser, vulkan};

/// The runner, at a version that the project's compiler builds.
const NEXTEST: &str = "cargo-nextest@0.9.143";

/// Installs what the tests need and runs them. With `args` for nextest, which usually select some tests, runs those
/// alone. The last line is `N passed, M failed`; no test at all is a failure.
pub fn test(args: &[String]) -> Result<ExitCode> {
    vulkan::ensure()?;
    ensure_installed(cargo().args(["nextest", "--version"]), NEXTEST)?;

    let mut nextest = quiet_driver(cargo())?;
    nextest.args(["nextest", "run", "--workspace"]).args(args);
    say("unit and integration tests");
    let (succeeded, output) = run_and_read(&mut nextest)?;
    let mut all = summary::of_nextest(&output).of_run(succeeded);

    if args.is_empty() {
        say("documentation tests");
        let mut doc = quiet_driver(cargo())?;
        doc.args(["test", "--doc", "--workspace", "--no-fail-fast"]);
        let (succeeded, output) = run_and_read(&mut doc)?;
        all = all + summary::of_libtest(&output).of_run(succeeded) + browser::test();
    }
    println!("{} passed, {} failed", all.passed, all.failed);
    Ok(if all.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Some drivers warn on every start when this folder is not set, as in containers.
fn quiet_driver(mut command: Command) -> Result<Command> {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        let folder = target_dir().join("xdg-runtime");
        std::fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
        command.env("XDG_RUNTIME_DIR", folder);
    }
    Ok(command)
}
