//! The row of controls that act while training.

use super::Scene;

/// Draws it.
pub fn controls_ui(ui: &mut egui::Ui, scene: &mut Scene<'_>) {
    ui.label(format!("rho {:?}", scene.state.config.rho));
}
