//! What the bars say, the controls, and the windows of settings, keys, commands and run folders.

use super::{bytes, count, percent};

/// The button of the keys.
pub const OF_KEYS: &str = "Keys and commands";
/// Titles of windows and entries of the menu.
pub const KEYS: &str = "Keys";
/// The same.
pub const MENU: &str = "Menu";
/// The same.
pub const SETTINGS: &str = "Settings";
/// The same.
pub const COMMANDS: &str = "All commands";
/// The same.
pub const TABLE: &str = "Numbers as a table";
/// The same.
pub const ABOUT: &str = "About";
/// The same.
pub const ABOUT_TITLE: &str = "About Lowland";
/// The same.
pub const OPEN: &str = "Open a file";
/// The same, in a menu of files.
pub const OPEN_A_FILE: &str = "Open a file...";
/// The buttons beside the one that plays.
pub const STEP: &str = "Step";
/// The same.
pub const RESTART: &str = "Restart";
/// The same.
pub const SLOW: &str = "Slow motion";
/// The key that plays and rests.
pub const SPACE: &str = "Space";
/// What sharing does.
pub const OF_SHARE: &str = "Copies the link to what is on screen";
/// The menu of what can be saved.
pub const SAVE: &str = "Save";
/// A side whose name is not known yet.
pub const THIS_SIDE: &str = "this side";
/// In the menu of what can be saved.
pub const SAVE_CONFIG: &str = "Settings (JSON, for lowland --config)";
/// The same.
pub const SAVE_CURVES: &str = "Curves (CSV)";
/// The same.
pub const SAVE_PICTURE: &str = "Picture of the window (PNG)";
/// Copies the command that does the same.
pub const COPY_COMMAND: &str = "Copy the command line";
/// What that is.
pub const OF_COMMAND: &str = "lowland compare ..., which trains the same";
/// A race that is no preset.
pub const OWN_RACE: &str = "Your own race";
/// The names of the sides while they are not known yet.
pub const SIDES: [&str; 2] = ["SGD", "SAM"];
/// Before the step's number.
pub const COUNTER: &str = "step ";

/// The button of all settings.
pub const MORE: &str = "More…";
/// What it opens.
pub const OF_MORE: &str = "All settings";
/// One SGD more.
pub const EQUAL_COMPUTE: &str = "SGD with SAM's compute";
/// A network whose name is not known yet.
pub const NETWORK: &str = "network";
/// How many layers a perceptron has.
pub const HIDDEN_LAYERS: &str = "hidden layers";
/// How wide they are.
pub const WIDE: &str = "wide";
/// The groups of settings.
pub const GROUPS: [&str; 4] = ["Optimizers", "Data", "Network", "Race"];
/// Over a setting that has no control of its own.
pub const ANY_OTHER: &str = "Any other setting";
/// Its button.
pub const SET: &str = "Set";
/// Ends a message, a measurement or a run folder.
pub const CLOSE: &str = "Close";

/// Title of the run folders.
pub const RUNS: &str = "Run folders";
/// What they are.
pub const OF_RUNS: &str = "Folders that lowland train, compare or sweep made, finished or not. Their curves lie in the plots \
                           beside those of the race. A folder can be dropped here, too.";
/// In the empty field of a path.
pub const PATH_HINT: &str = "path of a folder";
/// What a screen reader says of it.
pub const PATH: &str = "Path of a run folder";
/// Opens it.
pub const OPEN_RUN: &str = "Open";
/// Asks for one.
pub const CHOOSE: &str = "Choose...";
/// Title of the dialog that asks.
#[cfg(not(target_family = "wasm"))]
pub const CHOOSE_TITLE: &str = "A run folder";
/// Trains what a run trained.
pub const TRAIN_RUN: &str = "Train this";
/// What that does.
pub const OF_TRAIN_RUN: &str = "Takes its configuration over: the race begins anew";

/// What the program says of itself: what each line is of.
pub const ABOUT_LINES: [&str; 8] =
    ["Version", "Adapter", "Computes", "Driver", "Backend", "On the device", "Seed", "Licence"];
/// What a browser keeps to itself.
pub const UNSAID: &str = "the browser does not say";
/// Under which terms the program is.
pub const LICENCE: &str = "MIT or Apache-2.0; typeface Inter, SIL Open Font License 1.1";
/// An adapter without a name.
const ADAPTER: &str = "WebGPU";

/// What computes.
pub fn computes(software: bool) -> &'static str {
    if software { "on the CPU (pictures are small, so that training stays quick)" } else { "GPU" }
}

/// The button of the seed.
pub fn seed(seed: u32) -> String {
    format!("Seed {seed}")
}

/// The button of how many there are.
pub fn seeds(seeds: u32) -> String {
    if seeds == 1 { "1 seed".to_owned() } else { format!("{seeds} seeds") }
}

/// In the menu of what can be saved.
pub fn save_weights(side: &str) -> String {
    format!("Weights of {side} (safetensors)")
}

/// Behind the step's number.
pub fn speed(steps_per_second: f64) -> String {
    format!("  ·  {} steps/s", count(steps_per_second.round() as u64))
}

/// The status line.
pub fn status(adapter: &str, software: bool, [steps, frames]: [f64; 2], on_device: u64, seed: u32) -> String {
    let adapter = if adapter.is_empty() { ADAPTER } else { adapter };
    let kind = if software { " (software: small pictures)" } else { "" };
    let on_device = bytes(on_device);
    format!(
        "{adapter}{kind}  ·  {steps:.0} steps/s  ·  {frames:.0} frames/s  ·  {on_device} on the device  ·  seed {seed}"
    )
}

/// Below the status line of a narrow window, which mostly is a phone.
pub const BATTERY: &str =
    "Training keeps the processor busy: it takes battery and warms the device. It rests while the page is hidden.";

/// Below the meaning of a setting.
pub fn setting_note(change: crate::settings::Change, default: &str) -> String {
    format!("{} Default here: {default}. Double click: the default.", super::change(change))
}

/// A preset among all commands.
pub fn preset(title: &str) -> String {
    format!("Preset: {title}")
}

/// The command that takes a setting back.
pub fn default_of(label: &str) -> String {
    format!("Default of {label}")
}

/// The command that sets what was typed.
pub fn set(typed: &str) -> String {
    format!("{SET} {typed}")
}

/// What a run trained.
pub fn run(data: &str, wrong_labels: f32) -> String {
    format!("{data}, {} wrong labels", percent(wrong_labels))
}

/// How a side of it stands.
pub fn run_side(label: &str, stands: Option<(f32, u64)>) -> String {
    match stands {
        Some((accuracy, step)) => format!(" · {label} {} at step {}", percent(accuracy), count(step)),
        None => format!(" · {label}"),
    }
}
