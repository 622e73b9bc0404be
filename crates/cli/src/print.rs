//! Output that never panics: a closed pipe ends it in peace, a full disk is an error.

use anyhow::Result;
use lowland::Error;
use serde_json::Value;
use std::io::{ErrorKind, Write as _};

/// Prints `text` and a line's end on stdout.
pub fn out(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        // The reader has seen enough, as `head` has.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(e) => Err(Error::run(format!("stdout: {e}. Make room where it goes, and run the command again.")).into()),
    }
}

/// Prints a line on stderr; where that is closed there is nobody to tell.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// `word` as a shell reads it back.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,:=/+".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// An f32 as the shortest decimal; null where it is none.
pub fn number(value: f32) -> Value {
    serde_json::from_str(&value.to_string()).unwrap_or(Value::Null)
}
