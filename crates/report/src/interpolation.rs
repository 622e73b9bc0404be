//! The line between two networks: losses above, accuracies below, training and test set.

use std::fmt::Write as _;

use crate::figure::Frame;
use crate::markup::escape;
use crate::scale::{HeightScale, short};

/// One measured point.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct InterpolationPoint {
    pub alpha: f64,
    pub train_loss: f64,
    pub train_accuracy: f64,
    pub test_loss: f64,
    pub test_accuracy: f64,
}

/// The line from the network `names[0]` (alpha 0) to `names[1]` (alpha 1), as an SVG element that stands alone. The axis of
/// losses is logarithmic where they differ by more than 20 times.
pub fn interpolation_svg(points: &[InterpolationPoint], names: [&str; 2]) -> String {
    let chart = Chart::new(points, names);
    let size = (690.0, 640.0);
    let upper = chart.frame([70.0, 64.0, 560.0, 300.0], size, (-0.03, 1.03));
    let lower = chart.frame([70.0, 400.0, 560.0, 170.0], size, (chart.floor, 102.0));
    let inside = [
        chart.ends(&upper, true) + &chart.ends(&lower, false),
        chart.losses(&upper),
        chart.accuracies(&lower),
        chart.legend(&upper),
    ];
    upper.svg(&chart.in_words("Loss and accuracy"), &inside.concat())
}

/// The losses and the accuracies as pictures by themselves, for a page.
pub(crate) fn interpolation_plates(points: &[InterpolationPoint], names: [&str; 2]) -> [String; 2] {
    let chart = Chart::new(points, names);
    let plate = |y| chart.frame([70.0, 56.0, 390.0, 236.0], (470.0, 342.0), y);
    let (losses, accuracies) = (plate((-0.03, 1.03)), plate((chart.floor, 102.0)));
    let of_losses = [chart.ends(&losses, true), chart.losses(&losses), losses.x_axis(ALPHA), chart.legend(&losses)];
    let of_accuracies = [chart.ends(&accuracies, true), chart.accuracies(&accuracies), chart.legend(&accuracies)];
    [
        losses.svg(&chart.in_words("Loss"), &of_losses.concat()),
        accuracies.svg(&chart.in_words("Accuracy"), &of_accuracies.concat()),
    ]
}

const ALPHA: &str = "\u{3b1}";

/// What both pictures have.
struct Chart<'a> {
    points: &'a [InterpolationPoint],
    names: [&'a str; 2],
    range: (f64, f64),
    scale: HeightScale,
    /// Where the axis of accuracies begins, in percent.
    floor: f64,
}

type Value = fn(&InterpolationPoint) -> f64;

impl<'a> Chart<'a> {
    fn new(points: &'a [InterpolationPoint], names: [&'a str; 2]) -> Self {
        let range = match (points.first(), points.last()) {
            (Some(first), Some(last)) if last.alpha > first.alpha => (first.alpha, last.alpha),
            _ => (0.0, 1.0),
        };
        let losses = points.iter().flat_map(|point| [point.train_loss, point.test_loss]);
        let accuracies = points.iter().flat_map(|point| [point.train_accuracy, point.test_accuracy]);
        let least = accuracies.filter(|a| a.is_finite()).fold(1.0, f64::min);
        let floor = 100.0 * (5.0 * least - 0.1).floor().max(0.0) / 5.0;
        let mut scale = HeightScale::of(losses, None, None).unwrap_or_default();
        // One loss along the whole line lies in the middle of some range.
        if scale.high - scale.low < 2e-3 * scale.low.abs() && !scale.log {
            let around = 0.1 * scale.low.abs();
            (scale.low, scale.high) = (scale.low - around, scale.high + around);
        }
        Self { points, names, range, scale, floor }
    }

    fn frame(&self, area: [f64; 4], size: (f64, f64), y: (f64, f64)) -> Frame {
        Frame { x: self.range, y, area, size }
    }

    /// Where the two networks are, with their names.
    fn ends(&self, frame: &Frame, named: bool) -> String {
        let [left, top, width, height] = frame.area;
        let mut svg = String::new();
        for (end, (alpha, name)) in [(0.0, self.names[0]), (1.0, self.names[1])].into_iter().enumerate() {
            if !(self.range.0..=self.range.1).contains(&alpha) {
                continue;
            }
            let (x, _) = frame.place(alpha, 0.0);
            let _ = write!(svg, "<path class=\"f d\" stroke-opacity=\"0.6\" d=\"M{x:.1} {top}v{height}\"/>");
            let anchor = if x > left + 0.85 * width {
                "end"
            } else if x < left + 0.15 * width {
                "start"
            } else {
                "middle"
            };
            if named {
                let _ = write!(
                    svg,
                    "<text class=\"t end-{end}\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
                    top - 10.0,
                    escape(name)
                );
            }
        }
        svg
    }

    fn losses(&self, frame: &Frame) -> String {
        let [left, top, width, height] = frame.area;
        let mut svg = String::new();
        let mut longest = 0;
        for (loss, text) in self.scale.ticks() {
            longest = longest.max(text.chars().count());
            let (_, y) = frame.place(self.range.0, self.scale.height(loss));
            let _ = write!(
                svg,
                "<path class=\"g\" d=\"M{left} {y:.1}h{width}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                left - 9.0,
                y + 4.5
            );
        }
        let middle = top + 0.5 * height;
        let how = if self.scale.log { "loss (logarithmic)" } else { "loss" };
        let _ = write!(
            svg,
            "<rect class=\"f\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/>\
             <text class=\"t\" transform=\"translate({:.1} {middle:.1}) rotate(-90)\" text-anchor=\"middle\">{how}</text>",
            left - if longest > 4 { 60.0 } else { 48.0 }
        );
        let heights = [(|p| p.train_loss) as Value, |p| p.test_loss];
        svg + &self.lines(frame, heights, |loss| self.scale.height(loss))
    }

    fn accuracies(&self, frame: &Frame) -> String {
        let values = [(|p| p.train_accuracy) as Value, |p| p.test_accuracy];
        frame.axes(ALPHA, "accuracy, %", true) + &self.lines(frame, values, |accuracy| 100.0 * accuracy)
    }

    /// Training and test set, with gaps where they are not finite.
    fn lines(&self, frame: &Frame, values: [Value; 2], place: impl Fn(f64) -> f64) -> String {
        let mut svg = String::new();
        for (class, value) in ["a", "b d"].iter().zip(values) {
            let line: Vec<_> = self.points.iter().map(|p| (p.alpha, place(value(p)))).collect();
            let runs = line.split(|(_, y)| !y.is_finite()).filter(|run| !run.is_empty());
            let d: String = runs.map(|run| frame.path(run)).collect();
            let _ = write!(svg, "<path class=\"{class}\" d=\"{d}\"/>");
        }
        svg
    }

    fn legend(&self, frame: &Frame) -> String {
        let [left, top, width, height] = frame.area;
        let y = 0.375 * frame.area[1];
        let mut svg = format!(
            "<path class=\"a\" d=\"M{0} {y}h30\"/><text class=\"na\" x=\"{1}\" y=\"{2}\">training set</text>\
             <path class=\"b d\" d=\"M{3} {y}h30\"/><text class=\"nb\" x=\"{4}\" y=\"{2}\">test set</text>",
            left,
            left + 38.0,
            y + 4.5,
            left + 150.0,
            left + 188.0
        );
        let lost = self.points.iter().filter(|p| !p.train_loss.is_finite() || !p.test_loss.is_finite()).count();
        if lost > 0 {
            let _ = write!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">not finite at {lost} of {} points</text>",
                left + width - 10.0,
                top + height - 10.0,
                self.points.len()
            );
        }
        svg
    }

    fn in_words(&self, what: &str) -> String {
        let (low, high) = (short(self.scale.low), short(self.scale.high));
        format!("{what} on the line from {} to {}: losses from {low} to {high}", self.names[0], self.names[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_lines_are_drawn_without_fuss() {
        let point = |alpha: f64, loss: f64| InterpolationPoint {
            alpha,
            train_loss: loss,
            train_accuracy: 0.5,
            test_loss: 2.0 * loss,
            test_accuracy: 0.4,
        };
        for points in [
            vec![],
            vec![point(0.0, 1.0)],
            vec![point(-1.0, f64::NAN), point(2.0, f64::INFINITY)],
            vec![point(-1.0, 1e9), point(0.0, 0.0), point(0.5, f64::NAN), point(1.0, 1e-3)],
        ] {
            let svg = interpolation_svg(&points, ["<a>", "b"]);
            assert!(svg.starts_with("<svg ") && !svg.contains("NaN") && !svg.contains("<a>"), "{svg}");
        }
    }
}
