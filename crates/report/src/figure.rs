//! A frame with ticks around a picture whose inside is paths. It carries its own colours for light and dark, so it can stand
//! alone as a file or inside a page.

use std::fmt::Write as _;

use crate::axis::{decimals, spacing, with_minus};
use crate::markup::escape;

/// The places of a picture: data to pixels.
pub struct Frame {
    pub x: (f64, f64),
    pub y: (f64, f64),
    /// Left, top, width and height of the inside, in pixels.
    pub area: [f64; 4],
    /// Width and height of the whole picture.
    pub size: (f64, f64),
}

const STYLE: &str = "<style>.lf{--fi:#1d2127;--fq:#5b6470;--fg:#d8dce2;--fp:#fff;--fa:#0072b2;--fb:#d55e00;\
font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}\
@media screen and (prefers-color-scheme:dark){.lf{--fi:#e8eaee;--fq:#a3abb6;--fg:#3a4048;--fp:#14171c;--fa:#56b4e9;--fb:#f0a03c}}\
.lf text{fill:var(--fq);font-size:13px}.lf .t{fill:var(--fi);font-size:14px}.lf .g{stroke:var(--fg);fill:none}\
.lf .f{stroke:var(--fq);fill:none}.lf .a{stroke:var(--fa);fill:none;stroke-width:2.4;stroke-linejoin:round}\
.lf .b{stroke:var(--fb);fill:none;stroke-width:2.4;stroke-linejoin:round}.lf .d{stroke-dasharray:7 5}\
.lf .na{fill:var(--fa)}.lf .nb{fill:var(--fb)}</style>";

impl Frame {
    pub fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let [left, top, width, height] = self.area;
        let along = |value: f64, (from, to): (f64, f64)| (value - from) / (to - from);
        (left + width * along(x, self.x), top + height * (1.0 - along(y, self.y)))
    }

    /// The `d` of a path through places in data.
    pub fn path(&self, points: &[(f64, f64)]) -> String {
        let mut d = String::new();
        for (i, (x, y)) in points.iter().enumerate() {
            let (x, y) = self.place(*x, *y);
            let _ = write!(d, "{}{x:.1} {y:.1}", if i == 0 { "M" } else { "L" });
        }
        d
    }

    /// The whole picture around `inside`; `alt` says what it shows.
    pub fn svg(&self, alt: &str, inside: &str) -> String {
        let (width, height) = self.size;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"lf\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\" aria-label=\"{}\">{STYLE}<rect class=\"paper\" width=\"{width}\" \
             height=\"{height}\" fill=\"var(--fp)\"/>{inside}</svg>\n",
            escape(alt)
        )
    }

    /// Ticks and name of the x axis.
    pub fn x_axis(&self, name: &str) -> String {
        let [left, top, width, height] = self.area;
        let bottom = top + height;
        let mut svg = String::new();
        for (value, text) in round_ticks(self.x, 6.0) {
            let (x, _) = self.place(value, self.y.0);
            let _ = write!(
                svg,
                "<path class=\"f\" d=\"M{x:.1} {bottom}v5\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
                bottom + 20.0
            );
        }
        let _ = write!(
            svg,
            "<text class=\"t\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            left + 0.5 * width,
            bottom + 42.0,
            escape(name)
        );
        svg
    }

    /// Ticks and names of both axes, and the frame. `grid` draws lines at the ticks of y.
    pub fn axes(&self, x_name: &str, y_name: &str, grid: bool) -> String {
        let [left, top, width, height] = self.area;
        let right = left + width;
        let mut svg = self.x_axis(x_name);
        for (value, text) in round_ticks(self.y, 6.0) {
            let (_, y) = self.place(self.x.0, value);
            let mark = if grid {
                format!("class=\"g\" d=\"M{left} {y:.1}H{right}\"")
            } else {
                format!("class=\"f\" d=\"M{left} {y:.1}h-5\"")
            };
            let _ = write!(
                svg,
                "<path {mark}/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                left - 9.0,
                y + 4.5
            );
        }
        let _ = write!(svg, "<rect class=\"f\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/>");
        if !y_name.is_empty() {
            let (x, y) = (left - 48.0, top + 0.5 * height);
            let _ = write!(
                svg,
                "<text class=\"t\" transform=\"translate({x:.1} {y:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
                escape(y_name)
            );
        }
        svg
    }
}

fn round_ticks((from, to): (f64, f64), parts: f64) -> Vec<(f64, String)> {
    let step = spacing(to - from, parts);
    let first = (from / step - 1e-9).ceil() as i64;
    let ticks = (0..20).map(|i| (first + i) as f64 * step).take_while(|value| *value <= to + 1e-9 * step);
    ticks.map(|value| (value, with_minus(decimals(value, step)))).collect()
}
