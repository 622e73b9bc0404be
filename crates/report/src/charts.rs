//! The pictures of a report: which, of what, and what stands under them.

use crate::draw::{Chart, Line};
use crate::error::Result;
use crate::lanes::{Style, display_name};
use crate::markup::escape;
use crate::read::{Lane, Run, Split};
use crate::series::{self, Axis, Point};

/// A picture, its title and what a reader must know to read it.
pub struct Figure {
    pub title: String,
    pub caption: String,
    /// The picture for a wide page, and if it differs, the one for a phone.
    pub svgs: Vec<String>,
}

const SMALL: (i32, i32) = (460, 300);
const WIDE: (i32, i32) = (940, 400);

/// One chart before it is drawn.
struct Plan<'a> {
    id: &'static str,
    title: &'static str,
    caption: String,
    x_label: &'static str,
    y_label: &'static str,
    percent: bool,
    points: &'a dyn Fn(&Lane) -> Vec<Point>,
    ring: Option<Axis>,
    sizes: &'a [(i32, i32)],
}

/// Every picture that the run's data allow, the most important first.
pub fn figures(run: &Run, styles: &[Style]) -> Result<Vec<Figure>> {
    let noisy = run.lanes.iter().any(|lane| lane.has(Split::TrainClean));
    let upper = if noisy { Split::TrainClean } else { Split::Train };
    let validated = run.lanes.iter().any(|lane| lane.has(Split::Validation));
    let several = run.lanes.iter().any(|lane| lane.seeds.len() > 1);
    let mut first = match several {
        true => "Mean over seeds; the band is its 95 % interval (Student’s t).".to_owned(),
        false => "One seed: there is no band.".to_owned(),
    };
    if validated {
        first += " Rings: where each lane was best on validation data (mean over seeds), which is where early stopping stops.";
    }
    let plans = [
        Plan {
            id: "test-accuracy-by-epoch",
            title: "Test accuracy",
            caption: first,
            x_label: "epochs",
            y_label: "test accuracy, %",
            percent: true,
            points: &|lane| series::of_split(lane, Split::Test, Axis::Epochs, |row| row.accuracy),
            ring: validated.then_some(Axis::Epochs),
            sizes: &[WIDE, SMALL],
        },
        Plan {
            id: "test-accuracy-by-gradients",
            title: "Test accuracy at equal compute",
            caption: "By gradients computed: a SAM step pays for two or more where an SGD step pays for one.".into(),
            x_label: "gradient evaluations",
            y_label: "test accuracy, %",
            percent: true,
            points: &|lane| series::of_split(lane, Split::Test, Axis::Gradients, |row| row.accuracy),
            ring: validated.then_some(Axis::Gradients),
            sizes: &[SMALL],
        },
        Plan {
            id: "test-loss",
            title: "Test loss",
            caption: "Plain cross-entropy. Where it rises while accuracy holds, the network grows too sure.".into(),
            x_label: "epochs",
            y_label: "cross-entropy, nats",
            percent: false,
            points: &|lane| series::of_split(lane, Split::Test, Axis::Epochs, |row| row.loss),
            ring: None,
            sizes: &[SMALL],
        },
        Plan {
            id: "clean-labels",
            title: "Training examples with right labels",
            caption: "Accuracy on the examples whose label was left right.".into(),
            x_label: "epochs",
            y_label: "accuracy, %",
            percent: true,
            points: &|lane| series::of_split(lane, Split::TrainClean, Axis::Epochs, |row| row.accuracy),
            ring: None,
            sizes: &[SMALL],
        },
        Plan {
            id: "flipped-labels",
            title: "Training examples with flipped labels",
            caption:
                "Agreement with the wrong label. Nothing general predicts it: what rises here was learnt by heart."
                    .into(),
            x_label: "epochs",
            y_label: "agreement with the wrong label, %",
            percent: true,
            points: &|lane| series::of_split(lane, Split::TrainFlipped, Axis::Epochs, |row| row.accuracy),
            ring: None,
            sizes: &[SMALL],
        },
        Plan {
            id: "training-loss",
            title: "Training loss",
            caption: "Of the batches as trained on, averaged over each epoch (over shorter pieces in a short run)."
                .into(),
            x_label: "epochs",
            y_label: "loss, nats",
            percent: false,
            points: &series::training_loss,
            ring: None,
            sizes: &[SMALL],
        },
        Plan {
            id: "second-order-cosine",
            title: "The term that SAM drops",
            caption: "Cosine between SAM’s whole gradient, with its second-order term H v, and the one without (Foret et al. 2021, \
                      C.4): 1 where the term changes no direction. Of the batches, averaged over each epoch."
                .into(),
            x_label: "epochs",
            y_label: "cosine",
            percent: false,
            points: &|lane| series::of_batches(lane, |row| row.second_order_cosine),
            ring: None,
            sizes: &[SMALL],
        },
        Plan {
            id: "generalisation-gap",
            title: "Generalisation gap",
            caption: match noisy {
                true => "Accuracy on rightly labelled training examples minus test accuracy, seed by seed.".into(),
                false => "Training accuracy minus test accuracy, seed by seed.".into(),
            },
            x_label: "epochs",
            y_label: "gap, points",
            percent: true,
            points: &|lane| series::gap_to_test(lane, upper),
            ring: None,
            sizes: &[SMALL],
        },
    ];
    let mut figures = Vec::new();
    for plan in &plans {
        figures.extend(plan.draw(run, styles)?);
    }
    Ok(figures)
}

impl Plan<'_> {
    /// The figure, if any lane has data for it.
    fn draw(&self, run: &Run, styles: &[Style]) -> Result<Option<Figure>> {
        let mut svgs = Vec::new();
        let mut caption = self.caption.clone();
        for size in self.sizes {
            let lines = run.lanes.iter().zip(styles).map(|(lane, style)| Line {
                name: display_name(&lane.label),
                style: *style,
                points: (self.points)(lane),
                ring: self.ring.and_then(|axis| series::best_validation(lane, axis)),
            });
            let chart = Chart {
                id: self.id,
                alt: String::new(),
                x_label: self.x_label.to_owned(),
                y_label: self.y_label.to_owned(),
                percent: self.percent,
                lines: lines.filter(|line| !line.points.is_empty()).collect(),
                size: *size,
                ordinal: None,
            };
            if !chart.has_data() {
                return Ok(None);
            }
            if let Some(remark) = chart.cut_off().filter(|_| svgs.is_empty()) {
                caption = format!("{caption} {remark}");
            }
            svgs.push(Chart { alt: self.alt(&chart), ..chart }.to_svg()?);
        }
        Ok(Some(Figure { title: self.title.to_owned(), caption: escape(&caption), svgs }))
    }

    /// The picture in words: its title and where each line ends.
    fn alt(&self, chart: &Chart) -> String {
        let ends = chart.lines.iter().filter_map(|line| {
            let last = line.points.iter().rev().find(|point| point.mean.is_finite())?;
            Some(match self.percent {
                true => format!("{} ends at {:.1}", line.name, 100.0 * last.mean),
                false => format!("{} ends at {:.3}", line.name, last.mean),
            })
        });
        let ends: Vec<String> = ends.collect();
        format!("{} ({}) by {}: {}.", self.title, self.y_label, self.x_label, ends.join("; "))
    }
}
