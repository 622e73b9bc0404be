//! The status line: the adapter, how fast it goes, and what it takes.

use super::Scene;
use crate::text;
use egui::{Label, RichText};

/// Draws the line.
pub fn status_ui(ui: &mut egui::Ui, scene: &mut Scene<'_>) {
    let engine = scene.engine;
    let gpu = engine.gpu();
    let speeds = [engine.steps_per_second().unwrap_or(0.0), engine.frames_per_second()];
    let (bytes, seed) = (engine.gpu_bytes(), scene.state.config.seed);
    let line = text::bar::status(&gpu.info().name, gpu.is_software(), speeds, bytes, seed);
    ui.add(Label::new(RichText::new(line).small().color(scene.colors.quiet)).truncate());
}
