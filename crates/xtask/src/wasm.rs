//! A toolchain that builds for the browser: the project's own, with its target added, or else Debian's.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::apt;
use crate::shell::{cargo, command, run, say, stdout_of, target_dir};

const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's compiler with the library's source, which it builds along, and a linker.
const DEBIAN: &[&str] = &["rustc-web", "cargo-web", "rust-web-src", "lld-19"];

/// Builds the library `package` for the browser, with whichever toolchain this machine can have; returns its module.
pub fn build(package: &str, profile: &str) -> Result<PathBuf> {
    let (mut build, folder) = cargo_for_wasm("build")?;
    let built = run(build.args(["--package", package, "--profile", profile]))?;
    ensure!(built, "{package} does not build for {TARGET}: see above");
    let name = format!("{}.wasm", package.replace('-', "_"));
    Ok(folder.join(TARGET).join(profile).join(name))
}

/// True if `package` passes clippy as it is built for the browser; nothing where only Debian's toolchain is to be had.
pub fn lint(package: &str) -> Result<Option<bool>> {
    if !can_have_target() {
        return Ok(None);
    }
    let mut clippy = cargo();
    clippy.args(["clippy", "--package", package, "--target", TARGET, "--", "-D", "warnings"]);
    run(&mut clippy).map(Some)
}

/// `cargo SUBCOMMAND --target wasm32-unknown-unknown`, and the folder that it builds into.
fn cargo_for_wasm(subcommand: &str) -> Result<(Command, PathBuf)> {
    if can_have_target() {
        let mut own = cargo();
        own.args([subcommand, "--target", TARGET]).env("CARGO_TARGET_DIR", target_dir());
        return Ok((own, target_dir()));
    }
    say(&format!("this toolchain cannot have {TARGET}: trying Debian's"));
    if !apt::has(DEBIAN) {
        if !apt::may_install() {
            bail!(
                "no toolchain for {TARGET}. Run: rustup target add {TARGET}, or on Debian, as root: apt-get install {}",
                DEBIAN.join(" ")
            );
        }
        apt::install(DEBIAN)?;
    }
    let folder = target_dir().join("wasm-debian");
    Ok((debian_cargo(subcommand, &folder), folder))
}

/// True if the toolchain in use has the target now, or had it added.
fn can_have_target() -> bool {
    has_target() || (add_target() && has_target())
}

/// True if the compiler in use has the target's library, by whatever way it came.
fn has_target() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let folder = stdout_of(command(rustc).args(["--print", "target-libdir", "--target", TARGET]));
    Path::new(folder.trim()).is_dir()
}

fn add_target() -> bool {
    say(&format!("rustup target add {TARGET}"));
    run(command("rustup").args(["target", "add", TARGET])).unwrap_or(false)
}

/// Debian's cargo, building the library from source; a folder of its own, so that the two do not displace each other.
fn debian_cargo(subcommand: &str, folder: &Path) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once("/usr/bin".into()).chain(std::env::split_paths(&path)));
    let mut debian = command("/usr/bin/cargo");
    debian
        .env("PATH", path.unwrap_or_else(|_| "/usr/bin:/bin".into()))
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-19")
        .env("CARGO_TARGET_DIR", folder)
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("LD_LIBRARY_PATH")
        .args([subcommand, "--locked", "-Z", "build-std=std,panic_abort", "--target", TARGET]);
    debian
}
