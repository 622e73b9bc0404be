//! What the page asks the app, until the app answers by itself.

use lowland_app::{App, Quantity};

pub fn state_json(app: &App) -> String {
    let (state, engine) = (app.state(), app.engine());
    let last = |lane: usize, quantity| state.curves.series(lane, quantity).last().map(|point| point.value);
    let lanes: Vec<serde_json::Value> = state
        .curves
        .lanes()
        .iter()
        .enumerate()
        .map(|(i, lane)| {
            serde_json::json!({
                "optimizer": lane.label,
                "seed": lane.seed,
                "loss": last(i, Quantity::TrainLoss).or_else(|| last(i, Quantity::BatchLoss)),
                "train_accuracy": last(i, Quantity::TrainAccuracy),
                "test_accuracy": last(i, Quantity::TestAccuracy),
            })
        })
        .collect();
    let duel = engine.duel();
    serde_json::json!({
        "step": duel.map_or(0, |duel| duel.submitted()),
        "paused": !state.playing,
        "adapter": engine.gpu().info().name,
        "software": engine.gpu().is_software(),
        "steps_per_second": duel.and_then(|duel| duel.steps_per_second()).unwrap_or(0.0),
        "frames_per_second": engine.frames_per_second(),
        "gpu_bytes": engine.gpu_bytes(),
        "lanes": lanes,
        "surface": null,
        "error": state.messages.iter().rev().find(|message| message.warning).map(|message| message.text.clone()),
    })
    .to_string()
}
