//! What the program is: what a report of a fault needs.

use super::{Scene, window_ui};
use crate::state::Layer;
use crate::text::{self, bar};
use crate::tokens;
use egui::{Grid, RichText, Ui};

/// Draws it, if it is open.
pub fn about_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    window_ui(ui, scene, Layer::About, bar::ABOUT_TITLE, 420.0, |ui, scene| {
        ui.label(text::ABOUT);
        let gpu = scene.engine.gpu();
        let info = gpu.info();
        let or_unsaid = |name: &str| if name.is_empty() { bar::UNSAID.to_owned() } else { name.to_owned() };
        let lines = [
            env!("CARGO_PKG_VERSION").to_owned(),
            or_unsaid(&info.name),
            bar::computes(gpu.is_software()).to_owned(),
            or_unsaid(format!("{} {}", info.driver, info.driver_info).trim()),
            info.backend.to_string(),
            text::bytes(scene.engine.gpu_bytes()),
            scene.state.config.seed.to_string(),
            bar::LICENCE.to_owned(),
        ];
        Grid::new("about").num_columns(2).spacing([14.0, 6.0]).show(ui, |ui| {
            for (name, value) in bar::ABOUT_LINES.into_iter().zip(lines) {
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
