//! What the panels say. Names and explanations of commands, settings and presets stand in their tables.

/// The name of the program.
pub const NAME: &str = "Lowland";
/// The ground's title.
pub const GROUND: &str = "The ground they walk on";
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
