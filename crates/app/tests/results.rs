//! What `lowland probe` measured, opened as panels.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{harness, messages, picture};
use egui::Theme;
use egui_kittest::kittest::Queryable;
use serde_json::{Value, json};

fn surface() -> Value {
    const GRID: usize = 21;
    let at = |i: usize| 0.1 * i as f64 - 1.0;
    let loss = |x: f64, y: f64| {
        if x > 0.95 && y > 0.95 { Value::Null } else { json!(0.1 + x * x + 3.0 * y * y + 0.3 * x * y) }
    };
    let rows: Vec<Vec<Value>> = (0..GRID).map(|k| (0..GRID).map(|i| loss(at(i), at(k))).collect()).collect();
    let places: Vec<f64> = (0..GRID).map(at).collect();
    let points: Vec<Value> =
        [-0.9, -0.5, -0.2, 0.0].iter().map(|x| json!({"x": x, "y": 0.6 * x * x, "loss": 0.2})).collect();
    json!({"file": "runs/noisy/final-sam-0.safetensors", "split": "train", "directions": "pca", "grid": GRID,
        "x": places, "y": places, "loss": rows, "points": points})
}

fn others() -> Vec<(&'static str, Value)> {
    let rows: Vec<Value> = (-10..=20)
        .map(|i| f64::from(i) * 0.1)
        .map(|a| json!({"alpha": a, "train_loss": 0.1 + a * a * (1.0 - a) * (1.0 - a), "test_loss": 0.3 + 0.1 * a * a}))
        .collect();
    let grid: Vec<f64> = (0..101).map(|i| 0.1 * f64::from(i) - 1.0).collect();
    let density = |shift: f64| {
        grid.iter().map(|v| (-40.0 * v * v).exp() + 1e-4 * (-9.0 * (v - shift).powi(2)).exp()).collect::<Vec<f64>>()
    };
    vec![
        (
            "interpolate.json",
            json!({"a": "runs/a/final-sgd-0.safetensors", "b": "runs/a/final-sam-0.safetensors", "rows": rows}),
        ),
        (
            "hessian.json",
            json!([{"file": "runs/a/final-sgd-0.safetensors", "eigenvalues": [41.2, 12.5, 3.25],
            "residuals": [1e-3, 2e-3, 5e-3], "trace": 88.5, "trace_stderr": 4.0, "converged": true}]),
        ),
        (
            "spectrum.json",
            json!({"file": "runs/a/final-sgd-0.safetensors", "grid": grid,
            "hessian": {"density": density(7.0), "lambda_1": 7.2}, "ggn": {"density": density(6.5), "lambda_1": 6.6}}),
        ),
    ]
}

#[test]
fn measurements_open_as_panels_each_as_what_it_is() {
    let mut harness = harness([1280.0, 800.0], Theme::Dark);
    harness.state_mut().command("pause", "").unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("surface.json"), surface().to_string()).unwrap();
    harness.state_mut().open_path(folder.path());
    harness.run_steps(3);
    assert!(harness.query_by_label_contains("Loss surface, pca").is_some(), "a folder of a probe");
    assert!(harness.query_by_label_contains("losses that are no numbers").is_some());
    picture(&mut harness, "results-surface-dark");
    harness.state_mut().command("close-result", "0").unwrap();
    assert!(harness.state_mut().command("close-result", "0").is_err());
    for (name, document) in others() {
        harness.state_mut().open(name, document.to_string().into_bytes());
    }
    harness.run_steps(3);
    assert_eq!(messages(harness.state()), Vec::<String>::new());
    assert_eq!(harness.state().state().results.len(), 3);
    for label in ["Loss on a line of 31 points", "the largest is 7.20"] {
        assert!(harness.query_all_by_label_contains(label).next().is_some(), "{label}");
    }
    assert!(harness.query_by_label_contains("41.2, residual 0.0010").is_some());
    picture(&mut harness, "results-dark");
    harness.get_all_by_label("Close").next().unwrap().click();
    harness.run_steps(2);
    assert_eq!(harness.state().state().results.len(), 2);
}

#[test]
fn a_damaged_measurement_says_so_and_what_is_trained_goes_on() {
    let mut harness = harness([390.0, 844.0], Theme::Light);
    harness.state_mut().open("surface.json", surface().to_string().into_bytes());
    let before = harness.state().config_json();
    harness.state_mut().open("bad.json", br#"{"file": "x", "loss": [[1], [2, 3]], "x": [0, 1], "y": [0, 1]}"#.to_vec());
    harness.run_steps(3);
    assert!(
        messages(harness.state()).iter().any(|message| message.contains("bad.json") && message.contains("damaged"))
    );
    assert_eq!(harness.state().config_json(), before);
    assert_eq!(harness.state().state().results.len(), 1);
    picture(&mut harness, "results-small-light");
}
