//! What the tests of panels share.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed, and no test uses all of it"
)]

use egui_kittest::Harness;
use lowland_app::{App, Start};

/// The app in a window of this size, on the device that tests use.
pub fn harness(size: [f32; 2], theme: egui::Theme) -> Harness<'static, App> {
    Harness::builder().with_size(size).with_step_dt(0.05).with_theme(theme).wgpu().build_eframe(|cc| {
        let render = cc.wgpu_render_state.clone().expect("the harness draws with wgpu");
        App::new(&cc.egui_ctx, render, Start::default())
    })
}

/// Frames until `step` steps of what is asked for are done; pauses there.
pub fn train_until(harness: &mut Harness<'_, App>, step: u64) {
    frames_until(harness, |app| {
        let asked = &app.state().config;
        app.engine().duel().is_some_and(|duel| duel.submitted() >= step && duel.start().config == *asked)
    });
    harness.state_mut().command("pause", "").unwrap();
    assert_eq!(messages(harness.state()), Vec::<String>::new());
    // What was submitted comes back.
    frames_until(harness, |app| app.engine().duel().is_some_and(|duel| duel.trainer().is_idle()));
}

/// What the app has said.
pub fn messages(app: &App) -> Vec<String> {
    app.state().messages.iter().map(|message| message.text.clone()).collect()
}

/// Frames until `done` says so.
pub fn frames_until(harness: &mut Harness<'_, App>, done: impl Fn(&App) -> bool) {
    let start = std::time::Instant::now();
    while !done(harness.state()) {
        harness.step();
        assert!(start.elapsed().as_secs() < 60, "it takes too long; {:?}", messages(harness.state()));
    }
}

/// Saves a picture of the window into the folder that `PICTURES` names, if it does.
pub fn picture(harness: &mut Harness<'_, App>, name: &str) {
    let Some(folder) = std::env::var_os("PICTURES") else { return };
    let mut picture = harness.render().unwrap();
    // The window is cleared with the ground's colour; the harness clears with nothing.
    let ground = harness.ctx.global_style().visuals.panel_fill;
    for pixel in picture.pixels_mut() {
        let clear = u32::from(255 - pixel.0[3]);
        for (value, under) in pixel.0.iter_mut().zip(ground.to_array()) {
            *value = value.saturating_add((u32::from(under) * clear / 255) as u8);
        }
    }
    picture.save(std::path::Path::new(&folder).join(format!("{name}.png"))).unwrap();
}
