//! Planes of every kind, curves and valleys: what `lowland probe surface` and `probe interpolate` write, and what they refuse.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Csv, Tensors, files, has_adapter, ok, refused};
use serde_json::Value;
use std::path::Path;

const SGD: &str = "a/final-sgd-0.safetensors";
const SAM: &str = "a/final-sam-0.safetensors";

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e} in {text}"))
}

/// SGD and SAM side by side, with weights that are kept on the way.
fn trained(dir: &Path) {
    let args =
        ["compare", "--model", "mlp:6", "--steps", "24", "--keep-every", "8", "--lr", "0.2", "--quiet", "--out", "a"];
    ok(dir, &args);
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[test]
fn weights_on_the_way_make_a_plane() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    trained(dir);
    let kept: Vec<String> = files(&dir.join("a/path")).into_keys().collect();
    let lane = |label: &str| ["00", "08", "16", "24"].map(|step| format!("{label}-0-{step}.safetensors"));
    assert_eq!(kept, [lane("sam"), lane("sgd")].concat());
    // The last of them are the final weights, the first those that training began with.
    let [last, end] = ["a/path/sgd-0-24.safetensors", SGD].map(|file| Tensors::read(&dir.join(file)));
    assert_eq!(last.tensors, end.tensors);
    assert_eq!((last.metadata["lowland_step"].as_str(), end.metadata.get("lowland_step")), ("24", None));
    let [sgd, sam] = ["sgd", "sam"].map(|lane| Tensors::read(&dir.join(format!("a/path/{lane}-0-00.safetensors"))));
    assert!(sgd.tensors == sam.tensors && sgd.tensors != end.tensors);

    let eval = document(&ok(dir, &["eval", SAM, SGD, "--split", "train", "--json"]));
    let both = ok(
        dir,
        &["probe", "surface", "a", "--directions", "pca", "--grid", "4", "--pixels", "96", "--json", "--out", "p"],
    );
    let both = document(&both);
    for (surface, eval) in both.as_array().unwrap().iter().zip(eval.as_array().unwrap()) {
        assert_eq!((&surface["directions"], &surface["unit"]), (&"pca".into(), &"weights".into()));
        assert_eq!(surface["steps"], serde_json::json!([0, 8, 16, 24]));
        let variance = numbers(&surface["variance_explained"]);
        assert!(variance[0] >= variance[1] && variance[1] > 0.0 && variance[0] + variance[1] <= 1.0 + 1e-9);
        let norms = numbers(&surface["direction_norms"]);
        assert!(norms.iter().all(|norm| (norm - 1.0).abs() < 1e-5), "{norms:?}");
        let points = surface["points"].as_array().unwrap();
        assert_eq!(points.len(), 4);
        assert!(points.iter().all(|point| point["off_plane"].as_f64().unwrap() >= 0.0));
        let end = &points[3];
        assert_eq!((end["x"].as_f64(), end["y"].as_f64(), &end["loss"]), (Some(0.0), Some(0.0), &eval["loss"]));
    }
    let svg = std::fs::read_to_string(dir.join("p/surface-sgd-0.svg")).unwrap();
    assert!(svg.contains("step 0") && svg.contains("step 24") && svg.contains("of the variance"), "{svg}");
    // Files of one path in any order are the same path.
    let mixed = ["08", "24", "00", "16"].map(|step| format!("a/path/sgd-0-{step}.safetensors"));
    let mixed: Vec<&str> = mixed.iter().map(String::as_str).collect();
    let args = [&["probe", "surface"], &mixed[..], &["--directions", "pca", "--grid", "4", "--json"]].concat();
    let again = document(&ok(dir, &args));
    assert_eq!((&again["loss"], &again["points"]), (&both[1]["loss"], &both[1]["points"]));
    // Kept weights are checkpoints like any other.
    ok(dir, &["eval", "a/path/sam-0-08.safetensors", "--json"]);
}

#[test]
fn planes_say_how_their_axes_were_made() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    trained(dir);
    let surface = |more: &[&str]| {
        let args = [&["probe", "surface", SGD, "--grid", "3", "--json"], more].concat();
        document(&ok(dir, &args))
    };
    let eval = document(&ok(dir, &["eval", SGD, "--split", "train", "--json"]));
    let hessian = surface(&["--directions", "hessian", "--range", "0.5"]);
    let eigenvalues = numbers(&hessian["eigenvalues"]);
    assert!(eigenvalues[0] >= eigenvalues[1] && eigenvalues[0] > 0.0 && hessian["residuals"].is_array(), "{hessian}");
    assert_eq!((&hessian["unit"], &hessian["loss"][1][1]), (&"weights".into(), &eval[0]["loss"]));
    assert!(numbers(&hessian["direction_norms"]).iter().all(|norm| (norm - 1.0).abs() < 1e-4));
    // Along the first the loss bends more than along the second, whatever it does far away.
    let near = surface(&["--directions", "hessian", "--range", "0.02"]);
    let at = |y: usize, x: usize| near["loss"][y][x].as_f64().unwrap();
    let bend = |a: f64, b: f64| (a + b - 2.0 * at(1, 1)) / 4e-4;
    let [first, second] = [bend(at(1, 0), at(1, 2)), bend(at(0, 1), at(2, 1))];
    assert!(first > second, "{first} and {second}");

    for (norm, unit) in [("filter", "filter"), ("layer", "layer"), ("none", "weights")] {
        let of = surface(&["--directions-norm", norm]);
        assert_eq!((&of["directions_norm"], &of["unit"]), (&norm.into(), &unit.into()));
        assert_eq!(of["loss"][1][1], eval[0]["loss"]);
    }
    let none = surface(&["--directions-norm", "none"]);
    assert!((numbers(&none["direction_norms"])[0] - 1.0).abs() < 1e-5 && numbers(&none["x"])[2] > 1.0);

    // The error of test examples, of SGD and SAM on one scale.
    let args = ["probe", "surface", SGD, SAM, "--grid", "3", "--split", "test", "--show", "error", "--pixels", "96"];
    ok(dir, &[&args[..], &["--out", "e"]].concat());
    for name in ["final-sgd-0", "final-sam-0"] {
        for kind in [".svg", "-heat.svg", "-3d.svg"] {
            let svg = std::fs::read_to_string(dir.join(format!("e/surface-{name}{kind}"))).unwrap();
            assert!(svg.contains("error, %"), "{name}{kind}");
        }
    }
}

#[test]
fn a_curve_and_a_valley() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    trained(dir);
    let line = ["probe", "interpolate", SGD, SAM, "--points", "5", "--from", "-1", "--to", "1", "--json"];
    let straight = document(&ok(dir, &line));
    let curved = document(&ok(dir, &[&line[..], &["--path", "curved"]].concat()));
    assert_eq!((&straight["path"], &curved["path"]), (&"straight".into(), &"curved".into()));
    let loss = |line: &Value, i: usize| line["rows"][i]["loss"].as_f64().unwrap();
    assert_eq!(
        (loss(&straight, 2), loss(&straight, 4)),
        (loss(&curved, 2), loss(&curved, 4)),
        "both ends are the same"
    );
    assert!(loss(&straight, 3) != loss(&curved, 3) && straight["barrier"]["test_loss"].as_f64().unwrap() >= 0.0);

    let args = ["probe", "interpolate", SGD, SAM, "--one-sided", "--points", "11", "--json", "--out", "v"];
    let valley = document(&ok(dir, &args));
    let rows = valley["rows"].as_array().unwrap();
    assert_eq!((rows.len(), rows[5]["alpha"].as_f64(), rows[0]["alpha"].as_f64()), (11, Some(0.0), Some(-2.0)));
    assert_eq!(rows[5]["loss"], straight["rows"][2]["loss"]);
    let (flat, steep) = (&valley["asymmetry"]["flat"], &valley["asymmetry"]["steep"]);
    assert!([flat, steep].contains(&&"+u".into()) && [flat, steep].contains(&&"-u".into()), "{valley}");
    assert_eq!(Csv::read(&dir.join("v/valley.csv")).rows.len(), 11);
    let svg = std::fs::read_to_string(dir.join("v/valley.svg")).unwrap();
    assert!(svg.contains("flat side: ") && svg.contains("steep side: ") && svg.contains("final-sam-0"));
    let text = ok(dir, &["probe", "interpolate", SGD, "--one-sided", "--points", "9"]);
    assert!(text.contains("positive direction") && text.contains("asymmetric"), "{text}");
}

#[test]
fn bad_input() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    trained(dir);
    ok(dir, &["train", "--model", "mlp:7", "--steps", "2", "--quiet", "--out", "wide"]);
    let wide = "wide/final-sgd-0.safetensors";
    let (first, second) = ("a/path/sgd-0-00.safetensors", "a/path/sgd-0-08.safetensors");
    let (line, surface) = (["probe", "interpolate"].as_slice(), ["probe", "surface"].as_slice());
    let pca = |files: &[&'static str]| [files, &["--directions", "pca"]].concat();
    let cases: Vec<(&[&str], Vec<&str>, &[&str])> = vec![
        (surface, pca(&[first, second]), &["three or more", "2 checkpoints"]),
        (surface, pca(&["wide"]), &["wide", "--keep-every"]),
        (surface, pca(&[first, second, wide]), &["mlp:6", "mlp:7"]),
        (surface, pca(&[first, second, second]), &["step twice"]),
        (surface, pca(&[SGD, SGD, SGD]), &["one line"]),
        (surface, vec![SGD, "--grid", "1", "--directions", "hessian"], &["grid", "1"]),
        (surface, vec![SGD, "--directions-norm", "long"], &["long", "filter"]),
        (surface, vec![SGD, "--show", "both"], &["both", "error"]),
        (line, vec![SGD, SAM, "--path", "round"], &["round", "curved"]),
        (line, vec![SGD, SAM, "--reach", "1"], &["--one-sided"]),
        (line, vec![SGD, SAM, "--one-sided", "--from", "0"], &["--reach"]),
        (line, vec![SGD, SAM, "--one-sided", "--path", "curved"], &["straight"]),
        (line, vec![SGD, SAM, "--one-sided", "--points", "10"], &["points is 10", "odd"]),
        (line, vec![SGD, SAM, "--one-sided", "--reach", "0"], &["reach is 0"]),
        (line, vec![SGD, SAM, "--one-sided", "--zeta", "2"], &["zeta is 2"]),
        (line, vec![SGD, SGD, "--one-sided"], &["the same"]),
        (line, vec![SGD, SAM, SAM, "--one-sided"], &["3 were given"]),
        (line, vec![SGD, wide, "--one-sided"], &["mlp:6", "mlp:7"]),
        (&["bench", "surface"], vec!["--grid", "1"], &["grid", "1"]),
        (&["bench", "surface"], vec!["--examples", "0"], &["examples"]),
    ];
    for (command, args, words) in &cases {
        refused(dir, &[*command, &args[..]].concat(), words);
    }
    // A set smaller than a batch is measured whole.
    let small = ["probe", "surface", SGD, "--grid", "2", "--train-limit", "7", "--json"];
    ok(dir, &small);
    // What is not finite is drawn and counted, along whatever directions.
    let mut broken = Tensors::read(&dir.join(SGD));
    for (_, (_, _, bytes)) in broken.tensors.iter_mut().filter(|(name, _)| name.ends_with("weight")) {
        for four in bytes.chunks_exact_mut(4) {
            four.copy_from_slice(&1e30f32.to_le_bytes());
        }
    }
    broken.write(&dir.join("broken.safetensors"));
    let args =
        ["probe", "surface", "broken.safetensors", "--directions-norm", "layer", "--grid", "3", "--pixels", "96"];
    let text = ok(dir, &[&args[..], &["--out", "b"]].concat());
    assert!(text.contains("not finite at 9 of 9"), "{text}");
    for file in ["surface.svg", "surface-heat.svg", "surface-3d.svg"] {
        assert!(std::fs::read_to_string(dir.join("b").join(file)).unwrap().contains("9 of 9"), "{file}");
    }
}
