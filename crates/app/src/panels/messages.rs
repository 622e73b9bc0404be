//! What the app has to say, over the lower edge of the window.

use super::Scene;
use crate::command::Command;
use egui::{Align2, Area, Id, Label, RichText};

/// Says over everything what can be dropped.
pub fn drop_ui(ui: &mut egui::Ui, scene: &Scene<'_>) {
    let area = Area::new(Id::unique("drop")).order(egui::Order::Foreground).anchor(Align2::CENTER_CENTER, [0.0, 0.0]);
    area.show(ui.ctx(), |ui| scene.sheet().show(ui, |ui| ui.label(crate::tokens::strong(crate::text::DROP))));
}

/// Draws the messages, newest below.
pub fn messages_ui(ui: &mut egui::Ui, scene: &mut Scene<'_>) {
    if scene.state.messages.is_empty() {
        return;
    }
    let width = (ui.ctx().content_rect().width() - 40.0).min(560.0);
    let messages = scene.state.messages.clone();
    Area::new(Id::unique("messages")).anchor(Align2::CENTER_BOTTOM, [0.0, -90.0]).show(ui.ctx(), |ui| {
        ui.set_max_width(width);
        for message in &messages {
            scene.sheet().show(ui, |ui| {
                ui.horizontal(|ui| {
                    let color = if message.warning { scene.colors.warning } else { scene.colors.ink };
                    ui.add(Label::new(RichText::new(&message.text).color(color)).wrap());
                    if message.warning && ui.button(crate::text::bar::CLOSE).clicked() {
                        scene.ask(Command::Close);
                    }
                });
            });
        }
    });
}
