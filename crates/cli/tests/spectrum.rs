//! `lowland probe hessian`, `lowland probe spectrum` and `--spectrum-every`: JSON, tables, pictures, resuming, bad input.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Csv, Tensors, assert_same_run, has_adapter, ok, refused};
use serde_json::Value;
use std::path::Path;

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e} in {text}"))
}

/// The values of a tensor.
fn floats(tensors: &Tensors, name: &str) -> Vec<f32> {
    tensors.tensors[name].2.chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

const SGD: &str = "a/final-sgd-0.safetensors";
const SAM: &str = "a/final-sam-0.safetensors";

fn networks(dir: &Path) {
    ok(dir, &["compare", "--steps", "30", "--model", "mlp:6", "--quiet", "--out", "a"]);
}

#[test]
fn eigenvalues_are_told_as_the_contract_has_them() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    networks(dir);
    let args = ["probe", "hessian", SGD, "--top", "3", "--save-vectors", "v", "--json", "--out", "h"];
    let told = document(&ok(dir, &args));
    let list = |key: &str| -> Vec<f64> { told[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect() };
    let (values, residuals) = (list("eigenvalues"), list("residuals"));
    assert_eq!((values.len(), residuals.len()), (3, 3));
    assert!(values.windows(2).all(|pair| pair[0] >= pair[1]) && residuals.iter().all(|r| *r < 1e-3 * values[0]));
    assert!(told["trace"].is_f64() && told["trace_stderr"].is_f64() && told["trace_probes"] == 30);
    assert_eq!((told["parameters"].as_u64(), told["product"].as_str()), (Some(6 * 3 + 7 * 2), Some("hessian")));
    let csv = Csv::read(&dir.join("h/hessian.csv"));
    assert_eq!((csv.rows.len(), csv.columns[4].as_str()), (3, "eigenvalue"));
    let mut squares = 0.0;
    let vector = Tensors::read(&dir.join("v/eigenvector-1.safetensors"));
    for name in ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"] {
        squares += floats(&vector, name).iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
    }
    assert!((squares - 1.0).abs() < 1e-5, "{squares}");
    assert!(dir.join("v/eigenvector-3.safetensors").exists());

    // All of them sum to the trace; several files are a list.
    let all = document(&ok(dir, &["probe", "hessian", SGD, SAM, "--top", "32", "--trace-probes", "0", "--json"]));
    for one in all.as_array().unwrap() {
        assert!(one["trace"].is_null() && one["eigenvalues"].as_array().unwrap().len() == 32);
    }
    let sum: f64 = all[0]["eigenvalues"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).sum();
    let (trace, error) = (told["trace"].as_f64().unwrap(), told["trace_stderr"].as_f64().unwrap());
    assert!((sum - trace).abs() < 4.0 * error, "{sum} is not {trace} +- {error}");
    let ggn = document(&ok(
        dir,
        &["probe", "hessian", SGD, "--top", "32", "--product", "ggn", "--trace-probes", "0", "--json"],
    ));
    let least = ggn["eigenvalues"][31].as_f64().unwrap();
    assert!(least > -1e-5 * ggn["eigenvalues"][0].as_f64().unwrap(), "{least}");

    for (args, words) in [
        (vec!["--top", "0"], "top is 0"),
        (vec!["--top", "33"], "32"),
        (vec!["--tolerance", "0"], "tolerance"),
        (vec!["--iterations", "2"], "iterations"),
        (vec!["--save-vectors", SAM], "folder"),
    ] {
        refused(dir, &[&["probe", "hessian", SGD, "--json"], &args[..]].concat(), &[words]);
    }
}

#[test]
fn a_spectrum_has_tables_and_pictures() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    networks(dir);
    let size = ["--probes", "3", "--iterations", "20", "--points", "301"];
    let args = [&["probe", "spectrum", SGD, SAM, "--json", "--out", "s"], &size[..]].concat();
    let told = document(&ok(dir, &args));
    for one in told.as_array().unwrap() {
        let numbers =
            |list: &Value| -> Vec<f64> { list.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect() };
        let grid = numbers(&one["grid"]);
        assert!(grid.len() == 301 && one["sigma"].as_f64().unwrap() > 0.0);
        for matrix in ["hessian", "ggn"] {
            let sum: f64 = numbers(&one[matrix]["density"]).iter().sum();
            assert!((sum * (grid[1] - grid[0]) - 1.0).abs() < 1e-6, "{matrix}: {sum}");
            assert!(one[matrix]["lambda_1"].as_f64().unwrap() > 0.0);
        }
    }
    assert_eq!(Csv::read(&dir.join("s/spectrum-final-sgd-0.csv")).rows.len(), 301);
    let svg = std::fs::read_to_string(dir.join("s/spectrum-final-sam-0.svg")).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("Gauss-Newton"));
    for (args, words) in
        [(vec!["--probes", "0"], "probes"), (vec!["--sigma", "0"], "sigma"), (vec!["--points", "1"], "points")]
    {
        refused(dir, &[&["probe", "spectrum", SGD], &args[..]].concat(), &[words]);
    }
}

#[test]
fn a_run_records_its_curvature_and_goes_on_with_it() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let args = ["compare", "--steps", "50", "--model", "mlp:6", "--seeds", "2", "--momentum", "0.5", "--quiet"];
    let every = ["--spectrum-every", "20", "--checkpoint-every", "10"];
    ok(dir, &[&args[..], &every, &["--out", "whole"]].concat());
    let csv = Csv::read(&dir.join("whole/spectrum.csv"));
    let column = |name: &str| csv.columns.iter().position(|c| c == name).unwrap_or_else(|| panic!("no column {name}"));
    let steps: Vec<&str> = csv.rows.iter().map(|row| row[column("step")].as_str()).collect();
    // Two optimizers and two seeds at each step, the last one included.
    assert_eq!(steps, ["0"; 4].into_iter().chain(["20"; 4]).chain(["40"; 4]).chain(["50"; 4]).collect::<Vec<_>>());
    for row in &csv.rows {
        let number = |name: &str| row[column(name)].parse::<f64>().unwrap_or_else(|_| panic!("{name} of {row:?}"));
        assert!(number("lambda_1") > number("lambda_5") && number("lambda_5") >= number("lambda_min"), "{row:?}");
        assert!((number("edge") - 2.0 * 1.5 / 0.1).abs() < 1e-4, "{row:?}");
        assert_eq!(number("examples"), 200.0);
        if row[0] == "sam" {
            assert!(number("sam_edge") < number("edge"), "{row:?}");
        } else {
            assert_eq!(row[column("sam_edge")], "");
        }
    }
    assert_eq!(Csv::read(&dir.join("whole/density.csv")).rows.len(), 16 * 201);
    // The same weights as without, and the probe's eigenvalue at the end.
    ok(dir, &[&args[..], &["--checkpoint-every", "10", "--out", "plain"]].concat());
    assert!(!dir.join("plain/spectrum.csv").exists());
    let file = "final-sam-1.safetensors";
    let weights = ["whole", "plain"].map(|out| floats(&Tensors::read(&dir.join(out).join(file)), "layers.0.weight"));
    assert_eq!(weights[0], weights[1]);
    let last = csv.rows.iter().rfind(|row| row[0] == "sam" && row[1] == "1").unwrap();
    let told =
        document(&ok(dir, &["probe", "hessian", "whole/final-sam-1.safetensors", "--trace-probes", "0", "--json"]));
    for (name, place) in [("lambda_1", 0), ("lambda_5", 4)] {
        let (found, wanted) =
            (last[column(name)].parse::<f64>().unwrap(), told["eigenvalues"][place].as_f64().unwrap());
        assert!((found / wanted - 1.0).abs() < 0.01, "{name}: {found} is {wanted}");
    }
    // A run that stopped after the checkpoint of step 30 goes on to the same tables.
    let mut child = common::command(dir, &[&args[..], &every, &["--out", "cut"]].concat()).spawn().unwrap();
    while !dir.join("cut/checkpoint.safetensors").exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let _ = child.kill();
    child.wait().unwrap();
    ok(dir, &["compare", "--resume", "cut", "--quiet"]);
    assert_same_run(&dir.join("whole"), &dir.join("cut"));
}
