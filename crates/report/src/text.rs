//! The table that the program prints: at most 100 columns, aligned, with ± intervals.

use crate::stats::Estimate;
use crate::summary::{LaneSummary, Summary};

/// The widest line.
pub const WIDTH: usize = 100;
/// Labels longer than this are cut.
const LABEL: usize = 16;

/// A column: two lines of heading, and the text of a lane.
struct Column {
    heading: [&'static str; 2],
    cell: fn(&LaneSummary) -> String,
}

impl Summary {
    /// The summary as a table for a terminal, at most 100 columns wide, and its reading in sentences.
    pub fn to_text(&self) -> String {
        let mut columns = vec![
            Column { heading: ["", "lane"], cell: |lane| cut(&lane.label, LABEL) },
            Column { heading: ["", "seeds"], cell: |lane| lane.seeds.len().to_string() },
            Column { heading: ["", "epochs"], cell: |lane| whole_or_one_decimal(lane.epochs) },
            Column { heading: ["gradient", "evals"], cell: |lane| thousands(lane.gradient_evaluations) },
            Column { heading: ["test acc. %", "last epoch"], cell: |lane| percent(lane.test_accuracy) },
        ];
        if self.has_validation() {
            columns.push(Column {
                heading: ["test acc. %", "best val *"],
                cell: |lane| percent(lane.best_validation.map(|best| best.test_accuracy)),
            });
        }
        columns.push(Column { heading: ["", "test loss"], cell: |lane| loss(lane.test_loss) });
        if self.has_flipped() {
            columns
                .push(Column { heading: ["clean", "train %"], cell: |lane| mean_percent(lane.train_clean_accuracy) });
            columns.push(Column {
                heading: ["flipped", "train %"],
                cell: |lane| mean_percent(lane.train_flipped_accuracy),
            });
        } else {
            columns.push(Column { heading: ["", "train %"], cell: |lane| mean_percent(lane.train_accuracy) });
        }
        let mut text = table(&columns, &self.lanes);
        let mut remarks = vec!["± is half the 95 % interval over seeds (Student's t).".to_owned()];
        if self.has_validation() {
            remarks.push(
                "* each seed at its epoch of best validation accuracy; chosen on validation data, never on test."
                    .into(),
            );
        }
        if self.has_flipped() {
            remarks.push("flipped: agreement with the wrong label, so high means learnt by heart.".to_owned());
        }
        for remark in remarks {
            wrap(&remark, &mut text);
        }
        if !self.reading.is_empty() {
            text.push('\n');
            wrap(&self.reading.join(" "), &mut text);
        }
        for notice in &self.notices {
            text.push('\n');
            wrap(&format!("Note: {notice}"), &mut text);
        }
        text
    }
}

fn table(columns: &[Column], lanes: &[LaneSummary]) -> String {
    let heading = |line: usize| columns.iter().map(|column| column.heading[line].to_owned()).collect::<Vec<_>>();
    let row = |lane: &LaneSummary| columns.iter().map(|column| (column.cell)(lane)).collect::<Vec<_>>();
    aligned(&[heading(0), heading(1)], &lanes.iter().map(row).collect::<Vec<_>>())
}

/// Rows below headings and a rule; the first column to the left, the others to the right. All have as many fields.
pub fn aligned(headings: &[Vec<String>], rows: &[Vec<String>]) -> String {
    let count = headings.iter().chain(rows).map(Vec::len).max().unwrap_or(0);
    let width = |index: usize| {
        let fields = headings.iter().chain(rows).filter_map(|row| row.get(index));
        fields.map(|field| field.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    let mut push_row = |row: &[String]| {
        let mut line = String::new();
        for ((index, cell), width) in row.iter().enumerate().zip(&widths) {
            let gap = " ".repeat(width.saturating_sub(cell.chars().count()));
            match index {
                0 => line.extend([cell.as_str(), &gap]),
                _ => line.extend(["  ", &gap, cell]),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    };
    for heading in headings {
        push_row(heading);
    }
    push_row(&widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>());
    for row in rows {
        push_row(row);
    }
    text
}

/// Appends a text, broken at spaces.
pub fn wrap(words: &str, text: &mut String) {
    let mut column = 0;
    for word in words.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            text.push('\n');
            column = 0;
        }
        if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
}

fn cut(label: &str, length: usize) -> String {
    if label.chars().count() <= length {
        return label.to_owned();
    }
    label.chars().take(length - 1).chain(['…']).collect()
}

/// A number with `decimals`, its half interval behind it.
fn with_interval(estimate: Option<Estimate>, scale: f64, decimals: usize) -> String {
    let Some(estimate) = estimate else { return "–".to_owned() };
    let mean = scale * estimate.mean;
    match estimate.half_width() {
        Some(half) => format!("{mean:.decimals$} ± {:.decimals$}", scale * half),
        None => format!("{mean:.decimals$}"),
    }
}

/// An accuracy in percent with its interval.
pub fn percent(estimate: Option<Estimate>) -> String {
    with_interval(estimate, 100.0, 1)
}

/// An accuracy in percent without its interval.
pub fn mean_percent(estimate: Option<Estimate>) -> String {
    estimate.map_or_else(|| "–".to_owned(), |estimate| format!("{:.1}", 100.0 * estimate.mean))
}

/// A loss with its interval; large ones with fewer decimals.
pub fn loss(estimate: Option<Estimate>) -> String {
    match estimate {
        Some(large) if large.mean.abs() >= 1e5 => format!("{:.1e}", large.mean),
        Some(large) if large.mean.abs() >= 100.0 => with_interval(estimate, 1.0, 0),
        _ => with_interval(estimate, 1.0, 2),
    }
}

/// A count with its thousands apart: `12,400`.
pub fn thousands(count: f64) -> String {
    let digits = format!("{count:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `40`, or `12.5`.
pub fn whole_or_one_decimal(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_text() {
        assert_eq!(thousands(2480.0), "2,480");
        assert_eq!(thousands(40.0), "40");
        assert_eq!(thousands(1234567.0), "1,234,567");
        assert_eq!(whole_or_one_decimal(40.0), "40");
        assert_eq!(whole_or_one_decimal(2.54), "2.5");
        assert_eq!(percent(None), "–");
        assert_eq!(percent(Estimate::of([0.5])), "50.0");
        assert_eq!(loss(Estimate::of([123456.0])), "1.2e5");
        assert_eq!(cut("a very long label indeed", 8), "a very …");
    }

    #[test]
    fn long_texts_are_broken_at_the_width() {
        let mut text = String::new();
        wrap(&"word ".repeat(60), &mut text);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
        assert_eq!(text.split_whitespace().count(), 60);
    }
}
