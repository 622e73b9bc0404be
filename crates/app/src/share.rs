//! Links: configuration and view as text, and back.

use crate::state::State;
use lowland::config::Config;
use serde_json::{Map, Value};

/// The version of links.
pub const VERSION: u32 = 1;

/// The link's part behind `#` for what is trained and shown.
pub fn link(state: &State) -> String {
    let default = Config::default().to_object();
    let mut parts = vec![format!("v={VERSION}")];
    for (key, value) in state.config.to_object() {
        if default.get(&key) != Some(&value) {
            parts.push(format!("{key}={}", text(&value)));
        }
    }
    parts.join("&")
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// `config` with one key changed, from a text as the link has it; empty is the default.
///
/// # Errors
/// A sentence that names the key and what it may be.
pub fn with(config: &Config, key: &str, value: &str) -> Result<Config, String> {
    let value = match (value.is_empty(), Config::default().to_object().remove(key)) {
        (_, None) => return Err(format!("there is no setting '{key}'.")),
        (true, Some(default)) => default,
        (false, Some(Value::String(_))) => Value::String(value.to_owned()),
        (false, Some(_)) => serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned())),
    };
    let changed = config.with(Map::from_iter([(key.to_owned(), value)]), "the setting").map_err(|e| e.to_string())?;
    changed.lanes(lowland::config::Command::Compare).map_err(|e| e.to_string())?;
    Ok(changed)
}

/// The command line that trains the same.
pub fn command_line(config: &Config) -> String {
    let default = Config::default().to_object();
    let flags = config.to_object().into_iter().filter(|(key, value)| default.get(key) != Some(value));
    let flags = flags.map(|(key, value)| format!(" --{} {}", key.replace('_', "-"), text(&value)));
    format!("lowland compare{}", flags.collect::<String>())
}
