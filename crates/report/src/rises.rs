//! The rise of the loss along random directions, beside that along the main directions of the curvature.

use std::fmt::Write as _;

use crate::figure::Frame;

/// What the picture shows.
#[derive(Debug, Clone, Copy)]
pub struct RisesPicture<'a> {
    /// What was measured, for instance the checkpoint's name.
    pub title: &'a str,
    /// The rise along each random direction.
    pub random: &'a [f64],
    /// The rise along each main direction, largest eigenvalue first.
    pub main: &'a [f64],
    /// The rise that counts: 10 per cent of the loss.
    pub threshold: f64,
    /// How far along each direction.
    pub radius: f64,
}

const BINS: usize = 40;

/// The histogram above, the main directions as bars below, as an SVG element that stands alone. What is not finite is counted in
/// words.
pub fn rises_svg(picture: &RisesPicture<'_>) -> String {
    let finite: Vec<f64> = picture.random.iter().copied().filter(|rise| rise.is_finite()).collect();
    let above = picture.random.iter().filter(|rise| rise.is_nan() || **rise > picture.threshold).count();
    let most = finite.iter().chain(picture.main).filter(|v| v.is_finite()).fold(0.0f64, |most, v| most.max(v.abs()));
    let size = (690.0, if picture.main.is_empty() { 400.0 } else { 640.0 });
    let mut svg = format!(
        "<text class=\"t\" x=\"70\" y=\"24\">{}: the rise of the loss at distance {} along {} random directions</text>",
        crate::markup::escape(picture.title),
        plain(picture.radius),
        picture.random.len()
    );
    let share = 100.0 * above as f64 / picture.random.len().max(1) as f64;
    let lost = picture.random.len() - finite.len();
    let tail = if lost > 0 { format!("; {lost} not finite") } else { String::new() };
    let _ = write!(svg, "<text x=\"70\" y=\"44\">{} % of them rise by more than 10 %{tail}</text>", plain(share));
    let (frame, bars) = histogram(&finite, picture.threshold, size);
    svg += &bars;
    if !picture.main.is_empty() {
        svg += &main_directions(picture, &finite, size);
    }
    let alt = format!(
        "Histogram of the rise of the loss along {} random directions, {} per cent of them above 10 per cent; the largest rise is {}",
        picture.random.len(),
        plain(share),
        plain(most)
    );
    frame.svg(&alt, &svg)
}

/// The power of ten that makes `most` a number from 1 to 10 where it is small or large; and how an axis tells it.
fn unit(most: f64) -> (f64, String) {
    let power = if most > 0.0 { most.log10().floor() as i32 } else { 0 };
    if (-2..=3).contains(&power) {
        return (1.0, "rise of the loss".to_owned());
    }
    let digits = "\u{2070}\u{b9}\u{b2}\u{b3}\u{2074}\u{2075}\u{2076}\u{2077}\u{2078}\u{2079}";
    let digit = |c: char| c.to_digit(10).and_then(|d| digits.chars().nth(d as usize)).unwrap_or('\u{207b}');
    let raised: String = power.to_string().chars().map(digit).collect();
    (10f64.powi(power), format!("rise of the loss, 10{raised}"))
}

fn histogram(finite: &[f64], threshold: f64, size: (f64, f64)) -> (Frame, String) {
    let low = finite.iter().copied().fold(f64::INFINITY, f64::min).min(0.0);
    let high = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max).max(0.0);
    let most = low.abs().max(high.abs());
    let (low, high) = if high > low { (low, high) } else { (-1.0, 1.0) };
    let (unit, name) = unit(most);
    let width = (high - low) / BINS as f64;
    let mut counts = [0usize; BINS];
    for rise in finite {
        counts[(((rise - low) / width) as usize).min(BINS - 1)] += 1;
    }
    let tallest = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let area = [70.0, 64.0, 590.0, 250.0];
    let frame = Frame { x: (low / unit, high / unit), y: (0.0, 1.05 * tallest), area, size };
    let mut svg = String::new();
    for (i, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (left, top) = frame.place((low + i as f64 * width) / unit, *count as f64);
        let (right, bottom) = frame.place((low + (i + 1) as f64 * width) / unit, 0.0);
        let _ = write!(
            svg,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"var(--fa)\" fill-opacity=\"0.7\"/>",
            (right - left - 0.5).max(0.5),
            bottom - top
        );
    }
    svg += &frame.axes(&name, "directions", false);
    if (low..=high).contains(&threshold) {
        let (x, _) = frame.place(threshold / unit, 0.0);
        let _ = write!(
            svg,
            "<path class=\"b d\" d=\"M{x:.1} {}v{}\"/><text class=\"nb\" x=\"{:.1}\" y=\"{}\" text-anchor=\"end\">10 %</text>",
            area[1],
            area[3],
            x - 6.0,
            area[1] + 18.0
        );
    }
    (frame, svg)
}

/// Bars of the main directions, and a line at the mean of the random ones.
fn main_directions(picture: &RisesPicture<'_>, finite: &[f64], size: (f64, f64)) -> String {
    let mean = finite.iter().sum::<f64>() / finite.len().max(1) as f64;
    let known = picture.main.iter().copied().filter(|rise| rise.is_finite());
    let (low, high) = known.fold((mean.min(0.0), mean.max(0.0)), |(low, high), v| (low.min(v), high.max(v)));
    let (low, high) = if high > low { (low, high + 0.05 * (high - low)) } else { (-1.0, 1.0) };
    let (unit, name) = unit(low.abs().max(high.abs()));
    let count = picture.main.len();
    let area = [70.0, 400.0, 590.0, 180.0];
    let frame = Frame { x: (0.5, count as f64 + 0.5), y: (low / unit, high / unit), area, size };
    let mut svg = frame.axes("main direction of the Hessian, by eigenvalue", &name, true);
    for (i, rise) in picture.main.iter().enumerate().filter(|(_, rise)| rise.is_finite()) {
        let (left, top) = frame.place(i as f64 + 0.7, rise.max(0.0) / unit);
        let (right, bottom) = frame.place(i as f64 + 1.3, rise.min(0.0) / unit);
        let _ = write!(
            svg,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"var(--fb)\" fill-opacity=\"0.8\"/>",
            right - left,
            (bottom - top).max(1.0)
        );
    }
    let (_, y) = frame.place(1.0, mean / unit);
    let right = area[0] + area[2];
    let _ = write!(
        svg,
        "<path class=\"a d\" d=\"M{} {y:.1}H{right}\"/><text class=\"na\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">mean of the random directions</text>",
        area[0],
        right,
        area[1] - 8.0
    );
    svg
}

/// Three digits at most.
fn plain(value: f64) -> String {
    if value == 0.0 || (1e-3..1e4).contains(&value.abs()) {
        let places = if value == 0.0 { 0.0 } else { (2.0 - value.abs().log10().floor()).clamp(0.0, 6.0) };
        let text = format!("{value:.0$}", places as usize);
        return if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text };
    }
    format!("{value:.2e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_rises_are_drawn_without_fuss() {
        let many: Vec<f64> = (0..1000).map(|i| 1e-6 * (f64::from(i) * 0.7).sin()).collect();
        for (random, main, threshold) in [
            (vec![], vec![], 0.1),
            (vec![0.0, 0.0], vec![0.0], 0.0),
            (vec![f64::NAN, f64::INFINITY], vec![f64::NAN], 0.1),
            (many, vec![1e-3, 5e-4, -1e-5], 5e-7),
        ] {
            let svg = rises_svg(&RisesPicture { title: "<a>", random: &random, main: &main, threshold, radius: 0.05 });
            assert!(
                svg.starts_with("<svg ") && !svg.contains("NaN") && !svg.contains("inf") && !svg.contains("<a>"),
                "{svg}"
            );
        }
        assert_eq!([0.0, 0.05, 12.34567, 1e-7, 100.0].map(plain), ["0", "0.05", "12.3", "1.00e-7", "100"]);
        assert_eq!(unit(3e-6).1, "rise of the loss, 10\u{207b}\u{2076}");
    }

    #[test]
    fn the_share_counts_what_is_above_and_what_is_not_finite() {
        let random = [0.0, 0.2, f64::NAN, 0.05];
        let svg = rises_svg(&RisesPicture { title: "a", random: &random, main: &[], threshold: 0.1, radius: 1.0 });
        assert!(svg.contains("50 % of them rise by more than 10 %; 1 not finite"), "{svg}");
    }
}
