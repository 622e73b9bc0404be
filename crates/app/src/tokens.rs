//! Every colour and every distance of the app, in its two themes.
//!
//! Two colours stand for the optimizers everywhere (orange and blue: apart for every kind of colour vision, and told apart by
//! dash and shape besides), two others for the classes of points; nothing else is coloured.

use egui::{Color32, FontData, FontDefinitions, FontFamily, FontId, RichText, Theme};
use std::sync::Arc;

/// The colours of a theme.
#[derive(Clone, Copy, Debug)]
pub struct Colors {
    /// Behind everything.
    pub ground: Color32,
    /// Of cards.
    pub card: Color32,
    /// Around cards and controls.
    pub edge: Color32,
    /// Of controls at rest.
    pub control: Color32,
    /// Of controls under the pointer.
    pub control_hover: Color32,
    /// Text.
    pub ink: Color32,
    /// Text of less weight.
    pub quiet: Color32,
    /// Grid lines of plots.
    pub grid: Color32,
    /// The one button that matters, and its text.
    pub action: Color32,
    /// Text on `action`.
    pub on_action: Color32,
    /// The left side (SGD).
    pub left: Color32,
    /// The right side (SAM).
    pub right: Color32,
    /// A third lane (SGD with SAM's compute).
    pub third: Color32,
    /// Points and areas of up to ten classes: the areas.
    pub class_areas: [Color32; 10],
    /// Where the network is unsure.
    pub class_neutral: Color32,
    /// The points.
    pub class_points: [Color32; 10],
    /// Where the decision lies.
    pub decision: Color32,
    /// Something is wrong.
    pub warning: Color32,
}

/// The colours of `theme`.
pub fn colors(theme: Theme) -> &'static Colors {
    match theme {
        Theme::Dark => &DARK,
        Theme::Light => &LIGHT,
    }
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const fn all(hex: [u32; 10]) -> [Color32; 10] {
    let mut colors = [Color32::BLACK; 10];
    let mut i = 0;
    while i < 10 {
        colors[i] = rgb(hex[i]);
        i += 1;
    }
    colors
}

const DARK: Colors = Colors {
    ground: rgb(0x0d1417),
    card: rgb(0x142023),
    edge: rgb(0x25353a),
    control: rgb(0x1a292e),
    control_hover: rgb(0x24373d),
    ink: rgb(0xe9f0ef),
    quiet: rgb(0x93a5a6),
    grid: rgb(0x223136),
    action: rgb(0x97cf85),
    on_action: rgb(0x0b1a0c),
    left: rgb(0xf5a03a),
    right: rgb(0x58b4f2),
    third: rgb(0xd8c27a),
    class_areas: all([
        0x5b3f7d, 0x4f7438, 0x7a4a3a, 0x37657a, 0x7a6a35, 0x6a3b5c, 0x3d6f66, 0x6b6b6b, 0x44508a, 0x86603a,
    ]),
    class_neutral: rgb(0x1c262b),
    class_points: all([
        0xd3a8ff, 0xb6e37f, 0xf2a58c, 0x8fd3f0, 0xe8d27c, 0xf09bd0, 0x86dcc9, 0xc9c9c9, 0xa4b1f5, 0xf0bd85,
    ]),
    decision: rgb(0xf6fbf4),
    warning: rgb(0xf2796b),
};

const LIGHT: Colors = Colors {
    ground: rgb(0xf3f0e8),
    card: rgb(0xfffefa),
    edge: rgb(0xddd6c4),
    control: rgb(0xfffefa),
    control_hover: rgb(0xebe6d9),
    ink: rgb(0x1b2a2d),
    quiet: rgb(0x566466),
    grid: rgb(0xe7e2d5),
    action: rgb(0x35742b),
    on_action: rgb(0xfffefa),
    left: rgb(0x9c4f00),
    right: rgb(0x0863a4),
    third: rgb(0x7d6608),
    class_areas: all([
        0xcbb7e4, 0xcfe3b4, 0xf1c9ba, 0xbfdeea, 0xefe3b4, 0xecc4dd, 0xbfe2da, 0xd8d8d8, 0xc6cdf0, 0xf0d6b8,
    ]),
    class_neutral: rgb(0xf7f4ec),
    class_points: all([
        0x6f35ad, 0x47801b, 0xa8452a, 0x1c6a88, 0x83690d, 0x9a2d72, 0x1c7867, 0x5a5a5a, 0x3d4aa8, 0x91561a,
    ]),
    decision: rgb(0x1b2a2d),
    warning: rgb(0xb3261e),
};

/// Between things that belong together.
pub const GAP: f32 = 8.0;
/// Between cards, and inside them.
pub const PAD: f32 = 12.0;
/// Inside cards.
pub const CARD_MARGIN: f32 = 10.0;
/// Corners of cards.
pub const CORNER: u8 = 8;
/// Corners of controls.
pub const CONTROL_CORNER: u8 = 6;
/// The least height of what can be touched with a finger.
pub const TOUCH: f32 = 44.0;
/// Below this width of the window there is one column.
pub const NARROW: f32 = 720.0;
/// Sizes of text.
pub const SMALL: f32 = 11.0;
/// Of body text.
pub const BODY: f32 = 13.0;
/// Of headings.
pub const HEADING: f32 = 15.0;
/// Of the two large figures.
pub const FIGURE: f32 = 22.0;
/// Width of curves.
pub const STROKE: f32 = 2.0;

/// The family of the heavier weight.
const SEMIBOLD: &str = "semibold";

/// The style of text in the heavier weight.
pub const STRONG: &str = "strong";

/// `text` in the heavier weight.
pub fn strong(text: impl Into<String>) -> RichText {
    RichText::new(text).family(FontFamily::Name(SEMIBOLD.into()))
}

/// The heavier weight in a size, for painters.
pub fn strong_font(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(SEMIBOLD.into()))
}

/// Inter in two weights, and behind it what egui brings for signs that it has not.
fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let regular: &[u8] = include_bytes!("../assets/inter-regular.ttf");
    let semibold: &[u8] = include_bytes!("../assets/inter-semibold.ttf");
    let behind = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    for (name, family, bytes) in
        [("inter", FontFamily::Proportional, regular), (SEMIBOLD, FontFamily::Name(SEMIBOLD.into()), semibold)]
    {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
        let all = [name.to_owned()].into_iter().chain(behind.iter().cloned());
        fonts.families.insert(family, all.collect());
    }
    fonts
}

/// Gives `context` the app's look in both themes.
pub fn install(context: &egui::Context) {
    context.set_fonts(fonts());
    for theme in [Theme::Dark, Theme::Light] {
        let c = colors(theme);
        context.style_mut_of(theme, |style| {
            let v = &mut style.visuals;
            v.panel_fill = c.ground;
            v.window_fill = c.card;
            v.extreme_bg_color = c.ground;
            v.faint_bg_color = c.control;
            v.override_text_color = Some(c.ink);
            v.weak_text_color = Some(c.quiet);
            v.window_stroke = egui::Stroke::new(1.0, c.edge);
            v.window_corner_radius = CORNER.into();
            v.menu_corner_radius = CORNER.into();
            v.selection.bg_fill = c.right.gamma_multiply(0.45);
            v.selection.stroke = egui::Stroke::new(1.0, c.ink);
            v.hyperlink_color = c.right;
            v.warn_fg_color = c.warning;
            v.error_fg_color = c.warning;
            v.slider_trailing_fill = true;
            for (widget, fill) in [
                (&mut v.widgets.noninteractive, c.card),
                (&mut v.widgets.inactive, c.control),
                (&mut v.widgets.hovered, c.control_hover),
                (&mut v.widgets.active, c.control_hover),
                (&mut v.widgets.open, c.control_hover),
            ] {
                widget.bg_fill = fill;
                widget.weak_bg_fill = fill;
                widget.bg_stroke = egui::Stroke::new(1.0, c.edge);
                widget.fg_stroke = egui::Stroke::new(1.0, c.ink);
                widget.corner_radius = CONTROL_CORNER.into();
            }
            style.spacing.item_spacing = egui::vec2(GAP, GAP);
            style.spacing.button_padding = egui::vec2(10.0, 5.0);
            style.spacing.interact_size.y = 26.0;
            for (name, size) in [
                (egui::TextStyle::Small, SMALL),
                (egui::TextStyle::Body, BODY),
                (egui::TextStyle::Button, BODY),
                (egui::TextStyle::Monospace, BODY),
                (egui::TextStyle::Heading, HEADING),
            ] {
                style.text_styles.insert(name, egui::FontId::proportional(size));
            }
            style.text_styles.insert(egui::TextStyle::Name(STRONG.into()), strong_font(BODY));
        });
    }
}

/// The frame of a card.
pub fn card(theme: Theme) -> egui::Frame {
    let c = colors(theme);
    egui::Frame::new()
        .fill(c.card)
        .stroke(egui::Stroke::new(1.0, c.edge))
        .corner_radius(CORNER)
        .inner_margin(egui::Margin::same(CARD_MARGIN as i8))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast of two colours, WCAG 2.2.
    fn contrast(a: Color32, b: Color32) -> f32 {
        let luminance = |c: Color32| {
            let linear = egui::Rgba::from(c);
            0.2126 * linear.r() + 0.7152 * linear.g() + 0.0722 * linear.b()
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_marks_stand_out_in_both_themes() {
        for theme in [Theme::Dark, Theme::Light] {
            let c = colors(theme);
            for ground in [c.ground, c.card, c.control, c.control_hover] {
                for (text, least) in [(c.ink, 7.0), (c.quiet, 4.5), (c.left, 4.5), (c.right, 4.5), (c.warning, 4.5)] {
                    let found = contrast(text, ground);
                    assert!(found >= least, "{theme:?}: {text:?} on {ground:?} has {found}, wanted {least}");
                }
            }
            assert!(contrast(c.on_action, c.action) >= 4.5);
            for (area, point) in c.class_areas.iter().zip(c.class_points) {
                assert!(contrast(*area, point) >= 3.0, "{theme:?}: {point:?} on {area:?}: {}", contrast(*area, point));
            }
        }
    }
}
