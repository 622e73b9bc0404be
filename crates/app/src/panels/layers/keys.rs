//! The list of keys.

use super::{Scene, window_ui};
use crate::command::{COMMANDS, MORE_KEYS};
use crate::state::Layer;
use crate::{text, tokens};
use egui::{Grid, RichText, Ui};

/// Draws it, if it is open.
pub fn keys_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    window_ui(ui, scene, Layer::Keys, text::bar::KEYS, 440.0, |ui, scene| {
        let context = ui.ctx().clone();
        Grid::new("keys").num_columns(2).spacing([16.0, 4.0]).show(ui, |ui| {
            let plain = COMMANDS.iter().filter_map(|spec| Some((spec.key?, spec.title)));
            let more = MORE_KEYS.iter().map(|more| (more.key, more.title));
            for (key, title) in plain.chain(more) {
                ui.label(tokens::strong(context.format_shortcut(&key)));
                ui.label(title);
                ui.end_row();
            }
        });
        ui.label(RichText::new(text::KEYS_NOTE).small().color(scene.colors.quiet));
    });
}
