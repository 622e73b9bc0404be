//! What the ground says, the line on it, and slow motion.

use super::{count, loss, plane};
use crate::state::PlaneKind;

/// What is high and low.
pub const LOSS: &str = "training loss";
/// Which moment of the race both began at.
pub const START: &str = "start";
/// Where both sides have the same weights.
pub const SAME: &str = " · both sides are one network";
/// Where hatching lies over it.
pub const HATCHED: &str = " · hatched: out of date";
/// The points of slow motion.
pub const STEP_POINTS: [&str; 3] = ["w", "w + e", "w after"];

/// Before the chooser of planes.
pub fn over_plane(log: bool) -> String {
    format!("{LOSS}{} · plane:", if log { ", log height" } else { "" })
}

/// The same in slow motion.
pub fn step_plane(step: u64) -> String {
    format!("step {} · plane: w, w + e, and w after it", count(step))
}

/// The chooser of planes: a plane's name, short enough for the row that it stands in.
pub fn plane_button(kind: PlaneKind) -> &'static str {
    match kind {
        PlaneKind::Points => plane(kind),
        PlaneKind::Random => "random, by filter",
        PlaneKind::Layers => "random, by layer",
        PlaneKind::Plain => "random, plain",
        PlaneKind::Pca => "main directions",
        PlaneKind::Hessian => "sharpest directions",
    }
}

/// What the chooser is for, with the plane's whole name.
pub fn of_plane_button(kind: PlaneKind) -> String {
    format!("Which plane of weights is shown: {}", plane(kind))
}

/// Behind the chooser of planes.
pub fn slice_of(dimensions: usize) -> String {
    format!("a slice of {} dimensions", count(dimensions as u64))
}

/// The button between landscape and map, and what it does.
pub fn view(contour: bool) -> [&'static str; 2] {
    [if contour { "Landscape" } else { "Contours" }, "Map from above, or landscape (C)"]
}

/// The same of the height.
pub fn height(log: bool) -> [&'static str; 2] {
    [if log { "Plain height" } else { "Log height" }, "Height by the loss, or its logarithm (L)"]
}

/// Which moment is shown, on which grid.
pub fn as_of(step: u64, grid: usize) -> String {
    format!("as of step {}, {grid} x {grid}", count(step))
}

/// How many examples the losses are of.
pub fn on_first(examples: usize) -> String {
    format!(" · on the first {examples} examples")
}

/// How much of the paths the plane holds: shares of its two directions.
pub fn projected([first, second]: [f64; 2]) -> String {
    let [all, first, second] = [first + second, first, second].map(|share| 100.0 * share);
    format!(" · points projected; {all:.0} % of the paths' variance ({first:.0} + {second:.0})")
}

/// The eigenvalues along which a side is drawn.
pub fn bends(name: &str, [first, second]: [f64; 2]) -> String {
    format!(" · {name} bends by {} and {}", loss(first as f32), loss(second as f32))
}

/// How far the next surface is, as a share.
pub fn refreshing(progress: f32) -> String {
    format!(" · refreshing {:.0} %", 100.0 * progress)
}

/// What a screen reader says of the ground.
pub fn described(plane: &str, step: u64, losses: &[String]) -> String {
    format!("Loss surface, plane: {plane}. Training loss at step {step}: {}.", losses.join(", "))
}

/// From where on heights are drawn closer to each other.
pub fn bent_beyond(high: f32) -> String {
    format!("; bent beyond {}", loss(high))
}

/// What lies between two contour lines.
pub fn interval(log: bool, interval: f32) -> String {
    match log {
        true => format!("a line for every {interval:.2}-fold"),
        false => format!("a line for every {}", loss(interval)),
    }
}

/// Over the line: its words, those of the training and of the test loss second and fourth.
pub fn on_the_line(from: &str, to: &str) -> [String; 5] {
    [format!("straight from {from} to {to}: "), "train".into(), " and ".into(), "test".into(), " loss".into()]
}

/// What a screen reader says of the line: names, and the losses there of both sides.
pub fn line([left, right]: &[String; 2], step: u64, train: [f32; 2], test: [f32; 2]) -> String {
    let of = |name: &str, i: usize| format!("{name}: train {}, test {}", loss(train[i]), loss(test[i]));
    format!("Loss on the line from {left} to {right} at step {step}. {}. {}.", of(left, 0), of(right, 1))
}

/// What a screen reader says of a part of slow motion.
pub fn part([name, formula]: [&str; 2], value: &str, lit: bool) -> String {
    format!("{name}: {formula}. {value}{}", if lit { ", now" } else { "" })
}

/// The number of a part.
pub fn part_value(part: usize, n: &crate::engine::Numbers) -> String {
    let known = |value: Option<f32>| value.map_or_else(|| "...".into(), loss);
    match part {
        0 => format!("L {}, |g| {}", loss(n.loss), loss(n.gradient)),
        1 => "length 1".into(),
        2 => format!("rho {}", loss(n.rho)),
        3 => format!("L {}, |g_s| {}", known(n.climbed_loss), known(n.second)),
        4 => format!("L {}", loss(n.loss)),
        _ => format!("lr {}, moved {}", loss(n.lr), known(n.moved)),
    }
}
