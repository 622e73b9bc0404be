//! What lies over the panels: palette, keys, settings and more.

mod about;
mod keys;
mod palette;
mod settings;

use super::Scene;
use crate::command::Command;
use crate::state::Layer;
use crate::tokens;
use egui::{Align2, ScrollArea, Ui};

/// Draws those that are open.
pub fn layers_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    settings::settings_ui(ui, scene);
    about::about_ui(ui, scene);
    keys::keys_ui(ui, scene);
    palette::palette_ui(ui, scene);
}

/// A window for `layer` of about `width`, if it is open; on a narrow screen as wide as that.
pub(super) fn window_ui(
    ui: &mut Ui,
    scene: &mut Scene<'_>,
    layer: Layer,
    title: &str,
    width: f32,
    content: impl FnOnce(&mut Ui, &mut Scene<'_>),
) {
    if !scene.state.shows(layer) {
        return;
    }
    let room = ui.ctx().content_rect();
    let width = width.min(room.width() - 4.0 * tokens::PAD);
    let mut open = true;
    egui::Window::new(title)
        .open(&mut open)
        .frame(scene.sheet())
        .collapsible(false)
        .resizable(false)
        .pivot(Align2::CENTER_CENTER)
        .default_pos(room.center())
        .default_height(room.height() - 80.0)
        .show(ui.ctx(), |ui| {
            ui.set_width(width);
            let height = room.height() - 120.0;
            ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
                ui.set_width(width);
                content(ui, scene);
            });
        });
    if !open {
        scene.ask(Command::Layer(layer));
    }
}
