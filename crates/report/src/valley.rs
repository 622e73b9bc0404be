//! How the loss rises to both sides of a network, one above the other: an asymmetric valley has one flat and one steep side.

use std::fmt::Write as _;

use crate::figure::Frame;
use crate::markup::escape;

/// A side of a valley: its name, and losses by distance from the network.
#[derive(Debug, Clone)]
pub struct ValleySide<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Distance and loss, the network first.
    pub points: Vec<(f64, f64)>,
}

/// The flat side as a whole line, the steep one dashed, over the distance of weights, as an SVG element that stands alone.
pub fn valley_svg(title: &str, note: &str, flat: &ValleySide<'_>, steep: &ValleySide<'_>) -> String {
    let all = || flat.points.iter().chain(&steep.points).filter(|(_, loss)| loss.is_finite());
    let low = all().map(|(_, loss)| *loss).fold(f64::INFINITY, f64::min);
    let high = all().map(|(_, loss)| *loss).fold(f64::NEG_INFINITY, f64::max);
    let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
    let room = (0.04 * (high - low)).max(1e-3 * high.abs()).max(1e-9);
    let far = flat.points.iter().map(|(distance, _)| *distance).fold(0.0, f64::max);
    let far = if far > 0.0 { far } else { 1.0 };
    let (left, top, width, height) = (78.0, 100.0, 560.0, 380.0);
    let frame =
        Frame { x: (0.0, far), y: (low - room, high + room), area: [left, top, width, height], size: (700.0, 550.0) };
    let mut svg = format!(
        "<text class=\"t\" x=\"{left}\" y=\"28\" font-weight=\"600\">{}</text><text x=\"{left}\" y=\"50\">{}</text>",
        escape(title),
        escape(note)
    );
    svg += &frame.axes("distance from the network, in weights", "loss", true);
    for (i, (side, class)) in [(flat, "a"), (steep, "b d")].into_iter().enumerate() {
        let runs = side.points.split(|(_, loss)| !loss.is_finite()).filter(|run| !run.is_empty());
        let d: String = runs.map(|run| frame.path(run)).collect();
        let x = left + 290.0 * i as f64;
        let named = ["na", "nb"][i];
        let _ = write!(
            svg,
            "<path class=\"{class}\" d=\"{d}\"/><path class=\"{class}\" d=\"M{x} 76h30\"/>\
             <text class=\"{named}\" x=\"{:.1}\" y=\"80.5\">{}</text>",
            x + 38.0,
            escape(side.name)
        );
    }
    let lost = flat.points.len() + steep.points.len() - all().count();
    if lost > 0 {
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">not finite at {lost} of {} points</text>",
            left + width - 10.0,
            top + height - 10.0,
            flat.points.len() + steep.points.len()
        );
    }
    frame.svg(&format!("Loss to both sides: {title}"), &svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_valleys_are_drawn_without_fuss() {
        for losses in [vec![], vec![1.0], vec![1.0, f64::NAN, 3.0], vec![f64::NAN; 3], vec![2.0; 4]] {
            let points: Vec<(f64, f64)> = losses.iter().enumerate().map(|(i, loss)| (i as f64, *loss)).collect();
            let side = ValleySide { name: "<flat>", points };
            let svg = valley_svg("a & b", "", &side, &side);
            assert!(svg.starts_with("<svg ") && !svg.contains("NaN") && !svg.contains("<flat>"), "{svg}");
            assert_eq!(svg.contains("not finite"), losses.iter().any(|loss| loss.is_nan()));
        }
    }
}
