//! The drawer with all settings, by group; any other key of the configuration by its name; and the command line that does the
//! same.

use super::{Scene, window_ui};
use crate::command::Command;
use crate::panels::setting::setting_ui;
use crate::settings::{self, SETTINGS};
use crate::state::Layer;
use crate::text::{self, bar};
use crate::{share, tokens};
use egui::{ComboBox, Id, Label, RichText, TextEdit, Ui};

/// The keys of each group, as `bar::GROUPS` names them.
const GROUPS: [&[&str]; 4] = [
    &[
        "optimizer",
        "rho",
        "lr",
        "momentum",
        "weight_decay",
        "nesterov",
        "base",
        "m",
        "p",
        "ascent_steps",
        "second_order",
    ],
    &["data", "data_size", "data_noise", "data_seed", "label_noise", "label_smoothing", "batch"],
    &["model", "activation", "norm", "dropout"],
    &["seed", "seeds", "equal_compute"],
];

/// Draws the drawer, if it is open.
pub fn settings_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    window_ui(ui, scene, Layer::Settings, bar::SETTINGS, 380.0, |ui, scene| {
        for (title, keys) in bar::GROUPS.into_iter().zip(GROUPS) {
            ui.label(tokens::strong(title).size(tokens::HEADING));
            for key in keys.iter().filter(|key| !scene.state.hides(key)) {
                let width = ui.available_width();
                if let Some(setting) = settings::setting(key) {
                    setting_ui(ui, scene, setting, width);
                }
            }
            ui.separator();
        }
        any_key_ui(ui, scene);
        ui.separator();
        ui.label(tokens::strong(text::SAME_IN_A_TERMINAL));
        let steps = scene.engine.duel().map_or(0, |duel| duel.submitted());
        let line = share::command_line(&scene.state.config, steps);
        ui.add(Label::new(RichText::new(line).monospace().color(scene.colors.quiet)).wrap());
        if ui.button(bar::COPY_COMMAND).clicked() {
            scene.ask(Command::CopyCommandLine);
        }
    });
}

/// A key without a control, by its name.
fn any_key_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    ui.label(tokens::strong(bar::ANY_OTHER));
    let place = Id::unique("any-key");
    let object = scene.state.config.to_object();
    let keys: Vec<&String> = object.keys().filter(|key| !SETTINGS.iter().any(|setting| setting.key == *key)).collect();
    let first = || keys.first().map(|key| (*key).clone()).unwrap_or_default();
    let (mut key, mut value): (String, String) =
        ui.data(|data| data.get_temp(place)).unwrap_or_else(|| (first(), String::new()));
    ui.horizontal(|ui| {
        let combo = ComboBox::from_id_salt("any-key").selected_text(&key).width(140.0);
        combo.show_ui(ui, |ui| {
            for other in &keys {
                if ui.selectable_label(key == **other, *other).clicked() {
                    value = object.get(*other).map(share::text).unwrap_or_default();
                    key.clone_from(other);
                }
            }
        });
        let edit = ui.add(TextEdit::singleline(&mut value).hint_text(text::BY_DEFAULT).desired_width(120.0));
        let enter = edit.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        if ui.button(bar::SET).clicked() || enter {
            scene.ask(Command::Set(key.clone(), value.clone()));
        }
    });
    ui.data_mut(|data| data.insert_temp(place, (key, value)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_in_one_group() {
        for setting in SETTINGS {
            let groups = GROUPS.iter().filter(|keys| keys.contains(&setting.key)).count();
            assert_eq!(groups, 1, "{}", setting.key);
        }
    }
}
