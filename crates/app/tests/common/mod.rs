//! A window of the app without a screen.
#![allow(dead_code, reason = "each test uses a part of it")]

use egui_kittest::Harness;
use lowland_app::{App, Start};
use std::time::{Duration, Instant};

/// The app in a window of this size.
pub fn harness(size: [f32; 2], theme: egui::Theme) -> Harness<'static, App> {
    Harness::builder().with_size(size).with_step_dt(0.05).with_theme(theme).wgpu().build_eframe(|cc| {
        let render = cc.wgpu_render_state.clone().expect("wgpu");
        App::new(&cc.egui_ctx, render, Start::default())
    })
}

/// Draws frames until `done`, a minute at most.
pub fn until(harness: &mut Harness<'static, App>, what: &str, done: impl Fn(&App) -> bool) {
    let begin = Instant::now();
    while !done(harness.state()) {
        assert!(begin.elapsed() < Duration::from_secs(60), "waited too long for {what}");
        harness.step();
    }
}

/// Trains until `step` steps are submitted.
pub fn train_until(harness: &mut Harness<'static, App>, step: u64) {
    until(harness, "training", |app| app.engine().duel().is_some_and(|duel| duel.submitted() >= step));
}

/// Does a command by its name.
pub fn command(harness: &mut Harness<'static, App>, name: &str, argument: &str) {
    harness.state_mut().command(name, argument).unwrap_or_else(|error| panic!("{error}"));
}

/// Saves what is on screen where `PICTURES` says.
pub fn picture(harness: &mut Harness<'static, App>, name: &str) {
    if let Ok(folder) = std::env::var("PICTURES") {
        let image = harness.render().expect("a picture");
        image.save(format!("{folder}/{name}.png")).expect("a file");
    }
}
