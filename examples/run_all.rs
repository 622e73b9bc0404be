//! Each example runs, and returns without an error.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "checkpoint.rs"]
mod checkpoint;
#[path = "compare.rs"]
mod compare;
#[path = "custom_kernel.rs"]
mod custom_kernel;
#[path = "custom_model.rs"]
mod custom_model;
#[path = "record.rs"]
mod record;
#[path = "train.rs"]
mod train;

use lowland::gpu::{Gpu, GpuOptions};

fn run(example: fn() -> lowland::Result<()>) {
    if let Err(error) = pollster::block_on(Gpu::open(&GpuOptions::default())) {
        let required = std::env::var("REQUIRE_GPU").is_ok_and(|value| value == "1");
        assert!(!required, "REQUIRE_GPU=1, but: {error}");
        eprintln!("SKIPPED, no GPU: {error}\nSet REQUIRE_GPU=1 to make this a failure.");
        return;
    }
    example().unwrap();
}

#[test]
fn train_runs() {
    run(train::main);
}

#[test]
fn compare_runs() {
    run(compare::main);
}

#[test]
fn custom_model_runs() {
    run(custom_model::main);
}

#[test]
fn custom_kernel_runs() {
    run(custom_kernel::main);
}

#[test]
fn checkpoint_runs() {
    run(checkpoint::main);
}

#[test]
fn record_runs() {
    run(record::main);
}

#[test]
fn the_readme_shows_train_as_it_is() {
    let code: Vec<&str> = include_str!("train.rs").lines().filter(|line| !line.starts_with("//")).collect();
    assert!(include_str!("../README.md").contains(&code.join("\n")), "README.md and examples/train.rs differ");
}
