//! Round ticks, and lines cut to the range of an axis.

use crate::series::Point;

/// The stretches of points without a gap.
pub fn finite_runs(points: &[Point]) -> impl Iterator<Item = &[Point]> {
    points.split(|point| !point.mean.is_finite()).filter(|run| !run.is_empty())
}

/// The pieces of a line between two heights, cut where it crosses them.
pub fn clipped(run: &[Point], low: f64, high: f64) -> Vec<Vec<(f64, f64)>> {
    let mut pieces: Vec<Vec<(f64, f64)>> = Vec::new();
    for pair in run.windows(2) {
        let ((x0, y0), (x1, y1)) = ((pair[0].x, pair[0].mean), (pair[1].x, pair[1].mean));
        // The part of the segment (0 to 1 along it) between the two heights.
        let at = |height: f64| (height - y0) / (y1 - y0);
        let (first, last) = match y1 - y0 {
            0.0 if (low..=high).contains(&y0) => (0.0, 1.0),
            rise if rise > 0.0 => (at(low).max(0.0), at(high).min(1.0)),
            rise if rise < 0.0 => (at(high).max(0.0), at(low).min(1.0)),
            _ => continue,
        };
        if first >= last {
            continue;
        }
        let along = |part: f64| (x0 + part * (x1 - x0), (y0 + part * (y1 - y0)).clamp(low, high));
        match pieces.last_mut() {
            Some(piece) if first == 0.0 && piece.last() == Some(&along(0.0)) => piece.push(along(last)),
            _ => pieces.push(vec![along(first), along(last)]),
        }
    }
    pieces
}

/// A round step (1, 2, 2.5 or 5 times a power of ten) that divides a range into about `parts`.
pub fn spacing(range: f64, parts: f64) -> f64 {
    let rough = (range / parts).max(1e-12);
    let power = 10f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    power * steps.into_iter().find(|step| step * power >= rough * 0.999).unwrap_or(10.0)
}

/// A number with a true minus sign.
pub fn with_minus(text: String) -> String {
    text.replace('-', "\u{2212}")
}

/// A tick of an axis whose ticks are about `step` apart.
pub fn decimals(value: f64, step: f64) -> String {
    let places = (1.0 - step.log10().floor()).clamp(0.0, 4.0) as usize;
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// `400`, `1.5k`, `20k`, `3M`.
pub fn short_number(value: f64) -> String {
    let (scaled, suffix) = match value.abs() {
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{scaled:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned() + suffix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(spacing(1.0, 5.0), 0.2);
        assert_eq!(spacing(0.83, 5.0), 0.2);
        assert_eq!(spacing(12.0, 5.0), 2.5);
        assert_eq!(decimals(0.5, 0.25), "0.5");
        assert_eq!(decimals(20.0, 5.0), "20");
        assert_eq!(short_number(12_500.0), "12.5k");
        assert_eq!(short_number(0.5), "0.5");
    }

    #[test]
    fn gaps_split_a_line() {
        let point = |mean: f64| Point { x: 0.0, mean, low: mean, high: mean };
        let points = [point(1.0), point(f64::NAN), point(2.0), point(3.0), point(f64::INFINITY)];
        assert_eq!(finite_runs(&points).map(<[Point]>::len).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn lines_are_cut_at_the_border() {
        let run: Vec<Point> = [(0.0, 0.0), (1.0, 2.0), (2.0, 2.0), (3.0, 10.0), (4.0, 3.0)]
            .map(|(x, mean)| Point { x, mean, low: mean, high: mean })
            .to_vec();
        let pieces = clipped(&run, 1.0, 6.0);
        assert_eq!(pieces[0], [(0.5, 1.0), (1.0, 2.0), (2.0, 2.0), (2.5, 6.0)]);
        assert_eq!(pieces[1].last(), Some(&(4.0, 3.0)));
        assert_eq!(pieces.len(), 2);
    }
}
