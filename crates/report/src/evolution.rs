//! The curvature over a run, from `spectrum.csv` and `density.csv`: the largest eigenvalue against the edges of stability, and
//! the density of all eigenvalues, lane by lane and moment by moment.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::csv::{Column, Csv};
use crate::error::Result;
use crate::figure::Frame;
use crate::lanes::{Style, display_name};
use crate::markup::escape;
use crate::read::Lane;
use crate::scale::short;
use crate::stats::Estimate;
use crate::text::thousands;

/// What was recorded.
#[derive(Debug)]
pub struct Evolution {
    lanes: Vec<Recorded>,
    examples: f64,
}

/// One lane: over all seeds, and the densities of its first seed.
#[derive(Debug)]
struct Recorded {
    label: String,
    moments: BTreeMap<u64, Moment>,
    first_seed: u64,
    densities: BTreeMap<u64, Vec<(f64, f64)>>,
}

/// A value a seed.
#[derive(Debug, Default)]
struct Moment {
    lambda_1: Vec<f64>,
    edge: Vec<f64>,
}

/// Moments that the densities are drawn of at most.
const MOMENTS: usize = 6;

/// Reads what a run recorded; none where it recorded nothing.
pub fn read(dir: &Path) -> Result<Option<Evolution>> {
    if !dir.join("spectrum.csv").exists() {
        return Ok(None);
    }
    let mut csv = Csv::open(dir, "spectrum.csv")?;
    let (label, seed, step) = (csv.column("optimizer")?, csv.column("seed")?, csv.column("step")?);
    let (lambda_1, edge, sam_edge) = (csv.column("lambda_1")?, csv.column("edge")?, csv.column("sam_edge")?);
    let count = csv.column("examples")?;
    let mut evolution = Evolution { lanes: Vec::new(), examples: f64::NAN };
    while csv.advance()? {
        let (seed, step) = (csv.whole(seed)?, csv.whole(step)?);
        evolution.examples = csv.number(count)?;
        let (own, of_sam, value) = (there(&csv, edge)?, there(&csv, sam_edge)?, there(&csv, lambda_1)?);
        let name = csv.text(label).to_owned();
        let place = evolution.lanes.iter().position(|lane| lane.label == name).unwrap_or_else(|| {
            let (moments, densities) = (BTreeMap::new(), BTreeMap::new());
            evolution.lanes.push(Recorded { label: name, moments, first_seed: seed, densities });
            evolution.lanes.len() - 1
        });
        let moment = evolution.lanes[place].moments.entry(step).or_default();
        moment.lambda_1.extend(value);
        // What climbs has an edge of its own, below that of its base.
        moment.edge.extend(of_sam.or(own));
    }
    if evolution.lanes.is_empty() {
        return Ok(None);
    }
    let mut csv = Csv::open(dir, "density.csv")?;
    let (label, seed, step) = (csv.column("optimizer")?, csv.column("seed")?, csv.column("step")?);
    let (eigenvalue, density) = (csv.column("eigenvalue")?, csv.column("density")?);
    while csv.advance()? {
        let (seed, step) = (csv.whole(seed)?, csv.whole(step)?);
        let point = (csv.number(eigenvalue)?, csv.number(density)?);
        let name = csv.text(label).to_owned();
        let lane = evolution.lanes.iter_mut().find(|lane| lane.label == name && lane.first_seed == seed);
        if let Some(lane) = lane {
            lane.densities.entry(step).or_default().push(point);
        }
    }
    Ok(Some(evolution))
}

/// A value that may be left out.
fn there(csv: &Csv, column: Column) -> Result<Option<f64>> {
    if csv.text(column).is_empty() { Ok(None) } else { csv.number(column).map(Some) }
}

impl Evolution {
    /// The section of the page; `swatch` draws a lane's mark.
    pub fn section(&self, lanes: &[Lane], styles: &[Style], swatch: impl Fn(Style) -> String) -> String {
        let style = |label: &str| lanes.iter().position(|lane| lane.label == label).map(|i| styles[i]);
        let colour = |label: &str| style(label).map_or(7, |style| style.colour);
        let mut html = String::from("<section class=\"landscape\">\n<h2>Curvature over the run</h2>\n");
        let legend: String = self
            .lanes
            .iter()
            .map(|lane| {
                let mark = style(&lane.label).map_or(String::new(), &swatch);
                format!("<span>{mark}{}</span> ", escape(&display_name(&lane.label)))
            })
            .collect();
        let _ = write!(html, "<p class=\"legend\">{legend}</p>\n<div class=\"figures\">\n");
        let several = self.lanes.iter().any(|lane| lane.moments.values().any(|m| m.lambda_1.len() > 1));
        let _ = writeln!(
            html,
            "<figure class=\"wide\"><h3>The largest eigenvalue and the edge of stability</h3><div class=\"plate\">{}</div>\
             <figcaption>λ<sub>1</sub> of the exact Hessian of the mean loss over {} training examples{}. Dots: the edge above which \
             a quadratic throws the lane out: 2 / lr for gradient descent (times 1 + momentum where there is some; for batches and \
             other base steps it is a guide, and where there is none it is left out), and for SAM the smaller one \
             |g| / (2 ρ) (√(1 + 8 ρ / (lr |g|)) − 1) (Long and Bartlett 2024), with the gradient of the moment. Logarithmic.\
             </figcaption></figure>",
            self.edges(&colour),
            thousands(self.examples),
            if several { ", mean over seeds; the band is its 95 % interval" } else { "" },
        );
        if self.lanes.iter().any(|lane| !lane.densities.is_empty()) {
            let _ = writeln!(
                html,
                "<figure class=\"wide\"><h3>The spectrum as it evolves</h3><div class=\"plate\">{}</div><figcaption>Density of \
                 the Hessian’s eigenvalues at moments of the run (stochastic Lanczos quadrature, first seed), one scale for all; \
                 the number is λ<sub>1</sub>. A long tail to the right is a sharp valley. Logarithmic in height.</figcaption></figure>",
                self.ridges(&colour)
            );
        }
        html.push_str("</div>\n</section>\n");
        html.replace(" xmlns=\"http://www.w3.org/2000/svg\"", "")
    }

    fn edges(&self, colour: &impl Fn(&str) -> usize) -> String {
        let moments = || self.lanes.iter().flat_map(|lane| &lane.moments);
        let last = moments().map(|(step, _)| *step).max().unwrap_or(1).max(1) as f64;
        let positive = |v: &f64| v.is_finite() && *v > 0.0;
        let values = || moments().flat_map(|(_, m)| m.lambda_1.iter().chain(&m.edge)).copied().filter(positive);
        let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
        // Within six decades of the top: a collapsed network's eigenvalues are as good as zero.
        let y = if high > 0.0 { (low.max(1e-6 * high).log10() - 0.1, high.log10() + 0.1) } else { (-1.0, 1.0) };
        let frame = Frame { x: (0.0, last), y, area: [64.0, 18.0, 850.0, 330.0], size: (940.0, 408.0) };
        let mut svg = frame.x_axis("steps") + &decades(&frame);
        let clipped = |v: f64| v.max(1e-300).log10().clamp(y.0, y.1);
        for lane in &self.lanes {
            let n = colour(&lane.label);
            let mut line = Vec::new();
            let (mut above, mut below) = (Vec::new(), Vec::new());
            let mut edge = Vec::new();
            for (step, moment) in &lane.moments {
                let x = *step as f64;
                if let Some(e) = Estimate::of(moment.lambda_1.iter().copied()) {
                    line.push((x, clipped(e.mean)));
                    above.push((x, clipped(e.high.unwrap_or(e.mean))));
                    below.push((x, clipped(e.low.unwrap_or(e.mean))));
                }
                edge.extend(Estimate::of(moment.edge.iter().copied()).map(|e| (x, clipped(e.mean))));
            }
            below.reverse();
            let band = frame.path(&[above, below].concat());
            let _ = write!(
                svg,
                "<path d=\"{band}Z\" style=\"fill:var(--lane-{n});fill-opacity:.15\"/>\
                 <path d=\"{}\" style=\"fill:none;stroke:var(--lane-{n});stroke-width:2.4\"/>\
                 <path d=\"{}\" style=\"fill:none;stroke:var(--lane-{n});stroke-width:2;stroke-dasharray:2 5\"/>",
                frame.path(&line),
                frame.path(&edge)
            );
            for (points, what) in [(&line, ""), (&edge, "edge of ")] {
                if let Some((x, y)) = points.last() {
                    let (x, y) = frame.place(*x, *y);
                    let name = escape(&display_name(&lane.label));
                    let _ = write!(
                        svg,
                        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" style=\"fill:var(--name-{n});paint-order:stroke;\
                         stroke:var(--page);stroke-width:4px\">{what}{name}</text>",
                        x - 6.0,
                        y - 6.0
                    );
                }
            }
        }
        let [left, top, width, height] = frame.area;
        let _ = write!(svg, "<rect class=\"f\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/>");
        inside(frame.svg("The largest eigenvalue of each lane over the run, and its edge of stability", &svg))
    }

    /// A row for each lane, a column for each of a few moments.
    fn ridges(&self, colour: &impl Fn(&str) -> usize) -> String {
        let lanes: Vec<&Recorded> = self.lanes.iter().filter(|lane| !lane.densities.is_empty()).collect();
        let steps: Vec<u64> = lanes.first().map_or(Vec::new(), |lane| lane.densities.keys().copied().collect());
        let columns = steps.len().min(MOMENTS);
        let chosen: Vec<u64> =
            (0..columns).map(|i| steps[if columns < 2 { 0 } else { i * (steps.len() - 1) / (columns - 1) }]).collect();
        let points = || lanes.iter().flat_map(|lane| chosen.iter().filter_map(|s| lane.densities.get(s)).flatten());
        let finite = || points().filter(|(x, d)| x.is_finite() && d.is_finite() && *d > 0.0);
        let x = finite().fold((0.0_f64, 1e-9_f64), |(low, high), (x, _)| (low.min(*x), high.max(*x)));
        let peak = finite().map(|(_, d)| *d).fold(1e-300, f64::max).log10();
        let y = (peak - 5.0, peak + 0.3);
        let (left, top, gap) = (96.0, 30.0, 8.0);
        let (width, height) = ((930.0 - left) / columns.max(1) as f64 - gap, 110.0);
        let size = (940.0, top + lanes.len() as f64 * (height + 26.0) + 18.0);
        let mut svg = String::new();
        for (column, step) in chosen.iter().enumerate() {
            let at = left + column as f64 * (width + gap);
            let _ = write!(svg, "<text class=\"t\" x=\"{at:.1}\" y=\"18\">step {}</text>", thousands(*step as f64));
            for (row, lane) in lanes.iter().enumerate() {
                let over = top + row as f64 * (height + 26.0);
                let n = colour(&lane.label);
                let frame = Frame { x, y, area: [at, over, width, height], size };
                let base = over + height;
                let _ = write!(svg, "<path class=\"g\" d=\"M{at:.1} {base:.1}h{width:.1}\"/>");
                let (zero, _) = frame.place(0.0, y.0);
                let _ = write!(svg, "<path class=\"g\" d=\"M{zero:.1} {over:.1}v{height:.1}\"/>");
                if let Some(points) = lane.densities.get(step) {
                    let ground = |x: f64| (x, y.0);
                    let mut outline: Vec<(f64, f64)> =
                        points.iter().map(|(x, d)| (*x, d.max(1e-300).log10().clamp(y.0, y.1))).collect();
                    if let (Some(first), Some(last)) = (points.first(), points.last()) {
                        outline.insert(0, ground(first.0));
                        outline.push(ground(last.0));
                    }
                    let _ = write!(
                        svg,
                        "<path d=\"{}\" style=\"fill:var(--lane-{n});fill-opacity:.25;stroke:var(--lane-{n});stroke-width:1.6\"/>",
                        frame.path(&outline)
                    );
                }
                let lambda = lane.moments.get(step).and_then(|m| m.lambda_1.first());
                if let Some(lambda) = lambda.filter(|v| v.is_finite()) {
                    let _ = write!(
                        svg,
                        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" style=\"fill:var(--name-{n})\">{}</text>",
                        at + width - 4.0,
                        over + 14.0,
                        short(*lambda)
                    );
                }
                for (value, anchor) in [(x.0, "start"), (x.1, "end")] {
                    let (place, _) = frame.place(value, y.0);
                    let _ = write!(
                        svg,
                        "<text x=\"{place:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" style=\"font-size:11px\">{}</text>",
                        base + 14.0,
                        short(value).replace('-', "−")
                    );
                }
                if column == 0 {
                    let name = escape(&display_name(&lane.label));
                    let _ = write!(
                        svg,
                        "<text x=\"0\" y=\"{:.1}\" style=\"fill:var(--name-{n});font-weight:600\">{name}</text>",
                        over + 0.5 * height
                    );
                }
            }
        }
        let frame = Frame { x, y, area: [left, top, width, height], size };
        inside(frame.svg("Density of the Hessian’s eigenvalues, a row a lane, a column a moment", &svg))
    }
}

/// A picture of this page: on its ground, not on paper of its own.
fn inside(svg: String) -> String {
    svg.replace("fill=\"var(--fp)\"", "fill=\"none\"")
}

/// Lines and names at powers of ten (and their halves of a decade, where there are few) of a logarithmic y axis.
fn decades(frame: &Frame) -> String {
    let [left, _, width, _] = frame.area;
    let factors: &[f64] = if frame.y.1 - frame.y.0 < 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let mut svg = String::new();
    for power in frame.y.0.floor() as i32..=frame.y.1.ceil() as i32 {
        for factor in factors {
            let value = factor * 10.0_f64.powi(power);
            let at = value.log10();
            if at < frame.y.0 || at > frame.y.1 {
                continue;
            }
            let (_, y) = frame.place(frame.x.0, at);
            let _ = write!(
                svg,
                "<path class=\"g\" d=\"M{left} {y:.1}h{width}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 9.0,
                y + 4.5,
                short(value)
            );
        }
    }
    svg
}
