//! Small programs against the public API; `cargo run -p examples --example train`.
