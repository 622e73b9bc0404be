//! What the app says, by subject; here what several of its parts say. Names and explanations of commands, settings and presets
//! stand in their tables.

pub mod bar;
pub mod curves;
pub mod ground;
pub mod measured;
pub mod messages;
pub mod window;

use crate::engine::Seen;
use crate::state::PlaneKind;
use lowland::data::Dataset;
use lowland::train::Timing;

/// The name of the program.
pub const NAME: &str = "Lowland";
/// The ground's title.
pub const GROUND: &str = "The ground they walk on";
/// What the ground's picture can do.
pub const GROUND_HINT: &str = "drag to turn · scroll to zoom · C for contours";
/// The same of a map.
pub const MAP_HINT: &str = "scroll to zoom · C for the landscape";
/// While the first surface is on its way.
pub const SURVEYING: &str = "Surveying the ground...";
/// What the circle around SAM's point is.
pub const BALL: &str = "circle: SAM's ball, of radius rho, in this slice";

/// The parts of a SAM step and their formulas.
pub const SLOW_PARTS: [[&str; 2]; 6] = [
    ["gradient", "g = grad L(w)"],
    ["normalise", "g / |g|"],
    ["climb", "w + e,  e = rho g / |g|"],
    ["second gradient", "g_s = grad L(w + e)"],
    ["come back", "w + e - e = w"],
    ["descend", "w - lr (momentum v + g_s)"],
];
/// Title of the ground in slow motion.
pub const SLOW_TITLE: &str = "One SAM step, slowly";
/// Its buttons.
pub const SLOW_BACK: &str = "Back";
/// Stops the motion.
pub const SLOW_PAUSE: &str = "Hold";
/// Goes on.
pub const SLOW_PLAY: &str = "Run";
/// One part on.
pub const SLOW_NEXT: &str = "Next";
/// Back to training.
pub const SLOW_CLOSE: &str = "Back to training";
/// Where rho is 0.
pub const SLOW_NO_CLIMB: &str = "rho is 0: no climb, so SAM's step is SGD's";

/// What a plane goes through, as its chooser says it.
pub fn plane(kind: PlaneKind) -> &'static str {
    match kind {
        PlaneKind::Points => "start, SGD, SAM",
        PlaneKind::Random => "random, filter-normalised",
        PlaneKind::Layers => "random, layer-normalised",
        PlaneKind::Plain => "random, not normalised",
        PlaneKind::Pca => "main directions of the paths",
        PlaneKind::Hessian => "sharpest directions (Hessian)",
    }
}

/// What is to be known of it.
pub fn of_plane(kind: PlaneKind) -> &'static str {
    match kind {
        PlaneKind::Points => "Through the weights that both began with, and those that they have now",
        PlaneKind::Random => {
            "Each filter of a direction is as long as the network's: rescaling a ReLU network changes nothing"
        }
        PlaneKind::Layers => "Each layer of a direction is as long as the network's",
        PlaneKind::Plain => "Directions of length 1: what is seen depends on how large the weights are",
        PlaneKind::Pca => "The two directions in which the paths spread most; the points are projected on them",
        PlaneKind::Hessian => {
            "Around each side, along the eigenvectors of its Hessian with the two largest eigenvalues"
        }
    }
}

/// Over the sharpness meter.
pub const METER: &str = "How sharply the training loss bends where each side stands, read from its weights while it trains. A step that is \
     longer than 2 over the curvature overshoots: above its edge (dashed) a training does not settle, and SAM's edge is lower.";
/// Until there is a reading.
pub const METER_WAITS: &str = "Reading...";
/// What the numbers of the meter are.
pub const OF_LAMBDA: &str = "The largest eigenvalue of the Hessian of the training loss (24 Lanczos steps: from below)";
/// The same.
pub const OF_EDGE: &str = "2 (1 + momentum) / learning rate: more curvature than that, and SGD's steps overshoot";
/// The same.
pub const OF_SAM_EDGE: &str =
    "Where SAM's steps overshoot: |g| / (2 rho) (sqrt(1 + 8 rho / (lr |g|)) - 1) without momentum";
/// The same.
pub const OF_SAM_SHARPNESS: &str = "L(w + e) - L(w), e = rho g / |g|: how far the loss rises within SAM's ball";
/// The same.
pub const OF_ADAPTIVE: &str =
    "The same in a ball that is measured by the weights' own sizes: rescaling a ReLU network leaves it as it is";
/// The same.
pub const OF_GRADIENT: &str = "|g|, of the loss over these examples";
/// What rescaling teaches.
pub const RESCALED: &str = "So a large lambda 1 by itself says nothing about generalisation (Dinh et al. 2017): flatness means something between \
     networks whose weights are scaled alike, and for measures that go with the scale, as adaptive sharpness and the \
     filter-normalised picture do.";

/// What rescaling does.
pub fn rescaling(first: &str, second: &str) -> String {
    format!(
        "The weights and biases of {first} grow by a factor, the weights of {second} shrink by it. Behind a ReLU the network \
         computes the same, point for point; its curvature does not stay the same. Training pauses for it."
    )
}

/// A factor as people read it: what is below 1 as a division.
pub fn factor(factor: f32) -> String {
    let round = |value: f32| {
        number(f64::from((100.0 * value).round() / 100.0)).trim_end_matches(".00").trim_end_matches(".0").to_owned()
    };
    if factor < 1.0 { format!("/ {}", round(1.0 / factor)) } else { format!("x {}", round(factor)) }
}

/// A number as people read it.
pub fn number(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "not finite".into(),
        0.0 => "0".into(),
        v if v < 0.001 => format!("{value:.1e}"),
        v if v < 0.1 => format!("{value:.4}"),
        v if v < 10.0 => format!("{value:.2}"),
        v if v < 100.0 => format!("{value:.1}"),
        _ => count_of(value),
    }
}

/// A large number, whole, with its thousands apart.
fn count_of(value: f64) -> String {
    let whole = count(value.abs().round() as u64);
    if value < 0.0 { format!("-{whole}") } else { whole }
}

/// A loss as people read it.
pub fn loss(value: f32) -> String {
    match value {
        v if !v.is_finite() => "not finite".into(),
        0.0 => "0".into(),
        v if v.abs() < 0.001 => format!("{v:.1e}"),
        v if v.abs() < 0.1 => format!("{v:.3}"),
        v if v.abs() < 10.0 => format!("{v:.2}"),
        v => format!("{v:.0}"),
    }
}

/// What is said while nothing is there yet.
pub const PREPARING: &str = "Preparing the race...";
/// Over the field of a side.
pub const CLEAN_TEST: &str = "test accuracy";

/// Where no measurement is open.
pub const NO_RESULTS: &str = "Open or drop here what `lowland probe surface`, `interpolate`, `hessian` or `spectrum` wrote with --out, or printed with --json.";

/// The button that starts training.
pub const PLAY: &str = "Play";
/// The button that rests.
pub const PAUSE: &str = "Pause";
/// The button that copies the link.
pub const SHARE: &str = "Share link";
/// The button that changes the theme.
pub const THEME: &str = "Dark, light or as the system";
/// What is said of a race that is no preset.
pub const OWN_RACE: &str = "Same network, same start, same batches: which of the two learns what is right?";
/// Below the control of rho.
pub const RHO_NOTE: &str = "how far SAM looks  ·  0 is SGD";
/// Of the die.
pub const DICE: &str = "Another seed: other initial weights, another order of the examples (D)";
/// Of the number of seeds.
pub const SEEDS: &str = "Seeds at once: a win that is no luck";
/// Of the third lane.
pub const EQUAL_COMPUTE: &str = "One SGD more, with two steps for each of SAM's: as many gradients";
/// Of the network.
pub const NETWORK: &str = "The network: widths of its hidden layers";
/// A value that follows from the data.
pub const BY_THE_DATA: &str = "by the data";
/// Of a list of usual values.
pub const CHOICES: &str = "Usual values";

/// A value that is left to the program.
pub const BY_DEFAULT: &str = "by default";
/// In the palette's empty field.
pub const PALETTE_HINT: &str = "Type what to do, or key=value";
/// Nothing fits what was typed.
pub const NOTHING_FOUND: &str = "There is no such command.";
/// The command that trains a race in a terminal.
pub const COMMAND: &str = "lowland compare";
/// Over the command line.
pub const SAME_IN_A_TERMINAL: &str = "The same in a terminal";
/// Below the list of keys.
pub const KEYS_NOTE: &str =
    "Tab goes from control to control, Enter or Space presses, arrows move sliders. All commands are in the palette.";
/// What the program is.
pub const ABOUT: &str = "Trains neural networks with Sharpness-Aware Minimization on any GPU, and shows what it does to \
                         the ground that it walks on.";
/// Whose chooser it is.
pub const SIDES: [&str; 2] = ["Left side", "Right side"];
/// What the sides are trained with where nobody said.
pub const SIDES_DEFAULT: &str = "sgd,sam";
/// While a file is held over the window.
pub const DROP: &str = "Drop a configuration, a checkpoint, a link or data";

/// What changing a setting takes.
pub fn change(change: crate::settings::Change) -> &'static str {
    match change {
        crate::settings::Change::Live => "Acts on the next step.",
        crate::settings::Change::Rebuild => "Acts at once and keeps the weights.",
        crate::settings::Change::Restart => "Starts anew.",
    }
}

/// Said when the link is on the clipboard.
pub const LINK_COPIED: &str = "The link to this is on the clipboard.";

/// An accuracy as people read it.
pub fn percent(accuracy: f32) -> String {
    format!("{:.1} %", 100.0 * accuracy)
}

/// A whole number with its thousands apart.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes as people read them.
pub fn bytes(n: u64) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{:.0} kB", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.2} GB", n as f64 / 1e9),
    }
}

/// Beside the figure of a side that climbs.
pub fn test_and_rho(rho: f32) -> String {
    format!("test, rho {rho}")
}

/// Beside the figure of a side that is looked back at.
pub fn looked_back(step: u64) -> String {
    format!("at step {}", count(step))
}

/// What a screen reader says of a side's map.
pub fn field_of(label: &str) -> String {
    format!("What {} answers at each place, with the training points", side(label))
}

/// A training point under the pointer.
pub fn point(index: usize, label: u16, wrong: bool) -> String {
    let wrong = if wrong { ", which is wrong" } else { "" };
    format!("point {index}, labelled {label}{wrong}. Drag to move; right click to remove.")
}

/// Over the hardest examples.
pub const HARDEST: &str = "hardest of the rightly labelled";

/// Over the mislabelled examples.
pub fn learnt_by_heart(learnt: usize, of: usize) -> String {
    format!("wrong labels: {learnt} of {of} learnt by heart")
}

/// Over the confusion matrix.
pub fn confusion(of: usize) -> String {
    format!("rows: what it is, columns: what it is taken for ({of} test examples)")
}

/// The name of a class.
pub fn class(data: &Dataset, class: u16) -> String {
    const CLOTHES: [&str; 10] =
        ["top", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"];
    const CIFAR: [&str; 10] = ["plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
    let names: &[&str] = match data.name.as_str() {
        "fashion-sample" | "fashion-mnist" => &CLOTHES,
        "cifar10" => &CIFAR,
        _ => &[],
    };
    names.get(usize::from(class)).map_or_else(|| class.to_string(), |name| (*name).to_owned())
}

/// An example under the pointer.
pub fn seen(data: &Dataset, seen: &Seen) -> String {
    let wrong = if seen.flipped { " (wrong)" } else { "" };
    let name = |of: u16| class(data, of);
    format!(
        "example {}: label {}{wrong}; left says {} (loss {:.2}), right says {} (loss {:.2})",
        seen.index,
        name(seen.label),
        name(seen.predicted[0]),
        seen.loss[0],
        name(seen.predicted[1]),
        seen.loss[1],
    )
}

/// A cell of the confusion matrix.
pub fn taken_for(data: &Dataset, is: u16, taken: u16, count: u32) -> String {
    format!("{count} x {} taken for {}", class(data, is), class(data, taken))
}

/// Where the time of a step goes: its parts, and the kernel that takes most.
pub fn timings(timings: &[Timing]) -> Option<String> {
    let of = |part: &str| -> f64 { timings.iter().filter(|t| t.part == part).map(|t| t.seconds).sum() };
    let parts = ["forward", "backward", "ascend", "update", "data"].map(|part| format!("{part} {:.2}", 1e3 * of(part)));
    let whole: f64 = timings.iter().map(|t| t.seconds).sum();
    let mut kernels: Vec<(&str, f64)> = Vec::new();
    for timing in timings {
        match kernels.iter_mut().find(|(name, _)| *name == timing.kernel) {
            Some((_, seconds)) => *seconds += timing.seconds,
            None => kernels.push((timing.kernel, timing.seconds)),
        }
    }
    let (slowest, seconds) = kernels.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(format!(
        "{:.2} ms on the device for a step of all lanes: {} ms. {slowest} takes most of it, {:.0} %.",
        1e3 * whole,
        parts.join(", "),
        100.0 * seconds / whole.max(1e-12),
    ))
}

/// A name of at most `most` letters.
pub fn short(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// The name of a side as headings have it.
pub fn side(label: &str) -> String {
    label.to_uppercase().replace("-2X", " 2x")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1), "1");
        assert_eq!(count(1234567), "1,234,567");
        assert_eq!(percent(0.9849), "98.5 %");
        assert_eq!((bytes(12), bytes(1200), bytes(3_140_000)), ("12 B".into(), "1 kB".into(), "3.1 MB".into()));
    }
}
