//! The desktop app.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::shell::{cargo, say};
use crate::{apt, vulkan};

/// What a window needs on Debian: libraries that are opened at run time, so that nothing else asks for them.
const PACKAGES: &[&str] = &[
    "libx11-6",
    "libx11-xcb1",
    "libxcb1",
    "libxcursor1",
    "libxi6",
    "libxrandr2",
    "libxkbcommon0",
    "libxkbcommon-x11-0",
];

/// Installs what is missing, builds the app and runs it with `args`.
pub fn app(args: &[String]) -> Result<ExitCode> {
    vulkan::ensure()?;
    if apt::may_install() && !apt::has(PACKAGES) {
        apt::install(PACKAGES)?;
    }
    say("building the app, optimised (minutes the first time)");
    let mut app = cargo();
    app.args(["run", "--release", "--package", "lowland-app", "--"]).args(args);
    let status = app.status().context("could not start the app")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
