//! The status line: the adapter, how fast it goes, and what it takes.

use super::Scene;
use crate::text;
use egui::{Label, RichText};

/// Draws the line.
pub fn status_ui(ui: &mut egui::Ui, scene: &mut Scene<'_>) {
    let engine = scene.engine;
    let name = &engine.gpu().info().name;
    let adapter = if name.is_empty() { "WebGPU" } else { name };
    let kind = if engine.gpu().is_software() { " (software: small pictures)" } else { "" };
    let steps = engine.steps_per_second().unwrap_or(0.0);
    let line = format!(
        "{adapter}{kind}  ·  {:.0} steps/s  ·  {:.0} frames/s  ·  {} on the device  ·  seed {}",
        steps,
        engine.frames_per_second(),
        text::bytes(engine.gpu_bytes()),
        scene.state.config.seed,
    );
    ui.add(Label::new(RichText::new(line).small().color(scene.colors.quiet)).truncate());
}
