//! Slow motion: the six parts of a SAM step, each lit as it happens, with its formula and its numbers.

use super::Scene;
use crate::command::Command;
use crate::engine::Numbers;
use crate::text::{self, ground as said};
use crate::tokens;
use egui::{Align2, FontId, RichText, Sense, Stroke, Ui, vec2};

/// Height of the row of parts, in two rows of three.
pub const HEIGHT: f32 = 132.0;

/// Draws the parts and what moves them on.
pub fn slow_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let Some(slow) = scene.state.slow else { return };
    let unfolded = scene.engine.slow().filter(|slow| slow.unfolded().is_some());
    let numbers = unfolded.and_then(|slow| scene.engine.duel().and_then(|duel| slow.numbers(duel)));
    let climbs = unfolded.is_none_or(|slow| slow.climbs());
    let width = (ui.available_width() - 2.0 * tokens::GAP) / 3.0;
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing = vec2(tokens::GAP, 6.0);
        for row in 0..2 {
            ui.horizontal(|ui| {
                for part in 3 * row..3 * row + 3 {
                    let lit = part == slow.part;
                    part_ui(ui, scene, part, lit, width, numbers.as_ref(), climbs);
                }
            });
        }
        ui.horizontal(|ui| {
            let word = if slow.running { text::SLOW_PAUSE } else { text::SLOW_PLAY };
            for (label, command) in [
                (text::SLOW_BACK, Command::SlowPart(-1)),
                (word, Command::SlowPlay),
                (text::SLOW_NEXT, Command::SlowPart(1)),
                (text::SLOW_CLOSE, Command::SlowMotion),
            ] {
                if ui.button(RichText::new(label).small()).clicked() {
                    scene.ask(command);
                }
            }
            if !climbs {
                ui.label(RichText::new(text::SLOW_NO_CLIMB).small().color(scene.colors.right));
            }
        });
    });
}

fn part_ui(
    ui: &mut Ui,
    scene: &Scene<'_>,
    part: usize,
    lit: bool,
    width: f32,
    numbers: Option<&Numbers>,
    climbs: bool,
) {
    let (rect, response) = ui.allocate_exact_size(vec2(width, 38.0), Sense::hover());
    let colors = scene.colors;
    let [name, formula] = text::SLOW_PARTS[part];
    let skipped = !climbs && (1..5).contains(&part);
    let value = numbers.map_or_else(String::new, |numbers| said::part_value(part, numbers));
    response
        .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, said::part([name, formula], &value, lit)));
    let painter = ui.painter_at(rect);
    let edge = if lit { Stroke::new(1.5, colors.right) } else { Stroke::new(1.0, colors.edge) };
    painter.rect(rect, tokens::CONTROL_CORNER, colors.control, edge, egui::StrokeKind::Inside);
    let ink = match (lit, skipped) {
        (_, true) => colors.quiet.gamma_multiply(0.6),
        (true, _) => colors.ink,
        _ => colors.quiet,
    };
    let font = FontId::proportional(tokens::SMALL);
    let [left, right] = [rect.left() + 8.0, rect.right() - 8.0];
    painter.text(
        egui::pos2(left, rect.top() + 4.0),
        Align2::LEFT_TOP,
        format!("{} {name}", part + 1),
        font.clone(),
        ink,
    );
    painter.text(
        egui::pos2(left, rect.bottom() - 4.0),
        Align2::LEFT_BOTTOM,
        formula,
        FontId::proportional(tokens::BODY),
        ink,
    );
    painter.text(egui::pos2(right, rect.top() + 4.0), Align2::RIGHT_TOP, value, font, ink);
}
