//! The opening screen.
use egui_kittest::Harness;
use lowland_app::{App, Start};

#[test]
fn it_opens_already_training() {
    let mut harness = Harness::builder().with_size([1280.0, 800.0]).with_step_dt(0.05).wgpu().build_eframe(|cc| {
        let render = cc.wgpu_render_state.clone().unwrap();
        App::new(&cc.egui_ctx, render, Start::default())
    });
    let start = std::time::Instant::now();
    let seconds: f64 = std::env::var("SECONDS_SHOWN").ok().and_then(|s| s.parse().ok()).unwrap_or(5.0);
    let mut frames = 0;
    while start.elapsed().as_secs_f64() < seconds {
        harness.step();
        frames += 1;
    }
    let app = harness.state();
    println!(
        "{frames} frames, step {:?}, {:?} steps/s",
        app.engine().duel().map(|d| d.submitted()),
        app.engine().duel().and_then(|d| d.steps_per_second())
    );
    harness.render().unwrap().save("/tmp/s/opening.png").unwrap();
}
