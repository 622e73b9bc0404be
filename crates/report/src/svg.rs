//! Pieces of SVG, in drawing units of a tenth of a pixel, coloured by the style sheet's classes.

use std::fmt::Write as _;

use crate::markup::escape;

/// Drawing units of a pixel.
pub const UNIT: f64 = 10.0;

/// A picture that is being put together. Places and sizes are in pixels.
pub struct Svg {
    size: (f64, f64),
    body: String,
}

/// Where a text stands at its place.
#[derive(Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    pub fn new(width: f64, height: f64) -> Self {
        Self { size: (width, height), body: String::new() }
    }

    pub fn rect(&mut self, class: &str, x: f64, y: f64, width: f64, height: f64) {
        let [x, y, width, height] = [x, y, width, height].map(units);
        let _ =
            writeln!(self.body, "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>");
    }

    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(units);
        let _ = writeln!(self.body, "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>");
    }

    pub fn circle(&mut self, class: &str, centre: (f64, f64), radius: f64, title: &str) {
        let [x, y, radius] = [centre.0, centre.1, radius].map(units);
        let _ = writeln!(
            self.body,
            "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"><title>{}</title></circle>",
            escape(title)
        );
    }

    /// A text whose middle line is at `y`.
    pub fn text(&mut self, class: &str, anchor: Anchor, (x, y): (f64, f64), text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let (x, y) = (units(x), units(y));
        let text = escape(text);
        let _ = writeln!(self.body, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" dy=\"0.36em\"{anchor}>{text}</text>");
    }

    /// The picture as an element with its words.
    pub fn finish(self, alt: &str) -> String {
        let (width, height) = (units(self.size.0), units(self.size.1));
        let alt = escape(alt);
        format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{alt}\">\n{}</svg>", self.body)
    }
}

/// An `<svg>` element of a page as a file of its own, with the colours of the page for light and dark.
pub fn standalone(svg: &str, width: i32) -> String {
    let style = include_str!("chart.css");
    let open = svg.find('>').map_or(0, |end| end + 1);
    let attributes = svg[..open].trim_start_matches("<svg").trim_end_matches('>');
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" width=\"{width}\"{attributes}>\n<style>\n{style}\
         svg {{ background: var(--page); }}\n</style>\n{}\n",
        &svg[open..]
    )
}

fn units(pixels: f64) -> i64 {
    (UNIT * pixels).round() as i64
}
