//! Going on where the app stood: after a crash, and after the loss of the device.

use super::Shell;
use eframe::egui;
use lowland_app::window_text as text;
use lowland_app::{App, Start};

impl Shell {
    /// After a crash: asks whether to go on where it stood.
    pub fn ask_to_go_on(&mut self, context: &egui::Context, frame: &eframe::Frame) {
        if self.left.is_none() {
            return;
        }
        let window = egui::Window::new(text::GO_ON_TITLE).collapsible(false).resizable(false);
        window.anchor(egui::Align2::CENTER_CENTER, [0.0, 0.0]).show(context, |ui| {
            ui.label(text::GO_ON_QUESTION);
            ui.horizontal(|ui| {
                if ui.button(text::GO_ON).clicked() {
                    let start = Start { snapshot: self.left.take(), ..Start::default() };
                    if let Some(render) = frame.wgpu_render_state() {
                        self.app = App::new(context, render.clone(), start);
                    }
                }
                if ui.button(text::START_ANEW).clicked() {
                    self.left = None;
                }
            });
        });
    }

    /// The device is gone, and all drawing with it: the program starts again where it stood, if that is wanted.
    pub fn go_on_elsewhere(&mut self) -> ! {
        let trouble = self.app.snapshot().and_then(|bytes| self.autosave.keep(&bytes));
        let kept = trouble.unwrap_or_else(|| text::KEPT.to_owned());
        eprintln!("{}", text::lost(&kept));
        let answer = rfd::MessageDialog::new()
            .set_level(rfd::MessageLevel::Error)
            .set_title(text::DEVICE_LOST)
            .set_description(text::again(&kept))
            .set_buttons(rfd::MessageButtons::YesNo)
            .show();
        let mut code = 1;
        if answer == rfd::MessageDialogResult::Yes {
            let again =
                std::env::current_exe().and_then(|program| std::process::Command::new(program).arg("--go-on").spawn());
            code = i32::from(again.is_err());
        }
        std::process::exit(code)
    }
}
