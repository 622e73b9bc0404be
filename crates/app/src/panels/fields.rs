//! The two decision boundaries with the points, and the figure that sums each up.

use super::Scene;
use crate::curves::Quantity;
use crate::engine::ASPECT;
use crate::{text, tokens};
use egui::{Color32, Rect, RichText, Sense, Stroke, pos2, vec2};
use lowland::data::Inputs;

/// Draws both sides next to each other.
pub fn fields_ui(ui: &mut egui::Ui, scene: &mut Scene<'_>) {
    let side = ((ui.available_width() - tokens::GAP) / 2.0 - 22.0).max(80.0);
    ui.horizontal_top(|ui| {
        for which in 0..2 {
            scene.card().show(ui, |ui| {
                ui.vertical(|ui| {
                    ui.set_width(side);
                    field_ui(ui, scene, which, side);
                });
            });
        }
    });
}

fn field_ui(ui: &mut egui::Ui, scene: &mut Scene<'_>, which: usize, width: f32) {
    let Some(duel) = scene.engine.duel() else {
        ui.label(text::PREPARING);
        return;
    };
    let Some(side) = duel.sides().get(which) else { return };
    let accuracy = scene.state.curves.last(side.first, Quantity::TestAccuracy).map(|point| point.value);
    ui.horizontal(|ui| {
        ui.label(RichText::new(text::side(&side.label)).size(tokens::FIGURE).strong().color(scene.side_color(which)));
        let figure = accuracy.map_or_else(String::new, text::percent);
        ui.label(RichText::new(figure).size(tokens::FIGURE).strong());
        ui.label(RichText::new(text::CLEAN_TEST).small().color(scene.colors.quiet));
    });
    let (rect, _) = ui.allocate_exact_size(vec2(width, width / ASPECT), Sense::click_and_drag());
    let Some(boundary) = scene.engine.boundary() else { return };
    if let Some(picture) = boundary.picture(which) {
        let all = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        ui.painter().image(picture.id(), rect, all, Color32::WHITE);
    }
    let data = duel.data();
    let Inputs::Floats(points) = &data.train.inputs else { return };
    let [x0, x1, y0, y1] = boundary.area();
    for (i, point) in points.chunks_exact(2).enumerate() {
        let at = pos2(
            rect.left() + rect.width() * (point[0] - x0) / (x1 - x0),
            rect.bottom() - rect.height() * (point[1] - y0) / (y1 - y0),
        );
        let color = scene.colors.class_points[usize::from(data.train.labels[i]) % 10];
        ui.painter().circle_filled(at, 2.5, color);
        if data.train.flipped.get(i).copied().unwrap_or(false) {
            ui.painter().circle_stroke(at, 4.5, Stroke::new(1.2, scene.colors.decision));
        }
    }
}
