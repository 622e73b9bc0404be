//! The two decision boundaries with the points, and the figure that sums each up. Points are taken and moved here.

use super::Scene;
use crate::command::Command;
use crate::curves::Quantity;
use crate::engine::{ASPECT, Duel};
use crate::{text, tokens};
use egui::{Color32, CursorIcon, PointerButton, Pos2, Rect, Response, Sense, Stroke, TextStyle, Ui, pos2, vec2};
use lowland::data::{Inputs, Split};

/// Radius of a training point.
const POINT: f32 = 2.6;
/// Width of the dark outline around it.
const OUTLINE: f32 = 0.6;
/// Radius of the ring around a wrong label.
const RING: f32 = 4.8;
/// Width of that ring.
const RING_WIDTH: f32 = 1.3;
/// How near to a point the pointer takes hold of it.
const REACH: f32 = 8.0;

/// Draws both sides next to each other, or the one that is looked at alone.
pub fn fields_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let sides: Vec<usize> = match scene.state.view.focus {
        Some(side) => vec![side],
        None => vec![0, 1],
    };
    let margin = 2.0 * (tokens::CARD_MARGIN + 1.0);
    let room = ui.available_width() - tokens::GAP * (sides.len() - 1) as f32;
    let width = (room / sides.len() as f32 - margin).max(80.0);
    ui.horizontal_top(|ui| {
        for side in sides {
            scene.card().show(ui, |ui| {
                ui.vertical(|ui| {
                    ui.set_width(width);
                    heading_ui(ui, scene, side);
                    if scene.engine.examples().is_some() {
                        super::examples_ui(ui, scene, side);
                    } else {
                        field_ui(ui, scene, side);
                    }
                });
            });
        }
    });
}

/// The side's name and its test accuracy.
fn heading_ui(ui: &mut Ui, scene: &mut Scene<'_>, which: usize) {
    let Some(duel) = scene.engine.duel() else {
        ui.label(text::PREPARING);
        return;
    };
    let Some(side) = duel.sides().get(which) else { return };
    let accuracy = scene.state.shown(side.first, Quantity::TestAccuracy);
    let note = match (scene.state.scrub, side.rho) {
        (Some(step), _) => text::looked_back(step),
        (None, rho) if rho > 0.0 => text::test_and_rho(rho),
        _ => text::CLEAN_TEST.to_owned(),
    };
    let font = TextStyle::Small.resolve(ui.style());
    let note = ui.painter().layout_no_wrap(note, font, scene.colors.quiet);
    let beside = ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = tokens::GAP;
        let name = tokens::strong(text::side(&side.label)).size(tokens::FIGURE);
        ui.label(name.color(scene.side_color(which)));
        let figure = accuracy.map_or_else(String::new, text::percent);
        ui.label(tokens::strong(figure).size(tokens::FIGURE));
        let fits = ui.available_width() >= note.size().x;
        if fits {
            ui.label(note.clone());
        }
        fits
    });
    // A part of it says nothing, and only one column grows downwards.
    if !beside.inner && scene.narrow {
        ui.label(note);
    }
}

/// The map of a side's answers, with the points on it.
fn field_ui(ui: &mut Ui, scene: &mut Scene<'_>, which: usize) {
    let width = ui.available_width();
    let (rect, response) = ui.allocate_exact_size(vec2(width, width / ASPECT), Sense::click_and_drag());
    let (Some(duel), Some(boundary)) = (scene.engine.duel(), scene.engine.boundary()) else { return };
    if let Some(picture) = boundary.picture(which) {
        let all = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        ui.painter().image(picture.id(), rect, all, Color32::WHITE);
    }
    let map = Map { rect, area: boundary.area() };
    let data = duel.data();
    if scene.state.view.test_points {
        test_points(ui, scene, &map, &data.test);
    }
    training_points(ui, scene, &map, &data.train);
    let label = duel.sides().get(which).map_or("", |side| side.label.as_str());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, text::field_of(label)));
    edit(ui, scene, duel, &map, &response);
}

/// From places of the data to places on screen and back.
struct Map {
    rect: Rect,
    area: [f32; 4],
}

impl Map {
    fn to_screen(&self, point: &[f32]) -> Pos2 {
        let [x0, x1, y0, y1] = self.area;
        pos2(
            self.rect.left() + self.rect.width() * (point[0] - x0) / (x1 - x0),
            self.rect.bottom() - self.rect.height() * (point[1] - y0) / (y1 - y0),
        )
    }

    fn place_at(&self, at: Pos2) -> [f32; 2] {
        let [x0, x1, y0, y1] = self.area;
        [
            x0 + (x1 - x0) * (at.x - self.rect.left()) / self.rect.width(),
            y0 + (y1 - y0) * (self.rect.bottom() - at.y) / self.rect.height(),
        ]
    }
}

fn class_color(scene: &Scene<'_>, label: u16) -> Color32 {
    scene.colors.class_points[usize::from(label) % scene.colors.class_points.len()]
}

/// Discs alone: egui has pictures of them, while it makes a hundred triangles of a circle's outline.
fn training_points(ui: &Ui, scene: &Scene<'_>, map: &Map, split: &Split) {
    let Inputs::Floats(points) = &split.inputs else { return };
    let painter = ui.painter_at(map.rect);
    for (i, point) in points.chunks_exact(2).enumerate() {
        let at = map.to_screen(point);
        if split.flipped.get(i).copied().unwrap_or(false) {
            painter.circle_filled(at, RING + 0.5 * RING_WIDTH, scene.colors.decision);
            painter.circle_filled(at, RING - 0.5 * RING_WIDTH, scene.colors.card);
        } else {
            painter.circle_filled(at, POINT + OUTLINE, scene.colors.card);
        }
        painter.circle_filled(at, POINT, class_color(scene, split.labels[i]));
    }
}

fn test_points(ui: &Ui, scene: &Scene<'_>, map: &Map, split: &Split) {
    let Inputs::Floats(points) = &split.inputs else { return };
    let painter = ui.painter_at(map.rect);
    for (i, point) in points.chunks_exact(2).enumerate() {
        let size = vec2(1.8, 1.8);
        painter.rect_filled(
            Rect::from_center_size(map.to_screen(point), size),
            0.0,
            class_color(scene, split.labels[i]),
        );
    }
}

/// A click adds a point, a drag moves one, a click with the other button (or with Ctrl) takes one away.
fn edit(ui: &Ui, scene: &mut Scene<'_>, duel: &Duel, map: &Map, response: &Response) {
    let Inputs::Floats(points) = &duel.data().train.inputs else { return };
    let nearest = |at: Pos2| {
        let distances = points.chunks_exact(2).map(|point| map.to_screen(point).distance(at)).enumerate();
        distances.min_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, distance)| *distance < REACH).map(|(i, _)| i)
    };
    let held = response.id.with("held");
    if response.drag_started_by(PointerButton::Primary)
        && let Some(point) = response.interact_pointer_pos().and_then(nearest)
    {
        ui.data_mut(|data| data.insert_temp(held, point));
    }
    let Some(at) = response.interact_pointer_pos().or(response.hover_pos()) else { return };
    let at = map.rect.clamp(at);
    let moved = ui.data(|data| data.get_temp::<usize>(held));
    if response.dragged()
        && let Some(point) = moved
    {
        scene.ask(Command::MovePoint(point, map.place_at(at)));
        return;
    }
    ui.data_mut(|data| data.remove_temp::<usize>(held));
    let near = nearest(at);
    let removes = response.secondary_clicked() || response.clicked() && ui.input(|input| input.modifiers.command);
    match near {
        Some(point) if removes => scene.ask(Command::RemovePoint(point)),
        None if response.clicked() && !removes => {
            let next = usize::from(scene.state.view.class) + usize::from(ui.input(|input| input.modifiers.shift));
            scene.ask(Command::AddPoint(map.place_at(at), (next % duel.data().classes.max(1)) as u16));
        }
        _ => {}
    }
    if let Some(point) = near {
        ui.painter().circle_stroke(map.to_screen(&points[2 * point..]), RING + 2.0, Stroke::new(1.5, scene.colors.ink));
        let train = &duel.data().train;
        let wrong = train.flipped.get(point).copied().unwrap_or(false);
        let label = text::point(point, train.labels[point], wrong);
        response.clone().on_hover_cursor(CursorIcon::Grab).on_hover_text_at_pointer(label);
    }
}
