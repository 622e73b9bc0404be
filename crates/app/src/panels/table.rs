//! The numbers as a table.

use super::Scene;
use crate::command::Command;
use crate::state::Layer;
use crate::{table, tokens};
use egui::{Grid, Label, RichText, ScrollArea, Ui, vec2};

/// Draws the table, if it is open.
pub fn table_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    if !scene.state.shows(Layer::Table) {
        return;
    }
    let mut open = true;
    let room = ui.ctx().content_rect();
    egui::Window::new("Numbers")
        .open(&mut open)
        .frame(scene.card())
        .collapsible(false)
        .resizable(false)
        .default_pos(room.center() - vec2(0.5 * room.width().min(480.0), 0.4 * room.height()))
        .show(ui.ctx(), |ui| {
            ui.set_max_width(room.width() - 4.0 * tokens::PAD);
            ScrollArea::both().max_height(room.height() - 120.0).show(ui, |ui| {
                let name_width = (0.42 * room.width()).min(260.0);
                Grid::new("numbers").striped(true).spacing(vec2(14.0, 6.0)).max_col_width(name_width).show(ui, |ui| {
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
        });
    if !open {
        scene.ask(Command::Layer(Layer::Table));
    }
}
