//! The desktop app `lowland-app`: opens files and trains what flags ask for. Exit codes: 0 closed; 1 failed while it ran;
//! 2 bad input, nothing was done.
#![cfg_attr(windows, windows_subsystem = "windows")]

#[cfg(not(target_family = "wasm"))]
mod native;

#[cfg(not(target_family = "wasm"))]
fn main() -> std::process::ExitCode {
    native::main()
}

#[cfg(target_family = "wasm")]
fn main() {}
