//! The panels: one file each, each a function that draws from state and engine and asks for commands.

mod controls;
mod curves;
mod examples;
mod fields;
mod ground;
mod icons;
mod layers;
mod line;
mod map;
mod messages;
mod meter;
mod results;
mod runs;
mod setting;
mod slow;
mod status;
mod table;
mod top_bar;

pub use controls::{controls_ui, narrow_controls_ui};
pub use curves::curves_ui;
use examples::examples_ui;
pub use fields::fields_ui;
pub use ground::{GROUND_COLUMN, ground_ui};
pub use layers::layers_ui;
pub use map::map_ui;
pub use messages::{drop_ui, messages_ui};
pub use meter::meter_ui;
pub use results::results_ui;
pub use runs::runs_ui;
pub use status::status_ui;
pub use table::table_ui;
pub use top_bar::{narrow_bar_ui, sentence_ui, thumb_bar_ui, top_bar_ui};

use crate::command::Command;
use crate::engine::Engine;
use crate::state::State;
use crate::tokens::{self, Colors};
use egui::{Color32, Theme};

/// What a panel sees, and where it leaves what it asks for.
pub struct Scene<'a> {
    /// What is asked for and what has been measured.
    pub state: &'a State,
    /// What is on the device.
    pub engine: &'a Engine,
    /// The theme.
    pub theme: Theme,
    /// Its colours.
    pub colors: &'static Colors,
    /// Whether there is one column, for fingers.
    pub narrow: bool,
    /// Commands that were asked for in this frame.
    pub commands: &'a mut Vec<Command>,
    /// The size in pixels that the picture of the ground should have.
    pub ground_pixels: &'a mut [u32; 2],
}

impl Scene<'_> {
    /// Asks for a command.
    pub fn ask(&mut self, command: Command) {
        self.commands.push(command);
    }

    /// The colour of a side: 0 left, 1 right, 2 the third.
    pub fn side_color(&self, side: usize) -> Color32 {
        [self.colors.left, self.colors.right, self.colors.third][side.min(2)]
    }

    /// The frame of a card. On a software adapter it has no ground of its own: filling pixels is what a frame costs there, and
    /// the window is cleared with the cards' colour.
    pub fn card(&self) -> egui::Frame {
        let card = tokens::card(self.theme);
        if self.engine.gpu().is_software() { card.fill(Color32::TRANSPARENT) } else { card }
    }

    /// The frame of what lies over the panels.
    pub fn sheet(&self) -> egui::Frame {
        tokens::card(self.theme)
    }
}
