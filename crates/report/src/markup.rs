//! What all pages and pictures write text with.

/// A text from a file, safe inside an element or an attribute.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            control if control.is_control() && !matches!(control, '\n' | '\t') => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

/// The interval in a quieter tone.
pub fn plus_minus(text: &str) -> String {
    match text.split_once(" ± ") {
        Some((mean, half)) => format!("<b>{mean}</b> <span class=\"half\">± {half}</span>"),
        None => format!("<b>{text}</b>"),
    }
}
