//! The app for eframe: one frame after the other.

use crate::command::{COMMANDS, Command, MORE_KEYS};
use crate::engine::Engine;
use crate::panels::{self, Scene};
use crate::remote::Files;
use crate::state::State;
use crate::{keep, share, tokens};
use egui::{Align, Layout, Rect, ScrollArea, Stroke, Theme, Ui, UiBuilder, vec2};
use egui_wgpu::RenderState;
use lowland::config::Config;
use std::rc::Rc;

/// How the app begins.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// The link's part behind `#`, or nothing for the opening duel.
    pub link: String,
    /// The configuration, where it is not the link's.
    pub config: Option<Config>,
    /// Whether the adapter computes on the CPU, where the shell knows and the adapter does not.
    pub software: Option<bool>,
    /// What the adapter is called, where the shell knows and wgpu does not.
    pub adapter: String,
    /// What [`App::snapshot`] kept, to go on from; it has its own link.
    pub snapshot: Option<Vec<u8>>,
    /// Whether nothing may move by itself, as the system asks.
    pub still: bool,
    /// What stands before `#` in links that are copied: the page's address.
    pub address: String,
}

/// The whole app.
pub struct App {
    pub(crate) state: State,
    pub(crate) engine: Engine,
    pub(crate) context: egui::Context,
    pub(crate) files: Files,
    pub(crate) address: String,
    commands: Vec<Command>,
    ground_pixels: [u32; 2],
}

impl App {
    /// An app on egui's device.
    pub fn new(context: &egui::Context, render: RenderState, start: Start) -> Self {
        tokens::install(context);
        let mut engine = Engine::new(render, start.software, &start.adapter);
        let mut state = State::new();
        match start.snapshot.as_deref().map(keep::read) {
            None => {
                state.follow(share::parse(&start.link));
                if let Some(config) = start.config {
                    state.take(config);
                }
            }
            Some(Ok(kept)) => {
                state.follow(kept.link);
                if let Some(snapshot) = kept.snapshot {
                    state.curves = kept.curves;
                    engine.resume(&state, Rc::new(snapshot));
                }
            }
            Some(Err(error)) => {
                state.follow(share::parse(&start.link));
                state.warn(error);
            }
        }
        let mut app = Self {
            state,
            engine,
            context: context.clone(),
            files: Files::default(),
            address: start.address,
            commands: Vec::new(),
            ground_pixels: [640, 420],
        };
        app.set_still(start.still);
        app
    }

    /// What is asked for and shown.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The same, to change it.
    pub fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// What is on the device.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The same, for tests of its parts.
    #[cfg(test)]
    pub(crate) fn engine_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// Does a command by its name, as menu and keys do.
    ///
    /// # Errors
    /// A sentence that says what was wrong and what there is.
    pub fn command(&mut self, name: &str, argument: &str) -> Result<(), String> {
        let command = Command::parse(name, argument)?;
        if let Some(asked) = self.state.execute(command, &mut self.engine)? {
            self.outside(asked);
        }
        self.context.request_repaint();
        Ok(())
    }

    /// A frame.
    pub fn frame(&mut self, ui: &mut Ui) {
        let theme = ui.ctx().theme();
        self.keys(ui.ctx());
        for command in std::mem::take(&mut self.commands) {
            match self.state.execute(command, &mut self.engine) {
                Ok(None) => {}
                Ok(Some(asked)) => self.outside(asked),
                Err(text) => self.state.warn(text),
            }
        }
        self.tick_files();
        self.state.expire();
        self.engine.look(self.ground_pixels);
        self.engine.tick(&mut self.state, theme);
        self.draw(ui, theme);
        if !self.commands.is_empty() {
            ui.ctx().request_repaint();
        }
        if self.state.playing || self.engine.has_work(&self.state) || self.state.slow.is_some() {
            ui.ctx().request_repaint_after(self.engine.frame_interval());
        }
    }

    /// Commands by their keys, unless something is being typed; what has the focus keeps the keys that it knows.
    fn keys(&mut self, context: &egui::Context) {
        let typing = context.egui_wants_keyboard_input();
        let focused = context.memory(|memory| memory.focused().is_some());
        let plain = COMMANDS.iter().filter_map(|spec| Some((spec.key?, spec.name, "")));
        // Keys with more modifiers come first: egui takes a key with Shift for the one without, too.
        let keys = MORE_KEYS.iter().map(|more| (more.key, more.command.0, more.command.1)).chain(plain);
        for (key, name, argument) in keys {
            let own = focused && matches!(key.logical_key, egui::Key::Space | egui::Key::Enter);
            if own || typing && !key.modifiers.command {
                continue;
            }
            if context.input_mut(|input| input.consume_shortcut(&key)) {
                self.commands.extend(Command::parse(name, argument));
            }
        }
        // Typing in the palette's field is left with the same key as everything that is open.
        if typing && !self.state.layers.is_empty() {
            let close = context.input_mut(|input| input.consume_key(egui::Modifiers::NONE, egui::Key::Escape));
            self.commands.extend(close.then_some(Command::Close));
        }
    }

    fn draw(&mut self, ui: &mut Ui, theme: Theme) {
        let whole = ui.max_rect();
        let narrow = whole.width() < tokens::NARROW;
        let mut scene = Scene {
            state: &self.state,
            engine: &self.engine,
            theme,
            colors: tokens::colors(theme),
            narrow,
            commands: &mut self.commands,
            ground_pixels: &mut self.ground_pixels,
        };
        let mut ui = ui.new_child(UiBuilder::new().max_rect(whole.shrink2(vec2(tokens::PAD, tokens::GAP))));
        if narrow {
            narrow_ui(&mut ui, &mut scene);
        } else {
            wide_ui(&mut ui, &mut scene);
        }
        panels::table_ui(&mut ui, &mut scene);
        panels::map_ui(&mut ui, &mut scene);
        panels::meter_ui(&mut ui, &mut scene);
        panels::runs_ui(&mut ui, &mut scene);
        panels::results_ui(&mut ui, &mut scene);
        panels::layers_ui(&mut ui, &mut scene);
        panels::messages_ui(&mut ui, &mut scene);
        if ui.input(|input| !input.raw.hovered_files.is_empty()) {
            panels::drop_ui(&mut ui, &scene);
        }
    }
}

/// Boundaries and curves on the left, the ground on the right, controls below.
fn wide_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    /// Height of the controls and the status line.
    const BELOW: f32 = 84.0;
    panels::top_bar_ui(ui, scene);
    panels::sentence_ui(ui, scene);
    let (middle, below) = ui.available_rect_before_wrap().split_top_bottom_at_y(ui.max_rect().bottom() - BELOW);
    let middle = middle.with_max_y(middle.bottom() - tokens::GAP);
    let (left, right) = middle.split_left_right_at_fraction(0.45);
    let column =
        |ui: &mut Ui, rect: Rect| ui.new_child(UiBuilder::new().max_rect(rect).layout(Layout::top_down(Align::Min)));
    let mut left = column(ui, left.with_max_x(left.right() - 0.5 * tokens::GAP));
    panels::fields_ui(&mut left, scene);
    panels::curves_ui(&mut left, scene);
    let mut right = column(ui, right.with_min_x(right.left() + 0.5 * tokens::GAP));
    panels::ground_ui(&mut right, scene);
    let line = Stroke::new(1.0, scene.colors.edge);
    let whole = ui.max_rect().expand2(vec2(tokens::PAD, 0.0));
    ui.painter().hline(whole.x_range(), below.top(), line);
    panels::controls_ui(&mut column(ui, below.with_min_y(below.top() + tokens::GAP)), scene);
    let mut corner = ui.new_child(
        UiBuilder::new()
            .max_rect(below.with_min_y(below.bottom() - 16.0).with_min_x(below.left() + 240.0))
            .layout(Layout::right_to_left(Align::Center)),
    );
    panels::status_ui(&mut corner, scene);
}

/// One column for fingers; what is pressed most is at the bottom.
fn narrow_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    ui.spacing_mut().interact_size.y = tokens::TOUCH;
    ui.spacing_mut().button_padding.x = 14.0;
    let whole = ui.max_rect();
    let bar = tokens::TOUCH + tokens::GAP;
    let (above, below) = whole.split_top_bottom_at_y(whole.bottom() - bar);
    let mut above = ui.new_child(UiBuilder::new().max_rect(above));
    panels::narrow_bar_ui(&mut above, scene);
    ScrollArea::vertical().auto_shrink(false).show(&mut above, |ui| {
        panels::sentence_ui(ui, scene);
        panels::fields_ui(ui, scene);
        let width = ui.available_width();
        let part = |ui: &mut Ui, height: f32| {
            let (rect, _) = ui.allocate_exact_size(vec2(width, height), egui::Sense::hover());
            ui.new_child(UiBuilder::new().max_rect(rect).layout(Layout::top_down(Align::Min)))
        };
        panels::ground_ui(&mut part(ui, panels::GROUND_COLUMN), scene);
        panels::curves_ui(&mut part(ui, 380.0), scene);
        panels::narrow_controls_ui(ui, scene);
        panels::status_ui(ui, scene);
        ui.label(egui::RichText::new(crate::text::bar::BATTERY).small().color(scene.colors.quiet));
    });
    ui.painter().hline(whole.expand(tokens::PAD).x_range(), below.top(), Stroke::new(1.0, scene.colors.edge));
    let mut below = ui.new_child(UiBuilder::new().max_rect(below.with_min_y(below.top() + tokens::GAP)));
    panels::thumb_bar_ui(&mut below, scene);
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("state", &self.state).field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl eframe::App for App {
    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.frame(ui);
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        let colors = tokens::colors(if visuals.dark_mode { Theme::Dark } else { Theme::Light });
        let ground = if self.engine.gpu().is_software() { colors.card } else { colors.ground };
        ground.to_normalized_gamma_f32()
    }

    #[cfg(target_arch = "wasm32")]
    fn as_any_mut(&mut self) -> Option<&mut dyn std::any::Any> {
        Some(self)
    }
}
