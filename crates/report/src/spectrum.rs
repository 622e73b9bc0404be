//! The density of eigenvalues on a logarithmic scale: that of the Hessian, and of the Gauss-Newton matrix.

use std::fmt::Write as _;

use crate::figure::Frame;
use crate::markup::escape;
use crate::scale::short;

/// One matrix's density.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpectrumLine<'a> {
    /// What the legend calls it.
    pub name: &'a str,
    /// Densities at the places of the grid.
    pub density: &'a [f64],
    /// Its largest eigenvalue.
    pub lambda_1: f64,
}

/// One or two densities on a grid of eigenvalues, as an SVG element that stands alone. `floor` is the least density that is
/// drawn: a tenth of what a single eigenvalue comes to.
pub fn spectrum_svg(title: &str, grid: &[f64], lines: &[SpectrumLine<'_>], floor: f64) -> String {
    let finite = |v: &f64| v.is_finite() && *v > 0.0;
    let peak = lines.iter().flat_map(|line| line.density).copied().filter(finite).fold(0.0, f64::max);
    let x = match (grid.first(), grid.last()) {
        (Some(first), Some(last)) if last > first => (*first, *last),
        _ => (0.0, 1.0),
    };
    let floor = if floor > 0.0 && floor < 0.1 * peak { floor } else { (1e-6 * peak).max(1e-300) };
    let y = (floor.log10(), if peak > floor { peak.log10() + 0.15 } else { floor.log10() + 1.0 });
    let frame = Frame { x, y, area: [78.0, 64.0, 700.0, 360.0], size: (806.0, 484.0) };
    let [left, top, width, height] = frame.area;
    let mut svg = frame.x_axis("eigenvalue");
    let decades = (y.1 - y.0).ceil() as i64;
    let step = (decades / 7 + 1).max(1);
    for power in (y.0.ceil() as i64..=y.1.floor() as i64).filter(|power| power.rem_euclid(step) == 0) {
        let (_, at) = frame.place(x.0, power as f64);
        let _ = write!(
            svg,
            "<path class=\"g\" d=\"M{left} {at:.1}h{width}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">10{}</text>",
            left - 9.0,
            at + 4.5,
            superscript(power)
        );
    }
    if x.0 < 0.0 && x.1 > 0.0 {
        let (zero, _) = frame.place(0.0, y.0);
        let _ = write!(svg, "<path class=\"f d\" stroke-opacity=\"0.6\" d=\"M{zero:.1} {top}v{height}\"/>");
    }
    let middle = top + 0.5 * height;
    let _ = write!(
        svg,
        "<rect class=\"f\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/>\
         <text class=\"t\" transform=\"translate({:.1} {middle:.1}) rotate(-90)\" text-anchor=\"middle\">density of eigenvalues \
         (logarithmic)</text><text class=\"t\" x=\"{left}\" y=\"22\">{}</text>",
        left - 56.0,
        escape(title)
    );
    let mut at = left;
    for (line, (class, ink)) in lines.iter().zip([("a", "na"), ("b d", "nb")]) {
        let points: Vec<(f64, f64)> = grid.iter().zip(line.density).map(|(x, d)| (*x, d.log10())).collect();
        let runs = points.split(|(_, d)| !d.is_finite() || *d < y.0).filter(|run| run.len() > 1);
        let d: String = runs.map(|run| frame.path(run)).collect();
        let text = format!("{}: \u{3bb}\u{2081} = {}", line.name, told(line.lambda_1));
        let _ = write!(
            svg,
            "<path class=\"{class}\" d=\"{d}\"/><path class=\"{class}\" d=\"M{at} 44h30\"/>\
             <text class=\"{ink}\" x=\"{}\" y=\"48.5\">{}</text>",
            at + 38.0,
            escape(&text)
        );
        at += 320.0;
    }
    let ends: Vec<String> = lines.iter().map(|line| format!("{} up to {}", line.name, told(line.lambda_1))).collect();
    frame.svg(&format!("Density of eigenvalues, {title}: {}", ends.join(", ")), &svg)
}

fn told(value: f64) -> String {
    if value.is_finite() { short(value) } else { "not finite".to_owned() }
}

/// A power of ten as it is written.
fn superscript(power: i64) -> String {
    const DIGITS: [char; 10] = [
        '\u{2070}', '\u{b9}', '\u{b2}', '\u{b3}', '\u{2074}', '\u{2075}', '\u{2076}', '\u{2077}', '\u{2078}',
        '\u{2079}',
    ];
    let digit = |c: char| c.to_digit(10).map_or('\u{207b}', |digit| DIGITS[digit as usize]);
    power.to_string().chars().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_densities_are_drawn_without_fuss() {
        assert_eq!(superscript(-13), "\u{207b}\u{b9}\u{b3}");
        let nan = f64::NAN;
        for (grid, density) in [
            (vec![], vec![]),
            (vec![1.0], vec![3.0]),
            (vec![-1.0, 0.0, 1.0], vec![0.0, nan, 0.0]),
            (vec![-1.0, 0.0, 1.0, 2.0], vec![1e-30, 100.0, 1e-2, 1.0]),
        ] {
            let line = SpectrumLine { name: "<H>", density: &density, lambda_1: nan };
            for floor in [1e-4, 0.0, 1e9, nan] {
                let svg = spectrum_svg("a & b", &grid, &[line, line], floor);
                assert!(svg.starts_with("<svg ") && !svg.contains("NaN") && !svg.contains("<H>"), "{svg}");
                assert!(!svg.contains("inf"), "{svg}");
            }
        }
    }
}
