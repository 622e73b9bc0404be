//! What the sharpness meter, the map and measurements from files say.

use super::{count, factor, loss, number, percent};
use crate::engine::{Cell, Sharpness};
use crate::results::{Kind, Measurement, Plane};
use lowland::train::Trouble;

/// Title of the meter.
pub const METER: &str = "Sharpness meter";
/// Over its rescaling.
pub const RESCALE: &str = "Rescale: same network, other weights";

/// Title of the map.
pub const MAP: &str = "Map of rho and learning rate";
/// What it is.
pub const OF_MAP: &str = "Each cell is a training of its own: same network, same start, same batches, another rho and learning rate. \
                          The number is its test accuracy; a click takes both settings over.";
/// Ends its training.
pub const STOP: &str = "Stop";
/// Where the race is another one by now.
pub const OTHER_RACE: &str = "This map is of another race: the settings have changed since.";
/// Its axes.
pub const RHO: &str = "rho";
/// The same.
pub const LEARNING_RATE: &str = "learning rate";

/// Title of the measurements.
pub const RESULTS: &str = "Measurements";
/// The lines of a spectrum.
pub const SPECTRUM: [&str; 2] = ["Hessian", "Gauss-Newton"];
/// Those of a line.
pub const LINE: [&str; 2] = ["train loss", "test loss"];

/// What the meter's rows are of.
pub fn rows([rho, adaptive]: [f32; 2]) -> [String; 6] {
    [
        "largest curvature, lambda 1".into(),
        "edge of stability of SGD".into(),
        "edge of SAM".into(),
        format!("SAM sharpness, rho {rho}"),
        format!("adaptive sharpness, rho {adaptive}"),
        "length of the gradient".into(),
    ]
}

/// Which moment it has read, and how far the next reading is, as a share.
pub fn read(step: u64, examples: usize, progress: Option<f32>) -> String {
    let progress = progress.map_or_else(String::new, |part| format!(" · reading {:.0} %", 100.0 * part));
    format!("as of step {}, on {examples} training examples{progress}", count(step))
}

/// What a screen reader says of its plot.
pub fn curvatures([left, right]: &[String; 2], last: &Sharpness) -> String {
    let [a, b] = [0, 1].map(|side| number(last.sides[side].lambda_1));
    format!("Largest curvature at step {}: {left} {a}, {right} {b}.", last.step)
}

/// The curvature that a side's steps bear.
pub fn edge_of(name: &str) -> String {
    format!("{name}'s edge")
}

/// What a screen reader says of the button of a factor.
pub fn rescale(name: &str, factor: &str) -> String {
    format!("Rescale {name} {factor}")
}

/// What has come of rescaling.
pub fn rescaled(name: &str, by: f32, old: &lowland::probe::Reading, new: &lowland::probe::Reading) -> String {
    format!(
        "{name} {}: lambda 1 from {} to {}, adaptive sharpness from {} to {}, loss from {} to {}: not one prediction has changed.",
        factor(by),
        number(old.lambda_1),
        number(new.lambda_1),
        number(old.adaptive_sharpness),
        number(new.adaptive_sharpness),
        loss(old.loss as f32),
        loss(new.loss as f32),
    )
}

/// How far the map is.
pub fn map_progress(share: f32, steps: u64) -> String {
    format!("{} of {}", count((share * steps as f32) as u64), self::steps(steps))
}

/// Before the lengths that are offered.
pub fn train_map(again: bool) -> &'static str {
    if again { "Again, with" } else { "Train all cells for" }
}

/// A length of training.
pub fn steps(steps: u64) -> String {
    format!("{} steps", count(steps))
}

/// What stands left of a row.
pub fn row(rho: f32) -> String {
    if rho == 0.0 { "0 · SGD".to_owned() } else { rho.to_string() }
}

/// What stands in a cell.
pub fn cell(cell: &Cell) -> String {
    match (cell.trouble, cell.accuracy) {
        (Some(Trouble::Diverged), _) => "diverged".to_owned(),
        (Some(Trouble::Collapsed), _) => "collapsed".to_owned(),
        (None, Some(accuracy)) => percent(accuracy),
        (None, None) => "...".to_owned(),
    }
}

/// A cell in words.
pub fn spoken_cell(cell: &Cell) -> String {
    let rho = if cell.rho == 0.0 { "rho 0 (SGD)".to_owned() } else { format!("rho {}", cell.rho) };
    let accuracy = cell.accuracy.map_or_else(|| "not measured yet".to_owned(), percent);
    let trouble = match cell.trouble {
        Some(Trouble::Diverged) => ", diverged: its loss is no longer a number",
        Some(Trouble::Collapsed) => ", collapsed: the same answer for every example",
        None => "",
    };
    format!("{rho}, learning rate {}: {accuracy} at step {}{trouble}", cell.lr, count(cell.step))
}

/// What a measurement is.
pub fn title(measurement: &Measurement) -> String {
    match &measurement.kind {
        Kind::Surface(plane) => format!("Loss surface: {}", plane.name),
        Kind::Line(_) => "Loss on a line".to_owned(),
        Kind::Eigenvalues(..) => "Largest eigenvalues".to_owned(),
        Kind::Spectrum(_) => "Density of eigenvalues".to_owned(),
        Kind::Numbers(_) => "Numbers".to_owned(),
    }
}

/// An eigenvalue and how far it is from being one.
pub fn eigenvalue(i: usize, [value, residual]: [f64; 2]) -> (String, String) {
    (format!("lambda {}", i + 1), format!("{}, residual {}", number(value), number(residual)))
}

/// What a screen reader says of a surface.
pub fn surface(name: &str, [low, high]: [f32; 2]) -> String {
    format!("Loss surface, {name}: from {} to {}.", loss(low), loss(high))
}

/// Below it; `bad` losses are no numbers.
pub fn below_surface(plane: &Plane, [low, high]: [f32; 2], bad: usize) -> String {
    let [x0, x1] = plane.x.map(number);
    let [y0, y1] = plane.y.map(number);
    let (grid, low, high) = (plane.grid, loss(low), loss(high));
    let bad = if bad > 0 { format!("; losses that are no numbers (red): {bad}") } else { String::new() };
    format!(
        "{grid} x {grid}, from {low} (dark) to {high} and more (light), x from {x0} to {x1}, y from {y0} to {y1}{bad}"
    )
}

/// What a screen reader says of a line.
pub fn line(points: usize, most: f32) -> String {
    format!("Loss on a line of {points} points, {} at most.", loss(most))
}

/// Below a spectrum.
pub fn spectrum(largest: [f64; 2]) -> String {
    let [hessian, ggn] = largest.map(number);
    format!("Density of eigenvalues; the largest is {hessian} (Hessian) and {ggn} (Gauss-Newton).")
}
