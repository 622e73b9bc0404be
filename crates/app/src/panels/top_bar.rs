//! The bar at the top: play, step, restart, presets, sharing; and the sentence that says what to look at.

use super::Scene;
use super::icons::{Icon, Look, icon_button, logo_ui};
use crate::command::Command;
use crate::presets::{self, PRESETS};
use crate::state::Layer;
use crate::text::{self, bar};
use crate::tokens;
use egui::text::LayoutJob;
use egui::{Align, FontId, Label, Layout, Popup, TextFormat, Ui};

/// Below this width buttons show their signs alone.
const TIGHT: f32 = 1000.0;

/// Draws the bar.
pub fn top_bar_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let bare = ui.available_width() < TIGHT;
    ui.horizontal(|ui| {
        logo_ui(ui, scene, true);
        ui.add_space(4.0);
        transport_ui(ui, scene, bare);
        counter_ui(ui, scene);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.button("?").on_hover_text(bar::OF_KEYS).clicked() {
                scene.ask(Command::Layer(Layer::Keys));
            }
            if icon_button(ui, scene, Icon::Theme, text::THEME, Look { bare: true, ..Look::default() }).clicked() {
                scene.ask(Command::NextTheme);
            }
            save_ui(ui, scene, bare);
            share_ui(ui, scene, bare);
            presets_ui(ui, scene);
        });
    });
}

/// The bar of a narrow window: name and presets; the rest is below, where the thumb is.
pub fn narrow_bar_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    ui.horizontal(|ui| {
        logo_ui(ui, scene, true);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| presets_ui(ui, scene));
    });
}

/// The bar at the bottom of a narrow window.
pub fn thumb_bar_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    ui.horizontal(|ui| {
        let bare = Look { bare: true, ..Look::default() };
        let play = if scene.state.playing { (Icon::Pause, text::PAUSE) } else { (Icon::Play, text::PLAY) };
        if icon_button(ui, scene, play.0, play.1, Look { action: true, ..Look::default() }).clicked() {
            scene.ask(Command::TogglePlay);
        }
        for (icon, name, command) in TRANSPORT {
            if icon_button(ui, scene, icon, name, bare).clicked() {
                scene.ask(command);
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let menu = icon_button(ui, scene, Icon::Menu, bar::MENU, bare);
            Popup::menu(&menu).show(|ui| {
                for (name, command) in [
                    (bar::SETTINGS, Command::Layer(Layer::Settings)),
                    (bar::COMMANDS, Command::Layer(Layer::Palette)),
                    (bar::TABLE, Command::Layer(Layer::Table)),
                    (text::SHARE, Command::CopyLink),
                    (bar::OPEN, Command::Open),
                    (text::THEME, Command::NextTheme),
                    (bar::KEYS, Command::Layer(Layer::Keys)),
                    (bar::ABOUT, Command::Layer(Layer::About)),
                ] {
                    if ui.button(name).clicked() {
                        scene.ask(command);
                    }
                }
            });
            save_ui(ui, scene, true);
        });
    });
}

const TRANSPORT: [(Icon, &str, Command); 3] = [
    (Icon::Step, bar::STEP, Command::Step),
    (Icon::Restart, bar::RESTART, Command::Restart),
    (Icon::Slow, bar::SLOW, Command::SlowMotion),
];

fn transport_ui(ui: &mut Ui, scene: &mut Scene<'_>, bare: bool) {
    let play = if scene.state.playing { (Icon::Pause, text::PAUSE) } else { (Icon::Play, text::PLAY) };
    let button = icon_button(ui, scene, play.0, play.1, Look { action: true, ..Look::default() });
    if button.on_hover_text(bar::SPACE).clicked() {
        scene.ask(Command::TogglePlay);
    }
    for (icon, name, command) in TRANSPORT {
        let look = Look { bare, selected: command == Command::SlowMotion && scene.state.slow.is_some(), action: false };
        if icon_button(ui, scene, icon, name, look).clicked() {
            scene.ask(command);
        }
    }
}

/// The step, and how fast it goes.
fn counter_ui(ui: &mut Ui, scene: &Scene<'_>) {
    let duel = scene.engine.duel();
    let mut job = LayoutJob::default();
    let quiet = TextFormat::simple(FontId::proportional(tokens::BODY), scene.colors.quiet);
    let strong = TextFormat::simple(tokens::strong_font(tokens::BODY), scene.colors.ink);
    job.append(bar::COUNTER, 0.0, quiet.clone());
    job.append(&text::count(duel.map_or(0, |duel| duel.submitted())), 0.0, strong);
    if let Some(speed) = scene.engine.steps_per_second().filter(|_| scene.state.playing) {
        job.append(&bar::speed(speed), 0.0, quiet);
    }
    ui.add(Label::new(job));
}

fn share_ui(ui: &mut Ui, scene: &mut Scene<'_>, bare: bool) {
    let share = icon_button(ui, scene, Icon::Share, text::SHARE, Look { bare, ..Look::default() });
    if share.on_hover_text(bar::OF_SHARE).clicked() {
        scene.ask(Command::CopyLink);
    }
}

fn save_ui(ui: &mut Ui, scene: &mut Scene<'_>, bare: bool) {
    let button = icon_button(ui, scene, Icon::Save, bar::SAVE, Look { bare, ..Look::default() });
    let label = |side: usize| {
        let side = scene.engine.duel().and_then(|duel| duel.sides().get(side));
        side.map_or_else(|| bar::THIS_SIDE.to_owned(), |side| text::side(&side.label))
    };
    let items = [
        ("config", bar::SAVE_CONFIG.to_owned()),
        ("checkpoint-left", bar::save_weights(&label(0))),
        ("checkpoint-right", bar::save_weights(&label(1))),
        ("csv", bar::SAVE_CURVES.to_owned()),
        ("png", bar::SAVE_PICTURE.to_owned()),
    ];
    Popup::menu(&button).show(|ui| {
        for (kind, title) in items {
            if ui.button(title).clicked() {
                scene.ask(Command::Export(kind.into()));
            }
        }
        ui.separator();
        if ui.button(bar::OPEN_A_FILE).clicked() {
            scene.ask(Command::Open);
        }
        if ui.button(bar::COPY_COMMAND).on_hover_text(bar::OF_COMMAND).clicked() {
            scene.ask(Command::CopyCommandLine);
        }
    });
}

fn presets_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let title = presets::preset_of(&scene.state.config).map_or(bar::OWN_RACE, |preset| preset.title);
    let button = icon_button(ui, scene, Icon::Down, title, Look::default());
    Popup::menu(&button).show(|ui| {
        for preset in PRESETS {
            let chosen = preset.title == title;
            if ui.selectable_label(chosen, preset.title).on_hover_text(preset.sentence.replace("**", "")).clicked() {
                scene.ask(Command::Preset(preset.name.into()));
            }
        }
    });
}

/// Draws the sentence.
pub fn sentence_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let sentence = presets::preset_of(&scene.state.config).map_or(text::OWN_RACE, |preset| preset.sentence);
    let job = sentence_job(scene, sentence);
    ui.add(Label::new(job).wrap());
}

/// The names of the sides in their colours, and what stands between `**` in the heavier weight.
fn sentence_job(scene: &Scene<'_>, sentence: &str) -> LayoutJob {
    let size = if scene.narrow { tokens::BODY } else { tokens::HEADING };
    let names: Vec<String> = scene.engine.duel().map_or_else(
        || bar::SIDES.map(String::from).to_vec(),
        |duel| duel.sides().iter().take(2).map(|side| text::side(&side.label)).collect(),
    );
    let mut job = LayoutJob::default();
    for (i, part) in sentence.split("**").enumerate() {
        for word in part.split_inclusive(|c: char| !c.is_alphanumeric()) {
            let bare = word.trim_end_matches(|c: char| !c.is_alphanumeric());
            let (bare, rest) = word.split_at(bare.len());
            let side = names.iter().position(|name| name == bare);
            let format = match side {
                Some(side) => TextFormat::simple(tokens::strong_font(size), scene.side_color(side)),
                None if i % 2 == 1 => TextFormat::simple(tokens::strong_font(size), scene.colors.ink),
                None => TextFormat::simple(FontId::proportional(size), scene.colors.ink),
            };
            job.append(bare, 0.0, format);
            job.append(rest, 0.0, TextFormat::simple(FontId::proportional(size), scene.colors.ink));
        }
    }
    job
}
