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

/// What else a picture of a surface says.
#[derive(Debug, Clone, Copy)]
pub struct Legend<'a> {
    /// What heights and colours are.
    pub quantity: &'a str,
    /// A line below the title.
    pub note: &'a str,
    /// Whether the networks are a path, in order: they are joined, and small but for the last.
    pub path: bool,
}

impl Default for Legend<'_> {
    fn default() -> Self {
        Self { quantity: "loss", note: "", path: false }
    }
}

/// Filled bands.
const BANDS: usize = 24;
/// Bands between isolines.
const PER_LINE: usize = 2;

impl Contour<'_> {
    /// The picture as an SVG element that stands alone.
    pub fn to_svg(&self) -> String {
        self.contours(&Legend::default())
    }

    /// Contours, with what `legend` says.
    pub fn contours(&self, legend: &Legend<'_>) -> String {
        self.alone(legend, Self::bands, "Contours")
    }

    /// A cell for each measured point, in its colour: nothing between points is made up.
    pub fn heat_map(&self, legend: &Legend<'_>) -> String {
        self.alone(legend, Self::cells, "Heat map")
    }

    /// A picture with title and bar.
    fn alone(&self, legend: &Legend<'_>, inside: fn(&Self, &Frame) -> String, kind: &str) -> String {
        let top = if legend.note.is_empty() { 46.0 } else { 66.0 };
        let [left, width, height] = [70.0, 480.0, 480.0];
        let frame = self.frame([left, top, width, height], (700.0, top + 544.0));
        let mut around =
            format!("<text class=\"t\" x=\"{left}\" y=\"28\" font-weight=\"600\">{}</text>", escape(self.title));
        if !legend.note.is_empty() {
            let _ = write!(around, "<text x=\"{left}\" y=\"48\">{}</text>", escape(legend.note));
        }
        around += &self.bar(left + width + 28.0, top, height, legend.quantity);
        let holes = self.losses.iter().filter(|loss| !loss.is_finite()).count();
        if holes > 0 {
            let (x, y) = (left + width + 28.0, top + height + 14.0);
            let _ = write!(
                around,
                "<rect x=\"{x}\" y=\"{y}\" width=\"18\" height=\"14\" fill=\"url(#lh)\"/>\
                 <text x=\"{0:.1}\" y=\"{1:.1}\">not finite at</text><text x=\"{0:.1}\" y=\"{2:.1}\">{holes} of {3}</text>",
                x + 25.0,
                y + 12.0,
                y + 28.0,
                self.losses.len()
            );
        }
        self.draw(&frame, "", &around, &inside(self, &frame), legend, kind)
    }

    /// The picture for a page that has title and bar elsewhere; `id` tells it from others there.
    pub(crate) fn plate(&self, id: &str) -> String {
        let frame = self.frame([70.0, 10.0, 390.0, 390.0], (470.0, 450.0));
        self.draw(&frame, id, "", &self.bands(&frame), &Legend::default(), "Contours")
    }

    fn frame(&self, area: [f64; 4], size: (f64, f64)) -> Frame {
        let range = |places: &[f64]| (places[0], places[places.len() - 1]);
        Frame { x: range(self.x), y: range(self.y), area, size }
    }

    /// A rectangle around each measured point.
    fn cells(&self, frame: &Frame) -> String {
        // Half way to the neighbours, and no further than the frame.
        let edge = |places: &[f64], i: usize| match i {
            0 => places[0],
            i if i == places.len() => places[places.len() - 1],
            i => f64::midpoint(places[i - 1], places[i]),
        };
        let mut svg = String::from("<g shape-rendering=\"crispEdges\">");
        for (i, loss) in self.losses.iter().enumerate().filter(|(_, loss)| loss.is_finite()) {
            let (column, row) = (i % self.x.len(), i / self.x.len());
            let (x0, y0) = frame.place(edge(self.x, column), edge(self.y, row + 1));
            let (x1, y1) = frame.place(edge(self.x, column + 1), edge(self.y, row));
            let fill = hex(self.scale.height(*loss));
            // A little over the edge, or the ground shows between cells.
            let _ = write!(
                svg,
                "<rect x=\"{x0:.2}\" y=\"{y0:.2}\" width=\"{:.2}\" height=\"{:.2}\" fill=\"{fill}\"/>",
                x1 - x0 + 0.5,
                y1 - y0 + 0.5
            );
        }
        svg + "</g>"
    }

    /// Filled bands with isolines.
    fn bands(&self, frame: &Frame) -> String {
        let heights: Vec<f64> = self.losses.iter().map(|loss| self.scale.height(*loss)).collect();
        let field = Field { x: self.x, y: self.y, values: &heights };
        let mut svg = String::new();
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
        svg
    }

    /// What lies `inside` the frame, with what stands `around` it and the networks above it.
    fn draw(&self, frame: &Frame, id: &str, around: &str, inside: &str, legend: &Legend<'_>, kind: &str) -> String {
        let [left, top, width, height] = frame.area;
        let mut svg = format!(
            "<defs><clipPath id=\"lc{id}\"><rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/></clipPath>\
             <pattern id=\"lh{id}\" width=\"9\" height=\"9\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
             <rect width=\"9\" height=\"9\" fill=\"#f6dcdc\"/><rect width=\"3\" height=\"9\" fill=\"#b3202a\"/></pattern></defs>\
             {around}<g clip-path=\"url(#lc{id})\">\
             <rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"url(#lh{id})\"/>{inside}</g>"
        );
        svg.push_str(&frame.axes(self.axes[0], self.axes[1], false));
        if legend.path {
            let way: Vec<(f64, f64)> = self.points.iter().map(|(x, y, _)| (*x, *y)).collect();
            let d = frame.path(&way);
            let _ = write!(
                svg,
                "<path fill=\"none\" stroke=\"#111\" stroke-width=\"4\" stroke-linejoin=\"round\" stroke-opacity=\"0.55\" d=\"{d}\"/>\
                 <path fill=\"none\" stroke=\"#fff\" stroke-width=\"1.8\" stroke-linejoin=\"round\" d=\"{d}\"/>"
            );
        }
        for (i, (x, y, name)) in self.points.iter().enumerate() {
            let small = legend.path && i + 1 < self.points.len();
            let (radius, line) = if small { (3.2, 1.2) } else { (5.5, 1.8) };
            let (x, y) = frame.place(*x, *y);
            // Beside the point; above it where another one follows on its line.
            let crowded = self.points.iter().any(|(other_x, other_y, other)| {
                let (other_x, other_y) = frame.place(*other_x, *other_y);
                !other.is_empty() && (1.0..130.0).contains(&(other_x - x)) && (other_y - y).abs() < 18.0
            });
            let (at, down, anchor) = match () {
                () if crowded => (x, -13.0, "middle"),
                () if x > left + 0.8 * width => (x - 12.0, 5.0, "end"),
                () => (x + 12.0, 5.0, "start"),
            };
            let _ = write!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"#fff\" stroke=\"#111\" stroke-width=\"{line}\"/>\
                 <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" style=\"fill:#fff;stroke:#111;stroke-width:3px;\
                 paint-order:stroke;font-size:14px;font-weight:600\">{}</text>",
                y + down,
                escape(name)
            );
        }
        let what = format!("{kind}, {}: {}", legend.quantity, self.title);
        frame.svg(&what, &svg)
    }

    /// The bar of colours with its losses.
    fn bar(&self, x: f64, top: f64, height: f64, quantity: &str) -> String {
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
        let _ = write!(svg, "<text class=\"t\" x=\"{x}\" y=\"{:.1}\">{}</text>", top - 12.0, escape(quantity));
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
            assert_eq!(svg.contains("not finite at</text>"), losses.iter().any(|loss| !loss.is_finite()));
            let legend = Legend { quantity: "error, %", note: "a < b", path: true };
            let heat = contour.heat_map(&legend);
            assert!(heat.contains("error, %") && heat.contains("a &lt; b") && !heat.contains("NaN"));
            let finite = losses.iter().filter(|loss| loss.is_finite()).count();
            assert!(heat.matches("<rect").count() >= finite, "a cell for each");
        }
    }
}
