//! The map of rho and learning rate: small multiples, each a training; a click takes its settings over.

use super::Scene;
use super::layers::window_ui;
use crate::command::Command;
use crate::engine::{RhoMap, SIDE};
use crate::state::Layer;
use crate::text::measured;
use crate::tokens;
use egui::{
    Align2, Color32, FontId, ProgressBar, Rect, RichText, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

/// Steps of a cell that are offered.
const STEPS: [u64; 3] = [300, 1000, 3000];
/// Room for what stands left of the rows.
const LEFT: f32 = 54.0;
/// Height of the strip with a cell's number.
const STRIP: f32 = 20.0;

/// Draws the map, if it is open.
pub fn map_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    window_ui(ui, scene, Layer::Map, measured::MAP, 600.0, content_ui);
}

fn content_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    ui.label(RichText::new(measured::OF_MAP).color(scene.colors.quiet));
    let map = scene.engine.map();
    ui.horizontal_wrapped(|ui| match map.filter(|map| map.is_running()) {
        Some(map) => {
            if ui.button(measured::STOP).clicked() {
                scene.ask(Command::TrainMap(None));
            }
            let line = measured::map_progress(map.progress(), map.steps());
            ui.add(ProgressBar::new(map.progress()).desired_width(220.0).text(line));
        }
        None => {
            ui.label(measured::train_map(map.is_some()));
            for steps in STEPS {
                if ui.button(measured::steps(steps)).clicked() {
                    scene.ask(Command::TrainMap(Some(steps)));
                }
            }
        }
    });
    let Some(map) = map else { return };
    if let Some(line) = other_race(scene, map) {
        ui.label(RichText::new(line).color(scene.colors.warning));
    }
    cells_ui(ui, scene, map);
}

/// What differs from the present race, where a cell's settings would not do the same there.
fn other_race(scene: &Scene<'_>, map: &RhoMap) -> Option<&'static str> {
    let (now, of) = (&scene.state.config, map.config());
    let same = lowland::config::Config { rho: now.rho, lr: now.lr, ..of.clone() } == *now;
    (!same).then_some(measured::OTHER_RACE)
}

fn cells_ui(ui: &mut Ui, scene: &mut Scene<'_>, map: &RhoMap) {
    let quiet = scene.colors.quiet;
    let width = ((ui.available_width() - LEFT) / SIDE as f32).floor();
    let picture = map.picture(0).map_or(0.0, |_| ((width - 6.0) * 0.8).min(90.0));
    let height = picture + STRIP + 6.0;
    let (rect, _) =
        ui.allocate_exact_size(vec2(LEFT + width * SIDE as f32, height * SIDE as f32 + 34.0), Sense::hover());
    let font = FontId::proportional(tokens::SMALL);
    let corner = rect.min + vec2(LEFT, 0.0);
    let accuracies = map.cells().iter().filter_map(|cell| cell.accuracy.filter(|accuracy| accuracy.is_finite()));
    let range = accuracies.fold([1.0f32, 0.0], |[low, high], a| [low.min(a), high.max(a)]);
    for (i, cell) in map.cells().iter().enumerate() {
        let (row, column) = (i / SIDE, i % SIDE);
        let at = corner + vec2(column as f32 * width, row as f32 * height);
        let place = Rect::from_min_size(at, vec2(width, height)).shrink(3.0);
        if column == 0 {
            let name = measured::row(cell.rho);
            ui.painter().text(pos2(at.x - 6.0, place.center().y), Align2::RIGHT_CENTER, name, font.clone(), quiet);
        }
        if row == SIDE - 1 {
            let under = pos2(place.center().x, rect.bottom() - 33.0);
            ui.painter().text(under, Align2::CENTER_TOP, cell.lr, font.clone(), quiet);
        }
        cell_ui(ui, scene, map, i, place, range);
    }
    let painter = ui.painter();
    painter.text(rect.min, Align2::LEFT_TOP, measured::RHO, font.clone(), scene.colors.ink);
    let under = pos2(corner.x + 0.5 * width * SIDE as f32, rect.bottom());
    painter.text(under, Align2::CENTER_BOTTOM, measured::LEARNING_RATE, font, scene.colors.ink);
}

fn cell_ui(ui: &mut Ui, scene: &mut Scene<'_>, map: &RhoMap, i: usize, place: Rect, [low, high]: [f32; 2]) {
    let Some(cell) = map.cells().get(i) else { return };
    let c = scene.colors;
    let response = ui.interact(place, ui.scope_id().with(("cell", i)), Sense::click());
    let (value, spoken) = (measured::cell(cell), measured::spoken_cell(cell));
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &spoken));
    let share = cell.accuracy.map_or(0.0, |a| ((a - low) / (high - low).max(0.01)).clamp(0.0, 1.0));
    let (fill, ink) = match (cell.trouble, cell.accuracy) {
        (Some(_), _) => (c.control, c.warning),
        (None, None) => (c.control, c.quiet),
        (None, Some(_)) => (mixed(c.control, c.action, share), if share > 0.45 { c.on_action } else { c.ink }),
    };
    let strip = Rect::from_min_max(pos2(place.left(), place.bottom() - STRIP), place.max);
    let painter = ui.painter();
    painter.rect_filled(strip, 2.0, fill);
    if let Some(picture) = map.picture(i) {
        let all = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        let above = Rect::from_min_max(place.min, pos2(place.right(), strip.top()));
        painter.image(picture.id(), above, all, Color32::WHITE);
    }
    let size = if place.width() < 62.0 { tokens::SMALL } else { tokens::BODY };
    painter.text(strip.center(), Align2::CENTER_CENTER, value, FontId::proportional(size), ink);
    let config = &scene.state.config;
    let present = config.rho == Some(cell.rho) && config.lr == Some(cell.lr);
    let edge = match () {
        () if response.has_focus() || response.hovered() => Some(Stroke::new(2.0, c.ink)),
        () if present => Some(Stroke::new(2.0, c.right)),
        () => None,
    };
    if let Some(edge) = edge {
        painter.rect_stroke(place, 3.0, edge, StrokeKind::Outside);
    }
    if response.on_hover_text(&spoken).clicked() {
        scene.ask(Command::Set("rho".into(), cell.rho.to_string()));
        scene.ask(Command::Set("lr".into(), cell.lr.to_string()));
    }
}

fn mixed(from: Color32, to: Color32, share: f32) -> Color32 {
    from.lerp_to_gamma(to, share)
}
