//! The window around the app: flags, dialogs, what is kept for after a crash.

mod autosave;
mod flags;
mod go_on;
mod still;
mod window;

use autosave::Autosave;
use clap::{CommandFactory as _, FromArgMatches as _};
use eframe::egui;
use egui_wgpu::WgpuConfiguration;
use flags::Args;
use lowland::Result;
use lowland_app::dialogs::{self, Answer};
use lowland_app::window_text as text;
use lowland_app::{App, Job, Wish};
use std::process::ExitCode;

/// Opens the window; returns when it is closed.
pub fn main() -> ExitCode {
    env_logger::Builder::new().filter_level(log::LevelFilter::Warn).parse_default_env().init();
    let matches = Args::command().get_matches();
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let refuse = |message: String| {
        eprintln!("{}", text::refused(message));
        ExitCode::from(2)
    };
    let start = match flags::start(&args, &matches) {
        Ok(start) => start,
        Err(error) => return refuse(error.to_string()),
    };
    let start = lowland_app::Start { still: still::wanted(), ..start };
    let (autosave, left) = Autosave::open();
    let left = left.filter(|_| !args.go_on);
    let create = move |context: &eframe::CreationContext<'_>| {
        let render = context.wgpu_render_state.clone().ok_or(text::NO_DEVICE)?;
        let mut app = App::new(&context.egui_ctx, render, start);
        args.files.iter().for_each(|file| app.open_path(file));
        Ok(Box::new(Shell { app, autosave, left, saving: Vec::new(), opening: None }) as Box<dyn eframe::App>)
    };
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title(lowland_app::NAME)
            .with_app_id("lowland")
            .with_inner_size([1280.0, 800.0])
            .with_min_inner_size([360.0, 480.0])
            .with_icon(window::icon()),
        wgpu_options: WgpuConfiguration {
            wgpu_setup: window::setup(matches.get_one("adapter").cloned()),
            ..Default::default()
        },
        ..Default::default()
    };
    match eframe::run_native("lowland", options, Box::new(create)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(eframe::Error::Wgpu(error)) => refuse(text::not_drawn(error)),
        Err(eframe::Error::WinitEventLoop(error)) => refuse(text::no_window(error)),
        Err(error) => {
            eprintln!("{}", text::ended(error));
            ExitCode::FAILURE
        }
    }
}

/// A file on its way to where a dialog says.
struct Saving {
    name: String,
    bytes: Vec<u8>,
    dialog: Job<Answer<rfd::FileHandle>>,
}

/// The app with what the window adds.
struct Shell {
    app: App,
    autosave: Autosave,
    /// What an app that was not closed left to go on from.
    left: Option<Vec<u8>>,
    saving: Vec<Saving>,
    opening: Option<Job<Answer<Vec<rfd::FileHandle>>>>,
}

impl eframe::App for Shell {
    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        if self.app.engine().is_lost() {
            self.go_on_elsewhere();
        }
        self.app.frame(ui);
        for wish in self.app.take_wishes() {
            match wish {
                Wish::Save { name, bytes } => {
                    let dialog = dialogs::ask(rfd::AsyncFileDialog::new().set_file_name(&name).save_file());
                    self.saving.push(Saving { name, bytes, dialog });
                }
                Wish::Open => self.opening = Some(dialogs::ask(rfd::AsyncFileDialog::new().pick_files())),
            }
        }
        self.dialogs(ui.ctx());
        self.ask_to_go_on(ui.ctx(), frame);
        let app = &self.app;
        if let Some(trouble) = self.autosave.tick(|| app.snapshot()) {
            self.app.state_mut().warn(trouble);
        }
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        self.app.clear_color(visuals)
    }

    fn on_exit(&mut self) {
        if !self.app.engine().is_lost() {
            self.autosave.forget();
        }
    }
}

impl Shell {
    /// What dialogs came to.
    fn dialogs(&mut self, context: &egui::Context) {
        let mut saved: Vec<Result<String>> = Vec::new();
        self.saving.retain_mut(|saving| {
            let Some(answer) = saving.dialog.poll() else { return true };
            let (path, asked) = match answer {
                Answer::Chosen(file) => (file.path().to_owned(), true),
                Answer::Impossible => {
                    (dialogs::unused(&std::env::current_dir().unwrap_or_default(), &saving.name), false)
                }
                Answer::Left => return false,
            };
            let written = lowland::run::write_atomically(&path, &saving.bytes);
            let shown = path.display();
            saved.push(written.map(|()| if asked { text::written(shown) } else { text::written_here(shown) }));
            false
        });
        for outcome in saved {
            match outcome {
                Ok(said) => self.app.state_mut().say(said),
                Err(error) => self.app.state_mut().warn(error.to_string()),
            }
        }
        if let Some(answer) = self.opening.as_mut().and_then(Job::poll) {
            self.opening = None;
            match answer {
                Answer::Chosen(files) => files.iter().for_each(|file| self.app.open_path(file.path())),
                Answer::Impossible => self.app.state_mut().warn(text::NO_DIALOG),
                Answer::Left => {}
            }
        }
        if self.opening.is_some() || !self.saving.is_empty() {
            context.request_repaint_after(std::time::Duration::from_millis(50));
        }
    }
}
