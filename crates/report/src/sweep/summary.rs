//! Cells to estimates: the mean over seeds, the best of each row, what is not clearly worse, and the finding in words.

use serde::Serialize;

use super::metric::Metric;
use super::read::{Cell, SeedResult, Sweep, SweepAxis, Trouble};
use crate::stats::Estimate;

/// Rows in words; the table has the others.
const ROWS_IN_WORDS: usize = 6;

/// What a sweep comes to. Accuracies are fractions from 0 to 1.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct SweepSummary {
    /// The finding in one line.
    pub headline: String,
    /// The reading of the numbers, in plain sentences.
    pub reading: Vec<String>,
    /// What the cells are judged by.
    pub metric: Metric,
    /// The axes of the grid.
    pub axes: Vec<SweepAxis>,
    /// The cells, the last axis fastest.
    pub cells: Vec<CellSummary>,
    /// What a reader must know before trusting the numbers: cells that collapsed, diverged or are not done.
    pub notices: Vec<String>,
}

/// One cell over its seeds.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct CellSummary {
    /// A value for each axis.
    pub values: Vec<String>,
    /// The folder of its run, below the sweep's.
    pub run: String,
    /// Its lane in that run.
    pub label: String,
    /// What it is judged by.
    pub value: Option<Estimate>,
    /// Whether it has the best mean of its row: of the cells that differ from it in the last axis alone.
    pub best: bool,
    /// Whether it is not clearly worse than the best of its row: the 95 % interval of the difference, paired by seed,
    /// holds zero.
    pub tied: bool,
    /// Test accuracy.
    pub test_accuracy: Option<Estimate>,
    /// Test loss.
    pub test_loss: Option<Estimate>,
    /// Accuracy on the training examples, with the labels of the run.
    pub train_accuracy: Option<Estimate>,
    /// Training accuracy (on rightly labelled examples under label noise) minus test accuracy.
    pub gap: Option<Estimate>,
    /// Validation accuracy.
    pub val_accuracy: Option<Estimate>,
    /// Test accuracy where each seed was best on validation examples.
    pub test_accuracy_at_best_val: Option<Estimate>,
    /// The seeds.
    pub seeds: Vec<SeedResult>,
}

impl CellSummary {
    fn of(cell: &Cell, metric: Metric) -> Self {
        let over = |value: &dyn Fn(&SeedResult) -> Option<f64>| Estimate::of(cell.seeds.iter().filter_map(value));
        Self {
            values: cell.values.clone(),
            run: cell.run.clone(),
            label: cell.label.clone(),
            value: over(&|seed| metric.of(seed)),
            best: false,
            tied: false,
            test_accuracy: over(&|seed| seed.test_accuracy),
            test_loss: over(&|seed| seed.test_loss),
            train_accuracy: over(&|seed| seed.train_accuracy),
            gap: over(&SeedResult::gap),
            val_accuracy: over(&|seed| seed.val_accuracy),
            test_accuracy_at_best_val: over(&|seed| seed.test_accuracy_at_best_val),
            seeds: cell.seeds.clone(),
        }
    }

    /// How many seeds went wrong so.
    pub fn count(&self, trouble: Trouble) -> usize {
        self.seeds.iter().filter(|seed| seed.trouble == Some(trouble)).count()
    }

    /// Whether every seed went wrong.
    pub(crate) fn is_lost(&self) -> bool {
        !self.seeds.is_empty() && self.seeds.iter().all(|seed| seed.trouble.is_some())
    }

    /// What went wrong, in words: `collapsed`, `2 of 5 diverged`.
    pub(crate) fn trouble(&self) -> Option<String> {
        let named = [(Trouble::Diverged, "diverged"), (Trouble::Collapsed, "collapsed")];
        let words = named.into_iter().filter_map(|(trouble, word)| match self.count(trouble) {
            0 => None,
            all if all == self.seeds.len() => Some(word.to_owned()),
            some => Some(format!("{some} of {} {word}", self.seeds.len())),
        });
        let words: Vec<String> = words.collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

impl SweepSummary {
    pub(crate) fn of(sweep: &Sweep, metric: Metric) -> Self {
        let cells = sweep.cells.iter().map(|cell| CellSummary::of(cell, metric)).collect();
        let mut summary = Self {
            headline: String::new(),
            reading: Vec::new(),
            metric,
            axes: sweep.axes.clone(),
            cells,
            notices: Vec::new(),
        };
        summary.mark();
        summary.notices = summary.notices(sweep);
        summary.headline = summary.headline();
        summary.reading = summary.reading();
        summary
    }

    /// The cells row by row: those of a row differ in the last axis alone.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[CellSummary]> {
        self.cells.chunk_by(|a, b| lead(a) == lead(b))
    }

    /// The axis that varies within a row.
    pub(crate) fn last_axis(&self) -> &str {
        self.axes.last().map_or("", |axis| &axis.key)
    }

    /// A cell's place in the grid without its last axis: `label-noise 0.4, m 8`.
    pub(crate) fn row_name(&self, cell: &CellSummary) -> String {
        let pairs = self.axes.iter().zip(lead(cell)).map(|(axis, value)| format!("{} {value}", axis.key));
        pairs.collect::<Vec<_>>().join(", ")
    }

    /// A cell's place in the grid: `label-noise 0.4, rho 0.2`.
    pub(crate) fn cell_name(&self, cell: &CellSummary) -> String {
        let pairs = self.axes.iter().zip(&cell.values).map(|(axis, value)| format!("{} {value}", axis.key));
        pairs.collect::<Vec<_>>().join(", ")
    }

    /// Most seeds of a cell.
    pub(crate) fn most_seeds(&self) -> usize {
        self.cells.iter().map(|cell| cell.seeds.len()).max().unwrap_or(0)
    }

    /// Marks the best cell of each row, and those that are not clearly worse.
    fn mark(&mut self) {
        let metric = self.metric;
        for row in self.cells.chunk_by_mut(|a, b| lead(a) == lead(b)) {
            let sign = if metric.higher_is_better() { 1.0 } else { -1.0 };
            let score = |cell: &CellSummary| cell.value.filter(|_| !cell.is_lost()).map(|value| sign * value.mean);
            let ranked = row.iter().enumerate().filter_map(|(index, cell)| score(cell).map(|score| (index, score)));
            // The first of equals.
            let best = ranked.reduce(|best, next| if next.1 > best.1 { next } else { best });
            let Some((best, _)) = best.filter(|_| row.len() > 1) else { continue };
            let of_best = row[best].seeds.clone();
            for (index, cell) in row.iter_mut().enumerate() {
                cell.best = index == best;
                let differences = cell.seeds.iter().filter_map(|seed| {
                    let other = of_best.iter().find(|other| other.seed == seed.seed)?;
                    Some(metric.of(seed)? - metric.of(other)?)
                });
                let paired = Estimate::of(differences);
                let holds_zero = |e: Estimate| e.low.zip(e.high).is_some_and(|(low, high)| low <= 0.0 && high >= 0.0);
                cell.tied = index != best && !cell.is_lost() && paired.is_some_and(holds_zero);
            }
        }
    }

    fn notices(&self, sweep: &Sweep) -> Vec<String> {
        let mut notices = sweep.notices.clone();
        for (trouble, what) in [
            (Trouble::Collapsed, "Collapsed (the same prediction for every input)"),
            (Trouble::Diverged, "Diverged (loss or gradient is no longer a number)"),
        ] {
            let named = self.cells.iter().filter_map(|cell| match cell.count(trouble) {
                0 => None,
                all if all == cell.seeds.len() => Some(self.cell_name(cell)),
                count => Some(format!("{} ({count} of {} seeds)", self.cell_name(cell), cell.seeds.len())),
            });
            let named: Vec<String> = named.collect();
            if !named.is_empty() {
                notices.push(format!("{what}: {}.", named.join("; ")));
            }
        }
        let planned = sweep.config.get("seeds").and_then(serde_json::Value::as_u64).unwrap_or(1) as usize;
        let short = sweep.cells.iter().filter(|cell| cell.seeds.len() < planned);
        let open: Vec<String> = short
            .map(|cell| {
                let pairs = self.axes.iter().zip(&cell.values).map(|(axis, value)| format!("{} {value}", axis.key));
                let name = pairs.collect::<Vec<_>>().join(", ");
                match (cell.seeds.len(), cell.begun) {
                    (0, 0) => format!("{name} (not begun)"),
                    (done, _) => format!("{name} ({done} of {planned} seeds)"),
                }
            })
            .collect();
        if !open.is_empty() {
            notices.push(format!("Not trained to the end: {}. Seeds that are not done are left out.", open.join("; ")));
        }
        notices
    }

    /// The best cell of each row that has one.
    fn bests(&self) -> Vec<&CellSummary> {
        self.cells.iter().filter(|cell| cell.best).collect()
    }

    fn headline(&self) -> String {
        let last = |cell: &CellSummary| cell.values.last().cloned().unwrap_or_default();
        let bests = self.bests();
        let title = self.metric.title().to_lowercase();
        match (&bests[..], self.axes.len()) {
            ([], _) => "No cell of the sweep is done".to_owned(),
            ([best], 1) => format!("Best {title} at {} {}", self.last_axis(), last(best)),
            (bests, 2) if bests.len() <= ROWS_IN_WORDS => {
                let first = |cell: &CellSummary| cell.values.first().cloned().unwrap_or_default();
                let parts: Vec<String> =
                    bests.iter().map(|best| format!("{} at {}", last(best), first(best))).collect();
                let rows = self.axes.first().map_or("", |axis| &axis.key);
                format!("Best {} by {rows}: {}", self.last_axis(), parts.join(", "))
            }
            _ => {
                let sign = if self.metric.higher_is_better() { 1.0 } else { -1.0 };
                let score = |cell: &&&CellSummary| sign * cell.value.map_or(f64::NEG_INFINITY, |value| value.mean);
                let best = bests.iter().max_by(|a, b| score(a).total_cmp(&score(b)));
                best.map_or_else(String::new, |best| format!("Best {title} at {}", self.cell_name(best)))
            }
        }
    }

    fn reading(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        for row in self.rows() {
            let Some(best) = row.iter().find(|cell| cell.best) else { continue };
            if sentences.len() == ROWS_IN_WORDS {
                sentences.push("The table has the other rows.".to_owned());
                break;
            }
            let value = |cell: &CellSummary| cell.values.last().cloned().unwrap_or_default();
            let place = self.row_name(best);
            let start = if place.is_empty() { String::new() } else { format!("{place}: ") };
            let unit = if self.metric.is_percent() { format!(" {}", self.metric.unit()) } else { String::new() };
            let ties: Vec<String> = row.iter().filter(|cell| cell.tied).map(value).collect();
            let ties = match (best.value.and_then(|v| v.low), &ties[..]) {
                (None, _) => "; one seed allows no interval".to_owned(),
                (_, []) => String::new(),
                (_, ties) => format!("; not clearly worse: {}", ties.join(", ")),
            };
            let number = self.metric.text(best.value);
            sentences.push(format!("{start}{} {} with {number}{unit}{ties}.", self.last_axis(), value(best)));
        }
        sentences
    }
}

/// The values of all axes but the last.
fn lead(cell: &CellSummary) -> &[String] {
    cell.values.split_last().map_or(&[], |(_, lead)| lead)
}
