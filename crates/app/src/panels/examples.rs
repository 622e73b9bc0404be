//! What a side makes of images: those that are labelled wrongly, the hardest, and who is taken for whom.

use super::Scene;
use crate::engine::Seen;
use crate::{text, tokens};
use egui::{Color32, ColorImage, Rect, RichText, Sense, Stroke, TextureHandle, Ui, pos2, vec2};
use lowland::data::{Dataset, Inputs};

/// Side of a thumbnail in points.
const THUMBNAIL: f32 = 34.0;

/// Draws a side's part.
pub fn examples_ui(ui: &mut Ui, scene: &mut Scene<'_>, side: usize) {
    let (Some(examples), Some(duel)) = (scene.engine.examples(), scene.engine.duel()) else { return };
    let data = duel.data();
    let across = ((ui.available_width() + 4.0) / (THUMBNAIL + 4.0)).floor().max(1.0) as usize;
    let mislabelled = examples.mislabelled();
    if !mislabelled.is_empty() {
        let learnt = mislabelled.iter().filter(|seen| seen.predicted[side] == seen.label).count();
        let line = text::learnt_by_heart(learnt, mislabelled.len());
        ui.label(RichText::new(line).small().color(scene.colors.quiet));
        strip_ui(ui, scene, side, data, &mislabelled[..across.min(mislabelled.len())]);
    }
    ui.label(RichText::new(text::HARDEST).small().color(scene.colors.quiet));
    let hardest = examples.hardest();
    strip_ui(ui, scene, side, data, &hardest[..across.min(hardest.len())]);
    ui.label(RichText::new(text::confusion(examples.tested())).small().color(scene.colors.quiet));
    confusion_ui(ui, scene, &examples.confusion(side));
}

/// Thumbnails, each framed by whether the side says what its label says.
fn strip_ui(ui: &mut Ui, scene: &mut Scene<'_>, side: usize, data: &Dataset, list: &[Seen]) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        for seen in list {
            let (rect, response) = ui.allocate_exact_size(vec2(THUMBNAIL, THUMBNAIL + 14.0), Sense::hover());
            let picture = Rect::from_min_size(rect.min, vec2(THUMBNAIL, THUMBNAIL));
            if let Some(texture) = thumbnail(ui, data, seen.index) {
                let all = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                ui.painter().image(texture.id(), picture, all, Color32::WHITE);
            }
            let agrees = seen.predicted[side] == seen.label;
            // Agreeing with a wrong label is no merit.
            let good = agrees != seen.flipped;
            let color = if good { scene.colors.action } else { scene.colors.warning };
            ui.painter().rect_stroke(picture, 2.0, Stroke::new(1.5, color), egui::StrokeKind::Inside);
            let said = format!("{}{}", if good { "" } else { "x " }, text::class(data, seen.predicted[side]));
            let at = pos2(picture.center().x, rect.bottom());
            let font = egui::FontId::proportional(tokens::SMALL);
            ui.painter().text(at, egui::Align2::CENTER_BOTTOM, &said, font, scene.colors.ink);
            response.on_hover_text(text::seen(data, seen));
        }
    });
}

/// The picture of a training example, kept by egui.
fn thumbnail(ui: &Ui, data: &Dataset, index: usize) -> Option<TextureHandle> {
    let id = egui::Id::unique(("example", data.name.as_str(), data.train.len(), index));
    if let Some(texture) = ui.data(|memory| memory.get_temp::<TextureHandle>(id)) {
        return Some(texture);
    }
    let (shape, size) = (data.shape, data.shape.len());
    let Inputs::Bytes(bytes) = &data.train.inputs else { return None };
    let example = bytes.get(index * size..(index + 1) * size)?;
    let pixels = shape.height * shape.width;
    let texel = |i: usize| match shape.channels {
        3 => Color32::from_rgb(example[i], example[pixels + i], example[2 * pixels + i]),
        _ => Color32::from_gray(example[i]),
    };
    let image = ColorImage::new([shape.width, shape.height], (0..pixels).map(texel).collect());
    let texture = ui.ctx().load_texture(format!("example {index}"), image, egui::TextureOptions::NEAREST);
    ui.data_mut(|memory| memory.insert_temp(id, texture.clone()));
    Some(texture)
}

/// Rows are classes, columns what they are taken for; the darker the more.
fn confusion_ui(ui: &mut Ui, scene: &mut Scene<'_>, counts: &[Vec<u32>]) {
    let classes = counts.len().max(1);
    let cell = (ui.available_width() / classes as f32).min(15.0);
    let side = cell * classes as f32;
    let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::hover());
    for (row, counts) in counts.iter().enumerate() {
        let most = counts.iter().sum::<u32>().max(1) as f32;
        for (column, count) in counts.iter().enumerate() {
            let at = rect.min + vec2(column as f32 * cell, row as f32 * cell);
            let color = if row == column { scene.colors.action } else { scene.colors.warning };
            let share = (*count as f32 / most).sqrt();
            let fill = scene.colors.control.lerp_to_gamma(color, share);
            ui.painter().rect_filled(Rect::from_min_size(at, vec2(cell - 1.0, cell - 1.0)), 1.0, fill);
        }
    }
    if let (Some(at), Some(duel)) = (response.hover_pos(), scene.engine.duel()) {
        let place = |v: f32| ((v / cell).max(0.0) as usize).min(classes - 1);
        let (row, column) = (place(at.y - rect.top()), place(at.x - rect.left()));
        if let Some(count) = counts.get(row).and_then(|row| row.get(column)) {
            response.on_hover_text(text::taken_for(duel.data(), row as u16, column as u16, *count));
        }
    }
}
