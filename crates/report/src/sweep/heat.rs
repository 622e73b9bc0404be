//! A heat map: rows by one axis, columns by another, the value written into each cell.

use super::summary::{CellSummary, SweepSummary};
use crate::svg::{Anchor, Svg};

/// Shades from the worst to the best value; `chart.css` has a colour for each.
const SHADES: usize = 9;
const ROW: f64 = 44.0;

/// What is drawn: the cells by rows and columns, with the values of the two axes.
pub struct HeatMap<'a> {
    pub summary: &'a SweepSummary,
    /// The key and values of the vertical axis.
    pub rows: (&'a str, &'a [String]),
    /// The key and values of the horizontal axis.
    pub columns: (&'a str, &'a [String]),
    /// Row by row.
    pub cells: Vec<Option<&'a CellSummary>>,
}

/// The worst and the best mean of the cells that mean something: what the shades span.
pub fn scale(summary: &SweepSummary) -> Option<(f64, f64)> {
    let useful = summary.cells.iter().filter(|cell| !cell.is_lost());
    let means: Vec<f64> = useful.filter_map(|cell| cell.value.map(|value| value.mean)).collect();
    let low = means.iter().copied().reduce(f64::min)?;
    let high = means.iter().copied().reduce(f64::max)?;
    Some(if summary.metric.higher_is_better() { (low, high) } else { (high, low) })
}

impl HeatMap<'_> {
    /// The picture, `width` pixels wide.
    pub fn to_svg(&self, width: f64) -> String {
        let names = self.rows.1.iter().map(String::as_str).chain([self.rows.0]);
        let longest = names.map(|name| name.chars().count()).max().unwrap_or(1) as f64;
        let left = (7.0 * longest + 16.0).clamp(44.0, 0.3 * width);
        let count = self.columns.1.len().max(1) as f64;
        let cell = ((width - left) / count).min(150.0);
        let (top, bottom) = (48.0, 46.0);
        let height = top + ROW * self.rows.1.len() as f64 + bottom;
        let mut svg = Svg::new(width, height);
        svg.text("title", Anchor::Start, (0.0, 33.0), &cut(self.rows.0, left / 7.0));
        svg.text("title", Anchor::Start, (left, 10.0), self.columns.0);
        for (index, name) in self.columns.1.iter().enumerate() {
            let x = left + (index as f64 + 0.5) * cell;
            svg.text("tick", Anchor::Middle, (x, 33.0), &cut(name, cell / 7.0));
        }
        let range = scale(self.summary);
        for (row, name) in self.rows.1.iter().enumerate() {
            let y = top + row as f64 * ROW;
            svg.text("tick", Anchor::Start, (0.0, y + 0.5 * ROW), &cut(name, left / 7.0));
            for column in 0..self.columns.1.len() {
                let place = (left + column as f64 * cell, y);
                let found = self.cells.get(row * self.columns.1.len() + column).copied().flatten();
                self.draw_cell(&mut svg, found, place, cell, range);
            }
        }
        // The frames come last: a neighbour must not cover them.
        for (index, found) in self.cells.iter().enumerate() {
            let (row, column) = (index / self.columns.1.len(), index % self.columns.1.len());
            let class = match found {
                Some(found) if found.best => "frame-best",
                Some(found) if found.tied => "frame-tied",
                _ => continue,
            };
            let (x, y) = (left + column as f64 * cell + 2.5, top + row as f64 * ROW + 2.5);
            svg.rect(class, x, y, cell - 7.0, ROW - 7.0);
        }
        if let Some((worst, best)) = range {
            self.draw_key(&mut svg, (left, height - 26.0), (worst, best));
        }
        svg.finish(&self.alt())
    }

    fn draw_cell(
        &self,
        svg: &mut Svg,
        found: Option<&CellSummary>,
        (x, y): (f64, f64),
        width: f64,
        range: Option<(f64, f64)>,
    ) {
        let value = found.filter(|cell| !cell.is_lost()).and_then(|cell| cell.value);
        let (Some(value), Some((worst, best))) = (value, range) else {
            svg.rect("shade-none", x, y, width - 2.0, ROW - 2.0);
            let text = found.and_then(CellSummary::trouble).unwrap_or_else(|| "–".to_owned());
            svg.text("tick", Anchor::Middle, (x + 0.5 * width - 1.0, y + 0.5 * ROW - 1.0), &cut(&text, width / 6.6));
            return;
        };
        let part = if best == worst { 1.0 } else { (value.mean - worst) / (best - worst) };
        let shade = (part * (SHADES - 1) as f64).round().clamp(0.0, (SHADES - 1) as f64) as usize;
        svg.rect(&format!("shade-{shade}"), x, y, width - 2.0, ROW - 2.0);
        let ink = if shade < 5 { "on-pale" } else { "on-deep" };
        let text = self.summary.metric.text(Some(value));
        let (mean, half) = text.split_once(" ± ").map_or((text.as_str(), None), |(mean, half)| (mean, Some(half)));
        let middle = x + 0.5 * width - 1.0;
        let below = found.and_then(CellSummary::trouble).or_else(|| half.map(|half| format!("± {half}")));
        let bold = if found.is_some_and(|cell| cell.best) { " bold" } else { "" };
        let up = if below.is_some() { 7.5 } else { 0.0 };
        svg.text(&format!("{ink}{bold}"), Anchor::Middle, (middle, y + 0.5 * ROW - 1.0 - up), mean);
        if let Some(below) = below {
            svg.text(&format!("{ink} small"), Anchor::Middle, (middle, y + 0.5 * ROW + 8.5), &cut(&below, width / 6.0));
        }
    }

    /// The shades from worst to best.
    fn draw_key(&self, svg: &mut Svg, (x, y): (f64, f64), (worst, best): (f64, f64)) {
        let value = |value: f64| self.summary.metric.text(crate::stats::Estimate::of([value]));
        let first = value(worst);
        let start = x + 7.5 * first.chars().count() as f64 + 6.0;
        svg.text("tick", Anchor::Start, (x, y + 6.0), &first);
        for shade in 0..SHADES {
            svg.rect(&format!("shade-{shade}"), start + 14.0 * shade as f64, y, 14.0, 12.0);
        }
        let unit = self.summary.metric.unit();
        let last = format!("{} {unit}", value(best));
        svg.text("tick", Anchor::Start, (start + 14.0 * SHADES as f64 + 8.0, y + 6.0), &last);
    }

    fn alt(&self) -> String {
        let rows = self.rows.1.iter().enumerate().map(|(row, name)| {
            let count = self.columns.1.len();
            let cells = self.cells.iter().skip(row * count).take(count).zip(self.columns.1);
            let cells = cells.filter_map(|(cell, column)| {
                Some(format!("{column}: {}", self.summary.metric.text(cell.as_ref()?.value)))
            });
            format!("{name}: {}", cells.collect::<Vec<_>>().join(", "))
        });
        let rows: Vec<String> = rows.collect();
        format!(
            "{} by {} (rows) and {} (columns). {}.",
            self.summary.metric.title(),
            self.rows.0,
            self.columns.0,
            rows.join("; ")
        )
    }
}

/// The beginning of a text that is longer than `length` characters.
fn cut(text: &str, length: f64) -> String {
    let length = (length as usize).max(3);
    if text.chars().count() <= length {
        return text.to_owned();
    }
    text.chars().take(length - 1).chain(['…']).collect()
}
