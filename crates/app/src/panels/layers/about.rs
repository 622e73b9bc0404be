//! What the program is: what a report of a fault needs.

use super::{Scene, window_ui};
use crate::state::Layer;
use crate::{text, tokens};
use egui::{Grid, RichText, Ui};

/// Draws it, if it is open.
pub fn about_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    window_ui(ui, scene, Layer::About, "About Lowland", 420.0, |ui, scene| {
        ui.label(text::ABOUT);
        let gpu = scene.engine.gpu();
        let info = gpu.info();
        let or = |name: &str, other: &str| if name.is_empty() { other.to_owned() } else { name.to_owned() };
        let kind =
            if gpu.is_software() { "on the CPU (pictures are small, so that training stays quick)" } else { "GPU" };
        let lines = [
            ("Version", env!("CARGO_PKG_VERSION").to_owned()),
            ("Adapter", or(&info.name, "the browser does not say")),
            ("Computes", kind.to_owned()),
            ("Driver", or(format!("{} {}", info.driver, info.driver_info).trim(), "the browser does not say")),
            ("Backend", info.backend.to_string()),
            ("On the device", text::bytes(scene.engine.gpu_bytes())),
            ("Seed", scene.state.config.seed.to_string()),
            ("Licence", "MIT or Apache-2.0; typeface Inter, SIL Open Font License 1.1".to_owned()),
        ];
        Grid::new("about").num_columns(2).spacing([14.0, 6.0]).show(ui, |ui| {
            for (name, value) in lines {
                ui.label(RichText::new(name).color(scene.colors.quiet));
                ui.add(egui::Label::new(tokens::strong(value)).wrap());
                ui.end_row();
            }
        });
        if let Some(timings) = scene.engine.duel().and_then(|duel| text::timings(duel.timings())) {
            ui.label(RichText::new(timings).color(scene.colors.quiet));
        }
    });
}
