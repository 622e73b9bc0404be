//! The palette: every command by some letters of its name.

use super::Scene;
use crate::command::{COMMANDS, Command};
use crate::presets::PRESETS;
use crate::settings::SETTINGS;
use crate::state::Layer;
use crate::text::{self, bar};
use crate::tokens;
use egui::{Align2, Area, Id, Key, Modifiers, Order, RichText, ScrollArea, TextEdit, Ui};

/// A line of the palette.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    title: String,
    key: Option<egui::KeyboardShortcut>,
    command: Command,
}

/// Draws it, if it is open: typing narrows it down, arrows choose, Enter does it.
pub fn palette_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let (typed_id, chosen_id, field) =
        (Id::unique("palette-text"), Id::unique("palette-line"), Id::unique("palette-field"));
    if !scene.state.shows(Layer::Palette) {
        ui.data_mut(|data| {
            data.remove::<String>(typed_id);
            data.remove::<usize>(chosen_id);
        });
        return;
    }
    let room = ui.ctx().content_rect();
    let width = 480f32.min(room.width() - 4.0 * tokens::PAD);
    let before = ui.data(|data| data.get_temp::<String>(typed_id));
    let opening = before.is_none();
    let mut typed = before.unwrap_or_default();
    let mut chosen = ui.data(|data| data.get_temp::<usize>(chosen_id)).unwrap_or(0);
    let area = Area::new(Id::unique("palette")).order(Order::Foreground).anchor(Align2::CENTER_TOP, [0.0, 64.0]);
    area.show(ui.ctx(), |ui| {
        scene.sheet().shadow(ui.visuals().popup_shadow).show(ui, |ui| {
            ui.set_width(width);
            let pressed = |ui: &Ui, key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
            let (down, up, enter) = (pressed(ui, Key::ArrowDown), pressed(ui, Key::ArrowUp), pressed(ui, Key::Enter));
            let edit = TextEdit::singleline(&mut typed).id(field).hint_text(text::PALETTE_HINT).desired_width(width);
            let edit = ui.add(edit);
            edit.widget_info(|| egui::WidgetInfo::labeled(egui::Role::SearchInput, true, bar::COMMANDS));
            if opening || !edit.has_focus() {
                edit.request_focus();
            }
            let entries = entries(&typed);
            if edit.changed() {
                chosen = 0;
            }
            chosen = (chosen + usize::from(down)).saturating_sub(usize::from(up)).min(entries.len().saturating_sub(1));
            ScrollArea::vertical().max_height((room.height() - 180.0).min(360.0)).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                for (i, entry) in entries.iter().enumerate() {
                    let shortcut = entry.key.map(|key| ui.ctx().format_shortcut(&key)).unwrap_or_default();
                    let button = egui::Button::selectable(i == chosen, &entry.title).shortcut_text(shortcut);
                    let response = ui.add_sized([ui.available_width(), ui.spacing().interact_size.y], button);
                    if i == chosen && (down || up) {
                        response.scroll_to_me(None);
                    }
                    if response.clicked() || enter && i == chosen {
                        scene.ask(Command::Layer(Layer::Palette));
                        scene.ask(entry.command.clone());
                    }
                }
                if entries.is_empty() {
                    ui.label(RichText::new(text::NOTHING_FOUND).color(scene.colors.quiet));
                }
            });
        });
    });
    ui.data_mut(|data| {
        data.insert_temp(typed_id, typed);
        data.insert_temp(chosen_id, chosen);
    });
}

/// What fits `typed`, best first: commands with what they can be given, presets, and `key=value` for any setting.
fn entries(typed: &str) -> Vec<Entry> {
    let mut found: Vec<(i32, Entry)> = Vec::new();
    let mut offer = |title: String, key, command: Result<Command, String>| {
        if let (Some(score), Ok(command)) = (score(typed, &title), command) {
            found.push((score, Entry { title, key, command }));
        }
    };
    for spec in COMMANDS {
        match spec.argument {
            None => offer(spec.title.to_owned(), spec.key, Command::parse(spec.name, "")),
            Some(_) if spec.name == "preset" => {
                for preset in PRESETS {
                    offer(bar::preset(preset.title), None, Command::parse("preset", preset.name));
                }
            }
            Some(_) if spec.name == "reset" => {
                for setting in SETTINGS {
                    offer(bar::default_of(setting.label), None, Command::parse("reset", setting.key));
                }
            }
            Some(_) => {
                for argument in spec.offered {
                    offer(format!("{}: {argument}", spec.title), None, Command::parse(spec.name, argument));
                }
            }
        }
    }
    found.sort_by_key(|(score, _)| -score);
    let mut entries: Vec<Entry> = found.into_iter().map(|(_, entry)| entry).collect();
    let (name, argument) = typed.trim().split_once(' ').unwrap_or((typed.trim(), ""));
    if let Ok(command) = Command::parse(name, argument) {
        entries.insert(0, Entry { title: typed.trim().to_owned(), key: None, command });
    } else if typed.contains('=') && !typed.trim().starts_with('=') {
        let command = Command::parse("set", typed);
        let set = command.map(|command| Entry { title: bar::set(typed.trim()), key: None, command });
        entries.extend(set);
    }
    entries
}

/// How well `typed` fits `title`: its letters in order, better at the beginnings of words and side by side; `None` where
/// they do not.
fn score(typed: &str, title: &str) -> Option<i32> {
    let title: Vec<char> = title.to_lowercase().chars().collect();
    let (mut at, mut score, mut last) = (0, 0, None);
    for letter in typed.to_lowercase().chars().filter(|c| !c.is_whitespace()) {
        let place = at + title[at..].iter().position(|c| *c == letter)?;
        let begins = place == 0 || !title[place - 1].is_alphanumeric();
        let follows = last.is_some_and(|last| last + 1 == place);
        score += 1 + 6 * i32::from(begins) + 4 * i32::from(follows) - (place - at).min(3) as i32;
        (at, last) = (place + 1, Some(place));
    }
    Some(score)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_find_what_they_begin() {
        assert_eq!(entries("resta")[0].command, Command::Restart);
        assert_eq!(entries("sl mo")[0].command, Command::SlowMotion);
        assert_eq!(entries("clothes")[0].command, Command::Preset("fashion".into()));
        assert_eq!(entries("curves seconds")[0].command, Command::Axis(crate::state::Axis::Seconds));
        assert!(entries("qqqq").is_empty());
    }

    #[test]
    fn commands_can_be_written_out() {
        assert_eq!(entries("scrub 120")[0].command, Command::Scrub(Some(120)));
        assert_eq!(entries("rho=0.3").last().unwrap().command, Command::Set("rho".into(), "0.3".into()));
    }

    #[test]
    fn without_letters_everything_is_there() {
        assert!(entries("").len() > COMMANDS.len());
    }
}
