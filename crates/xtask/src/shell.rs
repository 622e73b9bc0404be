//! Starting other programs from the workspace's root.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// One line about what is going on, apart from what the programs themselves print.
pub fn say(text: &str) {
    eprintln!("xtask: {text}");
}

/// The workspace's root, asked of cargo at run time: a target folder may be shared by several checkouts.
pub fn root() -> PathBuf {
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    manifest.ancestors().nth(2).map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The folder that cargo builds into, unless a configuration file of the user's moves it.
pub fn target_dir() -> PathBuf {
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// `program`, to run in the workspace's root.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// The cargo that runs this program.
pub fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs `command` with its output shown; true if it succeeds.
pub fn run(command: &mut Command) -> Result<bool> {
    let status = command.status().with_context(|| format!("could not start {}", name(command)))?;
    Ok(status.success())
}

/// True if `command` starts and succeeds; shows nothing.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What `command` prints, or nothing if it does not start.
pub fn stdout_of(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

/// Runs `command`, shows its output as it comes, and returns whether it succeeded and all that it printed.
pub fn run_and_read(command: &mut Command) -> Result<(bool, String)> {
    if std::io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not start {}", name(command)))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (out, err) = std::thread::scope(|scope| {
        let out = scope.spawn(|| stdout.map(|pipe| copy_lines(pipe, std::io::stdout())));
        let err = stderr.map(|pipe| copy_lines(pipe, std::io::stderr()));
        (out.join().ok().flatten().unwrap_or_default(), err.unwrap_or_default())
    });
    let status = child.wait().with_context(|| format!("lost {}", name(command)))?;
    Ok((status.success(), out + &err))
}

fn copy_lines(from: impl Read, mut to: impl Write) -> String {
    let (mut from, mut all, mut line) = (BufReader::new(from), String::new(), Vec::new());
    while from.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        // Nobody reading along is no reason to stop the program that writes.
        let _ = to.write_all(&line).and_then(|()| to.flush());
        all.push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
    all
}

/// Installs a program from its crate, at a version known to work here, unless `probe` succeeds already.
pub fn ensure_installed(probe: &mut Command, package: &str) -> Result<()> {
    if succeeds(probe) {
        return Ok(());
    }
    say(&format!("installing {package} (a few minutes, once)"));
    ensure!(run(cargo().args(["install", "--locked", package]))?, "could not install {package}: see above");
    Ok(())
}

/// A program that `cargo install` puts in place, also where that folder is not on the search path.
pub fn installed(program: &str) -> PathBuf {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).unwrap_or_default();
    let file = home.join("bin").join(format!("{program}{}", std::env::consts::EXE_SUFFIX));
    if file.is_file() { file } else { program.into() }
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
