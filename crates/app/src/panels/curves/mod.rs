//! The card of curves: two plots over one axis, one cursor through both, and looking back by dragging on them.

mod plot;
mod scale;

use super::Scene;
use crate::bands::{self, Mean};
use crate::command::Command;
use crate::curves::Quantity;
use crate::plots::{Height, Plot};
use crate::state::Axis;
use crate::text::{self, curves as said};
use crate::tokens;
use egui::{Align, EventFilter, Key, Layout, Rect, Response, RichText, Role, Sense, Slider, Ui, WidgetInfo};
use egui::{Stroke, vec2};
use plot::{BELOW, Chart, LEFT, Line, RIGHT};
use scale::Scale;

/// Height of a line of text between plots.
const ROW: f32 = 27.0;
/// Between a plot and the line of text above or below it.
const APART: f32 = 7.0;
/// The least height of a plot.
const LEAST: f32 = 56.0;

/// Draws the card, as high as there is room.
pub fn curves_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let narrow = scene.narrow;
    let room = if narrow { 360.0 } else { ui.available_height().min(900.0) };
    scene.card().show(ui, |ui| {
        // What stands above may have asked for more than there is.
        let whole = ui.ctx().content_rect().width() - 2.0 * tokens::PAD - 20.0;
        ui.set_width(ui.available_width().min(whole));
        ui.spacing_mut().item_spacing.y = 2.0;
        if narrow {
            ui.spacing_mut().interact_size.y = tokens::TOUCH;
        }
        let row = if narrow { tokens::TOUCH } else { ROW };
        let inner = (room - 22.0).max(LEAST);
        let both = inner - 3.0 * row - BELOW - 3.0 * APART - 8.0 >= 2.0 * LEAST;
        let plots: &[usize] = if both { &[0, 1] } else { &[0] };
        let height = (inner - (1 + plots.len()) as f32 * row - BELOW - (2 * plots.len() - 1) as f32 * APART - 8.0)
            / plots.len() as f32;
        plots_ui(ui, scene, plots, height.max(24.0), row);
        ui.allocate_ui(vec2(ui.available_width(), row), |ui| footer_ui(ui, scene));
    });
}

/// The quantity of a place that there is something to plot of: without wrong labels, the loss.
fn plot_of(scene: &Scene<'_>, place: usize) -> Plot {
    let plot = scene.state.view.plots[place];
    if plot.needs_noise() && !has_noise(scene) { Plot::Loss } else { plot }
}

/// Whether there are wrong labels.
fn has_noise(scene: &Scene<'_>) -> bool {
    scene.state.config.label_noise > 0.0
}

fn plots_ui(ui: &mut Ui, scene: &mut Scene<'_>, places: &[usize], height: f32, row: f32) {
    let axis = scene.state.view.axis;
    let of = |plot| (plot, lines(scene, plot).into_iter().chain(run_lines(scene, plot)).collect());
    let lines: Vec<(Plot, Vec<Line>)> = places.iter().map(|place| of(plot_of(scene, *place))).collect();
    // Names of folders take more room than those of optimizers.
    let right = if scene.state.runs.all().is_empty() { RIGHT } else { RIGHT + 74.0 };
    let ends = lines.iter().flat_map(|(_, lines)| lines).filter_map(|line| line.raw.last());
    let end = ends.map(|mean| mean.x).fold(if axis == Axis::Seconds { 1.0 } else { 10.0 }, f64::max);
    let mut charts = Vec::new();
    let mut heads = Vec::new();
    for (place, (plot, lines)) in places.iter().zip(lines) {
        heads.push(ui.allocate_exact_size(vec2(ui.available_width(), row), Sense::hover()).0);
        let below = if place + 1 == places.len() { BELOW } else { APART };
        let (rect, mut response) =
            ui.allocate_exact_size(vec2(ui.available_width(), height + below + APART), Sense::click_and_drag());
        let moment = scene.state.scrub.or(scene.engine.duel().map(|duel| duel.submitted())).unwrap_or(0);
        response.widget_info(|| WidgetInfo::slider(true, moment as f64, said::plot_of(plot.title())));
        response = response.on_hover_cursor(egui::CursorIcon::ResizeHorizontal);
        let area = Rect::from_min_max(
            rect.min + vec2(LEFT, APART),
            egui::pos2((rect.right() - right).max(rect.left() + LEFT + 20.0), rect.bottom() - below),
        );
        let values = values(&lines, plot.height() == Height::Share);
        let scale = Scale::new(plot.height(), scene.state.view.log_loss, values);
        let chart = Chart { plot, area, lines, scale, axis: (axis, end), colors: scene.colors };
        charts.push((chart, response));
    }
    // While a moment is chosen, its values are shown.
    let chosen = charts.iter().any(|(_, response)| response.is_pointer_button_down_on());
    let pointed = charts.iter().filter(|_| !chosen).find_map(|(chart, response)| {
        let at = response.hover_pos()?;
        Some(chart.under(at.x)).filter(|x| (0.0..=end).contains(x))
    });
    let reference: Vec<Mean> = charts.first().map_or_else(Vec::new, |(chart, _)| longest(chart));
    for (chart, response) in &charts {
        look_back(ui, scene, chart, response, &reference);
    }
    let last = charts.len().saturating_sub(1);
    for (i, (chart, response)) in charts.iter().enumerate() {
        let painter = ui.painter();
        if response.has_focus() {
            painter.rect_stroke(response.rect, 4.0, Stroke::new(1.0, scene.colors.right), egui::StrokeKind::Inside);
        }
        chart.paint(painter, pointed, i == last);
        if let Some(step) = scene.state.scrub {
            chart.past(painter, step);
        }
        if let Some(x) = pointed {
            chart.cursor(painter, x, i == last);
        }
        let builder = egui::UiBuilder::new().max_rect(heads[i]).layout(Layout::left_to_right(Align::Center));
        let mut ui = ui.new_child(builder);
        ui.spacing_mut().item_spacing = vec2(tokens::GAP, 0.0);
        head_ui(&mut ui, scene, places[i], chart, pointed);
    }
}

/// The strong curve that reaches farthest, of the sides that are looked back at.
fn longest(chart: &Chart<'_>) -> Vec<Mean> {
    let lines = chart.lines.iter().filter(|line| line.strong && line.live && line.side < 2);
    let end = |line: &&Line| line.raw.last().map_or(0.0, |mean| mean.x);
    lines.max_by(|a, b| end(a).total_cmp(&end(b))).map_or_else(Vec::new, |line| line.raw.clone())
}

/// Pressing, dragging and, with the focus, arrow keys choose a moment; letting go beside the plot goes back to the present.
fn look_back(ui: &Ui, scene: &mut Scene<'_>, chart: &Chart<'_>, response: &Response, reference: &[Mean]) {
    let asked = scene.state.scrub;
    let held = response.is_pointer_button_down_on() || response.dragged();
    if let Some(at) = response.interact_pointer_pos().filter(|_| held) {
        let x = chart.under(at.x).max(0.0);
        let inside = response.rect.expand(24.0).contains(at) && reference.last().is_some_and(|last| x <= last.x);
        let step = bands::step_at(reference, x).filter(|_| inside);
        // The step that is kept there; that none is is told once.
        let kept = step.map(|step| scene.engine.look_back(step));
        match kept.transpose() {
            Ok(step) if step != asked => scene.ask(Command::Scrub(step)),
            Err(_) if response.drag_started() => scene.ask(Command::Scrub(step)),
            _ => {}
        }
    }
    if response.drag_stopped()
        && response.interact_pointer_pos().is_some_and(|at| !response.rect.expand(24.0).contains(at))
    {
        scene.ask(Command::Scrub(None));
    }
    if response.has_focus() {
        let filter = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        let by = ui.input(|input| {
            i64::from(input.key_pressed(Key::ArrowRight)) - i64::from(input.key_pressed(Key::ArrowLeft))
        });
        if ui.input(|input| input.key_pressed(Key::End)) {
            scene.ask(Command::Scrub(None));
        } else if ui.input(|input| input.key_pressed(Key::Home)) {
            scene.ask(Command::Scrub(Some(0)));
        } else if by != 0 {
            let now = asked.map_or(reference.len(), |step| reference.partition_point(|mean| mean.step < step));
            let next = now.saturating_add_signed(by as isize);
            scene.ask(Command::Scrub(reference.get(next).map(|mean| mean.step)));
        }
    }
}

/// The curves of a plot.
fn lines(scene: &Scene<'_>, plot: Plot) -> Vec<Line> {
    let Some(duel) = scene.engine.duel() else { return Vec::new() };
    let (state, seeds) = (scene.state, duel.seeds().max(1));
    let mut lines = Vec::new();
    for (i, side) in duel.sides().iter().enumerate() {
        for (k, (quantity, name)) in plot.curves().iter().enumerate() {
            let raw = bands::mean(&state.curves, side.first, seeds, *quantity, state.view.axis);
            if raw.is_empty() {
                continue;
            }
            let mut shown = raw.clone();
            bands::smooth(&mut shown, state.view.smoothing);
            let single = |lane| bands::mean(&state.curves, lane, 1, *quantity, state.view.axis);
            let seeds = if seeds > 1 && k == 0 { side.first..side.first + seeds } else { 0..0 };
            let label = text::side(&side.label);
            let label = match (*name, k) {
                ("", _) => label,
                (name, 0) => format!("{label} {name}"),
                (name, _) => name.to_owned(),
            };
            let color = scene.side_color(i);
            let live = true;
            lines.push(Line {
                side: i,
                live,
                strong: k == 0,
                label,
                color,
                raw,
                shown,
                seeds: seeds.map(single).collect(),
            });
        }
    }
    lines
}

/// The curves of the run folders that are open: each in its colour, its lanes apart by their strokes.
fn run_lines(scene: &Scene<'_>, plot: Plot) -> Vec<Line> {
    let (axis, smoothing) = (scene.state.view.axis, scene.state.view.smoothing);
    let Some((quantity, _)) = plot.curves().first().filter(|_| axis != Axis::Seconds) else { return Vec::new() };
    let mut lines = Vec::new();
    for (i, run) in scene.state.runs.all().iter().enumerate() {
        for (side, group) in run.groups().into_iter().enumerate() {
            let raw = bands::mean(run.curves(), group.first, group.seeds, *quantity, axis);
            let mut shown = raw.clone();
            bands::smooth(&mut shown, smoothing);
            let label = format!("{}: {}", text::short(run.name(), 12), text::side(&group.label));
            let color = super::runs::color(scene, i);
            lines.push(Line { side, live: false, strong: true, label, color, raw, shown, seeds: Vec::new() });
        }
    }
    lines.retain(|line| !line.raw.is_empty());
    lines
}

/// Everything that the height should show; of accuracies not that of the untrained network, once there are some others.
fn values(lines: &[Line], accuracies: bool) -> Vec<f32> {
    let of = |line: &Line| -> Vec<f32> {
        let skipped = if accuracies && line.raw.len() > 4 { 1 } else { 0 };
        let means = line.shown.iter().skip(skipped).chain(line.raw.iter().skip(skipped));
        means.flat_map(|mean| [mean.value - mean.half, mean.value + mean.half]).collect()
    };
    lines.iter().flat_map(of).collect()
}

/// What is plotted, and its values: under the pointer, at the step that is looked back at, or now.
fn head_ui(ui: &mut Ui, scene: &mut Scene<'_>, place: usize, chart: &Chart<'_>, pointed: Option<f64>) {
    let plot = chart.plot;
    let title = tokens::strong(plot.title()).size(14.0);
    let menu = ui.menu_button(title, |ui| {
        for other in Plot::ALL {
            let there = !other.needs_noise() || has_noise(scene);
            let button = egui::Button::selectable(*other == plot, other.title());
            if ui.add_enabled(there, button).on_hover_text(other.help()).clicked() {
                scene.ask(Command::Plot(place, *other));
            }
        }
    });
    menu.response.widget_info(|| WidgetInfo::labeled(Role::Button, true, said::chooser(place, plot.title())));
    menu.response.on_hover_text(plot.help());
    for line in chart.lines.iter().filter(|line| line.strong && line.live) {
        let step = scene.state.scrub.filter(|_| line.side < 2);
        let x = pointed.or_else(|| step.and_then(|step| bands::x_of(&line.raw, step)));
        let value = match x {
            Some(x) => bands::value_at(&line.shown, x),
            None => line.shown.last().map(|mean| mean.value),
        };
        let value = value.map_or_else(|| "-".to_owned(), |value| plot.value(value));
        ui.label(tokens::strong(value).size(tokens::BODY).color(line.color));
    }
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        if place == 0 {
            axis_ui(ui, scene);
        }
        if plot.height() == Height::Positive {
            let log = scene.state.view.log_loss;
            let button = egui::Button::selectable(log, RichText::new(said::LOG).size(tokens::SMALL));
            if ui.add(button).on_hover_text(said::OF_LOG).clicked() {
                scene.ask(Command::ToggleLogLoss);
            }
        }
    });
}

/// What the curves are over, and how much they are smoothed.
fn axis_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let quiet = |text: String| RichText::new(text).size(tokens::SMALL).color(scene.colors.quiet);
    let narrow = scene.narrow;
    if !narrow {
        let amount = scene.state.view.smoothing;
        let smooth = ui.menu_button(quiet(said::smooth(amount)), |ui| {
            smoothing_ui(ui, scene);
        });
        smooth.response.on_hover_text(said::OF_SMOOTHING);
    }
    let axis = scene.state.view.axis;
    let menu = ui.menu_button(quiet(said::over(axis)), |ui| {
        for other in Axis::ALL {
            let button = egui::Button::selectable(*other == axis, said::axis(*other));
            if ui.add(button).on_hover_text(said::of_axis(*other)).clicked() {
                scene.commands.push(Command::Axis(*other));
            }
        }
        // There is no room for a button of its own.
        if narrow {
            smoothing_ui(ui, scene);
        }
    });
    menu.response.on_hover_text(said::of_axis(axis));
}

fn smoothing_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    ui.label(said::SMOOTHING_NOTE);
    let mut amount = scene.state.view.smoothing;
    if ui.add(Slider::new(&mut amount, 0.0..=0.99).fixed_decimals(2).text(said::SMOOTHING)).changed() {
        scene.ask(Command::Smoothing(amount));
    }
}

/// How the seeds compare, and the history: its size while at the present, else the way back.
fn footer_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let small = |text: String| RichText::new(text).size(tokens::SMALL).color(scene.colors.quiet);
    ui.horizontal_centered(|ui| {
        let narrow = scene.narrow;
        if let Some(score) = score(scene).filter(|_| !narrow || seeds(scene) > 1) {
            ui.label(small(score)).on_hover_text(said::OF_SCORE);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let Some(step) = scene.state.scrub else {
                if let Some(line) = kept(ui, scene) {
                    ui.label(small(line)).on_hover_text(said::OF_HISTORY);
                }
                return;
            };
            if ui.button(said::PRESENT).on_hover_text(said::OF_PRESENT).clicked() {
                scene.ask(Command::Scrub(None));
            }
            let now = scene.engine.duel().map_or(0, |duel| duel.submitted());
            let line = said::looking_back(step, now);
            ui.label(RichText::new(line).size(tokens::BODY));
        });
    });
}

/// How much of the training is kept to look back at.
fn kept(ui: &Ui, scene: &Scene<'_>) -> Option<String> {
    let past = scene.engine.past()?;
    let Some(history) = past.history() else {
        return past.refused().map(|_| said::NO_HISTORY.into());
    };
    let short = ui.available_width() < 230.0;
    Some(said::history(history.entries().len(), history.bytes(), history.max_bytes(), short))
}

fn seeds(scene: &Scene<'_>) -> usize {
    scene.engine.duel().map_or(1, |duel| duel.seeds().max(1))
}

/// "SAM ahead in 7 of 8 seeds".
fn score(scene: &Scene<'_>) -> Option<String> {
    let duel = scene.engine.duel()?;
    let [left, right, ..] = duel.sides() else { return None };
    let curves = &scene.state.curves;
    let step = scene.state.scrub.unwrap_or(u64::MAX);
    let seeds = seeds(scene);
    let score = bands::score(curves, left.first, right.first, seeds, Quantity::TestAccuracy, step)?;
    let (left, right) = (text::side(&left.label), text::side(&right.label));
    if seeds < 2 {
        return Some(said::one_seed(&right)).filter(|_| duel.sides().get(1).is_some_and(|side| side.gradients == 2));
    }
    let behind = seeds - score.ahead - score.ties;
    Some(match score.ahead >= behind {
        true => said::ahead(&right, score.ahead, seeds, score.ties),
        false => said::ahead(&left, behind, seeds, score.ties),
    })
}
