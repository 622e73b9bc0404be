//! `lowland probe`: JSON, tables and pictures as the contract has them, and bad input.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Csv, Tensors, files, has_adapter, ok, run};
use serde_json::Value;
use std::path::Path;

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e} in {text}"))
}

fn refused(dir: &Path, args: &[&str], words: &[&str]) {
    let before = files(dir);
    let ran = run(dir, args);
    assert_eq!(ran.code, Some(2), "{args:?}: {} {}", ran.stdout, ran.stderr);
    assert!(ran.stdout.is_empty() && !ran.stderr.contains("panicked"), "{args:?}: {} {}", ran.stdout, ran.stderr);
    for word in words {
        assert!(ran.stderr.to_lowercase().contains(&word.to_lowercase()), "{args:?}: no '{word}' in: {}", ran.stderr);
    }
    assert!(files(dir) == before, "{args:?} left something behind");
}

/// Networks in `dir`: two of one run, one of another seed, one of another width, one of other data.
fn networks(dir: &Path) {
    let train = |args: &[&str], out: &str| {
        let all = [&["compare", "--steps", "12", "--quiet", "--out", out], args].concat();
        ok(dir, &all);
    };
    train(&["--model", "mlp:6", "--seeds", "2"], "a");
    train(&["--model", "mlp:7", "--optimizer", "sgd"], "wide");
    train(&["--model", "mlp:6", "--optimizer", "sgd", "--data-seed", "3"], "other");
}

const SGD: &str = "a/final-sgd-0.safetensors";
const SAM: &str = "a/final-sam-0.safetensors";
const SECOND: &str = "a/final-sgd-1.safetensors";

#[test]
fn a_line_meets_both_networks() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    networks(dir);
    let eval = document(&ok(dir, &["eval", SGD, SAM, "--split", "test", "--json"]));
    let args =
        ["probe", "interpolate", SGD, SAM, "--points", "4", "--from", "-1", "--split", "test", "--json", "--out", "l"];
    let line = document(&ok(dir, &args));
    let rows = line["rows"].as_array().unwrap();
    let alphas: Vec<f64> = rows.iter().map(|row| row["alpha"].as_f64().unwrap()).collect();
    assert_eq!(alphas, [-1.0, 0.0, 1.0, 2.0]);
    for (row, eval) in rows[1..3].iter().zip(eval.as_array().unwrap()) {
        assert_eq!((&row["loss"], &row["accuracy"]), (&eval["loss"], &eval["accuracy"]));
        assert_eq!((&row["loss"], &row["accuracy"]), (&row["test_loss"], &row["test_accuracy"]));
        assert!(row["train_loss"].is_f64() && row["train_accuracy"].is_number());
    }
    let csv = Csv::read(&dir.join("l/interpolate.csv"));
    assert_eq!(
        csv.columns,
        ["alpha", "loss", "accuracy", "train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    );
    assert_eq!(csv.rows.len(), 4);
    assert_eq!(document(&std::fs::read_to_string(dir.join("l/interpolate.json")).unwrap()), line);
    assert!(std::fs::read_to_string(dir.join("l/interpolate.svg")).unwrap().starts_with("<svg "));
}

#[test]
fn surfaces_have_their_grid_and_their_pictures() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    networks(dir);
    let eval = document(&ok(dir, &["eval", SGD, SAM, "--split", "train", "--json"]));
    let two = ok(dir, &["probe", "surface", SGD, SAM, "--grid", "3", "--pixels", "160", "--json", "--out", "s"]);
    let two = document(&two);
    for (surface, eval) in two.as_array().unwrap().iter().zip(eval.as_array().unwrap()) {
        assert_eq!((&surface["loss"][1][1], &surface["accuracy"][1][1]), (&eval["loss"], &eval["accuracy"]));
        assert_eq!((&surface["file"], &surface["directions"]), (&eval["file"], &"random".into()));
        let x: Vec<f64> = surface["x"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
        assert_eq!(x, [-1.0, 0.0, 1.0]);
    }
    let names: Vec<String> = files(&dir.join("s")).into_keys().collect();
    let kinds = ["-3d.png", "-3d.svg", "-heat.svg", ".csv", ".json", ".svg"];
    let stem = |file: &str, kind: &str| format!("surface-{file}{kind}");
    let expected: Vec<String> =
        ["final-sam-0", "final-sgd-0"].iter().flat_map(|file| kinds.map(|kind| stem(file, kind))).collect();
    assert_eq!(names, expected);
    let png = std::fs::read(dir.join("s/surface-final-sam-0-3d.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n") && png.len() > 2_000);
    assert_eq!(Csv::read(&dir.join("s/surface-final-sgd-0.csv")).rows.len(), 9);

    let plane = ["probe", "surface", SGD, SAM, SECOND, "--directions", "points", "--grid", "4", "--json"];
    let plane = document(&ok(dir, &plane));
    assert_eq!(plane["points"].as_array().unwrap().len(), 3);
    for (point, eval) in plane["points"].as_array().unwrap().iter().zip(eval.as_array().unwrap()) {
        let (found, wanted) = (point["loss"].as_f64().unwrap(), eval["loss"].as_f64().unwrap());
        assert!((found - wanted).abs() < 1e-5 * wanted, "{found} and {wanted}");
    }
}

#[test]
fn sharpness_is_a_difference_of_losses() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    networks(dir);
    let eval = document(&ok(dir, &["eval", SAM, "--split", "train", "--json"]));
    let measure = |more: &[&str]| document(&ok(dir, &[&["probe", "sharpness", SAM, "--json"], more].concat()));
    let one = measure(&["--rho", "0.1", "--out", "here"]);
    let number = |key: &str| one[key].as_f64().unwrap();
    assert!((number("loss") - eval[0]["loss"].as_f64().unwrap()).abs() < 1e-6);
    assert!((number("sam_loss") - number("loss") - number("sharpness")).abs() < 1e-12 && number("sharpness") > 0.0);
    assert_eq!((number("rho"), number("p"), number("m")), (0.1, 2.0, 200.0));
    assert_eq!(Csv::read(&dir.join("here/sharpness.csv")).rows.len(), 1);
    let none = measure(&["--rho", "0"]);
    assert_eq!(none["sharpness"], 0.0);
    let all = measure(&["--rho", "0.01", "--p", "inf", "--m", "50", "--ascent-steps", "3"]);
    assert_eq!((&all["p"], &all["m"], &all["ascent_steps"]), (&"inf".into(), &50.into(), &3.into()));
}

#[test]
fn bad_input() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    networks(dir);
    std::fs::write(dir.join("file"), "x").unwrap();
    let (wide, other) = ("wide/final-sgd-0.safetensors", "other/final-sgd-0.safetensors");
    let (line, surface, sharp) =
        (["probe", "interpolate"].as_slice(), ["probe", "surface"].as_slice(), ["probe", "sharpness"].as_slice());
    let cases: &[(&[&str], &[&str], &[&str])] = &[
        (&["probe"], &[], &["interpolate", "surface", "sharpness"]),
        (&["probe"], &["nonsense", SGD], &["nonsense"]),
        (line, &[], &["FILES"]),
        (line, &[SGD], &["two checkpoints", "1 was given"]),
        (line, &[SGD, SAM, SECOND], &["two checkpoints", "3 were given"]),
        (line, &[SGD, "nowhere.safetensors"], &["nowhere.safetensors"]),
        (line, &[SGD, "file"], &["file", "safetensors"]),
        (line, &[SGD, "a/checkpoint.safetensors"], &["a/checkpoint.safetensors", "final"]),
        (line, &[SGD, wide], &["mlp:6", "mlp:7"]),
        (line, &[SGD, other], &[SGD, other, "different data"]),
        (line, &[SGD, SAM, "--points", "1"], &["points", "1", "2 to"]),
        (line, &[SGD, SAM, "--points", "1000000000"], &["points", "1000000000"]),
        (line, &[SGD, SAM, "--from", "2", "--to", "-1"], &["2", "-1", "smaller"]),
        (line, &[SGD, SAM, "--from", "nan"], &["nan"]),
        (line, &[SGD, SAM, "--bn", "maybe"], &["bn", "recompute"]),
        (line, &[SGD, SAM, "--split", "val"], &["val-fraction"]),
        (line, &[SGD, SAM, "--out", "file"], &["file", "--out"]),
        (line, &[SGD, SAM, "--out", "file/below"], &["file/below", "--out"]),
        (surface, &[SGD, "--grid", "1"], &["grid", "1"]),
        (surface, &[SGD, "--grid", "1000"], &["1000000 points"]),
        (surface, &[SGD, "--range", "0"], &["range", "0"]),
        (surface, &[SGD, "--range", "-1"], &["range", "-1"]),
        (surface, &[SGD, "--range", "inf"], &["range", "inf"]),
        (surface, &[SGD, "--range", "nan"], &["range", "nan"]),
        (surface, &[SGD, "--cap", "0"], &["cap", "0"]),
        (surface, &[SGD, "--pixels", "0"], &["pixels", "0"]),
        (surface, &[SGD, "--directions", "points"], &["three checkpoints", "1 was given"]),
        (surface, &[SGD, SAM, wide, "--directions", "points"], &["mlp:6", "mlp:7"]),
        (surface, &[SGD, SAM, SAM, "--directions", "points"], &["one line"]),
        (surface, &[SGD, "--directions", "up"], &["up", "random"]),
        (sharp, &[SGD, "--rho", "-1"], &["rho", "-1"]),
        (sharp, &[SGD, "--rho", "nan"], &["rho", "nan"]),
        (sharp, &[SGD, "--p", "0.5"], &["p", "0.5"]),
        (sharp, &[SGD, "--p", "nan"], &["p", "nan"]),
        (sharp, &[SGD, "--p", "x"], &["x"]),
        (sharp, &[SGD, "--m", "30"], &["m is 30", "200 examples", "25 does"]),
        (sharp, &[SGD, "--m", "0"], &["m is 0"]),
        (sharp, &[SGD, "--m", "400"], &["m is 400"]),
        (sharp, &[SGD, "--ascent-steps", "0"], &["ascent-steps"]),
    ];
    for (command, args, words) in cases {
        refused(dir, &[*command, *args].concat(), words);
    }
    // Flags that both are measured with make different data the same.
    ok(dir, &["probe", "interpolate", SGD, other, "--data-seed", "0", "--points", "2", "--json"]);
    // A network that overflows is drawn and counted.
    let mut broken = Tensors::read(&dir.join(SGD));
    for (_, (_, _, bytes)) in broken.tensors.iter_mut().filter(|(name, _)| name.ends_with("weight")) {
        for four in bytes.chunks_exact_mut(4) {
            four.copy_from_slice(&1e30f32.to_le_bytes());
        }
    }
    broken.write(&dir.join("broken.safetensors"));
    let text = ok(dir, &["probe", "surface", "broken.safetensors", "--grid", "3", "--pixels", "100", "--out", "b"]);
    assert!(text.contains("not finite at 9"), "{text}");
    assert!(std::fs::read_to_string(dir.join("b/surface.svg")).unwrap().contains("9 of 9"));
    assert!(document(&std::fs::read_to_string(dir.join("b/surface.json")).unwrap())["loss"][0][0].is_null());
}
