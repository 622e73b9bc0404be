//! The line between two networks: losses above, accuracies below, training and test set.

use std::fmt::Write as _;

use crate::figure::Frame;
use crate::html::escape;
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
    let (from, to) = match (points.first(), points.last()) {
        (Some(first), Some(last)) if last.alpha > first.alpha => (first.alpha, last.alpha),
        _ => (0.0, 1.0),
    };
    let losses = points.iter().flat_map(|point| [point.train_loss, point.test_loss]);
    let scale = HeightScale::of(losses, None, None).unwrap_or(HeightScale { low: 0.0, high: 1.0, log: false });
    let size = (690.0, 640.0);
    let upper = Frame { x: (from, to), y: (-0.03, 1.03), area: [70.0, 64.0, 560.0, 300.0], size };
    let accuracies = points.iter().flat_map(|point| [point.train_accuracy, point.test_accuracy]);
    let least = accuracies.filter(|a| a.is_finite()).fold(1.0, f64::min);
    let floor = 100.0 * (5.0 * least - 0.1).floor().max(0.0) / 5.0;
    let lower = Frame { x: (from, to), y: (floor, 102.0), area: [70.0, 400.0, 560.0, 170.0], size };
    let [left, top, width, height] = upper.area;

    let mut svg = String::new();
    for frame in [&upper, &lower] {
        for (alpha, _) in [(0.0, 0), (1.0, 1)].into_iter().filter(|(alpha, _)| (from..=to).contains(alpha)) {
            let (x, _) = frame.place(alpha, 0.0);
            let [_, top, _, height] = frame.area;
            let _ = write!(svg, "<path class=\"f d\" stroke-opacity=\"0.6\" d=\"M{x:.1} {top}v{height}\"/>");
        }
    }
    for (alpha, name) in [(0.0, names[0]), (1.0, names[1])] {
        let (x, _) = upper.place(alpha, 0.0);
        if (from..=to).contains(&alpha) {
            let anchor = if x > left + 0.85 * width {
                "end"
            } else if x < left + 0.15 * width {
                "start"
            } else {
                "middle"
            };
            let _ = write!(
                svg,
                "<text class=\"t\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
                top - 10.0,
                escape(name)
            );
        }
    }
    for (loss, text) in scale.ticks() {
        let (_, y) = upper.place(from, scale.height(loss));
        let _ = write!(
            svg,
            "<path class=\"g\" d=\"M{left} {y:.1}h{width}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            left - 9.0,
            y + 4.5
        );
    }
    let middle = top + 0.5 * height;
    let how = if scale.log { "loss (logarithmic)" } else { "loss" };
    let _ = write!(
        svg,
        "<rect class=\"f\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/>\
         <text class=\"t\" transform=\"translate({:.1} {middle:.1}) rotate(-90)\" text-anchor=\"middle\">{how}</text>",
        left - 48.0
    );
    svg.push_str(&lower.axes("\u{3b1}", "accuracy, %", true));
    type Value = fn(&InterpolationPoint) -> f64;
    let lines: [(&str, Value, Value); 2] =
        [("a", |p| p.train_loss, |p| p.train_accuracy), ("b d", |p| p.test_loss, |p| p.test_accuracy)];
    for (class, loss, accuracy) in lines {
        let above = points.iter().map(|p| (p.alpha, scale.height(loss(p))));
        let below = points.iter().map(|p| (p.alpha, 100.0 * accuracy(p)));
        for (frame, line) in [(&upper, above.collect::<Vec<_>>()), (&lower, below.collect())] {
            let runs = line.split(|(_, y)| !y.is_finite()).filter(|run| !run.is_empty());
            let d: String = runs.map(|run| frame.path(run)).collect();
            let _ = write!(svg, "<path class=\"{class}\" d=\"{d}\"/>");
        }
    }
    let _ = write!(
        svg,
        "<path class=\"a\" d=\"M{0} 24h30\"/><text class=\"na\" x=\"{1}\" y=\"28.5\">training set</text>\
         <path class=\"b d\" d=\"M{2} 24h30\"/><text class=\"nb\" x=\"{3}\" y=\"28.5\">test set</text>",
        left,
        left + 38.0,
        left + 150.0,
        left + 188.0
    );
    let lost = points.iter().filter(|p| !p.train_loss.is_finite() || !p.test_loss.is_finite()).count();
    if lost > 0 {
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"28.5\" text-anchor=\"end\">not finite at {lost} of {} points</text>",
            left + width,
            points.len()
        );
    }
    let ends = format!("from {} to {}", short(scale.low), short(scale.high));
    upper.svg(&format!("Loss and accuracy on the line from {} to {}: losses {ends}", names[0], names[1]), &svg)
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
