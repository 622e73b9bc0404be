//! The loss on the straight line from one side's weights to the other's.

use super::Scene;
use crate::engine::BEYOND;
use crate::text::{self, ground as said};
use crate::tokens;
use egui::{Align2, Color32, FontId, Pos2, Sense, Shape, Stroke, Ui, Vec2, pos2, vec2};

/// Draws the plot into `size`.
pub fn line_ui(ui: &mut Ui, scene: &Scene<'_>, size: Vec2) {
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let painter = ui.painter_at(rect);
    let Some(line) = scene.engine.ground().and_then(|ground| ground.line()) else { return };
    let colors = scene.colors;
    let sides = scene.engine.duel().map(|duel| duel.sides()).unwrap_or_default();
    let names = [0, 1].map(|i| sides.get(i).map_or_else(String::new, |side| text::side(&side.label)));
    let ends = |losses: &[f32]| {
        [0.0, 1.0].map(|end| {
            line.places.iter().position(|t| *t == end).and_then(|i| losses.get(i).copied()).unwrap_or(f32::NAN)
        })
    };
    let (train, test) = (ends(&line.train), ends(&line.test));
    response
        .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, said::line(&names, line.step, train, test)));
    let font = FontId::proportional(tokens::SMALL);
    let mut x = rect.left();
    let inks = [colors.quiet, colors.ink, colors.quiet, colors.action, colors.quiet];
    for (words, color) in said::on_the_line(&names[0], &names[1]).into_iter().zip(inks) {
        x = painter.text(pos2(x, rect.top()), Align2::LEFT_TOP, words, font.clone(), color).right();
    }
    let plot = egui::Rect::from_min_max(rect.left_top() + vec2(42.0, 20.0), rect.right_bottom() - vec2(4.0, 16.0));
    let log = scene.state.view.log_height;
    let Some(scale) = Scale::of(line.train.iter().chain(&line.test), log) else { return };
    let place = |t: f32, loss: f32| -> Pos2 {
        let x = plot.left() + plot.width() * (t + BEYOND) / (1.0 + 2.0 * BEYOND);
        pos2(x, plot.bottom() - plot.height() * scale.part(loss))
    };
    for (part, align) in [(0.0, Align2::RIGHT_CENTER), (1.0, Align2::RIGHT_CENTER)] {
        let y = plot.bottom() - part * plot.height();
        painter.hline(plot.x_range(), y, Stroke::new(1.0, colors.grid));
        painter.text(pos2(plot.left() - 4.0, y), align, text::loss(scale.loss(part)), font.clone(), colors.quiet);
    }
    for (side, t) in [0.0, 1.0].into_iter().enumerate() {
        let color: Color32 = scene.side_color(side);
        let x = place(t, scale.loss(0.0)).x;
        painter.vline(x, plot.y_range(), Stroke::new(1.0, color.gamma_multiply(0.6)));
        painter.text(pos2(x, plot.bottom() + 3.0), Align2::CENTER_TOP, &names[side], font.clone(), color);
    }
    for (losses, color, dashed) in [(&line.test, colors.action, true), (&line.train, colors.ink, false)] {
        let points: Vec<Pos2> = line
            .places
            .iter()
            .zip(losses)
            .filter(|(_, loss)| loss.is_finite())
            .map(|(t, loss)| place(*t, *loss))
            .collect();
        let stroke = Stroke::new(1.8, color);
        if dashed {
            painter.extend(Shape::dashed_line(&points, stroke, 3.0, 3.0));
        } else {
            painter.add(Shape::line(points, stroke));
        }
    }
}

/// From losses to parts of the plot's height.
struct Scale {
    log: bool,
    low: f32,
    high: f32,
}

impl Scale {
    /// The scale of these losses; nothing where none is finite.
    fn of<'a>(losses: impl Iterator<Item = &'a f32>, log: bool) -> Option<Self> {
        let finite = losses.copied().filter(|loss| loss.is_finite());
        let (low, high) = finite.fold((f32::INFINITY, 0.0f32), |(low, high), loss| (low.min(loss), high.max(loss)));
        let low = if log { low.max(1e-5) } else { 0.0 };
        (low.is_finite() && high > 0.0).then_some(Self { log, low, high: high.max(1.05 * low) })
    }

    fn part(&self, loss: f32) -> f32 {
        let part = if self.log {
            (loss.max(1e-12) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (loss - self.low) / (self.high - self.low)
        };
        part.clamp(0.0, 1.0)
    }

    fn loss(&self, part: f32) -> f32 {
        if self.log { self.low * (self.high / self.low).powf(part) } else { self.low + part * (self.high - self.low) }
    }
}
