//! Node and the two packages that the page's build and its tests take from npm, in a folder of their own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::apt;
use crate::shell::{command, root, run, say, succeeds, target_dir};

/// What is installed is written down here, with its checksums.
const MANIFESTS: [&str; 2] = ["package.json", "package-lock.json"];

/// The folder that has `node_modules`.
pub fn folder() -> PathBuf {
    target_dir().join("npm")
}

/// Makes sure that node runs and that the packages are there.
pub fn ensure() -> Result<()> {
    let starts = |program: &str| succeeds(Command::new(program).arg("--version"));
    if !starts("node") || !starts("npm") {
        if !apt::may_install() {
            bail!("the page is built with node and npm, which are not installed: see https://nodejs.org (18 or later)");
        }
        apt::install(&["nodejs", "npm"])?;
    }
    let folder = folder();
    std::fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let mut fresh = folder.join("node_modules/.package-lock.json").is_file();
    for name in MANIFESTS {
        let wanted = root().join("web").join(name);
        let wanted = std::fs::read(&wanted).with_context(|| format!("could not read {}", wanted.display()))?;
        let there = folder.join(name);
        if std::fs::read(&there).is_ok_and(|there| there == wanted) {
            continue;
        }
        fresh = false;
        std::fs::write(&there, wanted).with_context(|| format!("could not write {}", there.display()))?;
    }
    if fresh {
        return Ok(());
    }
    say("npm ci: wasm-opt and the driver of the browser");
    let mut npm = command("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder);
    ensure!(run(&mut npm)?, "npm could not install what web/package.json names: see above");
    Ok(())
}
