//! Draws one plot.

use super::scale::{Scale, axis_ticks};
use crate::bands::{self, Mean};
use crate::plots::Plot;
use crate::state::Axis;
use crate::text::curves::axis_value;
use crate::tokens::{self, Colors};
use egui::{Align2, Color32, FontId, Mesh, Painter, Pos2, Rect, Shape, Stroke, pos2, vec2};

/// A curve of one side.
#[derive(Debug)]
pub struct Line {
    /// 0 left, 1 right, 2 and on further ones.
    pub side: usize,
    /// Whether it is of the race, not of a run folder.
    pub live: bool,
    /// Whether it is the plot's main curve.
    pub strong: bool,
    /// What stands at its end.
    pub label: String,
    /// Its colour.
    pub color: Color32,
    /// The mean over seeds, as measured.
    pub raw: Vec<Mean>,
    /// The same, smoothed.
    pub shown: Vec<Mean>,
    /// The single seeds, where there are several.
    pub seeds: Vec<Vec<Mean>>,
}

/// A plot that is laid out.
#[derive(Debug)]
pub struct Chart<'a> {
    /// What is plotted.
    pub plot: Plot,
    /// Where its values go.
    pub area: Rect,
    /// Its curves.
    pub lines: Vec<Line>,
    /// Where its values lie.
    pub scale: Scale,
    /// What it is over, and the end of that axis.
    pub axis: (Axis, f64),
    /// The colours.
    pub colors: &'a Colors,
}

/// Room for the numbers beside the lines, and for the names at the ends of curves.
pub const LEFT: f32 = 44.0;
/// See [`LEFT`].
pub const RIGHT: f32 = 58.0;
/// Room for the numbers of the axis.
pub const BELOW: f32 = 16.0;

impl Chart<'_> {
    fn x(&self, x: f64) -> f32 {
        self.area.left() + (x / self.axis.1.max(1e-9)) as f32 * self.area.width()
    }

    fn at(&self, x: f64, value: f32) -> Pos2 {
        pos2(self.x(x), self.area.bottom() - self.scale.unit(value).clamp(-0.2, 1.2) * self.area.height())
    }

    /// The place on the axis under a point of the screen.
    pub fn under(&self, x: f32) -> f64 {
        f64::from((x - self.area.left()) / self.area.width()) * self.axis.1
    }

    /// Draws everything but the cursor, which is at `pointed`; `numbered` says whether the axis has its numbers.
    pub fn paint(&self, painter: &Painter, pointed: Option<f64>, numbered: bool) {
        let font = FontId::proportional(tokens::SMALL);
        let grid = Stroke::new(1.0, self.colors.grid);
        for (value, text) in self.scale.ticks((self.area.height() / 24.0) as usize) {
            let y = self.at(0.0, value).y;
            painter.hline(self.area.x_range(), y, grid);
            painter.text(pos2(self.area.left() - 6.0, y), Align2::RIGHT_CENTER, text, font.clone(), self.colors.quiet);
        }
        if numbered {
            let (axis, end) = self.axis;
            for (x, text) in axis_ticks(axis, end, (self.area.width() / 90.0).max(2.0) as usize) {
                let x = self.x(x);
                // The cursor's own number stands there.
                if pointed.is_some_and(|at| (self.x(at) - x).abs() < 52.0) {
                    continue;
                }
                painter.vline(x, self.area.bottom()..=self.area.bottom() + 3.0, grid);
                let at = pos2(x, self.area.bottom() + 4.0);
                painter.text(at, Align2::CENTER_TOP, text, font.clone(), self.colors.quiet);
            }
        }
        let inside = painter.with_clip_rect(self.area.expand2(vec2(1.0, 2.0)));
        for line in &self.lines {
            self.band(&inside, line);
            for seed in &line.seeds {
                let stroke = Stroke::new(1.0, line.color.gamma_multiply(0.3));
                inside.extend(self.segments(seed).into_iter().map(|points| Shape::line(points, stroke)));
            }
        }
        for line in &self.lines {
            self.curve(&inside, line);
        }
        self.ends(painter);
    }

    fn band(&self, painter: &Painter, line: &Line) {
        let mut mesh = Mesh::default();
        let color = line.color.gamma_multiply(0.22);
        let mut last = f32::NEG_INFINITY;
        for mean in line.shown.iter().filter(|mean| mean.value.is_finite() && mean.half > 0.0) {
            let x = self.x(mean.x);
            // One pair of corners for each pixel is enough.
            if x < last + 1.0 {
                continue;
            }
            last = x;
            let n = mesh.vertices.len() as u32;
            mesh.colored_vertex(self.at(mean.x, mean.value - mean.half), color);
            mesh.colored_vertex(self.at(mean.x, mean.value + mean.half), color);
            if n > 0 {
                mesh.add_triangle(n - 2, n - 1, n);
                mesh.add_triangle(n - 1, n, n + 1);
            }
        }
        painter.add(mesh);
    }

    fn curve(&self, painter: &Painter, line: &Line) {
        let (width, color) = match line.strong {
            true => (tokens::STROKE, line.color),
            false => (1.2, line.color.gamma_multiply(0.75)),
        };
        let same = line.raw.len() == line.shown.len() && line.raw.iter().zip(&line.shown).all(|(a, b)| a == b);
        if !same {
            let stroke = Stroke::new(1.0, line.color.gamma_multiply(0.35));
            painter.extend(self.segments(&line.raw).into_iter().map(|points| Shape::line(points, stroke)));
        }
        for points in self.segments(&line.shown) {
            let stroke = Stroke::new(width, color);
            match line.side {
                0 => painter.extend(Shape::dashed_line(&points, stroke, 7.0, 4.0)),
                1 => painter.extend([Shape::line(points, stroke)]),
                _ => painter.extend(Shape::dashed_line(&points, stroke, 2.0, 3.0)),
            }
        }
    }

    /// The curve on the screen, in pieces where values are no numbers; of several points in one pixel's column the first, the
    /// lowest, the highest and the last.
    fn segments(&self, curve: &[Mean]) -> Vec<Vec<Pos2>> {
        let mut pieces: Vec<Vec<Pos2>> = vec![Vec::new()];
        let mut column: Vec<Pos2> = Vec::new();
        let flush = |column: &mut Vec<Pos2>, piece: &mut Vec<Pos2>| {
            if column.len() > 4 {
                let by = |a: &&Pos2, b: &&Pos2| a.y.total_cmp(&b.y);
                let ends = [column.iter().min_by(by), column.iter().max_by(by)];
                piece.push(column[0]);
                piece.extend(ends.into_iter().flatten());
                piece.extend(column.last());
            } else {
                piece.append(column);
            }
            column.clear();
        };
        for mean in curve {
            let point = self.at(mean.x, mean.value);
            let next = !mean.value.is_finite() || column.first().is_some_and(|first| point.x >= first.x + 1.0);
            if let Some(piece) = pieces.last_mut().filter(|_| next) {
                flush(&mut column, piece);
            }
            match mean.value.is_finite() {
                true => column.push(point),
                false => pieces.push(Vec::new()),
            }
        }
        if let Some(piece) = pieces.last_mut() {
            flush(&mut column, piece);
        }
        pieces.retain(|piece| piece.len() > 1);
        pieces
    }

    /// A mark and a name at the end of each curve, apart from each other.
    fn ends(&self, painter: &Painter) {
        let mut ends: Vec<(&Line, Pos2, f32)> = Vec::new();
        for line in &self.lines {
            let Some(last) = line.shown.iter().rfind(|mean| mean.value.is_finite()) else { continue };
            let at = self.at(last.x, last.value);
            let at = pos2(at.x, at.y.clamp(self.area.top(), self.area.bottom()));
            ends.push((line, at, at.y));
        }
        ends.sort_by(|a, b| a.2.total_cmp(&b.2));
        // Names that would lie on each other move down, and up again where they would leave the plot.
        const APART: f32 = 13.0;
        let wide = if self.lines.iter().all(|line| line.live) { 60.0 } else { 130.0 };
        let meet = |a: Pos2, b: Pos2| (a.x - b.x).abs() < wide;
        for i in 1..ends.len() {
            let above = ends[..i].iter().filter(|above| meet(above.1, ends[i].1));
            ends[i].2 = above.fold(ends[i].2, |y, above| y.max(above.2 + APART));
        }
        for i in (0..ends.len()).rev() {
            let below = ends[i + 1..].iter().filter(|below| meet(below.1, ends[i].1));
            ends[i].2 = below.fold(ends[i].2.min(self.area.bottom()), |y, below| y.min(below.2 - APART));
        }
        for (line, at, y) in &ends {
            if line.strong {
                mark(painter, line.side, *at, 3.5, line.color);
            }
            let color = if line.strong { line.color } else { line.color.gamma_multiply(0.8) };
            let size = if line.strong { 12.0 } else { tokens::SMALL };
            let place = pos2(at.x + 8.0, *y);
            let font = if line.strong { tokens::strong_font(size) } else { FontId::proportional(size) };
            let text = painter.layout_no_wrap(line.label.clone(), font, color);
            let rect = Align2::LEFT_CENTER.anchor_size(place, text.size());
            // Other curves may pass behind it.
            painter.rect_filled(rect.shrink2(vec2(0.0, 2.0)), 2.0, self.colors.card.gamma_multiply(0.7));
            painter.galley(rect.min, text, color);
        }
    }

    /// The line under the pointer, and the values on it.
    pub fn cursor(&self, painter: &Painter, x: f64, numbered: bool) {
        let at = self.x(x);
        painter.vline(at, self.area.y_range(), Stroke::new(1.0, self.colors.quiet));
        for line in self.lines.iter().filter(|line| line.strong) {
            if let Some(value) = bands::value_at(&line.shown, x) {
                let at = self.at(x, value);
                if self.area.expand(1.0).contains(at) {
                    mark(painter, line.side, at, 3.5, line.color);
                }
            }
        }
        if numbered {
            self.flag(painter, at, &axis_value(self.axis.0, x));
        }
    }

    /// Where each side was at the step that is looked back at.
    pub fn past(&self, painter: &Painter, step: u64) {
        for line in self.lines.iter().filter(|line| line.strong && line.live && line.side < 2) {
            if let Some(x) = bands::x_of(&line.raw, step) {
                let at = self.x(x);
                painter.vline(at, self.area.y_range(), Stroke::new(1.5, line.color));
                if let Some(value) = bands::value_at(&line.shown, x) {
                    mark(painter, line.side, self.at(x, value), 4.5, line.color);
                }
            }
        }
    }

    fn flag(&self, painter: &Painter, x: f32, text: &str) {
        let font = FontId::proportional(tokens::SMALL);
        let text = painter.layout_no_wrap(text.to_owned(), font, self.colors.ink);
        let half = text.size().x / 2.0 + 5.0;
        let x = x.clamp(self.area.left() + half, (self.area.right() + RIGHT - half).max(self.area.left() + half));
        let rect = Rect::from_center_size(pos2(x, self.area.bottom() + 10.0), vec2(2.0 * half, text.size().y + 2.0));
        painter.rect_filled(rect, 3.0, self.colors.control_hover);
        painter.galley(rect.min + vec2(5.0, 1.0), text, self.colors.ink);
    }
}

/// A side's mark: circle, triangle, square.
pub fn mark(painter: &Painter, side: usize, at: Pos2, radius: f32, color: Color32) {
    let r = 1.25 * radius;
    let shape = match side {
        0 => Shape::circle_filled(at, radius, color),
        1 => {
            let corners = [vec2(0.0, -r), vec2(0.87 * r, 0.6 * r), vec2(-0.87 * r, 0.6 * r)].map(|corner| at + corner);
            Shape::convex_polygon(corners.to_vec(), color, Stroke::NONE)
        }
        _ => Shape::rect_filled(Rect::from_center_size(at, vec2(1.4, 1.4) * r), 1.0, color),
    };
    painter.add(shape);
}
