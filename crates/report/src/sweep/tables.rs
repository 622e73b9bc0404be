//! The sweep as tables: for the terminal, a row a cell as CSV, a row a seed as CSV.

use std::fmt::Write as _;

use super::read::SeedResult;
use super::summary::{CellSummary, SweepSummary};
use crate::stats::Estimate;
use crate::text::{WIDTH, aligned, loss, mean_percent, wrap};

impl SweepSummary {
    /// The sweep as a table for a terminal, at most 100 columns wide where its values allow it: two axes cross each other,
    /// other numbers of axes have a row a cell.
    pub fn to_text(&self) -> String {
        let crossed = (self.axes.len() == 2)
            .then(|| self.crossed())
            .filter(|table| table.lines().all(|line| line.chars().count() <= WIDTH));
        let mut text = crossed.unwrap_or_else(|| self.long());
        let mut remarks = vec![format!(
            "{}{}, {}: mean over {} seed{}.",
            self.metric.title(),
            if self.metric.is_percent() { " in percent" } else { "" },
            self.metric.when(),
            self.most_seeds(),
            if self.most_seeds() == 1 {
                "; one seed allows no interval"
            } else {
                "s; ± is half the 95 % interval (Student's t)"
            },
        )];
        remarks.push(self.legend());
        for remark in remarks {
            wrap(&remark, &mut text);
        }
        if !self.reading.is_empty() {
            text.push('\n');
        }
        for sentence in &self.reading {
            wrap(sentence, &mut text);
        }
        for notice in &self.notices {
            text.push('\n');
            wrap(&format!("Note: {notice}"), &mut text);
        }
        text
    }

    /// What the marks mean, and what choosing costs.
    pub(crate) fn legend(&self) -> String {
        let within = match self.axes.len() {
            1 => "",
            2 => " of its row",
            _ => " of those that differ in the last axis alone",
        };
        let mut legend = format!("* best mean{within}.");
        if self.most_seeds() > 1 {
            legend += " ~ not clearly worse: the 95 % interval of the difference, paired by seed, holds zero.";
        }
        if self.metric.is_of_test() {
            legend += " The best of several cells on the test set is chosen by it, so its value is a little too good.";
        }
        legend
    }

    /// Rows by the first axis, columns by the second.
    fn crossed(&self) -> String {
        let [first, last] = &self.axes[..] else { return String::new() };
        let mut heading = vec![first.key.clone()];
        heading.extend(last.values.iter().map(|value| format!("{value}  ")));
        let above: Vec<String> = std::iter::once(String::new())
            .chain(
                last.values
                    .iter()
                    .enumerate()
                    .map(|(i, _)| if i == 0 { last.key.clone() + "  " } else { String::new() }),
            )
            .collect();
        let rows: Vec<Vec<String>> = first
            .values
            .iter()
            .map(|row| {
                let cell = |column: &String| {
                    let cell = self.cells.iter().find(|cell| cell.values[0] == *row && cell.values[1] == *column);
                    cell.map_or_else(|| "–  ".to_owned(), |cell| self.marked(cell))
                };
                std::iter::once(row.clone()).chain(last.values.iter().map(cell)).collect()
            })
            .collect();
        aligned(&[above, heading], &rows)
    }

    /// The value of a cell with its mark; what went wrong stands for a value that says nothing.
    fn marked(&self, cell: &CellSummary) -> String {
        let mark = match (cell.best, cell.tied) {
            (true, _) => " *",
            (_, true) => " ~",
            _ => "  ",
        };
        match cell.trouble().filter(|_| cell.is_lost()) {
            Some(trouble) => format!("{trouble}  "),
            None => self.metric.text(cell.value) + mark,
        }
    }

    fn long(&self) -> String {
        let mut heading: Vec<String> = self.axes.iter().map(|axis| axis.key.clone()).collect();
        heading.extend([
            format!("{}  ", self.metric.name()),
            "n".into(),
            "test loss".into(),
            "train %".into(),
            "gap".into(),
        ]);
        let row = |cell: &CellSummary| {
            let mut row = cell.values.clone();
            row.extend([
                self.marked(cell),
                cell.seeds.len().to_string(),
                loss(cell.test_loss),
                mean_percent(cell.train_accuracy),
                mean_percent(cell.gap),
            ]);
            row
        };
        aligned(&[heading], &self.cells.iter().map(row).collect::<Vec<_>>())
    }

    /// A row a cell: its values, the number of seeds, and mean and ends of the 95 % interval of each number.
    pub(crate) fn cells_csv(&self) -> String {
        type Column = (&'static str, fn(&CellSummary) -> Option<Estimate>);
        let mut columns: Vec<Column> = vec![
            ("test_accuracy", |cell| cell.test_accuracy),
            ("test_loss", |cell| cell.test_loss),
            ("train_accuracy", |cell| cell.train_accuracy),
            ("gap", |cell| cell.gap),
        ];
        if self.has_validation() {
            columns.push(("val_accuracy", |cell| cell.val_accuracy));
            columns.push(("test_accuracy_at_best_val", |cell| cell.test_accuracy_at_best_val));
        }
        let mut csv = self.axis_columns();
        csv.push_str(",n,best,tied,collapsed,diverged");
        for (name, _) in &columns {
            let _ = write!(csv, ",{name},{name}_low,{name}_high");
        }
        csv.push('\n');
        for cell in &self.cells {
            let count = |trouble| cell.count(trouble);
            let _ = write!(
                csv,
                "{},{},{},{},{},{}",
                row_start(cell),
                cell.seeds.len(),
                cell.best,
                cell.tied,
                count(super::Trouble::Collapsed),
                count(super::Trouble::Diverged)
            );
            for (_, value) in &columns {
                let estimate = value(cell);
                for number in [estimate.map(|e| e.mean), estimate.and_then(|e| e.low), estimate.and_then(|e| e.high)] {
                    csv.push(',');
                    csv.push_str(&number.map(|number| number.to_string()).unwrap_or_default());
                }
            }
            csv.push('\n');
        }
        csv
    }

    /// A row a trained seed.
    pub(crate) fn seeds_csv(&self) -> String {
        type Column = (&'static str, fn(&SeedResult) -> Option<f64>);
        let mut columns: Vec<Column> = vec![
            ("test_accuracy", |seed| seed.test_accuracy),
            ("test_loss", |seed| seed.test_loss),
            ("train_accuracy", |seed| seed.train_accuracy),
            ("train_loss", |seed| seed.train_loss),
            ("gap", SeedResult::gap),
        ];
        if self.has_validation() {
            columns.push(("val_accuracy", |seed| seed.val_accuracy));
            columns.push(("val_loss", |seed| seed.val_loss));
            columns.push(("test_accuracy_at_best_val", |seed| seed.test_accuracy_at_best_val));
        }
        let mut csv = self.axis_columns() + ",seed,run,lane,trouble";
        for (name, _) in &columns {
            let _ = write!(csv, ",{name}");
        }
        csv.push('\n');
        for cell in &self.cells {
            for seed in &cell.seeds {
                let trouble = match seed.trouble {
                    Some(super::Trouble::Collapsed) => "collapsed",
                    Some(super::Trouble::Diverged) => "diverged",
                    None => "",
                };
                let _ = write!(
                    csv,
                    "{},{},{},{},{trouble}",
                    row_start(cell),
                    seed.seed,
                    field(&cell.run),
                    field(&cell.label)
                );
                for (_, value) in &columns {
                    // Values were read as f64 from the shortest text of an f32, and are written as they were read.
                    let _ = write!(csv, ",{}", value(seed).map(|number| number.to_string()).unwrap_or_default());
                }
                csv.push('\n');
            }
        }
        csv
    }

    pub(crate) fn has_validation(&self) -> bool {
        self.cells.iter().any(|cell| cell.val_accuracy.is_some())
    }

    fn axis_columns(&self) -> String {
        self.axes.iter().map(|axis| field(&axis.key.replace('-', "_"))).collect::<Vec<_>>().join(",")
    }
}

fn row_start(cell: &CellSummary) -> String {
    cell.values.iter().map(|value| field(value)).collect::<Vec<_>>().join(",")
}

/// A field of a CSV line, in quotes where it has to be.
fn field(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}
