//! Sweeps: what they leave, that a cell is the training that its flags describe, and that they survive kills.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Csv, command, files, has_adapter, ok, run};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Tables and final weights of two sweeps are the same bytes.
fn assert_same_sweep(one: &Path, other: &Path) {
    let results = |dir: &Path| -> BTreeMap<String, Vec<u8>> {
        let kept = |name: &str| name.ends_with(".csv") || name.ends_with("sweep.svg") || name.contains("/final-");
        files(dir).into_iter().filter(|(name, _)| kept(name)).collect()
    };
    let (one, other) = (results(one), results(other));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    assert!(one.len() > 6);
    for (name, bytes) in &one {
        assert!(*bytes == other[name], "{name} differs");
    }
}

#[test]
fn a_cell_is_the_training_that_its_flags_describe() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let common = ["--model", "mlp:8", "--lr", "0.05", "--seed", "3", "--seeds", "2", "--quiet"];
    let grid = ["--grid", "label-noise=0,0.2", "--grid", "rho=0,0.1", "--grid", "steps=20,40"];
    let printed = ok(dir, &[&["sweep", "--json", "--out", "swept"], &common[..], &grid].concat());
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((printed["cells"].as_array().unwrap().len(), &printed["metric"]), (8, &"test-accuracy".into()));
    for key in ["report", "csv", "per_seed_csv", "picture"] {
        assert!(dir.join(printed[key].as_str().unwrap()).is_file(), "{key}");
    }
    let table = Csv::read(&dir.join("swept/sweep.csv"));
    assert_eq!(table.columns[..4], ["label_noise", "rho", "steps", "n"]);
    assert_eq!(table.rows.len(), 8);
    assert!(table.rows.iter().all(|row| table.get(row, "n") == "2"));
    assert_eq!(table.with("best", "true").len(), 4, "one of each row");
    let seeds = Csv::read(&dir.join("swept/cells.csv"));
    assert_eq!(seeds.rows.len(), 16);

    let alone = ["--optimizer", "sam", "--rho", "0.1", "--label-noise", "0.2", "--steps", "40", "--out", "alone"];
    ok(dir, &[&["train"], &common[..], &alone].concat());
    let evals = Csv::read(&dir.join("alone/eval.csv"));
    for seed in ["3", "4"] {
        let last =
            evals.rows.iter().rfind(|row| evals.get(row, "seed") == seed && evals.get(row, "split") == "test").unwrap();
        let cell = seeds.rows.iter().find(|row| {
            ["0.2", "0.1", "40", seed] == ["label_noise", "rho", "steps", "seed"].map(|name| seeds.get(row, name))
        });
        let cell = cell.unwrap();
        for name in ["accuracy", "loss"] {
            let [one, other]: [f64; 2] =
                [evals.get(last, name), seeds.get(cell, &format!("test_{name}"))].map(|text| text.parse().unwrap());
            assert_eq!(one, other, "{name} of seed {seed}");
        }
        let run = seeds.get(cell, "run");
        let weights = dir.join("swept").join(run).join(format!("final-{}-{seed}.safetensors", seeds.get(cell, "lane")));
        let (one, other) = (
            common::Tensors::read(&weights),
            common::Tensors::read(&dir.join(format!("alone/final-sam-{seed}.safetensors"))),
        );
        assert!(one.tensors == other.tensors, "weights of seed {seed}");
    }
    // A run of the sweep is a run like any other.
    ok(dir, &["report", "swept/runs/2-label-noise-0.2", "--json"]);
    let page = std::fs::read_to_string(dir.join("swept/report.html")).unwrap();
    assert!(page.contains("lowland <span>sweep</span>") || page.contains("lowland sweep"), "the command");
    assert!(!page.contains("http://") && !page.contains("<script"), "self-contained");
    // Another look at the same numbers.
    let gap: Value = serde_json::from_str(&ok(dir, &["report", "swept", "--metric", "gap", "--json"])).unwrap();
    assert_eq!(gap["metric"], "gap");
    // All runs of the folder, those of the sweep among them, in one picture.
    let text = ok(dir, &["report", "."]);
    assert!(text.contains("Of 8 pairs in 3 runs SAM has the lower test error in"), "{text}");
    let page = std::fs::read_to_string(dir.join("report.html")).unwrap();
    assert!(page.contains("swept/runs/1-label-noise-0/report.html") && page.contains("class=\"diagonal\""));
}

#[test]
fn lanes_of_several_optimizers_are_an_axis() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let args = ["sweep", "--optimizer", "sgd,sam", "--equal-compute", "--grid", "epochs=1,2", "--model", "mlp:4"];
    let text = ok(dir, &[&args[..], &["--out", "swept", "--quiet"]].concat());
    assert!(text.contains("epochs") && text.contains("sgd-2x"), "{text}");
    let table = Csv::read(&dir.join("swept/sweep.csv"));
    assert_eq!((table.columns[1].as_str(), table.rows.len()), ("optimizer", 6));
    let evals = Csv::read(&dir.join("swept/runs/1/eval.csv"));
    let steps = |lane: &str| evals.with("optimizer", lane).last().map(|row| evals.get(row, "step").to_owned());
    assert_eq!((steps("epochs-2_sam").as_deref(), steps("epochs-2_sgd-2x").as_deref()), (Some("20"), Some("40")));
}

#[test]
fn a_sweep_survives_kills() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let args = [
        "sweep",
        "--grid",
        "label-noise=0,0.2",
        "--grid",
        "batch=10,20",
        "--grid",
        "rho=0,0.1",
        "--steps",
        "300",
        "--model",
        "mlp:8",
        "--checkpoint-every",
        "15",
        "--eval-every",
        "40",
        "--quiet",
    ];
    let start = Instant::now();
    ok(dir, &[&args[..], &["--out", "whole"]].concat());
    let whole = start.elapsed();
    let spawn = || {
        let mut command = match dir.join("killed/sweep.json").exists() {
            true => command(dir, &["sweep", "--resume", "killed", "--quiet"]),
            false => command(dir, &[&args[..], &["--out", "killed"]].concat()),
        };
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    for part in [0.5, 0.6, 0.45] {
        let mut child = spawn();
        std::thread::sleep(whole.mul_f64(part));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let last = spawn().wait_with_output().unwrap();
    assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
    assert_same_sweep(&dir.join("whole"), &dir.join("killed"));
    // Going on with a sweep that is complete changes nothing.
    ok(
        dir,
        &["sweep", "--resume", "killed", "--grid", "label-noise=0,0.2", "--grid", "batch=10,20", "--grid", "rho=0,0.1"],
    );
    assert_same_sweep(&dir.join("whole"), &dir.join("killed"));
}

#[test]
fn ctrl_c_saves_and_says_how_to_go_on() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let args = [
        "sweep",
        "--grid",
        "label-noise=0,0.2",
        "--grid",
        "rho=0,0.1",
        "--steps",
        "3000",
        "--model",
        "mlp:8",
        "--quiet",
    ];
    let child = command(dir, &[&args[..], &["--out", "stopped here"]].concat());
    let mut child = child;
    let child = child.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let table = dir.join("stopped here/runs/1-label-noise-0/metrics.csv");
    let start = Instant::now();
    while std::fs::metadata(&table).map_or(0, |data| data.len()) < 1000 && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("of 4 cells are done; go on with: lowland sweep --resume 'stopped here'"), "{stderr}");
    // What is there so far can be looked at.
    let early = run(dir, &["report", "stopped here"]);
    assert_eq!(early.code, Some(0), "{}", early.stderr);
    assert!(early.stdout.contains("Not trained to the end"), "{}", early.stdout);
    ok(dir, &["sweep", "--resume", "stopped here", "--quiet"]);
    ok(dir, &[&args[..], &["--out", "whole"]].concat());
    assert_same_sweep(&dir.join("whole"), &dir.join("stopped here"));
}
