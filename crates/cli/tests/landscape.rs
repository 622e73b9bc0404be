//! The landscape that a run ends with.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Csv, command_with_landscape, files, finish, has_adapter, ok};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e} in {text}"))
}

fn landscape(dir: &Path, args: &[&str]) -> String {
    let ran = finish(command_with_landscape(dir, args));
    assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
    assert!(!ran.stderr.contains("Warning"), "{}", ran.stderr);
    ran.stdout
}

/// The numbers are those of `lowland probe` where all examples are measured, and a report measures them once.
#[test]
fn a_comparison_ends_with_its_landscape() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let args = ["compare", "--optimizer", "adam,sam,sgd", "--model", "mlp:6", "--steps", "12", "--rho", "0.1"];
    let printed = landscape(dir, &[&args[..], &["--seeds", "2", "--json", "--out", "run"]].concat());
    assert_eq!(document(&printed)["report"], "run/report.html");
    let read = |file: &str| std::fs::read_to_string(dir.join(file)).unwrap();
    let record = document(&read("run/landscape/landscape.json"));
    assert_eq!((&record["line"]["from"], &record["line"]["to"]), (&"sgd".into(), &"sam".into()));
    assert_eq!((&record["train_examples"], &record["test_examples"]), (&200.into(), &2000.into()));
    let page = read("run/report.html");
    assert!(page.contains("On the line from SGD to SAM") && page.contains("25×25 points"));

    let [sgd, sam] = ["run/final-sgd-0.safetensors", "run/final-sam-0.safetensors"];
    let line = ["probe", "interpolate", sgd, sam, "--from", "-0.5", "--to", "1.5", "--points", "21", "--out", "probed"];
    ok(dir, &line);
    assert_eq!(read("run/landscape/line.csv"), read("probed/interpolate.csv"));
    ok(dir, &["probe", "surface", sgd, sam, "--pixels", "64", "--out", "probed"]);
    for label in ["sgd", "sam"] {
        let probed = read(&format!("probed/surface-final-{label}-0.csv"));
        assert_eq!(read(&format!("run/landscape/surface-{label}.csv")), probed);
    }
    let csv = Csv::read(&dir.join("run/landscape/sharpness.csv"));
    assert_eq!(csv.rows.len(), 3 * 2);
    let probed = document(&ok(dir, &["probe", "sharpness", sam, "--rho", "0.1", "--json"]));
    let row = csv.with("optimizer", "sam").into_iter().find(|row| csv.get(row, "seed") == "0").unwrap();
    for key in ["loss", "sam_loss", "sharpness"] {
        assert_eq!(csv.get(row, key).parse::<f32>().unwrap(), probed[key].as_f64().unwrap() as f32);
    }

    // It is there: nothing is measured again.
    let before = files(&dir.join("run"));
    landscape(dir, &["report", "run"]);
    landscape(dir, &["compare", "--resume", "run"]);
    assert!(files(&dir.join("run")) == before);
    // Other weights have another one. That of one network has no line.
    std::fs::copy(dir.join("run/final-sam-1.safetensors"), dir.join("run").join("final-sam-0.safetensors")).unwrap();
    for label in ["sgd", "adam"] {
        std::fs::remove_file(dir.join(format!("run/final-{label}-0.safetensors"))).unwrap();
    }
    landscape(dir, &["report", "run"]);
    let after = document(&read("run/landscape/landscape.json"));
    assert!(after["line"].is_null() && after["surfaces"]["list"].as_array().unwrap().len() == 1);
    assert!(read("run/report.html").contains("Around the solution<"));
}

#[test]
fn an_interrupt_leaves_the_run_complete() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let data = ["--data", "fashion-sample", "--train-limit", "128", "--test-limit", "64", "--batch", "32"];
    let args = [&["compare", "--model", "cnn:16,32", "--steps", "2", "--out", "run"], &data[..]].concat();
    let mut child = command_with_landscape(dir, &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("Landscape:") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
    }
    assert!(Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap().success());
    stderr.read_to_string(&mut said).unwrap();
    let code = child.wait().unwrap().code();
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("the run is complete") && said.contains("lowland report run"), "{said}");
    assert!(dir.join("run/final-sgd-0.safetensors").exists() && !dir.join("run/landscape/landscape.json").exists());
    let page = std::fs::read_to_string(dir.join("run/report.html")).unwrap();
    assert!(page.contains("Test accuracy") && !page.contains("<section class=\"landscape\">"));
}
