//! Every action there is, by name. Menu, keys, palette, tests and the page's script all come here.

use crate::plots::Plot;
use crate::state::{Axis, Layer, PlaneKind};
use egui::{Key, KeyboardShortcut, Modifiers};

/// An action.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Trains on.
    Play,
    /// Rests.
    Pause,
    /// One or the other.
    TogglePlay,
    /// One step of all lanes, then rests.
    Step,
    /// From the same start again.
    Restart,
    /// One SAM step, slowly.
    SlowMotion,
    /// Slow motion moves on by itself, or holds.
    SlowPlay,
    /// Slow motion: so many parts on, or back.
    SlowPart(i32),
    /// Changes a setting: key and value as the URL has them.
    Set(String, String),
    /// Gives a setting its default.
    Reset(String),
    /// A named configuration.
    Preset(String),
    /// Another seed, by chance.
    Dice,
    /// Looks at a side: 0 left, 1 right; again for both.
    Focus(usize),
    /// The plane of the surface.
    Plane(PlaneKind),
    /// Contour map or landscape.
    ToggleContour,
    /// Height by the logarithm of the loss, or by the loss.
    ToggleLogHeight,
    /// The camera as it was.
    ResetCamera,
    /// Turns the camera: degrees to the right and up.
    Orbit(f32, f32),
    /// Zooms by this factor.
    Zoom(f32),
    /// What the curves are over.
    Axis(Axis),
    /// How much curves are smoothed, 0 to 0.99.
    Smoothing(f32),
    /// What the upper (0) or lower (1) plot shows.
    Plot(usize, Plot),
    /// Losses by their logarithm, or plain.
    ToggleLogLoss,
    /// Trains the map of rho and learning rate, so many steps a cell; nothing ends that.
    TrainMap(Option<u64>),
    /// Rescales a side: its first layer grows by this factor, the next one shrinks by it.
    Rescale(usize, f32),
    /// Opens the run folder at this path beside the race.
    OpenRun(String),
    /// Lets the person choose such a folder.
    ChooseRun,
    /// Closes the run folder of this number.
    CloseRun(usize),
    /// Trains what the run folder of this number trained.
    TrainRun(usize),
    /// Closes the measurement of this number.
    CloseResult(usize),
    /// Looks back at a step; nothing for the present.
    Scrub(Option<u64>),
    /// Shows test points, or not.
    ToggleTestPoints,
    /// Adds a training point: place and class.
    AddPoint([f32; 2], u16),
    /// Moves training point i.
    MovePoint(usize, [f32; 2]),
    /// Takes training point i away.
    RemovePoint(usize),
    /// Forgets all changes of points.
    ClearEdits,
    /// The class of a point that a click adds.
    Class(u16),
    /// At a pace that can be followed, or as fast as it goes.
    ToggleSpeed,
    /// Opens or closes what lies over the panels.
    Layer(Layer),
    /// Closes the topmost of them.
    Close,
    /// Copies the link to what is on screen.
    CopyLink,
    /// Saves a file: config, checkpoint, csv or png.
    Export(String),
    /// Asks for a file to open.
    Open,
    /// Dark, light, or as the system has it.
    NextTheme,
    /// Copies the command line that does the same.
    CopyCommandLine,
}

/// What a command is called and how it is reached.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Its name in scripts and URLs.
    pub name: &'static str,
    /// What menu and palette call it.
    pub title: &'static str,
    /// Its key.
    pub key: Option<KeyboardShortcut>,
    /// What its argument is, where it takes one.
    pub argument: Option<&'static str>,
    /// The arguments that the palette offers.
    pub offered: &'static [&'static str],
}

/// A key for a command with an argument.
#[derive(Clone, Copy, Debug)]
pub struct More {
    /// The key.
    pub key: KeyboardShortcut,
    /// The command and its argument.
    pub command: (&'static str, &'static str),
    /// What the list of keys says.
    pub title: &'static str,
}

const fn more(modifiers: Modifiers, key: Key, command: (&'static str, &'static str), title: &'static str) -> More {
    More { key: KeyboardShortcut::new(modifiers, key), command, title }
}

/// The keys of commands with arguments.
pub const MORE_KEYS: &[More] = &[
    more(Modifiers::NONE, Key::Num1, ("focus", "left"), "Look at the left side alone, or at both"),
    more(Modifiers::NONE, Key::Num2, ("focus", "right"), "Look at the right side alone, or at both"),
    more(Modifiers::SHIFT, Key::ArrowLeft, ("orbit", "-15,0"), "Turn the landscape"),
    more(Modifiers::SHIFT, Key::ArrowRight, ("orbit", "15,0"), "Turn the landscape"),
    more(Modifiers::SHIFT, Key::ArrowUp, ("orbit", "0,10"), "Turn the landscape up"),
    more(Modifiers::SHIFT, Key::ArrowDown, ("orbit", "0,-10"), "Turn the landscape down"),
    more(Modifiers::NONE, Key::Plus, ("zoom", "1.25"), "Nearer to the landscape"),
    more(Modifiers::NONE, Key::Minus, ("zoom", "0.8"), "Farther from the landscape"),
    more(Modifiers::NONE, Key::A, ("show", "settings"), "All settings"),
    more(Modifiers::NONE, Key::N, ("show", "table"), "The numbers as a table"),
    more(Modifiers::NONE, Key::G, ("show", "map"), "Map of rho and learning rate"),
    more(Modifiers::NONE, Key::H, ("show", "meter"), "Sharpness meter"),
    more(Modifiers::NONE, Key::E, ("export", "png"), "Save a picture of the window"),
    more(Modifiers::NONE, Key::W, ("export", "checkpoint"), "Save the weights of the side that is looked at"),
    more(Modifiers::NONE, Key::J, ("export", "config"), "Save the settings"),
    more(Modifiers::NONE, Key::V, ("export", "csv"), "Save the curves"),
];

const fn plain(name: &'static str, title: &'static str, key: Option<Key>) -> Spec {
    let key = match key {
        Some(key) => Some(KeyboardShortcut::new(Modifiers::NONE, key)),
        None => None,
    };
    Spec { name, title, key, argument: None, offered: &[] }
}

const fn with(
    name: &'static str,
    title: &'static str,
    argument: &'static str,
    offered: &'static [&'static str],
) -> Spec {
    Spec { name, title, key: None, argument: Some(argument), offered }
}

/// All of them, in the order of the palette.
pub const COMMANDS: &[Spec] = &[
    plain("toggle-play", "Play or pause", Some(Key::Space)),
    plain("play", "Play", None),
    plain("pause", "Pause", None),
    plain("step", "One step", Some(Key::S)),
    plain("restart", "Restart from the same start", Some(Key::R)),
    plain("slow-motion", "Slow motion: one SAM step", Some(Key::M)),
    plain("slow-play", "Slow motion: run or hold (space, too)", None),
    plain("slow-next", "Slow motion: next part", Some(Key::CloseBracket)),
    plain("slow-back", "Slow motion: part before", Some(Key::OpenBracket)),
    plain("dice", "Another seed", Some(Key::D)),
    with("preset", "Preset", "name", &["sam-wins", "no-difference", "sam-loses"]),
    with("set", "Set", "key=value", &[]),
    with("reset", "Default of", "key", &[]),
    with("focus", "Look at side", "left or right", &["left", "right"]),
    with(
        "plane",
        "Plane of the surface",
        "points, random, random-layer, random-plain, pca or hessian",
        &["points", "random", "random-layer", "random-plain", "pca", "hessian"],
    ),
    plain("contour", "Contour map or landscape", Some(Key::C)),
    plain("log-height", "Height: logarithm or plain", Some(Key::L)),
    plain("reset-camera", "Camera as it was", Some(Key::Num0)),
    with("orbit", "Turn the landscape", "degrees,degrees", &["-15,0", "15,0", "0,10", "0,-10"]),
    with("zoom", "Zoom the landscape", "factor", &["1.25", "0.8"]),
    with("axis", "Curves over", "steps, gradients or seconds", &["steps", "gradients", "seconds"]),
    with("smoothing", "Smoothing of curves", "0 to 0.99", &["0", "0.6", "0.9"]),
    with(
        "plot",
        "Plot",
        "upper or lower, and one of test-accuracy, loss, train-accuracy, clean-accuracy, wrong-labels, gap, grad-norm, batch-loss",
        &[
            "upper,test-accuracy",
            "upper,loss",
            "upper,train-accuracy",
            "upper,clean-accuracy",
            "upper,gap",
            "upper,grad-norm",
            "upper,batch-loss",
            "lower,wrong-labels",
            "lower,loss",
            "lower,gap",
            "lower,grad-norm",
            "lower,batch-loss",
        ],
    ),
    with("train-map", "Train the map of rho and learning rate", "steps, or stop", &["300", "1000", "3000", "stop"]),
    with(
        "rescale",
        "Rescale: same network, other weights",
        "left or right, and a factor from 0.01 to 100",
        &["left,10", "left,0.1", "right,10", "right,0.1"],
    ),
    with("open-run", "Open a run folder", "path", &[]),
    plain("choose-run", "Choose a run folder", None),
    with("close-run", "Close a run folder", "number from 0", &[]),
    with("train-run", "Train what a run folder trained", "number from 0", &[]),
    with("close-result", "Close a measurement", "number from 0", &[]),
    plain("log-loss", "Losses: logarithm or plain", None),
    plain("present", "Back to the present", Some(Key::End)),
    with("scrub", "Look back at step", "step, or nothing for the present", &[""]),
    plain("test-points", "Test points on or off", Some(Key::T)),
    with("add-point", "Add a training point", "x,y,class", &[]),
    with("move-point", "Move a training point", "index,x,y", &[]),
    with("remove-point", "Remove a training point", "index", &[]),
    plain("clear-edits", "Points as they were", None),
    with("class", "Class of added points", "its number, from 0", &["0", "1"]),
    plain("full-speed", "Full speed, or a pace to follow", Some(Key::F)),
    with(
        "show",
        "Show",
        "settings, map, meter, runs, results, table or about",
        &["settings", "map", "meter", "runs", "results", "table", "about"],
    ),
    Spec {
        name: "palette",
        title: "All commands",
        key: Some(KeyboardShortcut::new(Modifiers::COMMAND, Key::K)),
        argument: None,
        offered: &[],
    },
    plain("keys", "Keys", Some(Key::Questionmark)),
    plain("close", "Close", Some(Key::Escape)),
    plain("copy-link", "Copy the link to this", Some(Key::U)),
    with(
        "export",
        "Save",
        "config, checkpoint, checkpoint-left, checkpoint-right, csv, surface or png",
        crate::files::KINDS,
    ),
    plain("open", "Open a file", Some(Key::O)),
    plain("command-line", "Copy the command line that does the same", None),
    plain("theme", "Dark, light or as the system", None),
];

impl Command {
    /// The command of this name.
    ///
    /// # Errors
    /// A sentence that says which commands there are, or what the argument should be.
    pub fn parse(name: &str, argument: &str) -> Result<Self, String> {
        let argument = argument.trim();
        let Some(spec) = COMMANDS.iter().find(|spec| spec.name == name) else {
            let names: Vec<&str> = COMMANDS.iter().map(|spec| spec.name).collect();
            return Err(crate::text::messages::no_command(name, &names));
        };
        let wrong = || {
            let hint = spec.argument.unwrap_or("nothing");
            crate::text::messages::no_argument(name, hint, argument)
        };
        if spec.argument.is_none() && !argument.is_empty() {
            return Err(wrong());
        }
        let numbers = |count: usize| -> Result<Vec<f32>, String> {
            let list: Result<Vec<f32>, _> = argument.split(',').map(|n| n.trim().parse()).collect();
            list.ok().filter(|l| l.len() == count && l.iter().all(|n: &f32| n.is_finite())).ok_or_else(wrong)
        };
        let index = |n: f32| (n >= 0.0 && n.fract() == 0.0).then_some(n as usize).ok_or_else(wrong);
        Ok(match name {
            "toggle-play" => Self::TogglePlay,
            "play" => Self::Play,
            "pause" => Self::Pause,
            "step" => Self::Step,
            "restart" => Self::Restart,
            "slow-motion" => Self::SlowMotion,
            "slow-play" => Self::SlowPlay,
            "slow-next" => Self::SlowPart(1),
            "slow-back" => Self::SlowPart(-1),
            "dice" => Self::Dice,
            "preset" => Self::Preset(argument.into()),
            "set" => {
                let (key, value) = argument.split_once('=').ok_or_else(wrong)?;
                Self::Set(key.trim().replace('-', "_"), value.trim().into())
            }
            "reset" => Self::Reset(argument.replace('-', "_")),
            "focus" => Self::Focus(match argument {
                "left" | "0" => 0,
                "right" | "1" => 1,
                _ => return Err(wrong()),
            }),
            "plane" => Self::Plane(PlaneKind::parse(argument).ok_or_else(wrong)?),
            "contour" => Self::ToggleContour,
            "log-height" => Self::ToggleLogHeight,
            "reset-camera" => Self::ResetCamera,
            "orbit" => {
                let n = numbers(2)?;
                Self::Orbit(n[0], n[1])
            }
            "zoom" => Self::Zoom(numbers(1)?[0].clamp(0.1, 10.0)),
            "axis" => Self::Axis(Axis::parse(argument).ok_or_else(wrong)?),
            "smoothing" => Self::Smoothing(numbers(1)?[0].clamp(0.0, 0.99)),
            "plot" => {
                let (place, plot) = argument.split_once(',').ok_or_else(wrong)?;
                let place = ["upper", "lower"].iter().position(|name| *name == place.trim()).ok_or_else(wrong)?;
                Self::Plot(place, Plot::parse(plot.trim()).ok_or_else(wrong)?)
            }
            "train-map" if argument == "stop" => Self::TrainMap(None),
            "train-map" => {
                let steps = argument.parse().ok().filter(|steps| (1..=1_000_000).contains(steps));
                Self::TrainMap(Some(steps.ok_or_else(wrong)?))
            }
            "rescale" => {
                let (side, factor) = argument.split_once(',').ok_or_else(wrong)?;
                let side = ["left", "right"].iter().position(|name| *name == side.trim()).ok_or_else(wrong)?;
                let factor = factor.trim().parse().ok().filter(|f: &f32| (0.01..=100.0).contains(f));
                Self::Rescale(side, factor.ok_or_else(wrong)?)
            }
            "open-run" if !argument.is_empty() => Self::OpenRun(argument.into()),
            "choose-run" => Self::ChooseRun,
            "close-run" => Self::CloseRun(index(numbers(1)?[0])?),
            "train-run" => Self::TrainRun(index(numbers(1)?[0])?),
            "close-result" => Self::CloseResult(index(numbers(1)?[0])?),
            "log-loss" => Self::ToggleLogLoss,
            "present" => Self::Scrub(None),
            "scrub" if argument.is_empty() => Self::Scrub(None),
            "scrub" => Self::Scrub(Some(argument.parse().map_err(|_| wrong())?)),
            "test-points" => Self::ToggleTestPoints,
            "add-point" => {
                let n = numbers(3)?;
                Self::AddPoint([n[0], n[1]], index(n[2])? as u16)
            }
            "move-point" => {
                let n = numbers(3)?;
                Self::MovePoint(index(n[0])?, [n[1], n[2]])
            }
            "remove-point" => Self::RemovePoint(index(numbers(1)?[0])?),
            "clear-edits" => Self::ClearEdits,
            "class" => Self::Class(index(numbers(1)?[0])? as u16),
            "full-speed" => Self::ToggleSpeed,
            "show" => Self::Layer(Layer::parse(argument).ok_or_else(wrong)?),
            "palette" => Self::Layer(Layer::Palette),
            "keys" => Self::Layer(Layer::Keys),
            "close" => Self::Close,
            "copy-link" => Self::CopyLink,
            "export" if crate::files::KINDS.contains(&argument) => Self::Export(argument.into()),
            "open" => Self::Open,
            "command-line" => Self::CopyCommandLine,
            "theme" => Self::NextTheme,
            _ => return Err(wrong()),
        })
    }
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
