//! The loss surface: what it shows is the network's.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{command, harness, picture, train_until, until};
use egui::Theme;

fn grid(app: &lowland_app::App) -> usize {
    let ground = app.engine().ground();
    let step = app.engine().duel().map_or(0, |duel| duel.submitted());
    ground.and_then(|g| g.surface()).filter(|surface| surface.step == step).map_or(0, |surface| surface.grid)
}

#[test]
fn pictures() {
    for (theme, size, name) in [
        (Theme::Dark, [1280.0, 800.0], "dark"),
        (Theme::Light, [1280.0, 800.0], "light"),
        (Theme::Dark, [390.0, 844.0], "phone"),
    ] {
        let mut harness = harness(size, theme);
        train_until(&mut harness, 1500);
        let begin = std::time::Instant::now();
        let from = harness.state().engine().duel().unwrap().submitted();
        let mut frames = 0;
        while begin.elapsed().as_secs_f64() < 2.0 {
            harness.step();
            frames += 1;
        }
        let steps = harness.state().engine().duel().unwrap().submitted() - from;
        println!("{name}: {frames} frames, {steps} steps in 2 s");
        command(&mut harness, "pause", "");
        until(&mut harness, "the finest grid", |app| grid(app) == 51);
        harness.run_steps(3);
        picture(&mut harness, name);
        if name == "dark" {
            for plane in ["random", "pca"] {
                command(&mut harness, "plane", plane);
                harness.run_steps(2);
                until(&mut harness, plane, |app| grid(app) == 51 && !app.engine().is_measuring());
                harness.run_steps(3);
                picture(&mut harness, plane);
            }
            command(&mut harness, "plane", "points");
            command(&mut harness, "contour", "");
            until(&mut harness, "points", |app| grid(app) == 51 && !app.engine().is_measuring());
            harness.run_steps(3);
            picture(&mut harness, "contour");
            command(&mut harness, "log-height", "");
            command(&mut harness, "contour", "");
            harness.run_steps(3);
            picture(&mut harness, "linear");
        }
    }
}
