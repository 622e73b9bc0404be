//! The loss surface.

use super::Scene;
use crate::text;
use egui::RichText;

/// Draws it.
pub fn ground_ui(ui: &mut egui::Ui, scene: &mut Scene<'_>) {
    ui.label(RichText::new(text::GROUND).heading());
    *scene.ground_pixels = [ui.available_width() as u32, ui.available_height() as u32];
}
