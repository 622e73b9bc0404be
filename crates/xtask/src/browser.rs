//! A real browser for the page's tests, and the tests that run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Result, anyhow, bail, ensure};

use crate::shell::{command, root, run, run_and_read, say, succeeds};
use crate::summary::{self, Summary};
use crate::{apt, node, serve, web};

/// Where Chromium may be, after the variable `CHROMIUM`.
const PLACES: [&str; 4] =
    ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/opt/google/chrome/chrome"];

/// Builds the page and runs its tests in Chromium. A page that cannot be built or a browser that cannot be had is one
/// failure.
pub fn test() -> Summary {
    let outcome = web::build(&web::default_folder()).and_then(|()| {
        say("the page in a real browser");
        run_and_read(script("test.mjs")?.arg("--test-reporter=spec"))
    });
    match outcome {
        Ok((succeeded, output)) => Summary::one(true) + summary::of_node(&output).of_run(succeeded),
        Err(error) => {
            say(&format!("the page: {error:#}"));
            Summary::one(false)
        }
    }
}

/// Trains in the page for long and fails where memory grows.
pub fn soak(args: &[String]) -> Result<ExitCode> {
    let minutes = match args {
        [] => "30",
        [flag, minutes] if flag == "--minutes" && minutes.parse::<f64>().is_ok_and(|m| m > 0.0) => minutes,
        _ => return Err(anyhow!("soak takes --minutes N and nothing else, but got: {}", args.join(" "))),
    };
    web::build(&web::default_folder())?;
    let passed = run(script("soak.mjs")?.args(["--minutes", minutes]))?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A script of `web/e2e`, with the page served and the browser found.
fn script(name: &str) -> Result<Command> {
    node::ensure()?;
    let chromium = chromium()?;
    let mut script = command("node");
    script
        .env("LOWLAND_PAGE", serve::in_background(web::default_folder())?)
        .env("LOWLAND_TOOLS", node::folder())
        .env("LOWLAND_OUT", web::default_folder().with_file_name("e2e"))
        .env("CHROMIUM", chromium)
        .arg(root().join("web/e2e").join(name));
    Ok(script)
}

fn chromium() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM") {
        ensure!(Path::new(&path).is_file(), "CHROMIUM names {}, which is no file", Path::new(&path).display());
        return Ok(path.into());
    }
    let find = || PLACES.iter().map(PathBuf::from).find(|place| succeeds(Command::new(place).arg("--version")));
    if let Some(found) = find() {
        return Ok(found);
    }
    if !apt::may_install() {
        bail!("the page's tests need Chromium: install it, or set CHROMIUM to its path");
    }
    apt::install(&["chromium", "fonts-dejavu-core"])?;
    find().ok_or_else(|| anyhow!("Chromium does not start although it is installed: run `chromium --version`"))
}
