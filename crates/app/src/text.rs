//! What the panels say. Names and explanations of commands, settings and presets stand in their tables.

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
/// Over the loss on the line.
pub const ON_THE_LINE: &str = "on the straight line from";
/// What the circle around SAM's point is.
pub const BALL: &str = "circle: SAM's ball of radius rho, where this slice cuts it";

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
pub fn plane(kind: crate::state::PlaneKind) -> &'static str {
    match kind {
        crate::state::PlaneKind::Points => "start, SGD, SAM",
        crate::state::PlaneKind::Random => "random, filter-normalised",
        crate::state::PlaneKind::Pca => "main directions of the paths",
    }
}

/// A loss as people read it.
pub fn loss(value: f32) -> String {
    match value {
        v if !v.is_finite() => "not finite".into(),
        v if v.abs() < 0.001 => format!("{v:.1e}"),
        v if v.abs() < 0.1 => format!("{v:.3}"),
        v if v.abs() < 10.0 => format!("{v:.2}"),
        v => format!("{v:.0}"),
    }
}

/// What is said while nothing is there yet.
pub const PREPARING: &str = "Preparing the race...";
/// Over the field of a side.
pub const CLEAN_TEST: &str = "of the test points right";

/// An accuracy as people read it.
pub fn percent(accuracy: f32) -> String {
    format!("{:.1} %", 100.0 * accuracy)
}

/// A whole number with its thousands apart.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
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

/// The name of a side as headings have it.
pub fn side(label: &str) -> String {
    label.to_uppercase()
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
