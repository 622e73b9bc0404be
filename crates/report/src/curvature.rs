//! The curvature along a run: the largest eigenvalue against the edge of stability, and how the spectrum changes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::charts::Figure;
use crate::csv::Csv;
use crate::draw::{Chart, Line};
use crate::error::Result;
use crate::figure::Frame;
use crate::lanes::{Style, display_name};
use crate::markup::escape;
use crate::read::Lane;
use crate::scale::short;
use crate::series::Point;

/// What `spectrum.csv` has of a lane, a seed and a step.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Row {
    lambda_1: f64,
    lambda_5: f64,
    trace: f64,
    edge: f64,
    sam_edge: f64,
}

/// The densities of one lane and seed, by step.
type Densities = BTreeMap<u64, Vec<(f64, f64)>>;

/// The curvature that a run recorded.
#[derive(Debug, Default)]
pub struct Curvature {
    /// By lane and step, a row a seed.
    rows: BTreeMap<String, BTreeMap<u64, Vec<Row>>>,
    /// Of each lane's first seed.
    densities: BTreeMap<String, (u64, Densities)>,
    examples: u64,
}

/// Reads both tables in `dir`; `None` where the run recorded none.
pub fn read(dir: &Path) -> Result<Option<Curvature>> {
    if !dir.join("spectrum.csv").exists() {
        return Ok(None);
    }
    let mut curvature = Curvature::default();
    let mut csv = Csv::open(dir, "spectrum.csv")?;
    let [label, step, examples] = [csv.column("optimizer")?, csv.column("step")?, csv.column("examples")?];
    let names = ["lambda_1", "lambda_5", "trace", "edge", "sam_edge"];
    let columns = names.iter().map(|name| csv.column(name)).collect::<Result<Vec<_>>>()?;
    while csv.advance()? {
        let mut values = [f64::NAN; 5];
        for (value, column) in values.iter_mut().zip(&columns) {
            if !csv.text(*column).is_empty() {
                *value = csv.number(*column)?;
            }
        }
        let [lambda_1, lambda_5, trace, edge, sam_edge] = values;
        let lane = curvature.rows.entry(csv.text(label).to_owned()).or_default();
        lane.entry(csv.whole(step)?).or_default().push(Row { lambda_1, lambda_5, trace, edge, sam_edge });
        curvature.examples = csv.whole(examples)?;
    }
    if dir.join("density.csv").exists() {
        let mut csv = Csv::open(dir, "density.csv")?;
        let [label, seed, step] = [csv.column("optimizer")?, csv.column("seed")?, csv.column("step")?];
        let [place, density] = [csv.column("eigenvalue")?, csv.column("density")?];
        while csv.advance()? {
            let seed = csv.whole(seed)?;
            let (own, steps) =
                curvature.densities.entry(csv.text(label).to_owned()).or_insert((seed, Densities::new()));
            if *own == seed {
                steps.entry(csv.whole(step)?).or_default().push((csv.number(place)?, csv.number(density)?));
            }
        }
    }
    Ok(Some(curvature).filter(|curvature| !curvature.rows.is_empty()))
}

/// Steps that the picture of densities shows at most.
const SHOWN: usize = 4;
/// Decades that it shows below the highest density.
const DECADES: f64 = 6.0;
/// Lanes side by side in it.
const ABREAST: usize = 3;

impl Curvature {
    /// The pictures, the most important first.
    pub fn figures(&self, lanes: &[Lane], styles: &[Style]) -> Result<Vec<Figure>> {
        let mut figures = Vec::new();
        if let Some(svg) = self.evolution(lanes) {
            let caption = "Densities of the Hessian’s eigenvalues over the run (stochastic Lanczos quadrature), of each lane’s first \
                           seed, on one scale. An eigenvalue by itself is a low hill; the mark is the largest, \u{3bb}\u{2081}.";
            let title = "How the spectrum of the Hessian evolves".to_owned();
            figures.push(Figure { title, caption: caption.to_owned(), svgs: vec![svg.clone(), svg] });
        }
        let edge = format!(
            "Largest eigenvalue of the Hessian on {} training examples, in inference mode. The fainter lines are the edges of stability: \
             curvature beyond which a step overshoots, 2 (1 + momentum) / lr for SGD, and the lower one that SAM has (Long and \
             Bartlett 2023).",
            self.examples
        );
        type Value = fn(&Row) -> f64;
        let plans: [(&'static str, &str, String, Value, bool); 3] = [
            ("largest-eigenvalue", "Sharpness and the edge of stability", edge, |row| row.lambda_1, true),
            (
                "eigenvalue-ratio",
                "Largest eigenvalue over the fifth",
                "How far the sharpest direction stands out.".to_owned(),
                |row| row.lambda_1 / row.lambda_5,
                false,
            ),
            (
                "trace",
                "Trace of the Hessian",
                "The sum of all eigenvalues (Hutchinson’s estimate).".to_owned(),
                |row| row.trace,
                false,
            ),
        ];
        for (id, title, caption, value, edges) in plans {
            let mut lines = Vec::new();
            for (lane, style) in lanes.iter().zip(styles) {
                let Some(steps) = self.rows.get(&lane.label) else { continue };
                let name = display_name(&lane.label);
                lines.push(Line { name: name.clone(), style: *style, points: points(lane, steps, value), ring: None });
                let of_lane: Value = if lane.is_sam() { |row| row.sam_edge } else { |row| row.edge };
                let points = if edges { points(lane, steps, of_lane) } else { Vec::new() };
                if points.iter().any(|point| point.mean.is_finite()) {
                    let style = Style { dash: 4, ..*style };
                    lines.push(Line { name: format!("{name} edge"), style, points, ring: None });
                }
            }
            let (x_label, y_label) = ("epochs".to_owned(), title.to_lowercase());
            let y_label = if edges { "\u{3bb}\u{2081}".to_owned() } else { y_label };
            let alt = format!("{title} over the run.");
            let size = (460, 300);
            let chart = Chart { id, alt, x_label, y_label, percent: false, lines, size, ordinal: None };
            if chart.has_data() {
                let cut = chart.cut_off().map(|remark| format!(" {remark}")).unwrap_or_default();
                let svgs = vec![chart.to_svg()?];
                figures.push(Figure { title: title.to_owned(), caption: escape(&(caption + &cut)), svgs });
            }
        }
        Ok(figures)
    }

    /// A column a lane, a row a step: the density on a logarithmic scale.
    pub fn evolution(&self, lanes: &[Lane]) -> Option<String> {
        let shown: Vec<(&str, &Densities)> = lanes
            .iter()
            .filter_map(|lane| self.densities.get(&lane.label).map(|(_, steps)| (lane.label.as_str(), steps)))
            .take(ABREAST)
            .collect();
        let all: Vec<u64> = shown.first()?.1.keys().copied().collect();
        let count = all.len().min(SHOWN);
        let steps: Vec<u64> =
            (0..count).map(|i| all[if count > 1 { i * (all.len() - 1) / (count - 1) } else { 0 }]).collect();
        let places = || shown.iter().flat_map(|(_, lane)| steps.iter().filter_map(|step| lane.get(step))).flatten();
        let finite = |value: &f64| value.is_finite();
        let low = places().map(|place| place.0).filter(finite).fold(f64::INFINITY, f64::min);
        let high = places().map(|place| place.0).filter(finite).fold(f64::NEG_INFINITY, f64::max);
        let peak = places().map(|place| place.1).filter(finite).fold(0.0, f64::max);
        if !(high > low && peak > 0.0) {
            return None;
        }
        let y = (peak.log10() - DECADES, peak.log10() + 0.2);
        let (left, top, gap) = (64.0, 40.0, 14.0);
        let width = (870.0 - gap * (shown.len() - 1) as f64) / shown.len() as f64;
        let height = 108.0;
        let size = (left + 886.0, top + (height + gap) * steps.len() as f64 + 46.0);
        let mut svg = String::new();
        let mut last = None;
        for (column, (label, densities)) in shown.iter().enumerate() {
            for (row, step) in steps.iter().enumerate() {
                let area = [left + (width + gap) * column as f64, top + (height + gap) * row as f64, width, height];
                let frame = Frame { x: (low, high), y, area, size };
                svg.push_str(&self.panel(
                    &frame,
                    label,
                    *step,
                    densities.get(step).map_or(&[], Vec::as_slice),
                    column == 0,
                ));
                if row + 1 == steps.len() {
                    svg.push_str(&frame.x_axis("eigenvalue"));
                }
                if row == 0 {
                    let name = escape(&display_name(label));
                    let _ = write!(svg, "<text class=\"t\" x=\"{}\" y=\"24\">{name}</text>", area[0]);
                }
                last = Some(frame);
            }
        }
        let names: Vec<String> = shown.iter().map(|(label, _)| display_name(label)).collect();
        let alt = format!("Density of the Hessian's eigenvalues at {count} steps, of {}.", names.join(" and "));
        Some(last?.svg(&alt, &svg))
    }

    fn panel(&self, frame: &Frame, label: &str, step: u64, density: &[(f64, f64)], first: bool) -> String {
        let [left, top, width, height] = frame.area;
        let mut svg = String::new();
        for power in (frame.y.0.ceil() as i64..=frame.y.1.floor() as i64).filter(|power| power.rem_euclid(2) == 0) {
            let (_, y) = frame.place(frame.x.0, power as f64);
            let _ = write!(svg, "<path class=\"g\" d=\"M{left} {y:.1}h{width}\"/>");
            if first {
                let text = crate::spectrum::superscript(power);
                let (x, y) = (left - 8.0, y + 4.5);
                let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"end\">10{text}</text>");
            }
        }
        let points: Vec<(f64, f64)> = density.iter().map(|(x, d)| (*x, d.log10())).collect();
        let runs = points.split(|(_, d)| !d.is_finite() || *d < frame.y.0).filter(|run| run.len() > 1);
        let d: String = runs.map(|run| frame.path(run)).collect();
        let rows = self.rows.get(label).and_then(|steps| steps.get(&step));
        let lambda = rows.and_then(|rows| rows.first()).map_or(f64::NAN, |row| row.lambda_1);
        let _ = write!(
            svg,
            "<rect class=\"f\" x=\"{left}\" y=\"{top}\" width=\"{width:.1}\" height=\"{height}\"/><path class=\"a\" d=\"{d}\"/>"
        );
        let mut text = format!("step {step}");
        if lambda.is_finite() {
            let (x, _) = frame.place(lambda.clamp(frame.x.0, frame.x.1), frame.y.0);
            let _ = write!(svg, "<path class=\"b\" d=\"M{x:.1} {:.1}v-14\"/>", top + height);
            text += &format!(", \u{3bb}\u{2081} = {}", short(lambda));
        }
        let (x, y) = (left + width - 8.0, top + 18.0);
        let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"end\">{text}</text>");
        svg
    }
}

fn points(lane: &Lane, steps: &BTreeMap<u64, Vec<Row>>, value: impl Fn(&Row) -> f64) -> Vec<Point> {
    let point = |(step, rows): (&u64, &Vec<Row>)| {
        let values: Vec<f64> = rows.iter().map(&value).collect();
        Point::of(lane.epochs_done(*step, *step as f64), &values)
    };
    steps.iter().map(point).collect()
}
