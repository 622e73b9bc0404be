//! Run folders beside the race: open, close, and train what one of them trained.

use super::Scene;
use super::layers::window_ui;
use crate::command::Command;
use crate::curves::Quantity;
use crate::runs::Run;
use crate::state::Layer;
use crate::text::{self, bar};
use crate::{bands, tokens};
use egui::{Color32, Id, RichText, TextEdit, Ui, vec2};

/// Draws the list, if it is open.
pub fn runs_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    window_ui(ui, scene, Layer::Runs, bar::RUNS, 540.0, |ui, scene| {
        ui.label(RichText::new(bar::OF_RUNS).color(scene.colors.quiet));
        path_ui(ui, scene);
        for i in 0..scene.state.runs.all().len() {
            run_ui(ui, scene, i);
        }
    });
}

fn path_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let id = Id::unique("run-folder");
    let mut path = ui.data(|data| data.get_temp::<String>(id)).unwrap_or_default();
    ui.horizontal(|ui| {
        let width = (ui.available_width() - 150.0).max(120.0);
        let edit = TextEdit::singleline(&mut path).hint_text(bar::PATH_HINT).desired_width(width);
        let edit = ui.add(edit);
        edit.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, bar::PATH));
        let entered = edit.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        if (ui.button(bar::OPEN_RUN).clicked() || entered) && !path.trim().is_empty() {
            scene.ask(Command::OpenRun(std::mem::take(&mut path)));
        }
        if cfg!(not(target_family = "wasm")) && ui.button(bar::CHOOSE).clicked() {
            scene.ask(Command::ChooseRun);
        }
    });
    ui.data_mut(|data| data.insert_temp(id, path));
}

fn run_ui(ui: &mut Ui, scene: &mut Scene<'_>, i: usize) {
    let Some(run) = scene.state.runs.all().get(i) else { return };
    ui.separator();
    ui.horizontal_wrapped(|ui| {
        let (dot, _) = ui.allocate_exact_size(vec2(12.0, 12.0), egui::Sense::hover());
        ui.painter().circle_filled(dot.center(), 5.0, color(scene, i));
        ui.label(tokens::strong(run.name()));
        ui.label(RichText::new(summary(run)).color(scene.colors.quiet));
    });
    ui.horizontal(|ui| {
        if ui.button(bar::TRAIN_RUN).on_hover_text(bar::OF_TRAIN_RUN).clicked() {
            scene.commands.push(Command::TrainRun(i));
        }
        if ui.button(bar::CLOSE).clicked() {
            scene.commands.push(Command::CloseRun(i));
        }
    });
}

/// What it trained, and where it stands.
fn summary(run: &Run) -> String {
    let config = run.config();
    let mut line = bar::run(&config.data, config.label_noise);
    for group in run.groups() {
        let at = |lane| run.curves().last(lane, Quantity::TestAccuracy);
        let values: Vec<f32> =
            (group.first..group.first + group.seeds).filter_map(at).map(|point| point.value).collect();
        let label = text::side(&group.label);
        let stands = at(group.first).map(|point| (bands::interval(&values).0, point.step));
        line += &bar::run_side(&label, stands);
    }
    line
}

/// The colour of a run's curves: neither of the sides'.
pub fn color(scene: &Scene<'_>, run: usize) -> Color32 {
    let colors = &scene.colors.class_points;
    // The classes' colours, those apart from both sides' first.
    const ORDER: [usize; 8] = [1, 5, 6, 0, 8, 2, 4, 7];
    colors[ORDER[run % ORDER.len()]]
}
