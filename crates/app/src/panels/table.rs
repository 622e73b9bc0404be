//! The numbers as a table.

use super::Scene;
use super::layers::window_ui;
use crate::state::Layer;
use crate::{table, text, tokens};
use egui::{Grid, Label, RichText, Ui, vec2};

/// Draws the table, if it is open.
pub fn table_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    window_ui(ui, scene, Layer::Table, text::curves::TABLE, 460.0, |ui, scene| {
        let names = 0.48 * ui.available_width();
        Grid::new("numbers").striped(true).spacing(vec2(14.0, 6.0)).max_col_width(names).show(ui, |ui| {
            ui.label("");
            for (side, name) in table::columns(scene.engine).into_iter().enumerate() {
                ui.label(tokens::strong(name).color(scene.side_color(side)));
            }
            ui.end_row();
            for (name, values) in table::rows(scene.state, scene.engine) {
                ui.add(Label::new(RichText::new(name).color(scene.colors.quiet)).wrap());
                for value in values {
                    ui.label(value);
                }
                ui.end_row();
            }
        });
    });
}
