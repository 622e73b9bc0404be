//! `lowland bench`: the documents that other programs read. No time is asserted.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{has_adapter, ok, refused};
use serde_json::Value;

fn rows(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_row_for_each_optimizer() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let args =
        ["bench", "step", "--model", "cnn:4", "--input", "2x6x6", "--classes", "3", "--batch", "5", "--steps", "3"];
    let ran = ok(dir.path(), &[&args[..], &["--warmup", "1", "--lanes", "2", "--json"]].concat());
    let rows = rows(&ran);
    assert_eq!(rows.iter().map(|row| row["optimizer"].as_str().unwrap()).collect::<Vec<_>>(), ["sgd", "sam"]);
    for row in &rows {
        assert_eq!((&row["model"], &row["batch"], &row["lanes"]), (&"cnn:4".into(), &5.into(), &2.into()));
        let positive = [
            "median_ms",
            "min_ms",
            "free_ms",
            "first_step_s",
            "gpu_bytes",
            "floor_fraction",
            "loss_first",
            "loss_last",
        ];
        for key in positive {
            assert!(row[key].as_f64().unwrap() > 0.0, "{key} of {row}");
        }
        assert!(row["min_ms"].as_f64() <= row["median_ms"].as_f64());
        assert!(row["cpu_ms"].is_number() && !row["adapter"].as_str().unwrap().is_empty(), "{row}");
    }
    // Momentum on two batches of 5: both learn them.
    assert!(rows.iter().all(|row| row["loss_last"].as_f64() < row["loss_first"].as_f64()), "{rows:?}");
}

#[test]
fn a_surface_against_as_many_evaluations() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for (model, linear) in [("mlp:20", true), ("cnn:4", false)] {
        let args = ["bench", "surface", "--model", model, "--input", "1x6x6", "--examples", "30", "--grid", "3"];
        let ran = ok(dir.path(), &[&args[..], &["--repeat", "1", "--json"]].concat());
        let row: Value = serde_json::from_str(&ran).unwrap();
        assert_eq!((&row["linear"], &row["points"]), (&linear.into(), &9.into()));
        for key in ["surface_ms", "plain_ms", "evaluations_ms", "ratio", "plain_ratio", "surface_cpu_ms"] {
            assert!(row[key].as_f64().unwrap() > 0.0, "{key} of {row}");
        }
        assert!(row["difference"].as_f64().unwrap() <= 2e-6, "{row}");
    }
}

#[test]
fn the_peaks_come_before_the_kernels() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let rows = rows(&ok(dir.path(), &["bench", "kernels", "--quiet", "--json"]));
    let names: Vec<&str> = rows.iter().map(|row| row["kernel"].as_str().unwrap()).collect();
    assert_eq!(names[..3], ["peak_multiply_add", "dispatch", "peak_bandwidth"]);
    for kernel in ["gather", "softmax_cross_entropy", "ascend", "sgd", "log"] {
        assert!(names.contains(&kernel), "{kernel} is not in {names:?}");
    }
    for row in &rows {
        let keys = ["size", "median_us", "gflops", "gbps", "peak_fraction"];
        assert!(keys.iter().all(|key| !row[*key].is_null()), "{row}");
    }
    let convolves = |row: &&Value| row["kernel"].as_str().unwrap().starts_with("conv_");
    assert!(rows.iter().filter(convolves).all(|row| row["gflops"].as_f64().unwrap() > 0.0));
}

#[test]
fn bad_sizes() {
    let dir = tempfile::tempdir().unwrap();
    let cases: &[(&[&str], &[&str])] = &[
        (&["--model", "cnn:0"], &["cnn:0", "1 to 65536"]),
        (&["--model", "none.json"], &["none.json"]),
        (&["--input", "3x32"], &["3x32", "3x32x32"]),
        (&["--input", "3x99999x1"], &["3x99999x1"]),
        (&["--input", "65536x65536x65536"], &["2^26"]),
        (&["--batch", "0"], &["batch is 0"]),
        (&["--classes", "1"], &["classes is 1"]),
        (&["--steps", "0"], &["steps is 0"]),
        (&["--lanes", "0"], &["lanes is 0"]),
        (&["--optimizer", "adam"], &["adam", "sgd and sam"]),
    ];
    for (flags, words) in cases {
        refused(dir.path(), &[&["bench", "step"], *flags].concat(), words);
    }
    if has_adapter() {
        refused(dir.path(), &["bench", "step", "--lanes", "300"], &["300 lanes", "256"]);
        refused(dir.path(), &["bench", "step", "--batch", "65536", "--input", "64x64x64"], &["GiB", "smaller batch"]);
    }
}
