//! A loss surface from above: filled contours with isolines, a bar of colours, and the networks that lie in the plane.

use std::fmt::Write as _;

use crate::figure::Frame;
use crate::isolines::Field;
use crate::markup::escape;
use crate::scale::{HeightScale, colour};

/// What to draw.
#[derive(Debug, Clone)]
pub struct Contour<'a> {
    /// Stands above the picture.
    pub title: &'a str,
    /// Names of the axes.
    pub axes: [&'a str; 2],
    /// Places along the first axis, at least two, growing.
    pub x: &'a [f64],
    /// Places along the second axis.
    pub y: &'a [f64],
    /// Losses by row (second axis), then column.
    pub losses: &'a [f64],
    /// What colours mean; surfaces side by side share it.
    pub scale: HeightScale,
    /// Networks in the plane: place and name.
    pub points: &'a [(f64, f64, String)],
}

/// Filled bands.
const BANDS: usize = 24;
/// Bands between isolines.
const PER_LINE: usize = 2;

impl Contour<'_> {
    /// The picture as an SVG element that stands alone.
    pub fn to_svg(&self) -> String {
        let [left, top, width, height] = [70.0, 46.0, 480.0, 480.0];
        let frame = self.frame([left, top, width, height], (690.0, 590.0));
        let title =
            format!("<text class=\"t\" x=\"{left}\" y=\"28\" font-weight=\"600\">{}</text>", escape(self.title));
        let mut bar = self.bar(left + width + 28.0, top, height);
        if self.has_holes() {
            let (x, y) = (left + width + 28.0, top + height + 14.0);
            let _ = write!(
                bar,
                "<rect x=\"{x}\" y=\"{y}\" width=\"18\" height=\"14\" fill=\"url(#lh)\"/><text x=\"{:.1}\" y=\"{:.1}\">not finite</text>",
                x + 25.0,
                y + 12.0
            );
        }
        self.draw(&frame, "", &(title + &bar))
    }

    /// The picture for a page that has title and bar elsewhere; `id` tells it from others there.
    pub(crate) fn plate(&self, id: &str) -> String {
        self.draw(&self.frame([70.0, 10.0, 390.0, 390.0], (470.0, 450.0)), id, "")
    }

    fn frame(&self, area: [f64; 4], size: (f64, f64)) -> Frame {
        let range = |places: &[f64]| (places[0], places[places.len() - 1]);
        Frame { x: range(self.x), y: range(self.y), area, size }
    }

    fn has_holes(&self) -> bool {
        self.losses.iter().any(|loss| !loss.is_finite())
    }

    /// The surface in `frame`, with what stands `around` it.
    fn draw(&self, frame: &Frame, id: &str, around: &str) -> String {
        let (x, y) = (self.x, self.y);
        let heights: Vec<f64> = self.losses.iter().map(|loss| self.scale.height(*loss)).collect();
        let field = Field { x, y, values: &heights };
        let [left, top, width, height] = frame.area;
        let mut svg = format!(
            "<defs><clipPath id=\"lc{id}\"><rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/></clipPath>\
             <pattern id=\"lh{id}\" width=\"9\" height=\"9\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
             <rect width=\"9\" height=\"9\" fill=\"#f6dcdc\"/><rect width=\"3\" height=\"9\" fill=\"#b3202a\"/></pattern></defs>\
             {around}<g clip-path=\"url(#lc{id})\">\
             <rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"url(#lh{id})\"/>"
        );
        for band in 0..BANDS {
            let level = if band == 0 { -1e-9 } else { band as f64 / BANDS as f64 };
            let d: String = field.region(level).iter().map(|ring| frame.path(ring) + "Z").collect();
            if !d.is_empty() {
                let fill = hex((band as f64 + 0.5) / BANDS as f64);
                let _ = write!(svg, "<path fill=\"{fill}\" fill-rule=\"evenodd\" d=\"{d}\"/>");
            }
        }
        for band in (PER_LINE..BANDS).step_by(PER_LINE) {
            let level = band as f64 / BANDS as f64;
            let d: String = field.lines(level).iter().map(|run| frame.path(run)).collect();
            if !d.is_empty() {
                let ink = if level < 0.5 { "#fff" } else { "#000" };
                let _ = write!(
                    svg,
                    "<path fill=\"none\" stroke=\"{ink}\" stroke-opacity=\"0.42\" stroke-width=\"0.9\" d=\"{d}\"/>"
                );
            }
        }
        svg.push_str("</g>");
        svg.push_str(&frame.axes(self.axes[0], self.axes[1], false));
        for (x, y, name) in self.points {
            let (x, y) = frame.place(*x, *y);
            // Beside the point; above it where another one follows on its line.
            let crowded = self.points.iter().any(|(other_x, other_y, _)| {
                let (other_x, other_y) = frame.place(*other_x, *other_y);
                (1.0..130.0).contains(&(other_x - x)) && (other_y - y).abs() < 18.0
            });
            let (at, down, anchor) = match () {
                () if crowded => (x, -13.0, "middle"),
                () if x > left + 0.8 * width => (x - 12.0, 5.0, "end"),
                () => (x + 12.0, 5.0, "start"),
            };
            let _ = write!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5.5\" fill=\"#fff\" stroke=\"#111\" stroke-width=\"1.8\"/>\
                 <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" style=\"fill:#fff;stroke:#111;stroke-width:3px;\
                 paint-order:stroke;font-size:14px;font-weight:600\">{}</text>",
                y + down,
                escape(name)
            );
        }
        let what = format!("Contours of the loss: {}", self.title);
        frame.svg(&what, &svg)
    }

    /// The bar of colours with its losses.
    fn bar(&self, x: f64, top: f64, height: f64) -> String {
        let mut svg = String::new();
        let step = height / BANDS as f64;
        for band in 0..BANDS {
            let y = top + height - step * (band + 1) as f64;
            let fill = hex((band as f64 + 0.5) / BANDS as f64);
            let _ =
                write!(svg, "<rect x=\"{x}\" y=\"{y:.2}\" width=\"18\" height=\"{:.2}\" fill=\"{fill}\"/>", step + 0.3);
        }
        let _ = write!(svg, "<rect class=\"f\" x=\"{x}\" y=\"{top}\" width=\"18\" height=\"{height}\"/>");
        for (loss, text) in self.scale.ticks() {
            let y = top + height * (1.0 - self.scale.height(loss));
            let _ = write!(
                svg,
                "<path class=\"f\" d=\"M{:.1} {y:.1}h5\"/><text x=\"{:.1}\" y=\"{:.1}\">{text}</text>",
                x + 18.0,
                x + 27.0,
                y + 4.5
            );
        }
        let _ = write!(svg, "<text class=\"t\" x=\"{x}\" y=\"{:.1}\">loss</text>", top - 12.0);
        svg
    }
}

/// The colours of a scale from left to right, with their losses: for pictures beside each other.
pub(crate) fn colour_bar(scale: &HeightScale) -> String {
    let frame = Frame { x: (0.0, 1.0), y: (0.0, 1.0), area: [46.0, 6.0, 396.0, 16.0], size: (470.0, 48.0) };
    let [left, top, width, height] = frame.area;
    let step = width / BANDS as f64;
    let mut svg = String::new();
    for band in 0..BANDS {
        let (x, fill) = (left + step * band as f64, hex((band as f64 + 0.5) / BANDS as f64));
        let _ = write!(
            svg,
            "<rect x=\"{x:.2}\" y=\"{top}\" width=\"{:.2}\" height=\"{height}\" fill=\"{fill}\"/>",
            step + 0.3
        );
    }
    let _ = write!(svg, "<rect class=\"f\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/>");
    for (loss, text) in scale.ticks() {
        let x = left + width * scale.height(loss);
        let bottom = top + height;
        let _ = write!(
            svg,
            "<path class=\"f\" d=\"M{x:.1} {bottom}v5\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
            bottom + 19.0
        );
    }
    let _ = write!(svg, "<text class=\"t\" x=\"{}\" y=\"{}\" text-anchor=\"end\">loss</text>", left - 10.0, top + 13.0);
    frame.svg("Colours of the losses", &svg)
}

pub(crate) fn hex(height: f64) -> String {
    let [r, g, b] = colour(height);
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_surfaces_are_drawn_without_fuss() {
        let x = [0.0, 1.0, 2.0];
        for losses in [[1.0; 9], [f64::NAN; 9], [1.0, 2.0, f64::INFINITY, 1e30, 0.0, 5.0, 3.0, 2.0, 1e-9]] {
            let scale = HeightScale::of(losses.iter().copied(), None, None);
            let scale = scale.unwrap_or(HeightScale { low: 0.0, high: 1.0, log: false });
            let points = [(1.0, 1.0, "<a>".to_owned())];
            let contour =
                Contour { title: "a & b", axes: ["d1", "d2"], x: &x, y: &x, losses: &losses, scale, points: &points };
            let svg = contour.to_svg();
            assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
            assert!(!svg.contains("NaN") && !svg.contains("inf") && !svg.contains("<a>"));
            assert_eq!(svg.contains("not finite</text>"), losses.iter().any(|loss| !loss.is_finite()));
        }
    }
}
