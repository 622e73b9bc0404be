//! One line chart as inline SVG, drawn by plotters and then coloured by the page's style sheet.
//!
//! plotters knows fixed colours only. Here every "colour" is a code (which part, which lane), and [`styled`] turns the
//! codes into classes, so that the page decides on light and dark, and dashes come from the style sheet too.
//! plotters works in whole pixels: the picture is drawn ten times as large, and its view box brings it back.

use std::fmt::Write as _;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::axis::{clipped, decimals, finite_runs, short_number, spacing, with_minus};
use crate::error::{Error, Result};
use crate::lanes::{Marker, Style};
use crate::series::Point;

/// Drawing units of a pixel.
const UNIT: i32 = 10;
/// Height of a line of text, in pixels: labels keep this distance.
const LABEL_HEIGHT: f64 = 15.0;
/// Direct labels for at most this many lines; the legend does for more.
const MAX_DIRECT_LABELS: usize = 6;

/// One line of a chart.
#[derive(Clone)]
pub struct Line {
    pub name: String,
    pub style: Style,
    pub points: Vec<Point>,
    /// A ring around one place of the line.
    pub ring: Option<(f64, f64)>,
}

/// Values that stand side by side instead of along a scale: the n-th at n + 0.5. Intervals are bars, not a band.
pub struct Ordinal {
    pub names: Vec<String>,
    /// Whether they have an order that a line may follow.
    pub connected: bool,
}

/// What to draw.
pub struct Chart {
    pub id: &'static str,
    pub alt: String,
    pub x_label: String,
    pub y_label: String,
    /// Values are fractions and shown in percent.
    pub percent: bool,
    pub lines: Vec<Line>,
    pub size: (i32, i32),
    /// The names of the x axis, where it is no scale.
    pub ordinal: Option<Ordinal>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What a colour stands for; see [`styled`].
enum Code {
    Stroke(Style),
    Fill(usize),
    Name(usize),
    Ring(usize),
    Part(u8),
}

const AXIS: Code = Code::Part(0);
const GRID: Code = Code::Part(1);
const TICK: Code = Code::Part(2);
const TITLE: Code = Code::Part(3);
/// Classes of the parts, by number.
const PARTS: [&str; 4] = ["axis", "grid", "tick", "title"];

impl Code {
    fn colour(&self) -> RGBColor {
        match self {
            Self::Stroke(style) => RGBColor(1, style.colour as u8, style.dash as u8),
            Self::Fill(colour) => RGBColor(2, *colour as u8, 0),
            Self::Name(colour) => RGBColor(3, *colour as u8, 0),
            Self::Ring(colour) => RGBColor(4, *colour as u8, 0),
            Self::Part(number) => RGBColor(5, *number, 0),
        }
    }
}

impl Chart {
    /// Whether there is a finite point to show.
    pub fn has_data(&self) -> bool {
        self.lines.iter().any(|line| line.points.iter().any(|point| point.mean.is_finite()))
    }

    /// What the reader must know of the y axis: which values lie outside of it.
    pub fn cut_off(&self) -> Option<String> {
        let (low, high) = self.y_range();
        let value = |y: f64| if self.percent { format!("{:.0} %", 100.0 * y) } else { short_number(y) };
        let any = |outside: &dyn Fn(f64) -> bool| {
            let mut means = self.lines.iter().flat_map(|line| &line.points).map(|point| point.mean);
            means.any(outside)
        };
        match (any(&|y| y < low - 1e-9), any(&|y| y > high + 1e-9)) {
            (true, _) => Some(format!("The axis starts at {}; lower values are not shown.", value(low))),
            (_, true) => Some(format!("The axis ends at {}; higher values are not shown.", value(high))),
            _ => None,
        }
    }

    /// The chart as an `<svg>` element.
    pub fn to_svg(&self) -> Result<String> {
        let mut svg = String::new();
        {
            let size = ((self.size.0 * UNIT) as u32, (self.size.1 * UNIT) as u32);
            let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            self.draw(&area).map_err(|fault| Error::Chart { chart: self.id, message: fault.to_string() })?;
        }
        Ok(styled(&svg, &self.alt))
    }

    fn draw(&self, area: &Area<'_>) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
        let (x_end, (y_low, y_high)) = (self.x_end(), self.y_range());
        let names = if self.lines.len() <= MAX_DIRECT_LABELS { 62 } else { 14 };
        let mut chart = ChartBuilder::on(area)
            .margin_top(30 * UNIT)
            .margin_right(names * UNIT)
            .margin_left(4 * UNIT)
            .x_label_area_size(42 * UNIT)
            .y_label_area_size(40 * UNIT)
            .build_cartesian_2d(0.0..x_end, y_low..y_high)?;
        let step = spacing(y_high - y_low, 5.0);
        let tick = ("sans-serif", 12 * UNIT).into_font().color(&TICK.colour());
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID.colour().stroke_width(UNIT as u32))
            .axis_style(AXIS.colour().stroke_width(UNIT as u32))
            .set_tick_mark_size(LabelAreaPosition::Bottom, if self.ordinal.is_some() { 0 } else { 5 * UNIT })
            .set_tick_mark_size(LabelAreaPosition::Left, 0)
            .label_style(tick)
            .x_labels(if self.size.0 > 600 { 9 } else { 6 })
            .y_labels(7)
            .x_label_formatter(&|x| if self.ordinal.is_some() { String::new() } else { short_number(*x) })
            .y_label_formatter(&|y| {
                with_minus(if self.percent { decimals(100.0 * y, 100.0 * step) } else { decimals(*y, step) })
            })
            .draw()?;
        if let Some(ordinal) = &self.ordinal {
            self.draw_ordinal(area, ordinal, &|x, y| chart.backend_coord(&(x, y)), (y_low, y_high))?;
        }
        for line in self.lines.iter().filter(|_| self.ordinal.is_none()) {
            for run in finite_runs(&line.points).filter(|run| run.len() > 1) {
                let clamp = |y: f64| y.clamp(y_low, y_high);
                let upper = run.iter().map(|point| (point.x, clamp(point.high)));
                let band: Vec<(f64, f64)> =
                    upper.chain(run.iter().rev().map(|point| (point.x, clamp(point.low)))).collect();
                if run.iter().any(|point| point.high > point.low) {
                    chart.draw_series([Polygon::new(band, Code::Fill(line.style.colour).colour().mix(0.15))])?;
                }
            }
        }
        let mut ends: Vec<(f64, f64, &Line)> = Vec::new();
        for line in &self.lines {
            let stroke = Code::Stroke(line.style).colour().stroke_width(2 * UNIT as u32);
            let connected = self.ordinal.as_ref().is_none_or(|ordinal| ordinal.connected);
            for run in finite_runs(&line.points).filter(|_| connected) {
                for piece in clipped(run, y_low, y_high) {
                    chart.draw_series(LineSeries::new(piece, stroke))?;
                }
            }
            let finite: Vec<&Point> = line.points.iter().filter(|point| point.mean.is_finite()).collect();
            let every = if self.ordinal.is_some() { 1 } else { (finite.len() / 7).max(1) };
            for point in finite.iter().rev().step_by(every).filter(|point| (y_low..=y_high).contains(&point.mean)) {
                mark(area, chart.backend_coord(&(point.x, point.mean)), line.style)?;
            }
            if let Some((x, y)) = line.ring {
                let place = chart.backend_coord(&(x, y.clamp(y_low, y_high)));
                let ring = Code::Ring(line.style.colour).colour().stroke_width((UNIT * 8 / 5) as u32);
                area.draw(&Circle::new(place, 8 * UNIT, ring))?;
            }
            if let Some(last) = finite.last() {
                let (x, y) = chart.backend_coord(&(last.x, last.mean.clamp(y_low, y_high)));
                ends.push((f64::from(x), f64::from(y), line));
            }
        }
        // A name in the middle of the picture steps up where another line runs through it.
        for (x, y, line) in &mut ends {
            let others = self.lines.iter().filter(|other| other.name != line.name).flat_map(|other| &other.points);
            let hidden = others.filter(|point| point.mean.is_finite()).any(|point| {
                let (other_x, other_y) = chart.backend_coord(&(point.x, point.mean.clamp(y_low, y_high)));
                let (dx, dy) = (f64::from(other_x) - *x, f64::from(other_y) - *y);
                (5.0..45.0).contains(&(dx / f64::from(UNIT))) && dy.abs() < 9.0 * f64::from(UNIT)
            });
            if hidden {
                *y -= 13.0 * f64::from(UNIT);
            }
        }
        self.draw_texts(area, ends)
    }

    /// The names below the axis, and the intervals as bars.
    fn draw_ordinal(
        &self,
        area: &Area<'_>,
        ordinal: &Ordinal,
        place: &dyn Fn(f64, f64) -> (i32, i32),
        (y_low, y_high): (f64, f64),
    ) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
        let (font, color) = (("sans-serif", 12 * UNIT).into_font(), TICK.colour().to_backend_color());
        let style = TextStyle { font, color, pos: Pos::new(HPos::Center, VPos::Center) };
        let room = (self.size.0 - 110) / (8 * ordinal.names.len().max(1) as i32);
        for (index, name) in ordinal.names.iter().enumerate() {
            let (x, y) = place(index as f64 + 0.5, y_low);
            let name: String = name.chars().take(room.max(3) as usize).collect();
            area.draw(&Text::new(name, (x, y + 14 * UNIT), style.clone()))?;
        }
        for line in &self.lines {
            let stroke = Code::Stroke(Style { dash: 0, ..line.style }).colour().stroke_width(UNIT as u32);
            for point in line.points.iter().filter(|point| point.mean.is_finite() && point.high > point.low) {
                let (x, low) = place(point.x, point.low.clamp(y_low, y_high));
                let (_, high) = place(point.x, point.high.clamp(y_low, y_high));
                area.draw(&PathElement::new(vec![(x, low), (x, high)], stroke))?;
                for (end, _) in
                    [(low, point.low), (high, point.high)].into_iter().filter(|(_, y)| (y_low..=y_high).contains(y))
                {
                    area.draw(&PathElement::new(vec![(x - 4 * UNIT, end), (x + 4 * UNIT, end)], stroke))?;
                }
            }
        }
        Ok(())
    }

    /// Names at the ends of the lines, and what the axes count.
    fn draw_texts(
        &self,
        area: &Area<'_>,
        mut ends: Vec<(f64, f64, &Line)>,
    ) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
        let (width, height) = (self.size.0 * UNIT, self.size.1 * UNIT);
        let style = |code: Code, horizontal: HPos| {
            let (font, color) = (("sans-serif", 12 * UNIT).into_font(), code.colour().to_backend_color());
            TextStyle { font, color, pos: Pos::new(horizontal, VPos::Center) }
        };
        area.draw(&Text::new(self.y_label.as_str(), (0, 12 * UNIT), style(TITLE, HPos::Left)))?;
        let middle = (width - 20 * UNIT) / 2;
        area.draw(&Text::new(self.x_label.as_str(), (middle, height - 9 * UNIT), style(TITLE, HPos::Center)))?;
        if self.lines.len() > MAX_DIRECT_LABELS {
            return Ok(());
        }
        ends.sort_by(|a, b| a.1.total_cmp(&b.1));
        let unit = f64::from(UNIT);
        for index in 1..ends.len() {
            // Names that stand beside each other are pushed apart downwards.
            let near = |other: &(f64, f64, &Line)| (other.0 - ends[index].0).abs() < 60.0 * unit;
            if let Some(above) = ends[..index].iter().filter(|end| near(end)).map(|end| end.1).reduce(f64::max) {
                ends[index].1 = ends[index].1.max(above + LABEL_HEIGHT * unit);
            }
        }
        for (x, y, line) in ends {
            let place = (x as i32 + 9 * UNIT, y as i32);
            let name: String = line.name.chars().take(14).collect();
            area.draw(&Text::new(name, place, style(Code::Name(line.style.colour), HPos::Left)))?;
        }
        Ok(())
    }

    fn x_end(&self) -> f64 {
        if let Some(ordinal) = &self.ordinal {
            return ordinal.names.len().max(1) as f64;
        }
        let points = self.lines.iter().flat_map(|line| &line.points);
        let end = points.map(|point| point.x).filter(|x| x.is_finite()).fold(0.0, f64::max);
        if end > 0.0 { end } else { 1.0 }
    }

    /// The range of the y axis: what the means need, and the bands as far as they do not dwarf the means. Values far from
    /// the rest (a run about to diverge, the first evaluation of an untrained network) are cut off at the border.
    fn y_range(&self) -> (f64, f64) {
        let points = || self.lines.iter().flat_map(|line| &line.points).filter(|point| point.mean.is_finite());
        let mut means: Vec<f64> = points().map(|point| point.mean).collect();
        means.sort_by(f64::total_cmp);
        let (Some(least), Some(most)) = (means.first().copied(), means.last().copied()) else { return (0.0, 1.0) };
        let share = |percent: usize| means[(means.len() - 1) * percent / 100];
        let (from, to) = if self.percent {
            let usual = share(8);
            (if usual - least > most - usual { usual - 0.5 * (most - usual) } else { least }, most)
        } else {
            // One exploding lane must not flatten the others: the lower median of the lines' maxima is the measure.
            let mut maxima: Vec<f64> = self.lines.iter().map(|line| largest(&line.points)).collect();
            maxima.retain(|most| most.is_finite());
            maxima.sort_by(f64::total_cmp);
            let typical = maxima.get(maxima.len().saturating_sub(1) / 2).copied().unwrap_or(most);
            let usual = share(95).min(typical);
            (least, most.min(usual + 2.0 * (usual - least).max(0.5 * usual.abs())))
        };
        let span = (to - from).max(1e-9);
        let low = points().map(|point| point.low).filter(|low| *low >= from - 0.3 * span).fold(from, f64::min);
        let high = points().map(|point| point.high).filter(|high| *high <= to + 0.3 * span).fold(to, f64::max);
        let padding = (0.03 * (high - low)).max(if self.percent { 0.005 } else { 1e-3 * high.abs().max(1e-6) });
        let step = 0.5 * spacing(high - low + 2.0 * padding, 5.0);
        let (mut low, mut high) = (((low - padding) / step).floor() * step, ((high + padding) / step).ceil() * step);
        if least >= 0.0 {
            low = low.max(0.0);
        }
        if self.percent {
            high = high.min(1.0);
        }
        (low, high)
    }
}

/// The largest finite mean; minus infinity where there is none.
fn largest(points: &[Point]) -> f64 {
    points.iter().map(|point| point.mean).filter(|mean| mean.is_finite()).fold(f64::NEG_INFINITY, f64::max)
}

/// A marker as a small polygon around a place.
fn mark(area: &Area<'_>, (x, y): (i32, i32), style: Style) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    let fill = Code::Fill(style.colour).colour().filled();
    if style.marker == Marker::Circle {
        return area.draw(&Circle::new((x, y), 7 * UNIT / 2, fill));
    }
    let corners = corners(style.marker).iter().map(|(dx, dy)| (x + dx * UNIT / 10, y + dy * UNIT / 10));
    area.draw(&Polygon::new(corners.collect::<Vec<_>>(), fill))
}

/// The corners of a marker in tenths of a pixel; a circle has none.
pub fn corners(marker: Marker) -> &'static [(i32, i32)] {
    match marker {
        Marker::Circle => &[],
        Marker::Triangle => &[(0, -45), (42, 32), (-42, 32)],
        Marker::Square => &[(-31, -31), (31, -31), (31, 31), (-31, 31)],
        Marker::Diamond => &[(0, -46), (40, 0), (0, 46), (-40, 0)],
        Marker::Cross => &[
            (-13, -42),
            (13, -42),
            (13, -13),
            (42, -13),
            (42, 13),
            (13, 13),
            (13, 42),
            (-13, 42),
            (-13, 13),
            (-42, 13),
            (-42, -13),
            (-13, -13),
        ],
    }
}

/// Turns the codes into classes and the outermost element into one that scales and has a name.
fn styled(svg: &str, alt: &str) -> String {
    let body = svg.find('>').map_or("", |end| &svg[end + 1..]);
    let view_box = svg.split("viewBox=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("0 0 1 1");
    let mut page = format!("<svg viewBox=\"{view_box}\" role=\"img\" aria-label=\"{}\">", crate::markup::escape(alt));
    let mut rest = body;
    while let Some(start) = rest.find("=\"#") {
        let name = rest[..start].rfind(' ').map_or(0, |space| space + 1);
        let code = rest.get(start + 3..start + 9).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let (kind, first, second) = code.map_or((0, 0, 0), |code| (code >> 16, (code >> 8) & 255, code & 255));
        page.push_str(&rest[..name]);
        // Writing to a string cannot fail.
        let _ = match kind {
            1 => write!(page, "class=\"line s{first} d{second}\""),
            2 => write!(page, "class=\"f{first}\""),
            3 => write!(page, "class=\"name n{first}\""),
            4 => write!(page, "class=\"ring s{first}\""),
            _ => write!(page, "class=\"{}\"", PARTS.get(first as usize).copied().unwrap_or("axis")),
        };
        rest = rest.get(start + 10..).unwrap_or("");
    }
    page.push_str(rest);
    // What plotters writes for every element and the style sheet says once.
    for noise in
        [" opacity=\"1\"", " fill=\"none\"", " stroke=\"none\"", " font-family=\"sans-serif\"", " stroke-width=\"1\""]
    {
        page = page.replace(noise, "");
    }
    page.replace(" \"/>", "\"/>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_data_is_drawn_without_fuss() {
        let style = Style { colour: 0, dash: 0, marker: Marker::Cross };
        let cases: [Vec<Point>; 4] = [
            vec![],
            vec![Point { x: 0.0, mean: 0.0, low: 0.0, high: 0.0 }],
            vec![Point { x: f64::NAN, mean: f64::NAN, low: f64::NAN, high: f64::NAN }],
            (0..9).map(|x| Point { x: x as f64, mean: 10f64.powi(4 * x), low: -1e30, high: 1e38 }).collect(),
        ];
        for points in cases {
            let line = Line { name: "<b>".into(), style, points, ring: Some((0.0, 0.5)) };
            let (x_label, y_label) = ("epoch".to_owned(), "loss".to_owned());
            let chart = Chart {
                id: "odd",
                alt: "a & b".into(),
                x_label,
                y_label,
                percent: false,
                lines: vec![line],
                size: (460, 300),
                ordinal: None,
            };
            let svg = chart.to_svg().unwrap();
            assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
            assert!(!svg.contains("<b>") && svg.contains("a &amp; b"));
            assert!(!svg.contains("NaN") && !svg.contains("=\"#"));
        }
    }
}
