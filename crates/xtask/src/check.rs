//! Everything that is checked besides the tests.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::shell::{cargo, command, ensure_installed, installed, run, say};
use crate::wasm;

/// The checkers, at versions that the project's compiler builds.
const DENY: &str = "cargo-deny@0.20.2";
const TYPOS: &str = "typos-cli@1.52.0";

/// Systems that the workspace must compile for besides this one.
const TARGETS: &[&str] = &["x86_64-pc-windows-msvc", "aarch64-apple-darwin"];

/// Runs all checks, whatever fails, and names the failures at the end.
pub fn check() -> Result<ExitCode> {
    let mut failures = Vec::new();
    let mut step = |name: &str, outcome: &mut dyn FnMut() -> Result<bool>| {
        say(name);
        match outcome() {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => say(&format!("{error:#}")),
        }
        failures.push(name.to_string());
    };
    step("format", &mut || run(cargo().args(["fmt", "--all", "--check"])));
    step("lints", &mut || run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])));
    step("lints of the page", &mut || {
        Ok(wasm::lint("lowland-web")?.unwrap_or_else(|| {
            say("skipped: this toolchain cannot have the browser's library");
            true
        }))
    });
    step("documentation", &mut || {
        run(cargo().args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
    });
    step("licences and duplicates", &mut || {
        ensure_installed(cargo().args(["deny", "--version"]), DENY)?;
        run(cargo().args(["deny", "check", "--hide-inclusion-graph", "licenses", "bans"]))
    });
    step("spelling", &mut || {
        ensure_installed(command(installed("typos")).arg("--version"), TYPOS)?;
        run(&mut command(installed("typos")))
    });
    for target in TARGETS {
        step(&format!("build for {target}"), &mut || build_for(target));
    }
    if failures.is_empty() {
        println!("all checks passed");
        return Ok(ExitCode::SUCCESS);
    }
    println!("failed: {}", failures.join(", "));
    Ok(ExitCode::FAILURE)
}

/// Checks the workspace for another system, where this toolchain can have that system's library.
fn build_for(target: &str) -> Result<bool> {
    let added = command("rustup").args(["target", "add", target]).output();
    let refusal = match added {
        Ok(output) if output.status.success() => return run(&mut check_for(target)),
        Ok(output) => String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_string(),
        Err(error) => format!("rustup: {error}"),
    };
    say(&format!("skipped: its library cannot be added here ({refusal})"));
    Ok(true)
}

fn check_for(target: &str) -> Command {
    let mut check = cargo();
    check.args(["check", "--workspace", "--target", target]);
    check
}
