//! What the app says when something has happened or cannot be done: its messages, refusals and questions.

use lowland::train::Trouble;
use std::fmt::Display;

/// Where nothing can be done before the race is prepared.
pub const NO_RACE: &str = "The race is not there yet.";
/// Why a side cannot be rescaled.
pub const NO_LAYERS: &str = "It has no layers.";
/// The same.
pub const ANOTHER_CHANGE: &str = "Another change is on its way; rescale when it is there.";
/// The same.
pub const NO_SIDE: &str = "There is no such side.";
/// Where a race needs other settings.
pub const UNLIKE_SIDES: &str = "the two sides differ in batch, m, length or label smoothing; the app trains both on the same batches. \
                                `lowland compare` trains such lanes one after the other.";
/// The same.
pub const TWO_SIDES: &str = "a duel needs two optimizers, for instance optimizer=sgd,sam.";
/// Where kept weights do not fit.
pub const KEPT_OF_ANOTHER: &str = "what was kept of the last time belongs to another network, so it starts anew.";
/// Why points cannot be edited.
pub const ONLY_POINTS: &str = "only points can be edited.";
/// The same.
pub const ONLY_TWO: &str = "only points of two coordinates can be edited.";
/// The same.
pub const NO_POINT: &str = "a point that is edited is not there.";
/// Why there is no surface.
pub const PRESENT_ONLY: &str = "these directions are found at the present weights; the End key leads back to them.";
/// The same.
pub const TWO_DIRECTIONS: &str = "there are fewer than two directions.";
/// The same.
pub const NO_DIRECTIONS: &str = "a side has no directions.";
/// The same.
pub const ZERO_FILTERS: &str = "the network's filters are all zero, so no direction is as long.";
/// Why the meter does not read.
pub const NO_OPTIMIZER: &str = "a side has no optimizer.";
/// Why there is no looking back.
pub const NOTHING_KEPT: &str = "Nothing is kept yet to look back at.";
/// What is not open.
pub const NO_RUN: &str = "There is no such run folder.";
/// The same.
pub const NO_MEASUREMENT: &str = "There is no such measurement.";
/// What cannot be saved.
pub const NO_SIDE_TO_SAVE: &str = "there is no such side to save.";
/// Where what was kept cannot be read.
pub const KEPT_DAMAGED: &str = "What was kept of the last time is damaged, so it starts anew.";
/// What a page cannot do.
#[cfg(target_family = "wasm")]
pub const NO_FOLDERS: &str = "A page cannot read folders; the desktop app compares runs.";
/// What is damaged of a measurement.
pub const EIGENVALUES: &str = "list of eigenvalues";

/// Where settings came from, in sentences of the engine.
pub const THE_LINK: &str = "The link";
/// The same.
pub const THE_SETTING: &str = "the setting";

/// `what` has a name that is not among `there`.
fn none_of(what: &str, name: &str, there: &[&str]) -> String {
    format!("there is no {what} '{name}'; there are {}.", there.join(", "))
}

/// A command that there is not.
pub fn no_command(name: &str, there: &[&str]) -> String {
    none_of("command", name, there)
}

/// An argument that a command does not take.
pub fn no_argument(name: &str, takes: &str, argument: &str) -> String {
    format!("{name} takes {takes}, and got '{argument}'.")
}

/// A preset that there is not.
pub fn no_preset(name: &str, there: &[&str]) -> String {
    none_of("preset", name, there)
}

/// A kind of file that there is not.
pub fn no_kind(kind: &str, there: &[&str]) -> String {
    none_of("file of kind", kind, there)
}

/// A setting that there is not.
pub fn no_setting(key: &str) -> String {
    format!("there is no setting '{key}'.")
}

/// A factor of rescaling that is none.
pub fn no_factor(factor: f32) -> String {
    format!("The factor is {factor}; it must be from 0.01 to 100.")
}

/// Why there is no looking back.
pub fn no_looking_back(why: &str) -> String {
    format!("There is no looking back: {why}")
}

/// The map's training has ended by an error.
pub fn map_stopped(error: impl Display) -> String {
    format!("The map of rho and learning rate has stopped: {error}")
}

/// A side's training is lost.
pub fn gone_wrong(label: &str, step: u64, trouble: Trouble) -> String {
    let advice = match trouble {
        Trouble::Diverged => "its loss is no longer a number. A smaller learning rate or rho helps.",
        Trouble::Collapsed => "it gives every point the same answer. Its rho or learning rate is too large.",
    };
    format!("{label} has gone wrong at step {step}: {advice}")
}

/// A run's settings are taken over.
pub fn race_of(name: &str) -> String {
    format!("The race of {name} begins.")
}

/// A part of a set has come.
pub fn kept_part(name: &str, absent: &[&str]) -> String {
    format!("{name} is kept. Of a set in IDX files it still takes {}.", absent.join(", "))
}

/// Data are trained on.
pub fn data_now(name: &str) -> String {
    format!("{name} is the data now.")
}

/// A configuration is opened.
pub fn opened(name: &str) -> String {
    format!("{name} is opened: its race begins.")
}

/// A checkpoint is opened.
pub fn opened_weights(name: &str) -> String {
    format!("{name} is opened: both sides begin at its weights.")
}

/// A file is no kind that the app knows.
pub fn not_opened(name: &str) -> String {
    let elsewhere = if cfg!(target_family = "wasm") { " Other data are read by the desktop app." } else { "" };
    format!(
        "{name} cannot be opened: it is neither a configuration or a measurement (JSON), a checkpoint (safetensors), a link, a table (CSV) \
         nor a part of a set in IDX files.{elsewhere}"
    )
}

/// What is wrong with a file.
pub fn of_file(name: impl Display, error: impl Display) -> String {
    format!("{name}: {error}")
}

/// The same of a file that another one may stand for.
pub fn another_file(name: &str, error: impl Display) -> String {
    format!("{name}: {error}. Take another file.")
}

/// The same of a file that is not read at all.
#[cfg(not(target_family = "wasm"))]
pub fn unreadable(name: &str, error: impl Display) -> String {
    format!("{name}: {error}. Choose a file that can be read.")
}

/// A file that a browser does not give.
pub fn not_read(name: &str, error: impl Display) -> String {
    format!("{name} cannot be read: {error}.")
}

/// A checkpoint that only its run can go on from.
pub fn whole_state(name: &str) -> String {
    format!("{name} is a run's state of all its lanes; open its folder, or one of its final-*.safetensors.")
}

/// Settings that a checkpoint has and the app has not.
pub fn other_version(name: &str, unknown: &[String]) -> String {
    format!("{name} has settings of another version: {}. They are left out.", unknown.join(", "))
}

/// A picture that is not saved.
pub fn no_picture(error: impl Display) -> String {
    format!("the picture could not be written: {error}.")
}

/// What is on the clipboard.
pub fn copied(line: &str) -> String {
    format!("Copied: {line}")
}

/// More measurements than there is room for.
pub fn too_many_results(name: &str, most: usize) -> String {
    format!("{name}: {most} measurements are open at most; close some.")
}

/// The same within a file.
pub fn too_many_in_file(name: &str, found: usize, most: usize) -> String {
    format!("{name}: {found} measurements; at most {most} are opened.")
}

/// A file that holds no measurement.
pub fn no_measurement_in(name: &str) -> String {
    format!("{name}: it is no measurement of lowland probe.")
}

/// A measurement that cannot be read.
pub fn damaged(name: &str, what: &str) -> String {
    format!("{name}: its {what} is damaged or of another version.")
}

/// What a line leads from and to.
pub fn from_to(from: &str, to: &str) -> String {
    format!("{from} to {to}")
}

/// A plane of a measurement, as its directions and their norm are named.
pub fn normalised(directions: &str, norm: &str) -> String {
    format!("{directions}, {norm}-normalised")
}

/// Whether something is so.
pub fn yes_or_no(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}

/// More run folders than can be told apart.
pub fn too_many_runs(most: usize) -> String {
    format!("{most} run folders are open, and more cannot be told apart; close one.")
}

/// A folder that is open.
pub fn open_already(path: impl Display) -> String {
    format!("{path} is open already.")
}

/// A run folder that is no longer read.
pub fn folder_closed(error: impl Display) -> String {
    format!("{error}. The folder is closed; open it again once it can be read.")
}

/// The same, for a row.
pub fn not_a_row(line: &str) -> String {
    format!("the row '{line}' is not one of a run's table. The folder is closed.")
}

/// A part of a link that cannot be read.
pub fn link_damaged(part: &str) -> String {
    format!("The link is damaged at '{part}'; that part is left out.")
}

/// A part of a link that has no meaning.
pub fn link_unknown(key: &str) -> String {
    format!("The link has '{key}', which this version does not know.")
}

/// A value of a link that is none.
pub fn link_value(key: &str, value: &str) -> String {
    format!("The link's {key} is '{value}', which cannot be used; it is left out.")
}

/// A link of a later program.
pub fn link_newer(version: impl Display, reads: impl Display) -> String {
    format!(
        "The link is of version {version}, newer than this program, which reads version {reads}; what it knows is used."
    )
}

/// A setting of a link that the engine refuses.
pub fn left_out(error: impl Display) -> String {
    format!("{error} It is left out.")
}

/// The same, where the engine does not say whose it is.
pub fn link_left_out(error: impl Display) -> String {
    format!("The link: {error} It is left out.")
}

/// The same of all of them.
pub fn link_settings_left_out(error: impl Display) -> String {
    format!("The link: {error} Its settings are left out.")
}

/// More points than the app draws.
pub fn too_many_points(points: impl Display, most: impl Display) -> String {
    format!("data-size is {points}; the app draws 1 to {most} points.")
}

/// More seeds than the app trains.
pub fn too_many_seeds(seeds: impl Display, most: impl Display) -> String {
    format!("seeds is {seeds}; the app trains at most {most} side by side.")
}
