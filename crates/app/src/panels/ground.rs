//! The loss surface: the landscape or its map, both ways on it, and what it shows.

use super::Scene;
use super::line::line_ui;
use super::slow;
use crate::command::Command;
use crate::engine::{Ground, Laid, Subject, What, camera, place};
use crate::state::PlaneKind;
use crate::state::SlowMotion;
use crate::text::{self, ground as said};
use crate::tokens;
use egui::{Align2, Color32, FontId, Mesh, Painter, Pos2, Rect, RichText, Sense, Shape, Stroke, Theme, Ui, pos2, vec2};
use lowland::view::{TerrainCamera, tint};

/// Height of the row with the line and the scale.
const BELOW: f32 = 108.0;
/// Height of the card in one column.
pub const GROUND_COLUMN: f32 = 640.0;

/// Draws the card.
pub fn ground_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let height = ui.available_height();
    let width = ui.available_width().min(ui.ctx().content_rect().width() - 2.0 * tokens::PAD);
    scene.card().show(ui, |ui| {
        ui.set_width(width - 22.0);
        ui.set_height((height - 22.0).max(120.0));
        head_ui(ui, scene);
        if scene.state.slow.is_some() {
            let size = vec2(ui.available_width(), (ui.available_height() - slow::HEIGHT - tokens::GAP).max(80.0));
            picture_ui(ui, scene, size);
            slow::slow_ui(ui, scene);
            return;
        }
        let below = if ui.available_width() < 400.0 { 2.0 * BELOW } else { BELOW };
        let size = vec2(ui.available_width(), (ui.available_height() - below - tokens::GAP).max(80.0));
        picture_ui(ui, scene, size);
        if below > BELOW {
            line_ui(ui, scene, vec2(ui.available_width(), BELOW));
            scale_ui(ui, scene);
        } else {
            ui.horizontal_top(|ui| {
                line_ui(ui, scene, vec2(0.52 * ui.available_width(), BELOW));
                ui.add_space(tokens::PAD);
                ui.vertical(|ui| scale_ui(ui, scene));
            });
        }
    });
}

/// The title, what the plane is, and how it is shown.
fn head_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let quiet = |text: String, scene: &Scene<'_>| RichText::new(text).small().color(scene.colors.quiet);
    ui.horizontal_wrapped(|ui| {
        if scene.state.slow.is_some() {
            ui.label(RichText::new(text::SLOW_TITLE).heading().strong());
            let step = scene.engine.slow().map_or(0, |slow| slow.step());
            ui.label(quiet(said::step_plane(step), scene));
            return;
        }
        ui.label(RichText::new(text::GROUND).heading().strong());
        let view = &scene.state.view;
        let (plane, log) = (view.plane, view.log_height);
        ui.label(quiet(said::over_plane(log), scene));
        let title = RichText::new(said::plane_button(plane)).small();
        let menu = ui.menu_button(title, |ui| {
            for kind in PlaneKind::ALL {
                let choice = ui.selectable_label(*kind == plane, text::plane(*kind));
                if choice.on_hover_text(text::of_plane(*kind)).clicked() {
                    scene.ask(Command::Plane(*kind));
                    ui.close();
                }
            }
        });
        menu.response.on_hover_text(said::of_plane_button(plane));
        let dimensions = scene.engine.duel().map(|duel| duel.model().parameter_count());
        if let Some(dimensions) = dimensions {
            ui.label(quiet(said::slice_of(dimensions), scene));
        }
    });
}

/// Map or landscape, plain or log, over the picture's upper left.
fn toggles_ui(ui: &mut Ui, scene: &mut Scene<'_>, rect: Rect) {
    let (contour, log) = (scene.state.view.contour, scene.state.view.log_height);
    let toggles = [(said::view(contour), Command::ToggleContour), (said::height(log), Command::ToggleLogHeight)];
    let mut over = ui.new_child(egui::UiBuilder::new().max_rect(rect));
    over.horizontal(|ui| {
        for ([label, hint], command) in toggles {
            if ui.button(RichText::new(label).small()).on_hover_text(hint).clicked() {
                scene.ask(command);
            }
        }
    });
}

fn picture_ui(ui: &mut Ui, scene: &mut Scene<'_>, size: egui::Vec2) {
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    let software = scene.engine.gpu().is_software();
    // On a software adapter sharp pictures are for those who rest.
    let coarse = software && (scene.state.playing || response.dragged());
    let scale = ui.ctx().pixels_per_point() * if coarse { 0.6 } else { 1.0 };
    *scene.ground_pixels = [(rect.width() * scale) as u32, (rect.height() * scale) as u32];
    steer(ui, scene, &response);
    let painter = ui.painter_at(rect);
    let Some(ground) = scene.engine.ground() else {
        label(&painter, rect.center(), Align2::CENTER_CENTER, text::PREPARING, scene.colors.quiet);
        return;
    };
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, description(scene, ground)));
    let Some((_, faces)) = ground.laid() else {
        let sentence = ground.trouble().unwrap_or(text::SURVEYING);
        label(&painter, rect.center(), Align2::CENTER_CENTER, sentence, scene.colors.quiet);
        return;
    };
    let camera = camera(&scene.state.view);
    let subject = ground.surface().map_or(Subject::Plane(scene.state.view.plane), |surface| surface.subject);
    let width = rect.width() / faces.len().max(1) as f32;
    for (i, laid) in faces.iter().enumerate() {
        let left = rect.left() + width * i as f32;
        let part = Rect::from_min_size(pos2(left, rect.top()), vec2(width, rect.height()));
        if let Some(picture) = ground.picture(i) {
            let all = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            painter.image(picture.id(), part, all, Color32::WHITE);
        }
        let names = names(scene);
        match scene.state.slow {
            Some(slow) if subject == Subject::Step => step_ui(&painter, part, &camera, laid, &slow, scene.colors),
            _ => marks_ui(&painter, part, &camera, laid, &names, scene.colors),
        }
    }
    let hint = if scene.state.view.contour { text::MAP_HINT } else { text::GROUND_HINT };
    let small = (tokens::SMALL, scene.colors.quiet);
    if rect.width() > 520.0 {
        plate(&painter, rect.right_top() + vec2(-2.0, 2.0), Align2::RIGHT_TOP, hint, small, scene.colors);
    }
    let moment = moment(scene, ground);
    plate(&painter, rect.left_bottom() + vec2(2.0, -2.0), Align2::LEFT_BOTTOM, &moment, small, scene.colors);
    if scene.state.slow.is_none() {
        toggles_ui(ui, scene, rect);
    }
}

/// Turns and zooms.
fn steer(ui: &Ui, scene: &mut Scene<'_>, response: &egui::Response) {
    if response.double_clicked() {
        scene.ask(Command::ResetCamera);
    } else if response.dragged() && !scene.state.view.contour {
        let by = response.drag_delta();
        if by != egui::Vec2::ZERO {
            scene.ask(Command::Orbit(-0.4 * by.x, 0.3 * by.y));
        }
    }
    if response.hovered() {
        let narrow = ui.ctx().content_rect().width() < tokens::NARROW;
        let (pinch, scroll) = ui.input(|input| (input.zoom_delta(), input.smooth_scroll_delta().y));
        // In one column, scrolling is for the page.
        let factor = pinch * if narrow { 1.0 } else { (0.003 * scroll).exp() };
        if (factor - 1.0).abs() > 1e-4 {
            scene.ask(Command::Zoom(factor));
        }
    }
}

/// The names of both sides.
fn names(scene: &Scene<'_>) -> [String; 2] {
    let sides = scene.engine.duel().map(|duel| duel.sides()).unwrap_or_default();
    [0, 1].map(|i| sides.get(i).map_or_else(String::new, |side| text::side(&side.label)))
}

/// Which moment is shown, and how far the next one is.
fn moment(scene: &Scene<'_>, ground: &Ground) -> String {
    let Some(surface) = ground.surface() else { return String::new() };
    let mut line = said::as_of(surface.step, surface.grid);
    let shape = scene.engine.duel().map_or(2, |duel| duel.data().shape.len());
    if shape != 2 {
        line += &said::on_first(ground.examples());
    }
    if let Some(shares) = surface.variance {
        line += &said::projected(shares);
    }
    if let Some(values) = surface.curvatures {
        let names = names(scene);
        for (name, values) in names.iter().zip(values) {
            line += &said::bends(name, values);
        }
    }
    if surface.same {
        line += said::SAME;
    }
    if let Some(progress) = ground.progress().filter(|_| scene.engine.gpu().is_software()) {
        line += &said::refreshing(progress);
    }
    let present = scene.engine.duel().map_or(0, |duel| duel.submitted());
    let subject = scene.state.slow.map_or(Subject::Plane(scene.state.view.plane), |_| Subject::Step);
    if ground.is_stale(scene.state.scrub.unwrap_or(present), subject) {
        line += said::HATCHED;
    }
    line
}

fn description(scene: &Scene<'_>, ground: &Ground) -> String {
    let Some(surface) = ground.surface() else { return text::SURVEYING.into() };
    let names = names(scene);
    let losses: Vec<String> = [0, 1]
        .iter()
        .filter_map(|side| surface.side(*side).map(|mark| format!("{} {}", names[*side], text::loss(mark.loss))))
        .collect();
    let plane = text::plane(scene.state.view.plane);
    said::described(plane, surface.step, &losses)
}

/// Colours on the ground, which is as deep in both themes.
fn on_ground() -> (&'static tokens::Colors, Color32) {
    let colors = tokens::colors(Theme::Dark);
    (colors, colors.ground)
}

/// The ways, the points and their names.
fn marks_ui(
    painter: &Painter,
    rect: Rect,
    camera: &TerrainCamera,
    laid: &Laid,
    names: &[String; 2],
    theme: &tokens::Colors,
) {
    let (colors, halo) = on_ground();
    let at = |point: [f32; 3]| {
        let ([x, y], _) = camera.project([rect.width(), rect.height()], point);
        rect.min + vec2(x, y)
    };
    for (path, (color, dashed)) in laid.paths.iter().zip([(colors.left, true), (colors.right, false)]) {
        let points: Vec<Pos2> = path.iter().map(|point| at(*point)).collect();
        let wide = Stroke::new(tokens::STROKE + 2.5, halo.gamma_multiply(0.75));
        painter.add(Shape::line(points.clone(), wide));
        let stroke = Stroke::new(tokens::STROKE, color);
        if dashed {
            painter.extend(Shape::dashed_line(&points, stroke, 6.0, 4.0));
        } else {
            painter.add(Shape::line(points, stroke));
        }
    }
    let find = |what| laid.marks.iter().find(|(other, ..)| *other == what).map(|(_, point, loss)| (at(*point), *loss));
    if !laid.ball.is_empty() {
        let circle: Vec<Pos2> = laid.ball.iter().map(|point| at(*point)).collect();
        painter.add(Shape::line(circle, Stroke::new(1.2, colors.right)));
    }
    let centre = find(What::Side(1));
    if let (Some((from, _)), Some((to, _))) = (centre, find(What::Climbed)) {
        arrow(painter, from, to, colors.ink, halo);
    }
    if let (Some((from, _)), Some((to, _))) = (centre, find(What::After)) {
        arrow(painter, from, to, colors.right, halo);
    }
    if let Some((place, _)) = find(What::Start) {
        painter.circle(place, 4.0, colors.ink, Stroke::new(1.5, halo));
        tag(painter, place + vec2(10.0, 0.0), Align2::LEFT_CENTER, said::START, theme);
    }
    for (side, color) in [colors.left, colors.right].into_iter().enumerate() {
        let Some((place, loss)) = find(What::Side(side)) else { continue };
        mark(painter, place, side, color, halo);
        let name = format!("{} {}", names[side], text::loss(loss));
        // Left of the left point and right of the right one, so that they do not meet.
        let (by, align) =
            if side == 0 { (vec2(-13.0, 1.0), Align2::RIGHT_CENTER) } else { (vec2(13.0, 1.0), Align2::LEFT_CENTER) };
        tag(painter, place + by, align, &name, theme);
    }
}

/// The step of slow motion: its three points, the point that moves, and the arrow of the part.
fn step_ui(
    painter: &Painter,
    rect: Rect,
    camera: &TerrainCamera,
    laid: &Laid,
    slow: &SlowMotion,
    theme: &tokens::Colors,
) {
    let (colors, halo) = on_ground();
    let at = |point: [f32; 3]| {
        let ([x, y], _) = camera.project([rect.width(), rect.height()], point);
        rect.min + vec2(x, y)
    };
    let find = |what| laid.marks.iter().find(|(other, ..)| *other == what).map(|(_, point, _)| *point);
    let (Some(before), Some(after)) = (find(What::Side(1)), find(What::After)) else { return };
    let climbed = find(What::Climbed);
    if !laid.ball.is_empty() {
        let circle: Vec<Pos2> = laid.ball.iter().map(|point| at(*point)).collect();
        painter.add(Shape::line(circle, Stroke::new(1.2, colors.right)));
    }
    let points = [(Some(before), -12.0), (climbed, -12.0), (Some(after), 12.0)];
    for ((point, down), name) in points.into_iter().zip(said::STEP_POINTS) {
        let Some(point) = point else { continue };
        painter.circle(at(point), 3.5, colors.ink, Stroke::new(1.5, halo));
        tag(painter, at(point) + vec2(11.0, down), Align2::LEFT_CENTER, name, theme);
    }
    // Without a climb the point rests where it is until it descends.
    let top = climbed.unwrap_or(before);
    let mixed = |[a, b, c]: [f32; 3]| [0, 1, 2].map(|i| a * before[i] + b * top[i] + c * after[i]);
    let grown = |from: [f32; 3], to: [f32; 3]| {
        arrow(painter, at(from), at(from) + slow.done.max(0.05) * (at(to) - at(from)), colors.ink, halo);
    };
    match slow.part {
        0 => grown(before, top),
        1 | 2 => arrow(painter, at(before), at(top), colors.ink, halo),
        3 => grown(top, [0, 1, 2].map(|i| top[i] + after[i] - before[i])),
        4 => arrow(
            painter,
            at(mixed(place(4, slow.done))),
            {
                let from = mixed(place(4, slow.done));
                at([0, 1, 2].map(|i| from[i] + after[i] - before[i]))
            },
            colors.right,
            halo,
        ),
        _ => arrow(painter, at(before), at(after), colors.right, halo),
    }
    mark(painter, at(mixed(place(slow.part, slow.done))), 1, colors.right, halo);
}

/// The left side's circle, the right side's triangle.
fn mark(painter: &Painter, place: Pos2, side: usize, color: Color32, halo: Color32) {
    let edge = Stroke::new(1.8, halo);
    if side == 0 {
        painter.circle(place, 6.5, color, edge);
    } else {
        let corners = [vec2(0.0, -8.0), vec2(7.5, 5.5), vec2(-7.5, 5.5)].map(|by| place + by);
        painter.add(Shape::convex_polygon(corners.to_vec(), color, edge));
    }
}

fn arrow(painter: &Painter, from: Pos2, to: Pos2, color: Color32, halo: Color32) {
    let by = to - from;
    if by.length() < 3.0 {
        return;
    }
    for (width, color) in [(5.0, halo.gamma_multiply(0.75)), (2.2, color)] {
        painter.arrow(from, by, Stroke::new(width, color));
    }
}

/// Small text beside the ground.
fn label(painter: &Painter, at: Pos2, align: Align2, said: &str, color: Color32) {
    painter.text(at, align, said, FontId::proportional(tokens::SMALL), color);
}

/// The name of a point on the ground.
fn tag(painter: &Painter, at: Pos2, align: Align2, said: &str, theme: &tokens::Colors) {
    plate(painter, at, align, said, (tokens::BODY, theme.ink), theme);
}

/// Text on the ground or beyond its rim, on a plate: what lies below is of any colour.
fn plate(painter: &Painter, at: Pos2, align: Align2, said: &str, (size, ink): (f32, Color32), theme: &tokens::Colors) {
    let galley = painter.layout_no_wrap(said.to_owned(), FontId::proportional(size), ink);
    let rect = align.anchor_size(at, galley.size());
    painter.rect_filled(rect.expand2(vec2(4.0, 1.0)), 4.0, theme.card.gamma_multiply(0.85));
    painter.galley(rect.min, galley, ink);
}

/// The bar from low to high, and what a contour line stands for.
fn scale_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let Some((scale, _)) = scene.engine.ground().and_then(Ground::laid) else { return };
    let quiet = scene.colors.quiet;
    ui.label(RichText::new(said::LOSS).small().color(quiet));
    let width = ui.available_width().min(260.0);
    let (rect, _) = ui.allocate_exact_size(vec2(width, 10.0), Sense::hover());
    ui.painter().add(bar(rect));
    let (row, _) = ui.allocate_exact_size(vec2(width, 14.0), Sense::hover());
    let ends = [(0.0, Align2::LEFT_TOP), (0.5, Align2::CENTER_TOP), (1.0, Align2::RIGHT_TOP)];
    for (raw, align) in ends {
        let at = pos2(row.left() + raw * row.width(), row.top());
        label(ui.painter(), at, align, &text::loss(scale.heights.loss(raw)), scene.colors.ink);
    }
    let mut line = said::interval(scale.heights.log, scale.interval);
    if scale.cut {
        line += &said::bent_beyond(scale.heights.high);
    }
    ui.label(RichText::new(line).small().color(quiet));
    if scene.engine.ground().and_then(Ground::laid).is_some_and(|(_, faces)| faces.iter().any(|f| !f.ball.is_empty())) {
        ui.label(RichText::new(text::BALL).small().color(quiet));
    }
}

fn bar(rect: Rect) -> Mesh {
    const PARTS: u32 = 12;
    let mut mesh = Mesh::default();
    for i in 0..=PARTS {
        let t = i as f32 / PARTS as f32;
        let [r, g, b] = tint(t).map(|v| (255.0 * v).round() as u8);
        let x = rect.left() + t * rect.width();
        for y in [rect.top(), rect.bottom()] {
            mesh.colored_vertex(pos2(x, y), Color32::from_rgb(r, g, b));
        }
        if i < PARTS {
            let first = 2 * i;
            mesh.add_triangle(first, first + 1, first + 2);
            mesh.add_triangle(first + 1, first + 2, first + 3);
        }
    }
    mesh
}
