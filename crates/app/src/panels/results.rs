//! Measurements of `lowland probe` that are open: each drawn as what it is.

use super::Scene;
use super::layers::window_ui;
use crate::command::Command;
use crate::results::{Kind, Line, Measurement, Plane, Spectrum};
use crate::state::Layer;
use crate::text::{self, bar, measured};
use crate::tokens;
use egui::{
    Align2, Color32, FontId, Grid, Mesh, Pos2, Rect, RichText, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2,
};
use lowland::view::{HeightScale, tint};

/// Height of a picture.
const PICTURE: f32 = 260.0;

/// Draws those that are open, if their window is.
pub fn results_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    window_ui(ui, scene, Layer::Results, measured::RESULTS, 560.0, |ui, scene| {
        let state = scene.state;
        if state.results.is_empty() {
            ui.label(RichText::new(text::NO_RESULTS).color(scene.colors.quiet));
        }
        for (i, measurement) in state.results.iter().enumerate() {
            ui.separator();
            ui.horizontal_wrapped(|ui| {
                ui.label(tokens::strong(measured::title(measurement)));
                ui.label(RichText::new(&measurement.about).color(scene.colors.quiet));
                let close = ui.button(RichText::new(bar::CLOSE).small());
                if close.on_hover_text(&measurement.file).clicked() {
                    scene.ask(Command::CloseResult(i));
                }
            });
            ui.push_id(i, |ui| measurement_ui(ui, scene, measurement));
        }
    });
}

fn measurement_ui(ui: &mut Ui, scene: &Scene<'_>, measurement: &Measurement) {
    match &measurement.kind {
        Kind::Surface(plane) => surface_ui(ui, scene, plane),
        Kind::Line(line) => line_ui(ui, scene, line),
        Kind::Eigenvalues(pairs, more) => {
            let row = |(i, pair): (usize, &[f64; 2])| measured::eigenvalue(i, *pair);
            table_ui(ui, scene, &pairs.iter().enumerate().map(row).collect::<Vec<_>>());
            table_ui(ui, scene, more);
        }
        Kind::Spectrum(spectrum) => spectrum_ui(ui, scene, spectrum),
        Kind::Numbers(numbers) => table_ui(ui, scene, numbers),
    }
}

fn table_ui(ui: &mut Ui, scene: &Scene<'_>, rows: &[(String, String)]) {
    let id = ui.next_auto_id();
    Grid::new(id).num_columns(2).spacing([18.0, 2.0]).show(ui, |ui| {
        for (name, value) in rows {
            ui.label(RichText::new(name).color(scene.colors.quiet));
            ui.label(value);
            ui.end_row();
        }
    });
}

/// A map with the networks on it, height by the logarithm of the loss.
fn surface_ui(ui: &mut Ui, scene: &Scene<'_>, plane: &Plane) {
    let width = ui.available_width().min(PICTURE * 1.15);
    let (rect, response) = ui.allocate_exact_size(vec2(width, PICTURE), Sense::hover());
    let mut finite: Vec<f32> = plane.losses.iter().copied().filter(|loss| loss.is_finite()).collect();
    finite.sort_by(f32::total_cmp);
    let bad = plane.losses.len() - finite.len();
    let (low, high) =
        (finite.first().copied().unwrap_or(0.0), finite.get(finite.len() * 9 / 10).copied().unwrap_or(1.0));
    let scale = HeightScale::new(low > 0.0, low, high);
    let said = measured::surface(&plane.name, [low, high]);
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &said));
    let painter = ui.painter_at(rect);
    let last = (plane.grid - 1) as f32;
    let corner = |i: usize, k: usize| {
        pos2(rect.left() + rect.width() * i as f32 / last, rect.bottom() - rect.height() * k as f32 / last)
    };
    let mut mesh = Mesh::default();
    for k in 0..plane.grid {
        for i in 0..plane.grid {
            let loss = plane.losses[k * plane.grid + i];
            let [r, g, b] = tint(scale.raw(loss)).map(|v| (255.0 * v).round() as u8);
            let color = if loss.is_finite() { Color32::from_rgb(r, g, b) } else { scene.colors.warning };
            mesh.colored_vertex(corner(i, k), color);
            if i > 0 && k > 0 {
                let here = (k * plane.grid + i) as u32;
                let row = plane.grid as u32;
                mesh.add_triangle(here - row - 1, here - row, here);
                mesh.add_triangle(here - row - 1, here, here - 1);
            }
        }
    }
    painter.add(Shape::mesh(mesh));
    let part = |value: f64, [from, to]: [f64; 2]| ((value - from) / (to - from)) as f32;
    let place = |[x, y]: [f64; 2]| {
        pos2(rect.left() + rect.width() * part(x, plane.x), rect.bottom() - rect.height() * part(y, plane.y))
    };
    let points: Vec<Pos2> = plane.points.iter().map(|point| place(*point)).collect();
    if plane.is_path {
        painter.add(Shape::line(points.clone(), Stroke::new(tokens::STROKE, Color32::WHITE)));
    }
    for point in points {
        painter.circle_filled(point, 4.0, Color32::BLACK);
        painter.circle_filled(point, 2.8, Color32::WHITE);
    }
    let line = measured::below_surface(plane, [low, high], bad);
    ui.label(RichText::new(line).small().color(scene.colors.quiet));
}

/// Curves over common places, by their logarithm where `log` says so.
struct Curves<'a> {
    at: &'a [f64],
    lines: Vec<(&'static str, Vec<f64>, Color32, bool)>,
    log: bool,
    /// The least that the logarithm shows, as a part of the most.
    floor: f64,
}

fn curves_ui(ui: &mut Ui, scene: &Scene<'_>, curves: &Curves<'_>, said: &str) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 0.62 * PICTURE), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, said));
    let painter = ui.painter_at(rect);
    let plot = Rect::from_min_max(rect.left_top() + vec2(52.0, 6.0), rect.right_bottom() - vec2(90.0, 18.0));
    let values = curves.lines.iter().flat_map(|(_, values, ..)| values.iter().copied()).filter(|v| v.is_finite());
    let (mut low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let ends = curves.at.first().copied().zip(curves.at.last().copied());
    let Some((from, to)) = ends.filter(|(from, to)| high > f64::NEG_INFINITY && to > from) else { return };
    if curves.log {
        low = low.max(curves.floor * high).max(1e-300);
    }
    let height = |value: f64| {
        let part = match curves.log {
            true => (value.max(low) / low).ln() / (high.max(1.001 * low) / low).ln(),
            false => (value - low) / (high - low).max(1e-9),
        };
        plot.bottom() - plot.height() * (part as f32).clamp(0.0, 1.0)
    };
    let across = |at: f64| plot.left() + plot.width() * ((at - from) / (to - from)) as f32;
    let font = FontId::proportional(tokens::SMALL);
    for value in [low, high] {
        painter.hline(plot.x_range(), height(value), Stroke::new(1.0, scene.colors.grid));
        let at = pos2(plot.left() - 5.0, height(value));
        painter.text(at, Align2::RIGHT_CENTER, text::number(value), font.clone(), scene.colors.quiet);
    }
    for (at, align) in [(from, Align2::LEFT_BOTTOM), (to, Align2::RIGHT_BOTTOM)] {
        painter.text(pos2(across(at), rect.bottom()), align, text::number(at), font.clone(), scene.colors.quiet);
    }
    for at in [0.0, 1.0].into_iter().filter(|at| *at > from && *at < to) {
        painter.vline(across(at), plot.y_range(), Stroke::new(1.0, scene.colors.grid));
        painter.text(
            pos2(across(at), rect.bottom()),
            Align2::CENTER_BOTTOM,
            text::number(at),
            font.clone(),
            scene.colors.quiet,
        );
    }
    for (i, (name, values, color, dashed)) in curves.lines.iter().enumerate() {
        let sound = curves.at.iter().zip(values).filter(|(_, value)| value.is_finite());
        let points: Vec<Pos2> = sound.map(|(at, value)| pos2(across(*at), height(*value))).collect();
        let stroke = Stroke::new(1.8, *color);
        match dashed {
            true => painter.extend(Shape::dashed_line(&points, stroke, 4.0, 3.0)),
            false => drop(painter.add(Shape::line(points, stroke))),
        }
        let at = pos2(plot.right() + 6.0, plot.top() + 16.0 * i as f32);
        painter.text(at, Align2::LEFT_TOP, name, font.clone(), *color);
    }
}

fn line_ui(ui: &mut Ui, scene: &Scene<'_>, line: &Line) {
    let wide = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
    let [train, test] = measured::LINE;
    let lines =
        vec![(train, wide(&line.train), scene.colors.ink, false), (test, wide(&line.test), scene.colors.action, true)];
    let most = line.train.iter().chain(&line.test).copied().filter(|loss| loss.is_finite()).fold(0.0, f32::max);
    let said = measured::line(line.at.len(), most);
    curves_ui(ui, scene, &Curves { at: &line.at, lines, log: true, floor: 1e-6 }, &said);
}

fn spectrum_ui(ui: &mut Ui, scene: &Scene<'_>, spectrum: &Spectrum) {
    let [hessian, ggn] = measured::SPECTRUM;
    let lines = vec![
        (hessian, spectrum.hessian.clone(), scene.colors.ink, false),
        (ggn, spectrum.ggn.clone(), scene.colors.right, true),
    ];
    let said = measured::spectrum(spectrum.lambda_1);
    curves_ui(ui, scene, &Curves { at: &spectrum.grid, lines, log: true, floor: 1e-7 }, &said);
    ui.label(RichText::new(said).small().color(scene.colors.quiet));
}
