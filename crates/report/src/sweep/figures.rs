//! The pictures of a sweep: lines with error bars, heat maps, and the scatter of SGD's error against SAM's.

use super::heat::HeatMap;
use super::read::{Sweep, SweepAxis};
use super::summary::{CellSummary, SweepSummary};
use crate::charts::Figure;
use crate::draw::{Chart, Line, Ordinal};
use crate::error::Result;
use crate::lanes::{Style, styles};
use crate::markup::escape;
use crate::read::Lane;
use crate::series::Point;

/// More heat maps than this are not drawn.
const MOST_MAPS: usize = 12;
/// More lines than this are not told apart.
const MOST_LINES: usize = 8;
/// More columns than this do not fit a heat map's width.
const MOST_COLUMNS: usize = 14;
const WIDE: (i32, i32) = (940, 400);
const SMALL: (i32, i32) = (460, 300);

/// Every picture of the cells, the most important first.
pub fn figures(sweep: &Sweep, summary: &SweepSummary) -> Result<Vec<Figure>> {
    if summary.cells.iter().all(|cell| cell.value.is_none()) {
        return Ok(Vec::new());
    }
    let mut figures = Vec::new();
    match &sweep.axes[..] {
        [axis] => figures.extend(lines(summary, axis, None, &summary.cells.iter().collect::<Vec<_>>(), "")?),
        [first, last] => {
            let cells: Vec<&CellSummary> = summary.cells.iter().collect();
            figures.extend(heat_map(summary, first, last, &cells, ""));
            figures.extend(lines_across(summary, first, last, &cells, "")?);
        }
        [.., first, last] => {
            let slice = first.values.len() * last.values.len();
            for cells in summary.cells.chunks(slice).take(MOST_MAPS) {
                let lead = sweep.axes.iter().zip(&cells[0].values).take(sweep.axes.len() - 2);
                let place = lead.map(|(axis, value)| format!("{} {value}", axis.key)).collect::<Vec<_>>().join(", ");
                let cells: Vec<&CellSummary> = cells.iter().collect();
                match heat_map(summary, first, last, &cells, &place) {
                    Some(map) => figures.push(map),
                    None => figures.extend(lines_across(summary, first, last, &cells, &place)?),
                }
            }
        }
        [] => {}
    }
    Ok(figures)
}

/// Cells of a slice by two axes.
fn heat_map(
    summary: &SweepSummary,
    first: &SweepAxis,
    last: &SweepAxis,
    cells: &[&CellSummary],
    place: &str,
) -> Option<Figure> {
    if last.values.len() > MOST_COLUMNS {
        return None;
    }
    let at = |row: &String, column: &String| {
        cells.iter().copied().find(|cell| cell.values.ends_with(&[row.clone(), column.clone()]))
    };
    let map = HeatMap {
        summary,
        rows: (&first.key, &first.values),
        columns: (&last.key, &last.values),
        cells: first.values.iter().flat_map(|row| last.values.iter().map(move |column| at(row, column))).collect(),
    };
    let caption = format!(
        "{}, {}. Frames: the best of each row{}.{}",
        summary.metric.title(),
        summary.metric.when(),
        if cells.iter().any(|cell| cell.tied) { "; dashed, what is not clearly worse" } else { "" },
        if cells.iter().any(|cell| cell.is_lost()) {
            " Cells without a shade collapsed or diverged in every seed."
        } else {
            ""
        }
    );
    Some(Figure {
        title: titled(summary, place, &format!("by {} and {}", first.key, last.key)),
        caption: escape(&caption),
        svgs: vec![map.to_svg(f64::from(WIDE.0)), map.to_svg(f64::from(SMALL.0))],
    })
}

/// Lines along the axis that is a number, one for each value of the other.
fn lines_across(
    summary: &SweepSummary,
    first: &SweepAxis,
    last: &SweepAxis,
    cells: &[&CellSummary],
    place: &str,
) -> Result<Option<Figure>> {
    match is_numeric(last) || !is_numeric(first) {
        true => lines(summary, last, Some(first), cells, place),
        false => lines(summary, first, Some(last), cells, place),
    }
}

/// Lines along `along`, one for each value of `across`.
fn lines(
    summary: &SweepSummary,
    along: &SweepAxis,
    across: Option<&SweepAxis>,
    cells: &[&CellSummary],
    place: &str,
) -> Result<Option<Figure>> {
    let names: Vec<String> = across.map_or_else(|| vec![String::new()], |axis| axis.values.clone());
    if names.len() > MOST_LINES {
        return Ok(None);
    }
    let index = |axis: &SweepAxis| summary.axes.iter().position(|known| known.key == axis.key);
    let value = |cell: &CellSummary, axis: &SweepAxis| index(axis).and_then(|index| cell.values.get(index).cloned());
    let looks = looks(across, &names);
    let middle = (names.len() - 1) as f64 / 2.0;
    let line = |(number, name): (usize, &String)| {
        // Side by side, so that no bar hides another.
        let shift = (number as f64 - middle) * (0.3 / names.len() as f64).min(0.05);
        let point = |(place, at): (usize, &String)| {
            let found = cells.iter().find(|cell| {
                value(cell, along).as_ref() == Some(at)
                    && across.is_none_or(|axis| value(cell, axis).as_ref() == Some(name))
            });
            let estimate = found.and_then(|cell| cell.value);
            let mean = estimate.map_or(f64::NAN, |e| e.mean);
            let low = estimate.and_then(|e| e.low).unwrap_or(mean);
            let high = estimate.and_then(|e| e.high).unwrap_or(mean);
            Point { x: place as f64 + 0.5 + shift, mean, low, high }
        };
        let points = along.values.iter().enumerate().map(point).collect();
        Line { name: name.clone(), style: looks[number], points, ring: None }
    };
    let lines: Vec<Line> = names.iter().enumerate().map(line).collect();
    let unit = summary.metric.unit();
    let mut caption = match summary.most_seeds() {
        0 | 1 => "One seed: there are no error bars.".to_owned(),
        seeds => format!("Mean over {seeds} seeds; bars: its 95 % interval (Student’s t)."),
    };
    if let Some(across) = across {
        caption += &format!(" One line for each {}.", across.key);
    }
    let mut svgs = Vec::new();
    let ends = lines.iter().map(|line| {
        let values = line.points.iter().map(|point| match summary.metric.is_percent() {
            true => format!("{:.1}", 100.0 * point.mean),
            false => format!("{:.3}", point.mean),
        });
        format!("{} {}", line.name, values.collect::<Vec<_>>().join(", "))
    });
    let title = titled(summary, place, &format!("along {}", along.key));
    let alt = format!("{title} ({unit}). {}.", ends.collect::<Vec<_>>().join("; "));
    for size in [WIDE, SMALL] {
        let chart = Chart {
            id: "sweep-lines",
            alt: alt.clone(),
            x_label: along.key.clone(),
            y_label: format!("{}, {unit}", summary.metric.title().to_lowercase()),
            percent: summary.metric.is_percent(),
            lines: lines.clone(),
            size,
            ordinal: Some(Ordinal { names: along.values.clone(), connected: is_numeric(along) }),
        };
        if let Some(remark) = chart.cut_off().filter(|_| svgs.is_empty()) {
            caption = format!("{caption} {remark}");
        }
        svgs.push(chart.to_svg()?);
    }
    Ok(Some(Figure { title, caption: escape(&caption), svgs }))
}

fn titled(summary: &SweepSummary, place: &str, how: &str) -> String {
    let title = summary.metric.title();
    if place.is_empty() { format!("{title} {how}") } else { format!("{title} {how}, {place}") }
}

/// The look of each line: optimizers have theirs, other values one after the other.
fn looks(across: Option<&SweepAxis>, names: &[String]) -> Vec<Style> {
    let labels = match across {
        Some(axis) if axis.key == "optimizer" => names.to_vec(),
        Some(_) => names.iter().map(|name| format!("value {name}")).collect(),
        None => vec!["sam".to_owned()],
    };
    let lanes: Vec<Lane> = labels.into_iter().map(|label| Lane { label, ..Lane::default() }).collect();
    styles(&lanes)
}

fn is_numeric(axis: &SweepAxis) -> bool {
    axis.values.iter().all(|value| value.parse::<f64>().is_ok())
}
