//! A rendered surface with the names that its renderer cannot write: losses along an edge of the box, and the axes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

use crate::markup::escape;

/// What stands around a picture of a surface, at places in its pixels.
#[derive(Debug, Clone)]
pub struct ReliefLabels<'a> {
    /// Stands above the picture.
    pub title: &'a str,
    /// Names of the two axes of the floor.
    pub axes: [&'a str; 2],
    /// Width and height of the picture.
    pub size: (f64, f64),
    /// Losses along the upright edge.
    pub heights: Vec<([f64; 2], String)>,
    /// The middles of the two near edges of the floor.
    pub middles: [[f64; 2]; 2],
    /// The corners of the floor from left over near to right.
    pub corners: [[f64; 2]; 3],
}

const STYLE: &str = "<style>.lr{--ri:#1d2127;--rq:#5b6470;font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}\
@media screen and (prefers-color-scheme:dark){.lr{--ri:#e8eaee;--rq:#a3abb6}.lr .on-light{display:none}}\
@media print{.lr .on-dark{display:none}}@media (prefers-color-scheme:light){.lr .on-dark{display:none}}\
.lr text{fill:var(--rq);font-size:25px}.lr .t{fill:var(--ri);font-size:28px}.lr path{stroke:var(--rq);stroke-width:1.6}</style>";

/// The picture and its labels as an SVG element that stands alone, on whatever background it lies.
pub fn relief_svg(png: &[u8], labels: &ReliefLabels<'_>) -> String {
    let title = format!("<text class=\"t\" x=\"40\" y=\"52\" font-weight=\"600\">{}</text>", escape(labels.title));
    draw(&[("", png)], labels, 0.0, &title)
}

/// The picture for a page that has its title elsewhere, in a version for light ground and one for dark.
pub(crate) fn plate([light, dark]: [&[u8]; 2], labels: &ReliefLabels<'_>) -> String {
    draw(&[(" class=\"on-light\"", light), (" class=\"on-dark\"", dark)], labels, 0.1 * labels.size.1, "")
}

/// `pictures` with their classes, from `top` on.
fn draw(pictures: &[(&str, &[u8])], labels: &ReliefLabels<'_>, top: f64, around: &str) -> String {
    let (width, height) = labels.size;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"lr\" viewBox=\"0 {top} {width} {}\" width=\"{:.0}\" \
         height=\"{:.0}\" role=\"img\" aria-label=\"The loss as a landscape: {}\">{STYLE}{around}",
        height - top,
        0.5 * width,
        0.5 * (height - top),
        escape(labels.title)
    );
    for (class, png) in pictures {
        let data = STANDARD.encode(png);
        let _ =
            write!(svg, "<image{class} width=\"{width}\" height=\"{height}\" href=\"data:image/png;base64,{data}\"/>");
    }
    let mut lowest = labels.heights.first().map_or([0.0; 2], |(place, _)| *place);
    for ([x, y], text) in &labels.heights {
        let _ = write!(
            svg,
            "<path d=\"M{x:.1} {y:.1}h-12\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            x - 20.0,
            y + 8.5
        );
        if y < &lowest[1] {
            lowest = [*x, *y];
        }
    }
    let _ = write!(
        svg,
        "<text class=\"t\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">loss</text>",
        lowest[0] - 20.0,
        lowest[1] - 34.0
    );
    for (i, name) in labels.axes.iter().enumerate() {
        let ([x, y], [ax, ay], [bx, by]) = (labels.middles[i], labels.corners[i], labels.corners[i + 1]);
        let angle = (by - ay).atan2(bx - ax).to_degrees();
        let _ = write!(
            svg,
            "<text class=\"t\" transform=\"translate({x:.1} {y:.1}) rotate({angle:.1})\" y=\"46\" text-anchor=\"middle\">{}</text>",
            escape(name)
        );
    }
    svg.push_str("</svg>\n");
    svg
}
