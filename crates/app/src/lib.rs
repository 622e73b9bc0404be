//! The app: SAM and SGD side by side, live, as a window and as a page.
//!
//! ```text
//!            keys, menu, palette, URL, page's script
//!                         |
//!                      Command  ------> execute ------> State (what is asked for and what is shown)
//!                                                          |
//! panels (one file each) <---- State + Engine <---- Engine::tick, once a frame: trains, draws, measures
//! ```
//!
//! - [`Command`] is every action there is, by name. Nothing else changes what the app does.
//! - [`State`] is all that the host knows: configuration, what is on screen, the curves.
//! - [`Engine`] owns what is on the device: the duel that is trained, its history, and the pictures of it. It never waits:
//!   work that takes longer than a frame is a future that each frame polls once.
//! - `panels` draw; a panel is a function of state and engine that returns the commands that were asked for.
//! - [`App`] ties them together for eframe; the window's and the page's entries are shells around it.

mod app;
mod bands;
mod command;
mod curves;
pub mod dialogs;
mod dropped;
mod engine;
mod execute;
mod files;
mod keep;
mod panels;
mod plots;
mod presets;
mod remote;
mod results;
mod runs;
mod settings;
mod share;
mod state;
mod table;
mod text;
mod tokens;

pub use app::{App, Start};
pub use command::{COMMANDS, Command, Spec};
pub use curves::{Curves, Quantity};
pub use engine::{Engine, Ground, Job, Line, Numbers, Sharpness, SharpnessMeter, Side, Slow, Surface, What};
pub use plots::Plot;
pub use presets::PRESETS;
pub use remote::Wish;
pub use results::{Kind, Measurement};
pub use settings::{Change, SETTINGS, Setting};
pub use share::{Link, parse as parse_link};
pub use state::{Axis, Layer, PlaneKind, State};
pub use text::{NAME, window as window_text};
