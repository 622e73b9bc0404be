//! The bar at the top: play, step, restart, presets, sharing; and the sentence that says what to look at.

use super::Scene;
use crate::command::Command;
use crate::presets::{self, PRESETS};
use crate::state::Layer;
use crate::{text, tokens};
use egui::{Button, RichText};

/// Draws the bar.
pub fn top_bar_ui(ui: &mut egui::Ui, scene: &mut Scene<'_>) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(text::NAME).size(18.0).strong());
        let word = if scene.state.playing { "Pause" } else { "Play" };
        let label = RichText::new(word).color(scene.colors.on_action).strong();
        if ui.add(Button::new(label).fill(scene.colors.action)).clicked() {
            scene.ask(Command::TogglePlay);
        }
        for (label, command) in
            [("Step", Command::Step), ("Restart", Command::Restart), ("Slow motion", Command::SlowMotion)]
        {
            if ui.button(label).clicked() {
                scene.ask(command);
            }
        }
        let step = scene.engine.duel().map_or(0, |duel| duel.submitted());
        ui.label(RichText::new(format!("step {}", text::count(step))).color(scene.colors.quiet));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if ui.button("?").clicked() {
                scene.ask(Command::Layer(Layer::Keys));
            }
            ui.menu_button("Save", |ui| {
                for kind in ["config", "checkpoint", "csv", "png"] {
                    if ui.button(kind).clicked() {
                        scene.ask(Command::Export(kind.into()));
                    }
                }
            });
            if ui.button("Share link").clicked() {
                scene.ask(Command::CopyLink);
            }
            let title = presets::preset_of(&scene.state.config).map_or("Your own race", |preset| preset.title);
            ui.menu_button(title, |ui| {
                for preset in PRESETS {
                    if ui.button(preset.title).clicked() {
                        scene.ask(Command::Preset(preset.name.into()));
                    }
                }
            });
        });
    });
}

/// Draws the sentence.
pub fn sentence_ui(ui: &mut egui::Ui, scene: &mut Scene<'_>) {
    let sentence = presets::preset_of(&scene.state.config)
        .map_or("Same network, same start, same batches: which of the two learns what is right?", |preset| {
            preset.sentence
        });
    ui.label(RichText::new(sentence).size(tokens::HEADING));
}
