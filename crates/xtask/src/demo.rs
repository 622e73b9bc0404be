//! The demonstration: SAM against SGD, on images that ship with the project.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::shell::{cargo, root, run, say};
use crate::vulkan;

/// What is trained, as given to `lowland compare`: with 40 % wrong labels flat minima show their worth within minutes.
const COMPARISON: &str = "--data fashion-sample --label-noise 0.4 --val-fraction 0.1 --normalize standard \
    --model mlp:128 --lr 0.02 --batch 64 --epochs 40 --eval-every 28 --schedule cosine --rho 0.2 --equal-compute --seeds 4";

/// Installs what is missing, builds the program, trains and says where the report is.
pub fn demo() -> Result<ExitCode> {
    vulkan::ensure()?;
    say("building the program, optimised (minutes the first time)");
    if !run(cargo().args(["build", "--release", "--package", "lowland-cli"]))? {
        return Ok(ExitCode::FAILURE);
    }
    let folder = free_folder(|name| root().join(name).exists());
    say(&format!("lowland compare {COMPARISON} --out {folder}"));
    // Ctrl-C reaches the program too, which saves and ends; wait for it instead of ending first.
    ctrlc::set_handler(|| {}).context("could not take over Ctrl-C")?;
    let mut compare = cargo();
    compare.args(["run", "--quiet", "--release", "--package", "lowland-cli", "--", "compare"]);
    let status = compare.args(COMPARISON.split_whitespace()).args(["--out", &folder]).status();
    let status = status.context("could not start the program")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// `runs/demo`, or `runs/demo-2` and so on: the first that is not taken.
fn free_folder(taken: impl Fn(&str) -> bool) -> String {
    let mut name = "runs/demo".to_string();
    let mut number = 1;
    while taken(&name) {
        number += 1;
        name = format!("runs/demo-{number}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_demo_has_a_folder_of_its_own() {
        assert_eq!(free_folder(|_| false), "runs/demo");
        assert_eq!(free_folder(|name| name == "runs/demo"), "runs/demo-2");
        assert_eq!(free_folder(|name| ["runs/demo", "runs/demo-2"].contains(&name)), "runs/demo-3");
        assert_eq!(free_folder(|name| name == "runs/demo-2"), "runs/demo");
    }
}
