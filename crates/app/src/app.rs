//! The app for eframe: one frame after the other.

use crate::command::{COMMANDS, Command};
use crate::engine::Engine;
use crate::panels::{self, Scene};
use crate::remote::Files;
use crate::state::State;
use crate::{keep, share, tokens};
use egui::{Theme, Ui};
use egui_wgpu::RenderState;
use std::rc::Rc;

/// How the app begins.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// The link's part behind `#`, or nothing for the opening duel.
    pub link: String,
    /// Whether the adapter computes on the CPU, where the shell knows and the adapter does not.
    pub software: Option<bool>,
    /// What [`App::snapshot`] kept, to go on from; it has its own link.
    pub snapshot: Option<Vec<u8>>,
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
        let mut engine = Engine::new(render, start.software);
        let mut state = State::new();
        match start.snapshot.as_deref().map(keep::read) {
            None => state.follow(share::parse(&start.link)),
            Some(Ok((link, snapshot))) => {
                state.follow(link);
                if let Some(snapshot) = snapshot {
                    engine.resume(&state, Rc::new(snapshot));
                }
            }
            Some(Err(error)) => {
                state.follow(share::parse(&start.link));
                state.warn(error);
            }
        }
        Self {
            state,
            engine,
            context: context.clone(),
            files: Files::default(),
            address: start.address,
            commands: Vec::new(),
            ground_pixels: [640, 420],
        }
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
        self.engine.tick(&mut self.state, theme);
        self.draw(ui, theme);
        if self.state.playing || self.engine.has_work(&self.state) || self.state.slow.is_some() {
            ui.ctx().request_repaint_after(self.engine.frame_interval());
        }
    }

    /// Commands by their keys, unless something is being typed.
    fn keys(&mut self, context: &egui::Context) {
        let typing = context.egui_wants_keyboard_input();
        for spec in COMMANDS {
            let Some(key) = spec.key.filter(|key| !typing || key.modifiers.any()) else { continue };
            if context.input_mut(|input| input.consume_shortcut(&key)) {
                self.commands.extend(Command::parse(spec.name, ""));
            }
        }
    }

    fn draw(&mut self, ui: &mut Ui, theme: Theme) {
        let mut scene = Scene {
            state: &self.state,
            engine: &self.engine,
            theme,
            colors: tokens::colors(theme),
            commands: &mut self.commands,
            ground_pixels: &mut self.ground_pixels,
        };
        let whole = ui.max_rect();
        let mut ui = ui.new_child(egui::UiBuilder::new().max_rect(whole.shrink(tokens::PAD)));
        let ui = &mut ui;
        panels::top_bar_ui(ui, &mut scene);
        panels::sentence_ui(ui, &mut scene);
        if whole.width() < tokens::NARROW {
            egui::ScrollArea::vertical().show(ui, |ui| {
                panels::fields_ui(ui, &mut scene);
                panels::ground_ui(ui, &mut scene);
                panels::curves_ui(ui, &mut scene);
                panels::controls_ui(ui, &mut scene);
                panels::status_ui(ui, &mut scene);
            });
        } else {
            const BELOW: f32 = 92.0;
            let height = ui.available_height() - BELOW;
            ui.horizontal_top(|ui| {
                let left = 0.44 * ui.available_width();
                ui.allocate_ui(egui::vec2(left, height), |ui| {
                    ui.vertical(|ui| {
                        panels::fields_ui(ui, &mut scene);
                        panels::curves_ui(ui, &mut scene);
                    });
                });
                ui.vertical(|ui| {
                    ui.set_height(height);
                    panels::ground_ui(ui, &mut scene);
                });
            });
            panels::controls_ui(ui, &mut scene);
            panels::status_ui(ui, &mut scene);
        }
        panels::layers_ui(ui, &mut scene);
        panels::messages_ui(ui, &mut scene);
    }
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
        visuals.panel_fill.to_normalized_gamma_f32()
    }

    #[cfg(target_arch = "wasm32")]
    fn as_any_mut(&mut self) -> Option<&mut dyn std::any::Any> {
        Some(self)
    }
}
