//! The row of controls that act while training.

use super::Scene;
use super::icons::{Icon, Look, icon_button};
use super::setting::setting_ui;
use crate::command::Command;
use crate::settings::{self, Setting};
use crate::state::Layer;
use crate::text::{self, bar};
use crate::tokens;
use egui::{Popup, RichText, Ui, vec2};

/// The settings of the row, by weight: what does not fit is left to the drawer.
const ROW: [&str; 6] = ["rho", "label_noise", "lr", "batch", "momentum", "weight_decay"];

/// Draws the row.
pub fn controls_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    const BUTTONS: f32 = 376.0;
    const LEAST: f32 = 128.0;
    let room = ui.available_width() - BUTTONS;
    let wanted: Vec<&'static Setting> = shown(scene, &ROW);
    let fits = ((room / (LEAST + 2.0 * tokens::GAP)) as usize).clamp(1, wanted.len().max(1));
    let width = room / fits as f32 - 2.0 * tokens::GAP;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0 * tokens::GAP;
        for setting in wanted.into_iter().take(fits) {
            setting_ui(ui, scene, setting, width);
        }
        ui.spacing_mut().item_spacing.x = tokens::GAP;
        buttons_ui(ui, scene);
    });
    if !scene.state.hides("rho") {
        ui.label(RichText::new(text::RHO_NOTE).small().color(scene.colors.quiet));
    }
}

/// All controls of a lesson, one below the other.
pub fn narrow_controls_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    for setting in shown(scene, &ROW) {
        let width = ui.available_width();
        setting_ui(ui, scene, setting, width);
    }
    ui.horizontal_wrapped(|ui| buttons_ui(ui, scene));
}

fn shown(scene: &Scene<'_>, keys: &[&str]) -> Vec<&'static Setting> {
    let keys = keys.iter().filter(|key| !scene.state.hides(key));
    keys.filter_map(|key| settings::setting(key)).collect()
}

fn buttons_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    if !scene.state.hides("model") {
        model_ui(ui, scene);
    }
    if !scene.state.hides("seed") {
        let name = bar::seed(scene.state.config.seed);
        if icon_button(ui, scene, Icon::Dice, &name, Look::default()).on_hover_text(text::DICE).clicked() {
            scene.ask(Command::Dice);
        }
    }
    if !scene.state.hides("seeds") {
        seeds_ui(ui, scene);
    }
    if !scene.state.hides("*") && ui.button(bar::MORE).on_hover_text(bar::OF_MORE).clicked() {
        scene.ask(Command::Layer(Layer::Settings));
    }
}

/// How many seeds are trained at once.
fn seeds_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let seeds = scene.state.config.seeds;
    let button = icon_button(ui, scene, Icon::Down, &bar::seeds(seeds), Look::default());
    Popup::menu(&button).show(|ui| {
        ui.label(RichText::new(text::SEEDS).color(scene.colors.quiet));
        for count in [1u32, 2, 4, 8, 16] {
            if ui.selectable_label(seeds == count, count.to_string()).clicked() {
                scene.ask(Command::Set("seeds".into(), count.to_string()));
            }
        }
        let mut equal = scene.state.config.equal_compute;
        if ui.checkbox(&mut equal, bar::EQUAL_COMPUTE).on_hover_text(text::EQUAL_COMPUTE).clicked() {
            scene.ask(Command::Set("equal_compute".into(), equal.to_string()));
        }
    });
}

/// The network: layers and width of a perceptron, or any description.
fn model_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let (name, layers) = match scene.engine.duel() {
        Some(duel) => (duel.model().name().to_owned(), widths(duel.model().description())),
        None => (bar::NETWORK.to_owned(), None),
    };
    let shown =
        layers.as_ref().map_or(name, |layers| layers.iter().map(usize::to_string).collect::<Vec<_>>().join("-"));
    let button = icon_button(ui, scene, Icon::Down, &shown, Look::default()).on_hover_text(text::NETWORK);
    Popup::menu(&button).show(|ui| {
        ui.set_min_width(240.0);
        if let Some(layers) = layers {
            let (mut depth, mut width) = (layers.len(), layers[0]);
            let deeper = ui.add(egui::Slider::new(&mut depth, 1..=6).text(bar::HIDDEN_LAYERS));
            let wider = ui.add(egui::Slider::new(&mut width, 2..=256).logarithmic(true).text(bar::WIDE));
            // Another network begins anew: once, when the hand lets go.
            let done = |slider: &egui::Response| slider.drag_stopped() || slider.changed() && !slider.dragged();
            if (deeper.changed() || wider.changed()) && (done(&deeper) || done(&wider)) {
                scene.ask(Command::Set("model".into(), format!("mlp:{}", vec![width.to_string(); depth].join(","))));
            }
        }
        if let Some(setting) = settings::setting("model") {
            setting_ui(ui, scene, setting, 240.0);
        }
        ui.allocate_space(vec2(0.0, 2.0));
    });
}

/// The widths of `mlp:32,32`.
fn widths(description: &str) -> Option<Vec<usize>> {
    let list: Option<Vec<usize>> =
        description.strip_prefix("mlp:")?.split(',').map(|n| n.trim().parse().ok()).collect();
    list.filter(|list| !list.is_empty())
}
