//! A rendered surface with the names that its renderer cannot write: losses along an edge of the box, and the axes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

use crate::contour::Legend;
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
    relief_with(png, labels, &Legend::default(), &[])
}

/// The same with what `legend` says, and a path over the surface, in the picture's pixels.
pub fn relief_with(png: &[u8], labels: &ReliefLabels<'_>, legend: &Legend<'_>, path: &[[f64; 2]]) -> String {
    let mut title = format!("<text class=\"t\" x=\"40\" y=\"52\" font-weight=\"600\">{}</text>", escape(labels.title));
    if !legend.note.is_empty() {
        let _ = write!(title, "<text x=\"40\" y=\"88\">{}</text>", escape(legend.note));
    }
    let mut svg = draw(&[("", png)], labels, 0.0, &title, legend.quantity);
    if path.len() > 1 {
        let d: String = path
            .iter()
            .enumerate()
            .map(|(i, [x, y])| format!("{}{x:.1} {y:.1}", if i == 0 { "M" } else { "L" }))
            .collect();
        let line = |colour: &str, width: f64| {
            format!(
                "<path style=\"stroke:{colour};stroke-width:{width}\" fill=\"none\" stroke-linejoin=\"round\" d=\"{d}\"/>"
            )
        };
        let end = svg.rfind("</svg>").unwrap_or(svg.len());
        svg.insert_str(end, &(line("#111", 6.0) + &line("#fff", 3.0)));
    }
    svg
}

/// The picture for a page that has its title elsewhere, in a version for light ground and one for dark.
pub(crate) fn plate([light, dark]: [&[u8]; 2], labels: &ReliefLabels<'_>) -> String {
    let pictures = [(" class=\"on-light\"", light), (" class=\"on-dark\"", dark)];
    draw(&pictures, labels, 0.1 * labels.size.1, "", "loss")
}

/// `pictures` with their classes, from `top` on.
fn draw(pictures: &[(&str, &[u8])], labels: &ReliefLabels<'_>, top: f64, around: &str, quantity: &str) -> String {
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
        "<text class=\"t\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
        lowest[0] - 20.0,
        lowest[1] - 34.0,
        escape(quantity)
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
