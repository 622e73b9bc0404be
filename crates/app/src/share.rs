//! Links: what is trained and shown as text, and back.
//!
//! `#v=1&data=circles&label_noise=0.2&optimizer=sgd,sam&azimuth=20&hide=rho,lr`: the configuration under the keys of its JSON
//! file (only what differs from the default), then what is on screen. A link without any key of the configuration is about
//! the opening duel. Whatever cannot be read is told and left out.

use crate::plots::Plot;
use crate::presets;
use crate::settings::SETTINGS;
use crate::state::{Axis, Edit, PlaneKind, State, View};
use crate::text::messages;
use lowland::config::{Command, Config};
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// The version of links.
pub const VERSION: u32 = 1;

/// Keys that belong to the machine: no link has them.
const MACHINE_KEYS: [&str; 2] = ["data_dir", "init"];

/// Keys of what the plots show.
const PLOT_KEYS: [&str; 2] = ["upper_plot", "lower_plot"];

/// What a link says.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// What to train.
    pub config: Config,
    /// Changes of its training points.
    pub edits: Vec<Edit>,
    /// What to show.
    pub view: View,
    /// Whether it starts at rest.
    pub paused: bool,
    /// The settings that it hides.
    pub hidden: Vec<String>,
    /// What could not be read, in sentences.
    pub problems: Vec<String>,
}

/// The link's part behind `#` for what is trained and shown.
pub fn link(state: &State) -> String {
    let default = Config::default().to_object();
    let mut parts = vec![format!("v={VERSION}")];
    for (key, value) in state.config.to_object() {
        if default.get(&key) != Some(&value) && !MACHINE_KEYS.contains(&key.as_str()) {
            parts.push(format!("{key}={}", encode(&text(&value))));
        }
    }
    if !state.edits.is_empty() {
        parts.push(format!("points={}", write_edits(&state.edits)));
    }
    let (view, usual) = (&state.view, View::default());
    let mut differs = |differs: bool, part: String| differs.then(|| parts.push(part));
    differs(view.plane != usual.plane, format!("plane={}", view.plane.name()));
    differs(view.plane_seed != usual.plane_seed, format!("plane_seed={}", view.plane_seed));
    differs(view.contour, "contour=1".into());
    differs(!view.log_height, "height=linear".into());
    differs(view.azimuth != usual.azimuth, format!("azimuth={}", view.azimuth));
    differs(view.elevation != usual.elevation, format!("elevation={}", view.elevation));
    differs(view.zoom != usual.zoom, format!("zoom={}", view.zoom));
    differs(view.axis != usual.axis, format!("axis={}", view.axis.name()));
    differs(view.smoothing != usual.smoothing, format!("smoothing={}", view.smoothing));
    for (key, (plot, usual)) in PLOT_KEYS.into_iter().zip(view.plots.into_iter().zip(usual.plots)) {
        differs(plot != usual, format!("{key}={}", plot.name()));
    }
    differs(!view.log_loss, "log_loss=0".into());
    differs(view.test_points, "test_points=1".into());
    differs(view.class != usual.class, format!("class={}", view.class));
    differs(view.speed != usual.speed, "speed=full".into());
    if let Some(side) = view.focus {
        parts.push(format!("focus={}", ["left", "right"][side.min(1)]));
    }
    if !state.playing {
        parts.push("paused=1".into());
    }
    if !state.hidden.is_empty() {
        parts.push(format!("hide={}", encode(&state.hidden.join(","))));
    }
    parts.join("&")
}

/// Reads a link, whole or from its `#` on. Never fails: what cannot be read is among the problems.
pub fn parse(link: &str) -> Link {
    let link = link.split_once('#').map_or(link, |(_, part)| part).trim();
    let opening = presets::opening();
    let mut read = Link {
        config: opening.config,
        edits: opening.edits,
        view: View::default(),
        paused: false,
        hidden: Vec::new(),
        problems: Vec::new(),
    };
    let known = Config::default().to_object();
    let mut settings: Vec<(String, Value)> = Vec::new();
    let mut base = None;
    for part in link.split('&').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let (Some(key), Some(value)) = (decode(key), decode(value)) else {
            read.problems.push(messages::link_damaged(&short(part)));
            continue;
        };
        let key = key.replace('-', "_");
        let understood = match key.as_str() {
            "v" => read.version(&value),
            "preset" => presets::preset(&value).map(|preset| base = Some((preset.config)())).is_some(),
            _ if MACHINE_KEYS.contains(&key.as_str()) => false,
            _ if known.contains_key(&key) => {
                settings.push((key.clone(), value_of(&known, &key, &value)));
                true
            }
            "points" => read_edits(&value).map(|edits| read.edits = edits).is_some(),
            _ => match read.show(&key, &value) {
                Some(understood) => understood,
                None => {
                    read.problems.push(messages::link_unknown(&short(&key)));
                    true
                }
            },
        };
        if !understood {
            read.problems.push(messages::link_value(&key, &short(&value)));
        }
    }
    if base.is_some() || !settings.is_empty() {
        read.settle(base.unwrap_or_default(), settings);
    }
    read
}

impl Link {
    fn version(&mut self, value: &str) -> bool {
        let version: Option<u32> = value.parse().ok();
        if version.is_some_and(|version| version > VERSION) {
            self.problems.push(messages::link_newer(short(value), VERSION));
        }
        version.is_some()
    }

    /// A key of the view; `None` where it is none, false where its value cannot be used.
    fn show(&mut self, key: &str, value: &str) -> Option<bool> {
        fn number(value: &str, low: f32, high: f32, to: &mut f32) -> bool {
            let number = value.parse().ok().filter(|n: &f32| (low..=high).contains(n));
            number.map(|n| *to = n).is_some()
        }
        fn switch(value: &str, to: &mut bool) -> bool {
            *to = value == "1";
            matches!(value, "0" | "1")
        }
        let view = &mut self.view;
        Some(match key {
            "plane" => PlaneKind::parse(value).map(|plane| view.plane = plane).is_some(),
            "plane_seed" => value.parse().map(|seed| view.plane_seed = seed).is_ok(),
            "contour" => switch(value, &mut view.contour),
            "height" => {
                view.log_height = value != "linear";
                matches!(value, "linear" | "log")
            }
            "azimuth" => number(value, -360.0, 360.0, &mut view.azimuth),
            "elevation" => number(value, 5.0, 90.0, &mut view.elevation),
            "zoom" => number(value, 0.4, 4.0, &mut view.zoom),
            "axis" => Axis::parse(value).map(|axis| view.axis = axis).is_some(),
            "smoothing" => number(value, 0.0, 0.99, &mut view.smoothing),
            "upper_plot" => Plot::parse(value).map(|plot| view.plots[0] = plot).is_some(),
            "lower_plot" => Plot::parse(value).map(|plot| view.plots[1] = plot).is_some(),
            "log_loss" => switch(value, &mut view.log_loss),
            "test_points" => switch(value, &mut view.test_points),
            "class" => value.parse().map(|class| view.class = class).is_ok(),
            "speed" => {
                view.speed = if value == "full" { None } else { view.speed };
                value == "full"
            }
            "focus" => {
                view.focus = ["left", "right"].iter().position(|side| *side == value);
                view.focus.is_some()
            }
            "paused" => switch(value, &mut self.paused),
            "hide" => {
                let keys = value.split(',').map(|key| key.trim().replace('-', "_"));
                let (good, bad): (Vec<_>, Vec<_>) =
                    keys.partition(|key| key == "*" || SETTINGS.iter().any(|setting| setting.key == key));
                self.hidden = good;
                bad.is_empty()
            }
            _ => return None,
        })
    }

    /// Takes the settings that fit and make a whole together.
    fn settle(&mut self, base: Config, settings: Vec<(String, Value)>) {
        let (mut good, mut left) = (Map::new(), Vec::new());
        for (key, value) in settings {
            match base.with(Map::from_iter([(key.clone(), value.clone())]), messages::THE_LINK) {
                Ok(_) => drop(good.insert(key, value)),
                Err(error) => self.problems.push(messages::left_out(error)),
            }
        }
        // Some settings are only good together; those that are bad in any company are left out.
        let whole = |settings: &Map<String, Value>| {
            let config = base.with(settings.clone(), messages::THE_LINK).map_err(|e| e.to_string())?;
            check(&config).map(|()| config)
        };
        while let Err(error) = whole(&good) {
            let Some(key) = good.keys().find(|key| error.contains(&key.replace('_', "-"))).cloned() else {
                left.push(error);
                break;
            };
            good.remove(&key);
            self.problems.push(messages::link_left_out(error));
        }
        self.problems.extend(left.into_iter().map(messages::link_settings_left_out));
        self.config = whole(&good).unwrap_or(base);
    }
}

/// Whether the app can train `config`, as far as that can be known without its data.
///
/// # Errors
/// A sentence that says what is wrong and what may be.
pub fn check(config: &Config) -> Result<(), String> {
    /// Points beyond which making them would hold up a frame.
    const MOST_POINTS: usize = 100_000;
    /// Seeds beyond which the lanes of two sides no longer fit one table.
    const MOST_SEEDS: u32 = 64;
    config.check().map_err(|e| e.to_string())?;
    if config.data_size == 0 || config.data_size > MOST_POINTS {
        return Err(messages::too_many_points(config.data_size, MOST_POINTS));
    }
    if config.seeds > MOST_SEEDS {
        return Err(messages::too_many_seeds(config.seeds, MOST_SEEDS));
    }
    config.lanes(Command::Compare).map(drop).map_err(|e| e.to_string())
}

/// `config` with one key changed, from a text as the link has it; empty is the default.
///
/// # Errors
/// A sentence that names the key and what it may be.
pub fn with(config: &Config, key: &str, value: &str) -> Result<Config, String> {
    let known = Config::default().to_object();
    if !known.contains_key(key) {
        return Err(messages::no_setting(&short(key)));
    }
    let value = value_of(&known, key, value);
    let changed =
        config.with(Map::from_iter([(key.to_owned(), value)]), messages::THE_SETTING).map_err(|e| e.to_string())?;
    check(&changed)?;
    Ok(changed)
}

/// The value of a key as JSON has it; empty is the default.
fn value_of(known: &Map<String, Value>, key: &str, text: &str) -> Value {
    match known.get(key) {
        Some(default) if text.is_empty() => default.clone(),
        Some(Value::String(_)) => Value::String(text.to_owned()),
        _ => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    }
}

/// The text of a value; what [`with`] reads back.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The command line that trains the same, for `steps` steps where the configuration has no end.
pub fn command_line(config: &Config, steps: u64) -> String {
    let default = Config::default().to_object();
    let mut line = crate::text::COMMAND.to_owned();
    for (key, value) in config.to_object() {
        if default.get(&key) == Some(&value) {
            continue;
        }
        let flag = key.replace('_', "-");
        match value {
            Value::Bool(true) => line += &format!(" --{flag}"),
            Value::Bool(false) => {}
            Value::Array(list) => {
                for one in &list {
                    line += &format!(" --{flag} {}", quoted(&text(one)));
                }
            }
            value => line += &format!(" --{flag} {}", quoted(&text(&value))),
        }
    }
    if config.steps.is_none() && config.epochs.is_none() && steps > 0 {
        line += &format!(" --steps {steps}");
    }
    line
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn write_edits(edits: &[Edit]) -> String {
    let one = |edit: &Edit| match edit {
        Edit::Add([x, y], class) => format!("a{x},{y},{class}"),
        Edit::Move(point, [x, y]) => format!("m{point},{x},{y}"),
        Edit::Remove(point) => format!("r{point}"),
    };
    edits.iter().map(one).collect::<Vec<_>>().join(";")
}

fn read_edits(text: &str) -> Option<Vec<Edit>> {
    fn place(x: &str, y: &str) -> Option<[f32; 2]> {
        let place = [x.parse().ok()?, y.parse().ok()?];
        place.iter().all(|c: &f32| c.is_finite()).then_some(place)
    }
    let one = |part: &str| {
        let rest: Vec<&str> = part.get(1..)?.split(',').collect();
        match (part.get(..1)?, rest.as_slice()) {
            ("a", [x, y, class]) => Some(Edit::Add(place(x, y)?, class.parse().ok()?)),
            ("m", [point, x, y]) => Some(Edit::Move(point.parse().ok()?, place(x, y)?)),
            ("r", [point]) => Some(Edit::Remove(point.parse().ok()?)),
            _ => None,
        }
    };
    text.split(';').filter(|part| !part.is_empty()).map(one).collect()
}

/// Percent-encodes what a URL's hash cannot have or what separates its parts.
fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => out.push(char::from(byte)),
            _ if b"-._~:,/;*@".contains(&byte) => out.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, more) = rest.split_at_checked(2)?;
        let digits = digits.iter().all(u8::is_ascii_hexdigit).then(|| std::str::from_utf8(digits).ok())??;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = more;
    }
    String::from_utf8(bytes).ok()
}

/// The beginning of a text that a message quotes.
fn short(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
#[path = "share_tests.rs"]
mod tests;
