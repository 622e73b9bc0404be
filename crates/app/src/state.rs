//! What the host knows: what is asked for, what is on screen, and what has been measured.

use crate::curves::{Curves, Quantity};
use crate::dropped::Dropped;
use crate::engine::{Start, Weights};
use crate::plots::Plot;
use crate::results::Measurement;
use crate::runs::Runs;
use crate::share::Link;
use lowland::config::Config;
use lowland::probe::Normalisation;
use std::rc::Rc;
use web_time::{Duration, Instant};

/// What is asked for and what is shown.
#[derive(Clone, Debug)]
pub struct State {
    /// What is trained.
    pub config: Config,
    /// Changes of the training points, in order.
    pub edits: Vec<Edit>,
    /// The weights that both sides begin at, where they come from a file.
    pub weights: Option<Rc<Weights>>,
    /// What is on screen.
    pub view: View,
    /// Whether training goes on.
    pub playing: bool,
    /// Steps that were asked for one by one.
    pub single_steps: u64,
    /// The step that is looked back at.
    pub scrub: Option<u64>,
    /// What lies over the panels.
    pub layers: Vec<Layer>,
    /// The palette's or the settings' search text.
    pub search: String,
    /// What was measured.
    pub curves: Curves,
    /// Run folders that are open beside it.
    pub runs: Runs,
    /// Measurements of `lowland probe` that are open.
    pub results: Vec<Measurement>,
    /// Data in files that wait for others of their set.
    pub dropped: Dropped,
    /// What the app has to say, newest last.
    pub messages: Vec<Message>,
    /// The settings a lesson's link hides; `*` hides all.
    pub hidden: Vec<String>,
    /// Where slow motion stands.
    pub slow: Option<SlowMotion>,
    /// Whether nothing may move by itself, as the system or the person asks.
    pub still: bool,
}

/// A change of the training points.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Edit {
    /// A point more, at the end.
    Add([f32; 2], u16),
    /// Point i elsewhere.
    Move(usize, [f32; 2]),
    /// Point i gone.
    Remove(usize),
}

/// What is on screen; all of it is in the link.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The plane of the surface.
    pub plane: PlaneKind,
    /// Seed of a random plane.
    pub plane_seed: u32,
    /// Whether the surface is a map seen from above.
    pub contour: bool,
    /// Whether height is the logarithm of the loss.
    pub log_height: bool,
    /// Degrees that the camera is turned.
    pub azimuth: f32,
    /// Degrees above the horizon.
    pub elevation: f32,
    /// Magnification.
    pub zoom: f32,
    /// What the curves are over.
    pub axis: Axis,
    /// How much curves are smoothed, 0 to 0.99.
    pub smoothing: f32,
    /// What the upper and the lower plot show.
    pub plots: [Plot; 2],
    /// Whether losses and norms are plotted by their logarithm.
    pub log_loss: bool,
    /// Whether test points are shown.
    pub test_points: bool,
    /// The side that is looked at alone.
    pub focus: Option<usize>,
    /// The class of a point that a click adds.
    pub class: u16,
    /// Steps a second at most; nothing for as fast as it goes.
    pub speed: Option<f32>,
}

impl Default for View {
    fn default() -> Self {
        Self {
            plane: PlaneKind::Points,
            plane_seed: 0,
            contour: false,
            log_height: true,
            azimuth: 35.0,
            elevation: 38.0,
            zoom: 1.0,
            axis: Axis::Gradients,
            smoothing: 0.0,
            plots: [Plot::TestAccuracy, Plot::WrongLabels],
            log_loss: true,
            test_points: false,
            focus: None,
            class: 0,
            speed: Some(WATCHABLE),
        }
    }
}

/// Steps a second at which a race of points can be followed by eye.
pub const WATCHABLE: f32 = 250.0;

/// A plane of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaneKind {
    /// Through the start and both present points.
    Points,
    /// Two random directions, each filter as long as the network's own.
    Random,
    /// Two random directions, each layer as long as the network's own.
    Layers,
    /// Two random directions of length 1.
    Plain,
    /// The two main directions of the paths.
    Pca,
    /// The eigenvectors of each side's Hessian with the two largest eigenvalues.
    Hessian,
}

impl PlaneKind {
    /// How long its directions are, of random ones.
    pub fn normalisation(self) -> Option<Normalisation> {
        match self {
            Self::Random => Some(Normalisation::Filter),
            Self::Layers => Some(Normalisation::Layer),
            Self::Plain => Some(Normalisation::None),
            Self::Points | Self::Pca | Self::Hessian => None,
        }
    }
}

/// What the curves are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Steps.
    Steps,
    /// Gradient evaluations: SAM pays two a step.
    Gradients,
    /// Seconds of training.
    Seconds,
}

/// Something that lies over the panels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// All commands.
    Palette,
    /// All keys.
    Keys,
    /// All settings.
    Settings,
    /// The map of rho and learning rate.
    Map,
    /// The sharpness meter.
    Meter,
    /// Run folders.
    Runs,
    /// Measurements of `lowland probe`.
    Results,
    /// The numbers as a table.
    Table,
    /// Version, adapter, licence.
    About,
}

/// Names of an enum in commands and links.
macro_rules! names {
    ($kind:ident, $($variant:ident = $name:literal),+) => {
        impl $kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
            /// Its name in commands and links.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
            /// The one of this name.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}
names!(
    PlaneKind,
    Points = "points",
    Random = "random",
    Layers = "random-layer",
    Plain = "random-plain",
    Pca = "pca",
    Hessian = "hessian"
);
names!(Axis, Steps = "steps", Gradients = "gradients", Seconds = "seconds");
names!(
    Layer,
    Palette = "palette",
    Keys = "keys",
    Settings = "settings",
    Map = "map",
    Meter = "meter",
    Runs = "runs",
    Results = "results",
    Table = "table",
    About = "about"
);

/// A sentence for the person, shown for a while or until it is closed.
#[derive(Clone, Debug)]
pub struct Message {
    /// The sentence.
    pub text: String,
    /// Whether something went wrong.
    pub warning: bool,
    /// When it was said.
    pub since: Instant,
}

/// Where slow motion stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlowMotion {
    /// When it began, or was last moved on.
    pub since: Instant,
    /// The part of the step: 0 gradient, 1 normalise, 2 climb, 3 second gradient, 4 come back, 5 descend.
    pub part: usize,
    /// How much of the part is over, 0 to 1.
    pub done: f32,
    /// Whether it moves on by itself.
    pub running: bool,
}

impl SlowMotion {
    /// How long a part takes.
    const PART: Duration = Duration::from_millis(1900);

    /// Runs, or holds.
    pub fn toggle(&mut self) {
        (self.running, self.since) = (!self.running, Instant::now());
    }

    /// Goes `by` parts on, round and round, and holds there with the part done.
    pub fn go(&mut self, by: i32) {
        const PARTS: i32 = crate::engine::PARTS as i32;
        self.part = (self.part as i32 + by).rem_euclid(PARTS) as usize;
        (self.done, self.running) = (1.0, false);
    }

    /// Moves on by itself.
    pub fn pass(&mut self) {
        let seconds = std::mem::replace(&mut self.since, Instant::now()).elapsed();
        if !self.running {
            return;
        }
        // A frame that took long is not jumped over.
        self.done += seconds.as_secs_f32().min(0.2) / Self::PART.as_secs_f32();
        if self.done >= 1.0 {
            (self.part, self.done) = ((self.part + 1) % crate::engine::PARTS, 0.0);
        }
    }
}

impl State {
    /// The opening duel.
    pub fn new() -> Self {
        let start = crate::presets::opening();
        Self::of(start)
    }

    /// What a configuration asks for.
    pub fn of(start: Start) -> Self {
        Self {
            config: start.config,
            edits: start.edits,
            weights: start.weights,
            view: View::default(),
            playing: true,
            single_steps: 0,
            scrub: None,
            layers: Vec::new(),
            search: String::new(),
            curves: Curves::default(),
            runs: Runs::default(),
            results: Vec::new(),
            dropped: Dropped::default(),
            messages: Vec::new(),
            hidden: Vec::new(),
            slow: None,
            still: false,
        }
    }

    /// What to train.
    pub fn start(&self) -> Start {
        Start { config: self.config.clone(), edits: self.edits.clone(), weights: self.weights.clone() }
    }

    /// Asks for `start`.
    pub fn begin_at(&mut self, start: Start) {
        (self.config, self.edits, self.weights) = (start.config, start.edits, start.weights);
    }

    /// Goes where a link points; what it could not say becomes messages.
    pub fn follow(&mut self, link: Link) {
        self.take(link.config);
        (self.edits, self.view, self.hidden) = (link.edits, link.view, link.hidden);
        self.playing = !link.paused;
        self.scrub = None;
        link.problems.into_iter().for_each(|problem| self.warn(problem));
    }

    /// Says something.
    pub fn say(&mut self, text: impl Into<String>) {
        self.message(text.into(), false);
    }

    /// Says that something went wrong.
    pub fn warn(&mut self, text: impl Into<String>) {
        self.message(text.into(), true);
    }

    fn message(&mut self, text: String, warning: bool) {
        self.messages.retain(|message| message.text != text);
        self.messages.push(Message { text, warning, since: Instant::now() });
        let over = self.messages.len().saturating_sub(4);
        self.messages.drain(..over);
    }

    /// Forgets what has been on screen long enough.
    pub fn expire(&mut self) {
        const SHOWN: Duration = Duration::from_secs(6);
        self.messages.retain(|message| message.warning || message.since.elapsed() < SHOWN);
    }

    /// The value of a lane that is on screen: at the step that is looked back at, or the newest.
    pub fn shown(&self, lane: usize, quantity: Quantity) -> Option<f32> {
        let point = match self.scrub {
            Some(step) => self.curves.at(lane, quantity, step),
            None => self.curves.last(lane, quantity),
        };
        point.map(|point| point.value)
    }

    /// Whether a control of this key is hidden by a lesson's link.
    pub fn hides(&self, key: &str) -> bool {
        self.hidden.iter().any(|hidden| hidden == key || hidden == "*")
    }

    /// Whether `layer` is open.
    pub fn shows(&self, layer: Layer) -> bool {
        self.layers.contains(&layer)
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}
