//! The control of one setting: name, value that can be typed, and a slider or a choice. It never leaves what can be set.

use super::Scene;
use crate::command::Command;
use crate::settings::{self, Change, Range, Setting};
use crate::{presets, share, text, tokens};
use egui::{
    Align, Color32, ComboBox, DragValue, Id, Label, Layout, PointerButton, Response, RichText, Sense, Slider,
    SliderClamping, Stroke, TextEdit, TextStyle, Ui, style::HandleShape, vec2,
};

/// Draws the control of `setting` in `width`.
pub fn setting_ui(ui: &mut Ui, scene: &mut Scene<'_>, setting: &'static Setting, width: f32) {
    ui.allocate_ui_with_layout(vec2(width, 0.0), Layout::top_down(Align::Min), |ui| {
        ui.set_width(width);
        ui.spacing_mut().item_spacing = vec2(6.0, 2.0);
        match setting.range {
            Range::Linear(low, high) => number_ui(ui, scene, setting, [low, high], false),
            Range::Log(low, high) => number_ui(ui, scene, setting, [low, high], true),
            Range::Whole(low, high) => number_ui(ui, scene, setting, [low, high], false),
            Range::Choice(all) => choice_ui(ui, scene, setting, all),
            Range::Sides(all) => sides_ui(ui, scene, setting, all),
            Range::Switch => switch_ui(ui, scene, setting),
            Range::Text => text_ui(ui, scene, setting),
        }
    });
}

/// The name of a setting, marked where its value is not the default: points to its meaning, a double click resets it.
fn name_ui(ui: &mut Ui, scene: &mut Scene<'_>, setting: &'static Setting) -> Response {
    let config = &scene.state.config;
    let value = share::text(&settings::value(config, setting.key));
    let default = presets::default_of(config, setting.key).unwrap_or_default();
    let changed = value != default;
    let name = if changed { tokens::strong(setting.label) } else { RichText::new(setting.label) };
    let response = ui.add(Label::new(name).sense(Sense::click()).selectable(false).truncate());
    if changed {
        let at = response.rect.right_center() + vec2(7.0, 0.0);
        ui.painter().circle_filled(at, 2.5, scene.colors.action);
    }
    let reset = response.double_clicked();
    let response = response.on_hover_ui(|ui| help_ui(ui, scene, setting, &default));
    if reset {
        scene.ask(Command::Reset(setting.key.into()));
    }
    response
}

fn help_ui(ui: &mut Ui, scene: &Scene<'_>, setting: &Setting, default: &str) {
    ui.set_max_width(300.0);
    ui.label(setting.help);
    let default = if default.is_empty() { text::BY_THE_DATA } else { default };
    let line = text::bar::setting_note(setting.change, default);
    ui.label(RichText::new(line).small().color(scene.colors.quiet));
}

fn number_ui(ui: &mut Ui, scene: &mut Scene<'_>, setting: &'static Setting, [low, high]: [f64; 2], log: bool) {
    let whole = matches!(setting.range, Range::Whole(..));
    let high = match setting.key {
        "batch" | "m" => scene.engine.duel().map_or(high, |duel| duel.data().train.len() as f64),
        _ => high,
    };
    let pending = Id::unique(("pending", setting.key));
    let now = settings::number(&scene.state.config, setting.key);
    let mut value = ui.data(|data| data.get_temp::<f64>(pending)).unwrap_or(now);
    let least = if log { 0.0 } else { low };
    let (name, typed) = ui
        .horizontal(|ui| {
            let name = name_ui(ui, scene, setting);
            let typed = ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.spacing_mut().interact_size.x = 20.0;
                ui.spacing_mut().button_padding = vec2(3.0, 1.0);
                let rest = &mut ui.visuals_mut().widgets.inactive;
                (rest.weak_bg_fill, rest.bg_stroke) = (Color32::TRANSPARENT, Stroke::NONE);
                ui.style_mut().drag_value_text_style = TextStyle::Name(tokens::STRONG.into());
                let percent = setting.key == "label_noise";
                ui.add(
                    DragValue::new(&mut value)
                        .speed(0.0)
                        .range(least..=high)
                        .update_while_editing(false)
                        .custom_formatter(move |value, _| written(value, percent))
                        .custom_parser(read),
                )
            });
            let typed = typed.inner.labelled_by(name.id);
            (name, typed)
        })
        .inner;
    ui.spacing_mut().slider_width = ui.available_width();
    let mut slider = Slider::new(&mut value, least..=high).show_value(false).clamping(SliderClamping::Edits);
    if log {
        slider = slider.logarithmic(true).smallest_positive(low);
    }
    if whole {
        slider = slider.step_by(1.0);
        slider = if high > 100.0 { slider.logarithmic(true) } else { slider };
    }
    let slid = ui.scope(|ui| {
        look(ui, scene);
        ui.add(slider)
    });
    let slid = slid.inner.labelled_by(name.id);
    let twice = ui.input(|input| input.pointer.button_double_clicked(PointerButton::Primary));
    if slid.contains_pointer() && twice {
        ui.data_mut(|data| data.remove::<f64>(pending));
        scene.ask(Command::Reset(setting.key.into()));
        return;
    }
    let value = if whole { value.round() } else { rounded(value) };
    // What rebuilds the trainer does so once, when the hand lets go.
    if slid.dragged() && setting.change != Change::Live {
        ui.data_mut(|data| data.insert_temp(pending, value));
    } else if slid.changed() || typed.changed() || slid.drag_stopped() {
        ui.data_mut(|data| data.remove::<f64>(pending));
        if value != now {
            scene.ask(Command::Set(setting.key.into(), value.to_string()));
        }
    }
}

/// A thin rail with a round handle.
fn look(ui: &mut Ui, scene: &Scene<'_>) {
    let height = if scene.narrow { tokens::TOUCH } else { 18.0 };
    ui.spacing_mut().interact_size.y = height;
    ui.spacing_mut().slider_rail_height = 4.0;
    let visuals = ui.visuals_mut();
    visuals.handle_shape = HandleShape::Circle;
    visuals.selection.bg_fill = scene.colors.quiet;
    let widgets = &mut visuals.widgets;
    for (widget, color) in [
        (&mut widgets.inactive, scene.colors.ink),
        (&mut widgets.hovered, scene.colors.ink),
        (&mut widgets.active, scene.colors.right),
    ] {
        widget.bg_fill = scene.colors.edge;
        // egui's handle is as large as the row: this one is a disc of 6 points, most of it stroke.
        widget.expansion = 3.4 - height / 2.5;
        widget.fg_stroke = Stroke::new(6.0, color);
    }
}

/// Three digits that count: a hand on a slider means no more.
fn rounded(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

/// A value as people read it.
fn written(value: f64, percent: bool) -> String {
    if percent { format!("{} %", rounded(100.0 * value)) } else { rounded(value).to_string() }
}

fn read(text: &str) -> Option<f64> {
    match text.trim().strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok().map(|value| value / 100.0),
        None => text.trim().parse().ok(),
    }
}

fn choice_ui(ui: &mut Ui, scene: &mut Scene<'_>, setting: &'static Setting, all: &[&str]) {
    let now = share::text(&settings::value(&scene.state.config, setting.key));
    let shown = if now.is_empty() { text::BY_THE_DATA } else { &now };
    named(ui, scene, setting, |ui, scene| {
        let width = ui.available_width();
        let combo = ComboBox::from_id_salt(setting.key).selected_text(shown).width(width.min(180.0));
        combo
            .show_ui(ui, |ui| {
                for value in all {
                    if ui.selectable_label(now == *value, *value).clicked() {
                        scene.ask(Command::Set(setting.key.into(), (*value).into()));
                    }
                }
            })
            .response
    });
}

/// A chooser for each side; one does not offer what the other has.
fn sides_ui(ui: &mut Ui, scene: &mut Scene<'_>, setting: &'static Setting, all: &[&str]) {
    let now = share::text(&settings::value(&scene.state.config, setting.key));
    let now = if now.is_empty() { text::SIDES_DEFAULT } else { &now };
    let names: Vec<&str> = now.split(',').map(str::trim).collect();
    named(ui, scene, setting, |ui, scene| {
        let width = (0.5 * (ui.available_width() - ui.spacing().item_spacing.x)).min(88.0);
        let chooser = |ui: &mut Ui, scene: &mut Scene<'_>, side: usize| {
            let shown = names.get(side).copied().unwrap_or_default();
            let combo = ComboBox::from_id_salt((setting.key, side)).selected_text(shown).width(width);
            let choices = |ui: &mut Ui| {
                for value in all.iter().filter(|value| !names.iter().enumerate().any(|(i, n)| i != side && n == *value))
                {
                    if ui.selectable_label(shown == *value, *value).clicked() {
                        let mut names = names.clone();
                        names.resize(names.len().max(side + 1), "");
                        names[side] = value;
                        scene.ask(Command::Set(setting.key.into(), names.join(",")));
                    }
                }
            };
            combo.show_ui(ui, choices).response.on_hover_text(text::SIDES[side])
        };
        // From right to left.
        let right = chooser(ui, scene, 1);
        let left = chooser(ui, scene, 0);
        left.union(right)
    });
}

fn switch_ui(ui: &mut Ui, scene: &mut Scene<'_>, setting: &'static Setting) {
    let now = settings::value(&scene.state.config, setting.key).as_bool().unwrap_or(false);
    named(ui, scene, setting, |ui, scene| {
        let mut on = now;
        let response = ui.checkbox(&mut on, "");
        if response.changed() {
            scene.ask(Command::Set(setting.key.into(), on.to_string()));
        }
        response
    });
}

/// A text that the engine checks: taken over with Enter, or when the field is left.
fn text_ui(ui: &mut Ui, scene: &mut Scene<'_>, setting: &'static Setting) {
    let now = share::text(&settings::value(&scene.state.config, setting.key));
    let offered: &[&str] = match setting.key {
        "data" => &["moons", "circles", "spirals", "gaussians", "xor", "fashion-sample"],
        "model" => &["mlp:8", "mlp:16,16", "mlp:32,32,32", "mlp:64,64,64", "mlp:128", "cnn:8,16"],
        _ => &["1", "2", "4", "inf"],
    };
    let place = Id::unique(("typed", setting.key));
    let mut typed = ui.data(|data| data.get_temp::<String>(place)).unwrap_or_else(|| now.clone());
    named(ui, scene, setting, |ui, scene| {
        let height = ui.spacing().interact_size.y;
        ui.menu_button("…", |ui| {
            for value in offered {
                if ui.selectable_label(now == *value, *value).clicked() {
                    scene.ask(Command::Set(setting.key.into(), (*value).into()));
                }
            }
        })
        .response
        .on_hover_text(text::CHOICES);
        let width = ui.available_width().min(150.0);
        let edit = TextEdit::singleline(&mut typed).hint_text(text::BY_THE_DATA).min_size(vec2(0.0, height));
        let response = ui.add(edit.desired_width(width));
        if response.has_focus() {
            ui.data_mut(|data| data.insert_temp(place, typed.clone()));
        } else if response.lost_focus() {
            ui.data_mut(|data| data.remove::<String>(place));
            if typed != now {
                scene.ask(Command::Set(setting.key.into(), typed.clone()));
            }
        }
        response
    });
}

/// A control behind its name, in one row.
fn named(
    ui: &mut Ui,
    scene: &mut Scene<'_>,
    setting: &'static Setting,
    control: impl FnOnce(&mut Ui, &mut Scene<'_>) -> Response,
) {
    ui.horizontal(|ui| {
        let name = name_ui(ui, scene, setting);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            control(ui, scene).labelled_by(name.id);
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_typed_as_they_are_written() {
        for (value, percent) in [(0.2, true), (0.05, false), (1e-6, false), (512.0, false), (0.0, false), (0.333, true)]
        {
            let back = read(&written(value, percent)).unwrap();
            assert!((back - value).abs() <= 1e-9 * value, "{value} is written {}", written(value, percent));
        }
        assert_eq!((read("20"), read("20%"), read("x")), (Some(20.0), Some(0.2), None));
        assert_eq!(rounded(0.123456), 0.123);
    }
}
