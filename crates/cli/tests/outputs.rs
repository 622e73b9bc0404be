//! What a run leaves: tables, tensors, JSON, as the contract has them.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Csv, Tensors, assert_same_run, has_adapter, ok, run};
use serde_json::Value;
use std::path::Path;

/// A number and its text: the shortest that reads back.
fn number(text: &str) -> f32 {
    let value: f32 = text.parse().unwrap();
    let shortest = [format!("{value}"), format!("{value:e}")].into_iter().min_by_key(String::len).unwrap();
    assert_eq!(text.len(), shortest.len(), "{text} is not the shortest text of {value}");
    value
}

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e} in {text}"))
}

#[test]
fn tables_of_a_comparison() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let printed = ok(
        dir,
        &[
            "compare",
            "--json",
            "--optimizer",
            "sgd,sam",
            "--lane",
            "wide: optimizer=sam rho=0.2 lr=0.05 second-order=true",
            "--lane",
            "flat: optimizer=sam rho=0",
            "--model",
            "mlp:8",
            "--label-noise",
            "0.25",
            "--val-fraction",
            "0.1",
            "--steps",
            "13",
            "--log-every",
            "2",
            "--eval-every",
            "5",
            "--seed",
            "3",
            "--seeds",
            "2",
            "--out",
            "run",
        ],
    );
    let printed = document(&printed);
    assert_eq!((printed["folder"].as_str(), printed["report"].as_str()), (Some("run"), Some("run/report.html")));
    assert!(std::fs::read_to_string(dir.join("run/report.html")).unwrap().contains("<html"));

    let metrics = Csv::read(&dir.join("run/metrics.csv"));
    let columns = "optimizer,seed,step,epoch,loss,sam_loss,accuracy,grad_norm,lr,rho,second_order_cosine";
    assert_eq!(metrics.columns[..11].join(","), columns);
    // 4 lanes, 2 seeds, steps 0 2 4 6 8 10 12.
    assert_eq!(metrics.rows.len(), 4 * 2 * 7);
    for row in &metrics.rows {
        let get = |name| metrics.get(row, name);
        for name in ["loss", "accuracy", "grad_norm", "lr", "rho"] {
            assert!(number(get(name)).is_finite());
        }
        let climbs = ["sam", "wide"].contains(&get("optimizer"));
        assert_eq!(!get("sam_loss").is_empty(), climbs, "{row:?}");
        assert!(!climbs || number(get("sam_loss")) > number(get("loss")));
        let cosine = get("second_order_cosine");
        assert_eq!(!cosine.is_empty(), get("optimizer") == "wide", "{row:?}");
        assert!(cosine.is_empty() || (0.0..1.0).contains(&number(cosine)), "{row:?}");
        let expected = match get("optimizer") {
            "sam" => (0.1, 0.05),
            "wide" => (0.05, 0.2),
            _ => (0.1, 0.0),
        };
        assert_eq!((number(get("lr")), number(get("rho"))), expected);
        let step: u64 = get("step").parse().unwrap();
        assert!(step.is_multiple_of(2));
        // 180 examples in batches of 20.
        assert_eq!(get("epoch"), (step / 9).to_string());
        assert!(["3", "4"].contains(&get("seed")));
    }
    // rho 0 is the base optimizer, bit for bit.
    let without_label =
        |label| -> Vec<String> { metrics.with("optimizer", label).iter().map(|row| row[1..].join(",")).collect() };
    assert_eq!(without_label("sgd"), without_label("flat"));

    let evals = Csv::read(&dir.join("run/eval.csv"));
    assert_eq!(evals.columns[..8].join(","), "optimizer,seed,step,epoch,split,loss,accuracy,top5");
    for step in ["0", "5", "10", "13"] {
        for split in ["train", "train-clean", "train-flipped", "val", "test"] {
            let rows = evals.rows.iter().filter(|r| evals.get(r, "step") == step && evals.get(r, "split") == split);
            assert_eq!(rows.count(), 8, "{split} at {step}");
        }
    }
    // 50 of 200 labels are flipped; the parts make up the whole.
    for train in evals.with("split", "train") {
        let same = |split| {
            let rows = evals.rows.iter();
            rows.filter(|r| r[..4] == train[..4]).find(|r| evals.get(r, "split") == split).unwrap()
        };
        let loss = |row: &[String]| number(evals.get(row, "loss"));
        let (clean, flipped) = (loss(same("train-clean")), loss(same("train-flipped")));
        let whole = loss(train);
        assert!(clean.min(flipped) <= whole && whole <= clean.max(flipped));
        assert_eq!(number(evals.get(train, "top5")), 1.0);
    }
    for label in ["sgd", "sam", "wide", "flat"] {
        for seed in [3, 4] {
            let file = Tensors::read(&dir.join(format!("run/final-{label}-{seed}.safetensors")));
            let header = document(&file.metadata["lowland"]);
            assert_eq!((&header["seed"], &header["data"]), (&seed.into(), &"moons".into()));
            for key in ["out", "resume", "config", "data_dir", "adapter", "quiet"] {
                assert!(header.get(key).is_none(), "{key} belongs to the machine");
            }
        }
    }
}

#[test]
fn a_report_can_be_written_again() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let quiet = run(dir, &["train", "--steps", "3", "--quiet", "--out", "run"]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(0), ""));
    assert!(quiet.stdout.contains("Report: run/report.html"));
    let before = std::fs::read(dir.join("run/report.html")).unwrap();
    std::fs::remove_file(dir.join("run/report.html")).unwrap();
    assert_eq!(document(&ok(dir, &["report", "run", "--json"]))["report"], "run/report.html");
    assert!(before == std::fs::read(dir.join("run/report.html")).unwrap());
    assert!(document(&ok(dir, &["doctor", "--json"]))["adapters"].as_array().is_some_and(|all| !all.is_empty()));
    // Without --out a run goes to runs/, one folder each.
    ok(dir, &["train", "--steps", "1"]);
    ok(dir, &["train", "--steps", "1"]);
    assert_eq!(std::fs::read_dir(dir.join("runs")).unwrap().count(), 2);
}

#[test]
fn a_run_repeats_from_its_config() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    ok(
        dir,
        &[
            "compare",
            "--data",
            "spirals",
            "--data-size",
            "90",
            "--optimizer",
            "sgd,adamw,sam",
            "--lane",
            "other: optimizer=sam base=adamw betas=0.8,0.99 schedule=cosine warmup=3",
            "--equal-compute",
            "--steps",
            "12",
            "--batch",
            "16",
            "--weight-decay",
            "5e-4",
            "--model",
            "mlp:8,8",
            "--activation",
            "gelu",
            "--out",
            "one",
        ],
    );
    ok(dir, &["compare", "--config", "one/config.json", "--out", "two"]);
    assert_same_run(&dir.join("one"), &dir.join("two"));
    // Flags override the file.
    ok(dir, &["compare", "--config", "one/config.json", "--seed", "7", "--out", "three"]);
    assert!(dir.join("three/final-sam-7.safetensors").exists());
}

#[test]
fn tensors_are_pytorchs() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let sample = ["--data", "fashion-sample", "--train-limit", "64", "--test-limit", "50", "--batch", "32"];
    let cnn = ["train", "--optimizer", "sam", "--model", "cnn:5,6", "--steps", "3", "--out", "cnn"];
    ok(dir, &[&cnn[..], &sample].concat());
    let file = Tensors::read(&dir.join("cnn/final-sam-0.safetensors"));
    let expected = [
        "blocks.0.conv.weight F32 [5, 1, 3, 3]",
        "blocks.0.norm.bias F32 [5]",
        "blocks.0.norm.num_batches_tracked I64 []",
        "blocks.0.norm.running_mean F32 [5]",
        "blocks.0.norm.running_var F32 [5]",
        "blocks.0.norm.weight F32 [5]",
        "blocks.1.conv.weight F32 [6, 5, 3, 3]",
        "blocks.1.norm.bias F32 [6]",
        "blocks.1.norm.num_batches_tracked I64 []",
        "blocks.1.norm.running_mean F32 [6]",
        "blocks.1.norm.running_var F32 [6]",
        "blocks.1.norm.weight F32 [6]",
        "head.bias F32 [10]",
        "head.weight F32 [10, 6]",
    ];
    assert_eq!(file.shapes(), expected);
    assert_eq!(file.tensors["blocks.1.norm.num_batches_tracked"].2, 3i64.to_le_bytes());
    assert!(file.metadata.contains_key("lowland"));

    let mlp = ["train", "--model", "mlp:7,5", "--steps", "2", "--out", "mlp"];
    ok(dir, &[&mlp[..], &sample].concat());
    let expected = [
        "layers.0.bias F32 [7]",
        "layers.0.weight F32 [7, 784]",
        "layers.1.bias F32 [5]",
        "layers.1.weight F32 [5, 7]",
        "layers.2.bias F32 [10]",
        "layers.2.weight F32 [10, 5]",
    ];
    assert_eq!(Tensors::read(&dir.join("mlp/final-sgd-0.safetensors")).shapes(), expected);
}

#[test]
fn a_start_from_a_file_in_the_order_of_the_file() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    // 50 examples in batches of 20 wrap around: steps 0 to 6 are epochs 0 0 0 1 1 2 2.
    let shared = ["--data-size", "50", "--order", "file", "--model", "mlp:6", "--batch", "20", "--momentum", "0"];
    let train = |more: &[&str]| ok(dir, &[&["train"], &shared[..], more].concat());
    train(&["--steps", "7", "--out", "whole"]);
    let metrics = Csv::read(&dir.join("whole/metrics.csv"));
    let epochs: Vec<_> = metrics.rows.iter().map(|row| metrics.get(row, "epoch")).collect();
    assert_eq!(epochs, ["0", "0", "0", "1", "1", "2", "2"]);
    // Five steps of 20 are two rounds of 50: a second run from there sees the same batches.
    train(&["--steps", "5", "--out", "first"]);
    let mut start = Tensors::read(&dir.join("first/final-sgd-0.safetensors"));
    start.metadata.clear();
    start.write(&dir.join("start.safetensors"));
    train(&["--steps", "2", "--init", "start.safetensors", "--out", "second"]);
    let [whole, second] = ["whole", "second"].map(|run| Tensors::read(&dir.join(run).join("final-sgd-0.safetensors")));
    assert!(whole.tensors == second.tensors);
    // A run that goes on does not need the file any more.
    std::fs::remove_file(dir.join("start.safetensors")).unwrap();
    std::fs::remove_file(dir.join("second/checkpoint.safetensors")).unwrap();
    let before = common::files(&dir.join("second"));
    ok(dir, &["train", "--resume", "second"]);
    let after = common::files(&dir.join("second"));
    assert!(before["final-sgd-0.safetensors"] == after["final-sgd-0.safetensors"]);
    assert!(before["metrics.csv"] == after["metrics.csv"]);
}

/// The row of `eval.csv` after the last step.
fn last(dir: &Path, run: &str, label: &str, split: &str) -> (f32, f32, f32) {
    let evals = Csv::read(&dir.join(run).join("eval.csv"));
    let rows = evals.with("optimizer", label);
    let row = rows.into_iter().rfind(|row| evals.get(row, "split") == split).unwrap();
    let [loss, accuracy, top5] = ["loss", "accuracy", "top5"].map(|name| number(evals.get(row, name)));
    (loss, accuracy, top5)
}

#[test]
fn measurements_agree() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    ok(
        dir,
        &[
            "compare",
            "--data",
            "fashion-sample",
            "--train-limit",
            "300",
            "--test-limit",
            "170",
            "--label-noise",
            "0.2",
            "--val-fraction",
            "0.1",
            "--model",
            "cnn:6,8",
            "--lr",
            "0.02",
            "--batch",
            "30",
            "--steps",
            "12",
            "--out",
            "run",
        ],
    );
    let [sgd, sam] = ["run/final-sgd-0.safetensors", "run/final-sam-0.safetensors"];
    for split in ["test", "train", "val"] {
        let rows = document(&ok(dir, &["eval", sgd, sam, "--split", split, "--json"]));
        assert_eq!((&rows[0]["file"], &rows[1]["file"]), (&sgd.into(), &sam.into()));
        for (row, label) in [(&rows[0], "sgd"), (&rows[1], "sam")] {
            let (loss, accuracy, top5) = last(dir, "run", label, split);
            let get = |name: &str| row[name].as_f64().unwrap() as f32;
            assert!((get("loss") - loss).abs() <= 1e-5 * loss, "{split}: {} and {loss}", get("loss"));
            assert_eq!((get("accuracy"), get("top5")), (accuracy, top5));
            assert_eq!(
                row["examples"],
                [("test", 170), ("train", 270), ("val", 30)].into_iter().find(|n| n.0 == split).unwrap().1
            );
        }
    }
    // The true labels: more of them are right than of the noisy ones.
    let clean = document(&ok(dir, &["eval", sgd, "--split", "train", "--label-noise", "0", "--json"]));
    assert!(clean[0]["accuracy"].as_f64().unwrap() > f64::from(last(dir, "run", "sgd", "train").1));

    let csv = Csv::parse(&ok(dir, &["predict", sam]));
    assert_eq!(csv.rows.len(), 170);
    let correct = csv.rows.iter().filter(|row| csv.get(row, "label") == csv.get(row, "prediction")).count();
    assert_eq!(correct as f32 / 170.0, last(dir, "run", "sam", "test").1);
    let loss: f64 = csv.rows.iter().map(|row| f64::from(number(csv.get(row, "loss")))).sum();
    assert!((loss / 170.0 - f64::from(last(dir, "run", "sam", "test").0)).abs() < 1e-4);
    ok(dir, &["predict", sam, "--out", "p.csv"]);
    assert_eq!(Csv::read(&dir.join("p.csv")).rows, csv.rows);
    assert_eq!(document(&ok(dir, &["predict", sam, "--json", "--split", "val"])).as_array().unwrap().len(), 30);

    // Without its header the file is measured by flags; a header's unknown setting is a warning.
    let mut file = Tensors::read(&dir.join(sam));
    let mut header = document(&file.metadata["lowland"]);
    header["hue"] = 3.into();
    file.metadata.insert("lowland".into(), header.to_string());
    file.write(&dir.join("newer"));
    let ran = run(dir, &["eval", "newer", "--json"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.contains("newer") && ran.stderr.contains("hue"), "{}", ran.stderr);
    let with_header = document(&ran.stdout);
    file.metadata.clear();
    file.write(&dir.join("bare"));
    let flags = ["--model", "cnn:6,8", "--data", "fashion-sample", "--train-limit", "300", "--test-limit", "170"];
    let flags = [&["eval", "bare", "--json", "--val-fraction", "0.1"], &flags[..]].concat();
    assert_eq!(document(&ok(dir, &flags))[0]["loss"], with_header[0]["loss"]);
}

#[test]
fn help_has_examples() {
    let here = Path::new(".");
    for command in ["train", "compare", "eval", "predict", "report", "doctor"] {
        let help = ok(here, &[command, "--help"]);
        for word in ["Example: lowland", "--json", "--quiet", "--adapter", "--kernels"] {
            assert!(help.contains(word), "{command} --help has no {word}");
        }
    }
    assert!(ok(here, &["--version"]).starts_with("lowland "));
}
