//! A toolchain that builds for the browser: the project's own, with its target added, or else Debian's.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::apt;
use crate::shell::{cargo, command, run, say, stdout_of, target_dir};

const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's compiler with the library's source, which it builds along, and a linker.
const DEBIAN: &[&str] = &["rustc-web", "cargo-web", "rust-web-src", "lld-19"];

/// True if `package` compiles for the browser.
pub fn check(package: &str) -> Result<bool> {
    run(cargo_for_wasm("check")?.args(["--package", package]))
}

/// `cargo SUBCOMMAND --target wasm32-unknown-unknown`, with whichever toolchain this machine can have.
pub fn cargo_for_wasm(subcommand: &str) -> Result<Command> {
    if has_target() || (add_target() && has_target()) {
        let mut own = cargo();
        own.args([subcommand, "--target", TARGET]);
        return Ok(own);
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
    Ok(debian_cargo(subcommand))
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
fn debian_cargo(subcommand: &str) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once("/usr/bin".into()).chain(std::env::split_paths(&path)));
    let mut debian = command("/usr/bin/cargo");
    debian
        .env("PATH", path.unwrap_or_else(|_| "/usr/bin:/bin".into()))
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-19")
        .env("CARGO_TARGET_DIR", target_dir().join("wasm-debian"))
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("LD_LIBRARY_PATH")
        .args([subcommand, "--locked", "-Z", "build-std=std,panic_abort", "--target", TARGET]);
    debian
}
