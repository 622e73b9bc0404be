//! The section on the landscape: what `landscape/` of a run folder holds, as pictures and a table.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::contour::{Contour, colour_bar};
use crate::csv::Csv;
use crate::error::{Error, Result};
use crate::interpolation::{InterpolationPoint, interpolation_plates};
use crate::lanes::{Style, display_name};
use crate::markup::escape;
use crate::measures::{self, Measures};
use crate::read::{Lane, json_shape, read_json};
use crate::relief::{ReliefLabels, plate};
use crate::scale::{HeightScale, short};
use crate::text::thousands;

const FOLDER: &str = "landscape";
const RECORD: &str = "landscape.json";

/// What was measured.
#[derive(Debug)]
pub struct Landscape {
    record: Value,
    line: Option<Line>,
    surfaces: Vec<Surface>,
    measures: Vec<Measures>,
}

#[derive(Debug)]
struct Line {
    ends: [String; 2],
    points: Vec<InterpolationPoint>,
}

#[derive(Debug)]
struct Surface {
    label: String,
    x: Vec<f64>,
    y: Vec<f64>,
    losses: Vec<f64>,
    /// The view in three dimensions for light ground and for dark; nothing where there is none.
    pictures: Option<[Vec<u8>; 2]>,
    kept_statistics: bool,
}

/// Reads the landscape of a run; none where none was measured to its end.
pub fn read(dir: &Path) -> Result<Option<Landscape>> {
    let dir = dir.join(FOLDER);
    let Some(record) = read_json(&dir, RECORD)? else { return Ok(None) };
    let line = record.get("line").filter(|line| line.is_object());
    let line = line.map(|line| read_line(&dir, line)).transpose()?;
    let list = record["surfaces"]["list"].as_array().map_or(&[][..], Vec::as_slice);
    let surfaces = list.iter().map(|surface| read_surface(&dir, surface)).collect::<Result<_>>()?;
    let measures = if record["sharpness"].is_object() { measures::read(&dir)? } else { Vec::new() };
    Ok(Some(Landscape { record, line, surfaces, measures }))
}

fn text(dir: &Path, value: &Value, message: &'static str) -> Result<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| json_shape(dir, RECORD, message))
}

fn read_line(dir: &Path, line: &Value) -> Result<Line> {
    let label = |key: &str| text(dir, &line[key], "the line must have the labels `from` and `to`");
    let mut csv = Csv::open(dir, "line.csv")?;
    let (alpha, train_loss, test_loss) = (csv.column("alpha")?, csv.column("train_loss")?, csv.column("test_loss")?);
    let (train_accuracy, test_accuracy) = (csv.column("train_accuracy")?, csv.column("test_accuracy")?);
    let mut points = Vec::new();
    while csv.advance()? {
        points.push(InterpolationPoint {
            alpha: csv.number(alpha)?,
            train_loss: csv.number(train_loss)?,
            train_accuracy: csv.number(train_accuracy)?,
            test_loss: csv.number(test_loss)?,
            test_accuracy: csv.number(test_accuracy)?,
        });
    }
    Ok(Line { ends: [label("from")?, label("to")?], points })
}

fn read_surface(dir: &Path, surface: &Value) -> Result<Surface> {
    let label = text(dir, &surface["label"], "every surface must have a `label`")?;
    let mut csv = Csv::open_file(dir.join(plain(dir, &surface["file"])?), || json_shape(dir, RECORD, MISSING))?;
    let (x, y, loss) = (csv.column("x")?, csv.column("y")?, csv.column("loss")?);
    let (mut across, mut along, mut losses): (Vec<f64>, Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new(), Vec::new());
    while csv.advance()? {
        let place = [csv.number(x)?, csv.number(y)?];
        for (places, at) in [&mut across, &mut along].into_iter().zip(place) {
            if !places.last().is_some_and(|last| *last >= at) {
                places.push(at);
            }
        }
        losses.push(csv.number(loss)?);
    }
    if across.len() < 2 || along.len() < 2 || losses.len() != across.len() * along.len() {
        return Err(json_shape(dir, RECORD, "a table of a surface must have rows of x for each y, both growing"));
    }
    let kept_statistics = surface.get("bn").is_some();
    let picture = |i: usize| -> Result<Vec<u8>> {
        let path = dir.join(plain(dir, &surface["pictures"][i])?);
        std::fs::read(&path).map_err(|source| Error::Io {
            path,
            source,
            advice: "Delete that folder and write the report again",
        })
    };
    let pictures = surface.get("pictures").is_some().then(|| Ok::<_, Error>([picture(0)?, picture(1)?])).transpose()?;
    Ok(Surface { label, x: across, y: along, losses, pictures, kept_statistics })
}

const MISSING: &str = "the table of a surface is not there";

/// The name of a file of this folder, and of no other.
fn plain(dir: &Path, value: &Value) -> Result<PathBuf> {
    let name = text(dir, value, "a surface must name its `file` and its two `pictures`")?;
    match Path::new(&name).file_name() {
        Some(file) if file == name.as_str() => Ok(PathBuf::from(name)),
        _ => Err(json_shape(dir, RECORD, "files must be named without a folder")),
    }
}

impl Landscape {
    /// The section of the page; `swatch` draws a lane's mark.
    pub fn section(&self, lanes: &[Lane], styles: &[Style], swatch: impl Fn(Style) -> String) -> String {
        let style = |label: &str| lanes.iter().position(|lane| lane.label == label).map(|i| styles[i]);
        let name = |label: &str| {
            let mark = style(label).map_or(String::new(), &swatch);
            format!("{mark}{}", escape(&display_name(label)))
        };
        let mut html = String::from("<section class=\"landscape\">\n<h2>Landscape</h2>\n");
        if let Some(line) = &self.line {
            self.line_section(line, style, &mut html);
        }
        self.surface_section(&name, &mut html);
        self.measures_section(lanes, &name, &mut html);
        html.push_str("</section>\n");
        // What a picture of its own needs, and a page does not.
        html.replace(" xmlns=\"http://www.w3.org/2000/svg\"", "")
    }

    fn number(&self, key: &str) -> f64 {
        self.record[key].as_f64().unwrap_or(f64::NAN)
    }

    fn measures_section(&self, lanes: &[Lane], name: &impl Fn(&str) -> String, html: &mut String) {
        let of = &self.record["sharpness"];
        let part = self.number("train_examples") < self.number("train_examples_of");
        let text = measures::Text {
            rho: of["rho"].as_f64().unwrap_or(f64::NAN),
            p: of["p"].as_f64().unwrap_or(2.0),
            examples: self.examples("train") + if part { ", evenly spaced" } else { "" },
            curvature_examples: of["curvature_examples"].as_f64().filter(|n| *n < self.number("train_examples")),
            baseline: of["barrier_from"].as_str(),
        };
        measures::section(&self.measures, lanes, name, &text, html);
    }

    /// `500 of 1,800 training examples`.
    fn examples(&self, split: &str) -> String {
        let (some, all) = (self.number(&format!("{split}_examples")), self.number(&format!("{split}_examples_of")));
        if some < all {
            format!(
                "{} of {} {split}{} examples",
                thousands(some),
                thousands(all),
                if split == "train" { "ing" } else { "" }
            )
        } else {
            format!("all {} {split}{} examples", thousands(all), if split == "train" { "ing" } else { "" })
        }
    }

    fn spaced(&self) -> &'static str {
        let some = ["train", "test"]
            .iter()
            .any(|s| self.number(&format!("{s}_examples")) < self.number(&format!("{s}_examples_of")));
        if some { ", evenly spaced" } else { "" }
    }

    fn line_section(&self, line: &Line, style: impl Fn(&str) -> Option<Style>, html: &mut String) {
        let [from, to] = [0, 1].map(|end| display_name(&line.ends[end]));
        let [losses, accuracies] = interpolation_plates(&line.points, [&from, &to]);
        let colour = |end: usize| {
            style(&line.ends[end]).map_or(String::new(), |s| format!("--end-{end}:var(--name-{})", s.colour))
        };
        let statistics = match self.record["line"].get("bn") {
            Some(_) => " Batch norm’s statistics are computed anew at every point, from these training examples.",
            None => "",
        };
        let (from, to) = (escape(&from), escape(&to));
        let _ = write!(
            html,
            "<h3>On the line from {from} to {to}</h3>\n<div class=\"figures\" style=\"{};{}\">\n\
             <figure><div class=\"plate\">{losses}</div></figure>\n<figure><div class=\"plate\">{accuracies}</div></figure>\n</div>\n\
             <p class=\"note\">Networks with the weights (1 − α) w<sub>{from}</sub> + α w<sub>{to}</sub> of seed {}, at {} values of α: \
             α = 0 is the solution of {from}, α = 1 that of {to}. Mean cross-entropy and accuracy of {} (labels as trained on) and {}{}.{statistics}</p>\n",
            colour(0),
            colour(1),
            self.number("seed"),
            line.points.len(),
            self.examples("train"),
            self.examples("test"),
            self.spaced(),
        );
    }

    fn surface_section(&self, name: &impl Fn(&str) -> String, html: &mut String) {
        let Some(first) = self.surfaces.first() else { return };
        let losses = self.surfaces.iter().flat_map(|surface| surface.losses.iter().copied());
        let scale = HeightScale::of(losses, None, None).unwrap_or_default();
        let several = self.surfaces.len() > 1;
        html.push_str(if several { "<h3>Around the solutions</h3>\n" } else { "<h3>Around the solution</h3>\n" });
        html.push_str("<div class=\"figures\">\n");
        let centre = [(0.0, 0.0, String::new())];
        for (i, surface) in self.surfaces.iter().enumerate() {
            let (x, y, losses) = (&surface.x, &surface.y, &surface.losses);
            let title = display_name(&surface.label);
            let axes = ["direction 1", "direction 2"];
            let contour = Contour { title: &title, axes, x, y, losses, scale, points: &centre };
            let _ = writeln!(
                html,
                "<figure><p class=\"name\">{}</p><div class=\"plate\">{}</div></figure>",
                name(&surface.label),
                contour.plate(&format!("-{i}"))
            );
        }
        let bar = format!("<figure class=\"wide bar\"><div class=\"plate\">{}</div></figure>\n", colour_bar(&scale));
        // Under the contours; both pictures of a single network are beside each other above it.
        if several {
            html.push_str(&bar);
        }
        let place = self.places();
        for surface in &self.surfaces {
            if let (Some([light, dark]), Some(labels)) = (&surface.pictures, &place) {
                let title = display_name(&surface.label);
                let labels = ReliefLabels { title: &title, ..labels.clone() };
                let picture = plate([light, dark], &labels);
                let _ = writeln!(
                    html,
                    "<figure><p class=\"name\">{}</p><div class=\"plate\">{picture}</div></figure>",
                    name(&surface.label)
                );
            }
        }
        if !several {
            html.push_str(&bar);
        }
        let of = &self.record["surfaces"];
        let grid = first.x.len();
        let statistics = if first.kept_statistics { " Batch norm keeps the statistics of the network." } else { "" };
        let _ = write!(
            html,
            "</div>\n<p class=\"note\">Mean cross-entropy of {}{} around the weights of seed {} (the dot), over the plane of two random \
             directions (direction seed {}{}). Each filter of a direction is as long as that filter of the weights, so 1 on an axis is the \
             length of the weights (Li et al. 2018). {grid}×{grid} points{}.{statistics}{}</p>\n",
            self.examples("train").trim_start_matches("all "),
            if self.number("train_examples") < self.number("train_examples_of") { ", evenly spaced," } else { "" },
            self.number("seed"),
            of["direction_seed"].as_u64().unwrap_or(0),
            if several { ", the same for both" } else { "" },
            match (several, scale.log) {
                (true, true) => "; one scale of colours and heights for both, logarithmic",
                (true, false) => "; one scale of colours and heights for both",
                (false, true) => "; colours and heights are logarithmic",
                (false, false) => "",
            },
            self.surfaces.iter().filter_map(Surface::remark).collect::<String>(),
        );
    }

    /// Where the names around a view in three dimensions go; none where the record does not say.
    fn places(&self) -> Option<ReliefLabels<'static>> {
        let of = &self.record["relief"];
        let pair = |value: &Value| Some([value[0].as_f64()?, value[1].as_f64()?]);
        let height = |value: &Value| Some((pair(&value[0])?, escape(value[1].as_str()?)));
        let [width, tall] = pair(&of["size"])?;
        let heights = of["heights"].as_array()?.iter().map(height).collect::<Option<Vec<_>>>()?;
        let (middles, corners) = (&of["middles"], &of["corners"]);
        Some(ReliefLabels {
            title: "",
            axes: ["direction 1", "direction 2"],
            size: (width, tall),
            heights,
            middles: [pair(&middles[0])?, pair(&middles[1])?],
            corners: [pair(&corners[0])?, pair(&corners[1])?, pair(&corners[2])?],
        })
    }
}

impl Surface {
    /// What a reader should know of a surface that is none.
    fn remark(&self) -> Option<String> {
        let name = escape(&display_name(&self.label));
        let finite = || self.losses.iter().copied().filter(|loss| loss.is_finite());
        let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        let lost = self.losses.len() - finite().count();
        if lost > 0 {
            return Some(format!(
                " The loss of {name} is not finite at {lost} of {} points (hatched).",
                self.losses.len()
            ));
        }
        (high - low <= 1e-3 * high.abs())
            .then(|| format!(" The surface of {name} is flat: its loss is {} everywhere.", short(high)))
    }
}
