//! What the program says outside of its panels: on the terminal, in the dialogs of the window, and after a crash.

use std::fmt::Display;

/// Below the list of flags.
pub const EXAMPLE: &str = "Example: lowland-app --data spirals --label-noise 0.2 --optimizer sgd,asam";
/// Where settings came from, in sentences of the engine.
pub const THE_FLAGS: &str = "the flags";
/// Where no device can draw.
pub const NO_DEVICE: &str = "there is no device to draw with";
/// The same, for the window.
pub const NO_ADAPTER_DRAWS: &str = "no adapter can draw into this window";
/// Title of the question after a crash.
pub const GO_ON_TITLE: &str = "Go on where it stopped?";
/// The question.
pub const GO_ON_QUESTION: &str =
    "Lowland ended last time without being closed. What was trained until a few seconds before is kept.";
/// Its answers.
pub const GO_ON: &str = "Go on";
/// The same.
pub const START_ANEW: &str = "Start anew";
/// Title of the question after a device was lost.
pub const DEVICE_LOST: &str = "The graphics device was lost";
/// What is kept then.
pub const KEPT: &str = "What was trained until a few seconds ago is kept.";
/// Where there is no file dialog to open something with.
pub const NO_DIALOG: &str = "This desktop shows no file dialogs (they come from a desktop portal or from zenity). Drop files and \
    folders on the window instead, or name them when it is started: lowland-app FILE.";
/// Where nothing could be written.
pub const WRITING_FAILED: &str = "writing it failed.";

/// The question after a device was lost, behind what is kept.
pub fn again(kept: &str) -> String {
    format!("{kept} Start again and go on there?")
}

/// The same on the terminal.
pub fn lost(kept: &str) -> String {
    refused(format!("the graphics device was lost. {kept} `lowland-app --go-on` goes on there."))
}

/// Why nothing is kept.
pub fn nothing_kept(why: impl Display) -> String {
    format!("Nothing is kept in case of a crash: {why}")
}

/// How the program ends with an error.
pub fn refused(why: impl Display) -> String {
    format!("lowland-app: {why}")
}

/// The same, where it was at work.
pub fn ended(error: impl Display) -> String {
    refused(format!("{error}. Start it again; it offers to go on where it stood."))
}

/// Why there is no window.
pub fn not_drawn(error: impl Display) -> String {
    format!("no window could be drawn: {error}. `lowland doctor` says what is missing.")
}

/// The same.
pub fn no_window(error: impl Display) -> String {
    format!(
        "no window can be opened: {error}. It needs a screen (on Linux DISPLAY or WAYLAND_DISPLAY names it); `lowland \
         compare` trains without one."
    )
}

/// Why an adapter is not used: it is not among `there`.
pub fn no_adapter(wanted: &str, there: &[&str]) -> String {
    match there.join(", ") {
        none if none.is_empty() => "no GPU adapter found; `lowland doctor` says how to get one.".to_owned(),
        names => format!("no adapter is called '{wanted}'; there are: {names}."),
    }
}

/// A file that is not there.
pub fn not_there(path: impl Display) -> String {
    format!("{path} is not there.")
}

/// A configuration that cannot be read.
pub fn no_config(source: &str, error: impl Display) -> String {
    format!("{source}: {error}. Give --config a JSON file that can be read.")
}

/// A file is saved where no dialog could ask for a place.
pub fn written_here(path: impl Display) -> String {
    format!("This desktop shows no file dialogs, so {path} is written.")
}

/// A file is saved.
pub fn written(path: impl Display) -> String {
    format!("{path} is written.")
}
