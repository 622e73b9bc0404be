//! What lies over the panels: palette, keys, settings and more.

use super::Scene;

/// Draws those that are open.
pub fn layers_ui(_ui: &mut egui::Ui, _scene: &mut Scene<'_>) {}
