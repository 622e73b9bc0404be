//! A network that a JSON file lists: it trains, is killed, goes on without the file, is evaluated, and is refused by its
//! file's name where it does not fit.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Csv, Tensors, assert_same_run, command, has_adapter, ok, run};
use serde_json::{Value, json};
use std::fs::{read_to_string, remove_file, write};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

const DATA: [&str; 8] = ["--data", "fashion-sample", "--train-limit", "128", "--test-limit", "100", "--batch", "16"];

fn mine() -> Value {
    json!({"layers": [
        {"type": "conv", "outputs": 8, "kernel": 5, "stride": 2, "padding": 2},
        {"type": "group_norm", "groups": 4},
        {"type": "activation", "function": "silu"},
        {"type": "dropout", "p": 0.1},
        {"type": "flatten"},
        {"type": "dense", "outputs": "classes"},
    ]})
}

fn train<'a>(model: &'a str, out: &'a str) -> Vec<&'a str> {
    let steps = ["--steps", "120", "--checkpoint-every", "4", "--eval-every", "40", "--lr", "0.02", "--quiet"];
    let own = ["train", "--optimizer", "sam", "--augment", "flip,crop:2", "--model", model, "--out", out];
    [&own[..], &DATA[..], &steps[..]].concat()
}

/// Starts the run and kills it after its first checkpoint.
fn killed(dir: &Path, args: &[&str], out: &str) {
    let mut child = command(dir, args).stdout(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while !dir.join(out).join("checkpoint.safetensors").exists() {
        assert!(start.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_list_of_her_own_trains_resumes_and_is_evaluated_without_its_file() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    write(dir.join("mine.json"), mine().to_string()).unwrap();
    ok(dir, &train("mine.json", "whole"));
    killed(dir, &train("mine.json", "killed"), "killed");
    assert!(!dir.join("killed/final-sam-0.safetensors").exists(), "killed in the middle of the run");

    // From here on everything stands alone.
    remove_file(dir.join("mine.json")).unwrap();
    let record: Value = serde_json::from_str(&read_to_string(dir.join("killed/config.json")).unwrap()).unwrap();
    assert_eq!((&record["model"], &record["augment"]), (&mine(), &json!("flip,crop:2")));
    ok(dir, &["train", "--resume", "killed", "--quiet"]);
    assert_same_run(&dir.join("whole"), &dir.join("killed"));

    let weights = Tensors::read(&dir.join("whole/final-sam-0.safetensors"));
    let expected = [
        "layers.0.bias F32 [8]",
        "layers.0.weight F32 [8, 1, 5, 5]",
        "layers.1.bias F32 [8]",
        "layers.1.weight F32 [8]",
        "layers.5.bias F32 [10]",
        "layers.5.weight F32 [10, 1568]",
    ];
    assert_eq!(weights.shapes(), expected);
    let header: Value = serde_json::from_str(&weights.metadata["lowland"]).unwrap();
    assert_eq!(header["model"], mine());

    let text = ok(dir, &["eval", "whole/final-sam-0.safetensors", "--json"]);
    let measured: Value = serde_json::from_str(&text).unwrap();
    let table = Csv::read(&dir.join("whole/eval.csv"));
    let last = table.with("split", "test").into_iter().next_back().unwrap();
    for key in ["loss", "accuracy", "top5"] {
        let wanted: f64 = table.get(last, key).parse().unwrap();
        let found = measured[0][key].as_f64().unwrap();
        assert!((found - wanted).abs() < 1e-5, "{key}: {found} for {wanted}");
    }
    assert!(measured[0]["accuracy"].as_f64().unwrap() > 0.3, "it has learnt something: {measured}");
    let predictions = Csv::parse(&ok(dir, &["predict", "whole/final-sam-0.safetensors"]));
    let right = predictions.with("correct", "true").len() as f64;
    assert_eq!(right / 100.0, measured[0]["accuracy"].as_f64().unwrap());
    assert!(read_to_string(dir.join("whole/report.html")).unwrap().contains("conv, group_norm, activation"));

    // Tensors without a word about their network, as PyTorch has them: the list says which it is, as text, too.
    let mut bare = weights;
    bare.metadata.clear();
    bare.write(&dir.join("bare.safetensors"));
    let list = mine().to_string();
    let flags = ["eval", "bare.safetensors", "--model", &list, "--json"];
    let again: Value = serde_json::from_str(&ok(dir, &[&flags[..], &DATA[..6]].concat())).unwrap();
    assert_eq!(again[0]["loss"], measured[0]["loss"]);
}

#[test]
fn a_list_that_cannot_be_trained_is_refused_by_name() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let cases: &[(&str, &[&str])] = &[
        ("{\"layers\": [", &["mine.json", "line 1"]),
        ("[]", &["mine.json", "object"]),
        (
            "{\"layers\": [{\"type\": \"conv\", \"outputs\": 4, \"kernel\": 40}]}",
            &["mine.json", "layers.0", "40x40", "1x28x28"],
        ),
        ("{\"layers\": [{\"type\": \"dense\", \"outputs\": 4}]}", &["mine.json", "layers.0", "1x28x28", "flatten"]),
        (
            "{\"layers\": [{\"type\": \"conv\", \"output\": 4}]}",
            &["mine.json", "layer 0", "'output'", "outputs, kernel"],
        ),
        (
            "{\"name\": \"net\", \"layers\": [{\"type\": \"conv\", \"outputs\": 4, \"kernel\": 3}]}",
            &["net", "4x26x26", "10 classes"],
        ),
        (
            "{\"layers\": [{\"type\": \"flatten\"}, {\"type\": \"dense\", \"outputs\": \"classes\"}, {\"type\": \"activation\"}]}",
            &["ends with an activation"],
        ),
    ];
    for (text, words) in cases {
        write(dir.join("mine.json"), text).unwrap();
        let ran = run(dir, &train("mine.json", "out"));
        assert_eq!(ran.code, Some(2), "{text}: {}", ran.stderr);
        assert!(!ran.stderr.contains("panicked") && !dir.join("out").exists(), "{text}: {}", ran.stderr);
        for word in *words {
            assert!(ran.stderr.contains(word), "{text}: no '{word}' in: {}", ran.stderr);
        }
    }
}
