//! The sharpness meter: numbers of both sides, the largest curvature over the steps with the edges of stability, and the
//! rescaling that shows what such numbers do not say.

use super::Scene;
use super::layers::window_ui;
use crate::command::Command;
use crate::engine::{FACTORS, Sharpness, SharpnessMeter};
use crate::state::Layer;
use crate::text::{self, measured};
use crate::tokens;
use egui::{Align2, FontId, Grid, Pos2, Rect, RichText, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2};

/// Height of the plot.
const PLOT: f32 = 170.0;

/// Draws the meter, if it is open.
pub fn meter_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    window_ui(ui, scene, Layer::Meter, measured::METER, 560.0, content_ui);
}

fn content_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let quiet = scene.colors.quiet;
    ui.label(RichText::new(text::METER).color(quiet));
    let Some(meter) = scene.engine.meter() else {
        ui.label(text::PREPARING);
        return;
    };
    if let Some(trouble) = meter.trouble() {
        ui.label(RichText::new(trouble).color(scene.colors.warning));
        return;
    }
    let names = names(scene);
    match meter.last() {
        Some(last) => numbers_ui(ui, scene, last, &names),
        None => {
            ui.label(text::METER_WAITS);
        }
    }
    plot_ui(ui, scene, meter, &names);
    let step = meter.last().map_or(0, |last| last.step);
    let line = measured::read(step, meter.examples(), meter.progress());
    ui.label(RichText::new(line).small().color(quiet));
    ui.separator();
    rescale_ui(ui, scene, meter, &names);
}

fn names(scene: &Scene<'_>) -> [String; 2] {
    let sides = scene.engine.duel().map(|duel| duel.sides()).unwrap_or_default();
    [0, 1].map(|i| sides.get(i).map_or_else(String::new, |side| text::side(&side.label)))
}

fn numbers_ui(ui: &mut Ui, scene: &Scene<'_>, last: &Sharpness, names: &[String; 2]) {
    let of = |value: fn(&lowland::probe::Reading) -> f64| [0, 1].map(|side| text::number(value(&last.sides[side])));
    let edge = |edge: Option<f64>| edge.map_or_else(|| "-".to_owned(), text::number);
    let rows: [(&str, [String; 2]); 6] = [
        (text::OF_LAMBDA, of(|reading| reading.lambda_1)),
        (text::OF_EDGE, [0, 1].map(|side| edge(last.edges[side].base))),
        (text::OF_SAM_EDGE, [0, 1].map(|side| edge(last.edges[side].sam))),
        (text::OF_SAM_SHARPNESS, of(|reading| reading.sam_sharpness)),
        (text::OF_ADAPTIVE, of(|reading| reading.adaptive_sharpness)),
        (text::OF_GRADIENT, of(|reading| reading.grad_norm)),
    ];
    Grid::new("sharpness").num_columns(3).spacing([18.0, 3.0]).show(ui, |ui| {
        ui.label("");
        for (side, name) in names.iter().enumerate() {
            ui.label(tokens::strong(name.clone()).color(scene.side_color(side)));
        }
        ui.end_row();
        for (name, (hint, values)) in measured::rows(last.radii).into_iter().zip(rows) {
            ui.label(RichText::new(name).color(scene.colors.quiet)).on_hover_text(hint);
            for value in values {
                ui.label(tokens::strong(value));
            }
            ui.end_row();
        }
    });
}

/// The largest curvature of both sides over the steps, and the curvature that their steps bear, dashed.
fn plot_ui(ui: &mut Ui, scene: &Scene<'_>, meter: &SharpnessMeter, names: &[String; 2]) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), PLOT), Sense::hover());
    let read = meter.read();
    response.widget_info(|| {
        let said = match meter.last() {
            Some(last) => measured::curvatures(names, last),
            None => text::METER_WAITS.to_owned(),
        };
        WidgetInfo::labeled(Role::Image, true, said)
    });
    let painter = ui.painter_at(rect);
    let plot = Rect::from_min_max(rect.left_top() + vec2(44.0, 8.0), rect.right_bottom() - vec2(84.0, 18.0));
    let edge = |reading: &Sharpness, side: usize| reading.edges[side].sam.or(reading.edges[side].base);
    let curvatures = |side: usize| read.iter().map(move |r| (r.step, Some(r.sides[side].lambda_1)));
    let edges = |side: usize| read.iter().map(move |r| (r.step, edge(r, side)));
    let all = [0, 1].into_iter().flat_map(|side| curvatures(side).chain(edges(side)));
    let positive = all.filter_map(|(_, value)| value.filter(|value| value.is_finite() && *value > 0.0));
    let (low, high) = positive.fold((f64::INFINITY, 0.0f64), |(low, high), v| (low.min(v), high.max(v)));
    if !low.is_finite() || high <= 0.0 {
        return;
    }
    let (low, high) = (0.8 * low, 1.25 * high);
    let (first, last) = (read.first().map_or(0, |r| r.step), read.last().map_or(1, |r| r.step));
    let span = (last - first).max(1) as f64;
    let height = |value: f64| ((value / low).ln() / (high / low).ln()).clamp(0.0, 1.0) as f32;
    let place = |step: u64, value: f64| -> Pos2 {
        let x = plot.left() + plot.width() * ((step - first) as f64 / span) as f32;
        pos2(x, plot.bottom() - plot.height() * height(value))
    };
    let font = FontId::proportional(tokens::SMALL);
    for value in decades(low, high) {
        let y = place(first, value).y;
        painter.hline(plot.x_range(), y, Stroke::new(1.0, scene.colors.grid));
        painter.text(
            pos2(plot.left() - 5.0, y),
            Align2::RIGHT_CENTER,
            text::number(value),
            font.clone(),
            scene.colors.quiet,
        );
    }
    // One reading has one step.
    let ends = [(first, Align2::LEFT_BOTTOM), (last, Align2::RIGHT_BOTTOM)];
    for (step, align) in ends.into_iter().take(if first < last { 2 } else { 1 }) {
        let at = pos2(place(step, low).x, rect.bottom());
        painter.text(at, align, text::count(step), font.clone(), scene.colors.quiet);
    }
    let mut labels: Vec<(f32, String, egui::Color32)> = Vec::new();
    for side in [0, 1] {
        let color = scene.side_color(side);
        let points = |values: &mut dyn Iterator<Item = (u64, Option<f64>)>| -> Vec<Pos2> {
            let sound = values.filter_map(|(step, value)| Some((step, value.filter(|v| v.is_finite() && *v > 0.0)?)));
            sound.map(|(step, value)| place(step, value)).collect()
        };
        let (bent, borne) = (points(&mut curvatures(side)), points(&mut edges(side)));
        for (points, name) in [(&bent, names[side].clone()), (&borne, measured::edge_of(&names[side]))] {
            if let Some(end) = points.last() {
                labels.push((end.y, name, color));
            }
        }
        painter.extend(Shape::dashed_line(&borne, Stroke::new(1.2, color.gamma_multiply(0.8)), 3.0, 4.0));
        painter.add(Shape::line(bent.clone(), Stroke::new(tokens::STROKE, color)));
        if let [only] = bent[..] {
            painter.circle_filled(only, 3.0, color);
        }
    }
    // Labels that would lie on each other move apart, downwards.
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut free = rect.top();
    for (y, name, color) in labels {
        let y = y.max(free + 6.0).min(rect.bottom() - 6.0);
        free = y + 7.0;
        painter.text(pos2(plot.right() + 6.0, y), Align2::LEFT_CENTER, name, font.clone(), color);
    }
}

/// Round values between `low` and `high`, at most a handful.
fn decades(low: f64, high: f64) -> Vec<f64> {
    let powers = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    let few = (high / low).log10() < 1.5;
    let steps: &[f64] = if few { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let all = powers.flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)));
    all.filter(|value| (low..=high).contains(value)).collect()
}

/// Dinh's reparametrisation: what it does, the factors, and what came of it.
fn rescale_ui(ui: &mut Ui, scene: &mut Scene<'_>, meter: &SharpnessMeter, names: &[String; 2]) {
    ui.label(tokens::strong(measured::RESCALE));
    let layers = match scene.engine.rescalable() {
        Ok(layers) => layers,
        Err(why) => {
            ui.label(RichText::new(why).color(scene.colors.quiet));
            return;
        }
    };
    let [first, second] = &layers;
    ui.label(RichText::new(text::rescaling(first, second)).color(scene.colors.quiet));
    for (side, name) in names.iter().enumerate() {
        ui.horizontal_wrapped(|ui| {
            ui.label(tokens::strong(name.clone()).color(scene.side_color(side)));
            for factor in FACTORS {
                for factor in [factor, 1.0 / factor] {
                    let label = text::factor(factor);
                    let button = ui.button(RichText::new(&label).small());
                    let said = measured::rescale(name, &label);
                    button.widget_info(|| WidgetInfo::labeled(Role::Button, true, &said));
                    if button.clicked() {
                        scene.ask(Command::Rescale(side, factor));
                    }
                }
            }
        });
    }
    let Some(rescaled) = meter.rescaled() else { return };
    let (Some(before), Some(after)) = (&rescaled.before, meter.last()) else { return };
    if meter.progress().is_some() || scene.engine.is_preparing() {
        ui.label(text::METER_WAITS);
        return;
    }
    let (old, new) = (&before.sides[rescaled.side], &after.sides[rescaled.side]);
    let line = measured::rescaled(&names[rescaled.side], rescaled.factor, old, new);
    ui.label(RichText::new(line).color(scene.side_color(rescaled.side)));
    ui.label(RichText::new(text::RESCALED).color(scene.colors.quiet));
}
