//! Run folders beside the race.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{harness, messages, picture, train_until};
use egui::Theme;
use egui_kittest::kittest::Queryable;
use std::fmt::Write as _;

/// A run folder as `lowland compare` leaves it.
fn folder(parent: &std::path::Path, name: &str, rho: f32, gain: f32) -> String {
    let folder = parent.join(name);
    std::fs::create_dir(&folder).unwrap();
    let config = format!(
        r#"{{"version": 1, "data": "circles", "label_noise": 0.2, "optimizer": "sgd,sam", "rho": {rho}, "lr": 0.05}}"#
    );
    std::fs::write(folder.join("config.json"), config).unwrap();
    let mut metrics = "optimizer,seed,step,epoch,loss,sam_loss,accuracy,grad_norm,lr,rho\n".to_owned();
    let mut evals = "optimizer,seed,step,epoch,split,loss,accuracy,top5\n".to_owned();
    for step in (0..=400).step_by(50) {
        for label in ["sgd", "sam"] {
            let accuracy = 0.85 + gain * step as f32 / 400.0 + if label == "sam" { 0.02 } else { 0.0 };
            let sam = if label == "sam" { "0.5" } else { "" };
            writeln!(metrics, "{label},0,{step},0,0.4,{sam},0.9,1,0.05,0").unwrap();
            writeln!(evals, "{label},0,{step},0,test,0.3,{accuracy},1").unwrap();
            writeln!(evals, "{label},0,{step},0,train-flipped,0.3,{},1", 1.0 - accuracy).unwrap();
        }
    }
    std::fs::write(folder.join("metrics.csv"), metrics).unwrap();
    std::fs::write(folder.join("eval.csv"), evals).unwrap();
    folder.display().to_string()
}

#[test]
fn folders_lie_beside_the_race() {
    let parent = tempfile::tempdir().unwrap();
    let (a, b) = (folder(parent.path(), "rho-0.1", 0.1, 0.08), folder(parent.path(), "long-name-of-a-run", 0.4, 0.1));
    let mut harness = harness([1280.0, 800.0], Theme::Dark);
    train_until(&mut harness, 200);
    harness.state_mut().command("open-run", &a).unwrap();
    harness.state_mut().command("open-run", &b).unwrap();
    harness.run_steps(3);
    picture(&mut harness, "runs-curves");
    harness.state_mut().command("show", "runs").unwrap();
    harness.run_steps(3);
    harness.get_by_label("rho-0.1");
    picture(&mut harness, "runs");
    // A folder that is none is told, in the window's own field.
    harness.get_by_label("Path of a run folder").click();
    harness.run_steps(2);
    harness.get_by_label("Path of a run folder").type_text("/nowhere");
    harness.run_steps(2);
    harness.get_by_label("Open").click();
    harness.run_steps(3);
    assert!(messages(harness.state())[0].contains("is not a run folder"), "{:?}", messages(harness.state()));
    // Its configuration is trained on request.
    let second = harness.get_all_by_label("Train this").nth(1).unwrap();
    second.click();
    harness.run_steps(3);
    assert_eq!(harness.state().state().config.rho, Some(0.4));
    harness.state_mut().command("close-run", "0").unwrap();
    harness.run_steps(3);
    assert!(harness.query_by_label("rho-0.1").is_none());
}
