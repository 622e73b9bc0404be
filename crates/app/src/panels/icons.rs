//! Signs drawn with the painter, and buttons with them.

use super::Scene;
use crate::tokens;
use egui::{
    Align2, Color32, Painter, Pos2, Rect, Response, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo, pos2, vec2,
};

/// A sign on a button.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Icon {
    /// A triangle to the right.
    Play,
    /// Two bars.
    Pause,
    /// A triangle and a bar.
    Step,
    /// An arrow in a circle.
    Restart,
    /// A footprint of dots that grows: slow motion.
    Slow,
    /// Three lines.
    Menu,
    /// A small triangle down: something opens.
    Down,
    /// A half-filled disc: the theme.
    Theme,
    /// A die.
    Dice,
    /// Three joined dots.
    Share,
    /// An arrow into a tray.
    Save,
}

impl Icon {
    fn paint(self, painter: &Painter, rect: Rect, color: Color32) {
        let at = |x: f32, y: f32| rect.lerp_inside(vec2(x, y));
        let stroke = Stroke::new(1.6, color);
        let fill = |points: Vec<Pos2>| Shape::convex_polygon(points, color, Stroke::NONE);
        let bar = |x0: f32, x1: f32| Shape::rect_filled(Rect::from_min_max(at(x0, 0.1), at(x1, 0.9)), 1, color);
        let arc = |from: f32, to: f32, radius: f32| -> Vec<Pos2> {
            let point = |i: i32| {
                let angle = std::f32::consts::TAU * (from + (to - from) * i as f32 / 16.0);
                at(0.5 + radius * angle.cos(), 0.5 + radius * angle.sin())
            };
            (0..=16).map(point).collect()
        };
        match self {
            Self::Play => drop(painter.add(fill(vec![at(0.2, 0.05), at(0.95, 0.5), at(0.2, 0.95)]))),
            Self::Pause => painter.extend([bar(0.15, 0.4), bar(0.6, 0.85)]),
            Self::Step => painter.extend([fill(vec![at(0.1, 0.1), at(0.7, 0.5), at(0.1, 0.9)]), bar(0.75, 0.92)]),
            Self::Restart => {
                painter.add(Shape::line(arc(-0.12, 0.72, 0.4), stroke));
                painter.add(fill(vec![at(0.62, 0.0), at(1.02, 0.06), at(0.8, 0.42)]));
            }
            Self::Slow => {
                for (i, radius) in [1.2, 1.7, 2.4].into_iter().enumerate() {
                    painter.circle_filled(at(0.12 + 0.36 * i as f32, 0.8 - 0.3 * i as f32), radius, color);
                }
            }
            Self::Menu => {
                for y in [0.2, 0.5, 0.8] {
                    painter.line_segment([at(0.05, y), at(0.95, y)], stroke);
                }
            }
            Self::Down => drop(painter.add(fill(vec![at(0.2, 0.36), at(0.8, 0.36), at(0.5, 0.7)]))),
            Self::Theme => {
                painter.add(Shape::line(arc(0.0, 1.0, 0.42), stroke));
                painter.add(fill(arc(0.25, 0.75, 0.42)));
            }
            Self::Dice => {
                painter.rect_stroke(rect.shrink(0.5), 3, stroke, egui::StrokeKind::Inside);
                for (x, y) in [(0.3, 0.3), (0.7, 0.7), (0.5, 0.5), (0.7, 0.3), (0.3, 0.7)] {
                    painter.circle_filled(at(x, y), 1.1, color);
                }
            }
            Self::Share => {
                let [a, b, c] = [at(0.2, 0.5), at(0.8, 0.15), at(0.8, 0.85)];
                painter.line_segment([a, b], stroke);
                painter.line_segment([a, c], stroke);
                for dot in [a, b, c] {
                    painter.circle_filled(dot, 2.2, color);
                }
            }
            Self::Save => {
                painter.line_segment([at(0.5, 0.0), at(0.5, 0.6)], stroke);
                painter.add(fill(vec![at(0.22, 0.42), at(0.78, 0.42), at(0.5, 0.75)]));
                painter.add(Shape::line(vec![at(0.05, 0.7), at(0.05, 0.95), at(0.95, 0.95), at(0.95, 0.7)], stroke));
            }
        }
    }
}

/// How a button looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// Whether it is the one that matters.
    pub action: bool,
    /// Whether only the sign shows; the name is told on pointing and to screen readers.
    pub bare: bool,
    /// Whether something is on.
    pub selected: bool,
}

/// A button with a sign before its name (after it, where it opens something).
pub fn icon_button(ui: &mut Ui, scene: &Scene<'_>, icon: Icon, name: &str, look: Look) -> Response {
    const SIGN: f32 = 13.0;
    let height = ui.spacing().interact_size.y;
    let pad = if look.bare { 0.5 * (height - SIGN).max(8.0) } else { ui.spacing().button_padding.x };
    let font = if look.action { tokens::strong_font(tokens::BODY) } else { egui::FontId::proportional(tokens::BODY) };
    let text = if look.bare { String::new() } else { name.to_owned() };
    let galley = ui.painter().layout_no_wrap(text, font, Color32::PLACEHOLDER);
    let gap = if look.bare { 0.0 } else { 7.0 };
    let mut width = 2.0 * pad + SIGN + gap + galley.size().x;
    let after = icon == Icon::Down;
    if after {
        // A long name gives way.
        width = width.min(ui.available_width());
    }
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), name));
    if ui.is_rect_visible(rect) {
        let visuals = ui.style().interact_selectable(&response, look.selected);
        let (fill, color) = if look.action {
            (scene.colors.action, scene.colors.on_action)
        } else {
            (visuals.weak_bg_fill, scene.colors.ink)
        };
        let stroke = match (response.has_focus(), look.action) {
            (true, _) => Stroke::new(2.0, scene.colors.right),
            (false, true) => Stroke::NONE,
            (false, false) => visuals.bg_stroke,
        };
        ui.painter().rect(rect, tokens::CONTROL_CORNER, fill, stroke, egui::StrokeKind::Inside);
        let sign = |x: f32| Rect::from_center_size(pos2(x + SIGN / 2.0, rect.center().y), Vec2::splat(SIGN));
        let text = if after { rect.left() + pad } else { rect.left() + pad + SIGN + gap };
        let painter = ui.painter().with_clip_rect(if after {
            Rect::from_min_max(rect.min, pos2(rect.right() - pad - SIGN, rect.bottom()))
        } else {
            rect
        });
        painter.galley_with_override_text_color(pos2(text, rect.center().y - galley.size().y / 2.0), galley, color);
        icon.paint(ui.painter(), sign(if after { rect.right() - pad - SIGN } else { rect.left() + pad }), color);
    }
    if look.bare { response.on_hover_text(name) } else { response }
}

/// The program's sign and name: a narrow valley in the left side's colour, a wide one in the right side's.
pub fn logo_ui(ui: &mut Ui, scene: &Scene<'_>, named: bool) {
    let font = tokens::strong_font(18.0);
    let name = if named { crate::text::NAME } else { "" };
    let galley = ui.painter().layout_no_wrap(name.to_owned(), font, scene.colors.ink);
    let size = vec2(28.0 + if named { 8.0 + galley.size().x } else { 0.0 }, ui.spacing().interact_size.y);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, crate::text::NAME));
    let sign = Rect::from_min_size(pos2(rect.left(), rect.center().y - 8.0), vec2(28.0, 16.0));
    let valley = |half: f32, color: Color32| {
        let point = |i: i32| {
            let t = i as f32 / 10.0;
            // A parabola whose rims bend outwards, so that it reads as ground and not as a letter.
            let height = (1.0 - t * t) + 0.16 * (t.abs() - 0.6).max(0.0);
            sign.lerp_inside(vec2(0.5 + half * t, height))
        };
        Shape::line((-10..=10).map(point).collect(), Stroke::new(2.2, color))
    };
    ui.painter().extend([valley(0.5, scene.colors.right), valley(0.17, scene.colors.left)]);
    let at = pos2(sign.right() + 8.0, rect.center().y);
    ui.painter().galley(Align2::LEFT_CENTER.anchor_size(at, galley.size()).min, galley, scene.colors.ink);
}
