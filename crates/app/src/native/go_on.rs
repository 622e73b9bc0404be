//! Going on where the app stood: after a crash, and after the loss of the device.

use super::Shell;
use eframe::egui;
use lowland_app::{App, Start};

impl Shell {
    /// After a crash: asks whether to go on where it stood.
    pub fn ask_to_go_on(&mut self, context: &egui::Context, frame: &eframe::Frame) {
        if self.left.is_none() {
            return;
        }
        let window = egui::Window::new("Go on where it stopped?").collapsible(false).resizable(false);
        window.anchor(egui::Align2::CENTER_CENTER, [0.0, 0.0]).show(context, |ui| {
            ui.label(
                "Lowland ended last time without being closed. What was trained until a few seconds before is kept.",
            );
            ui.horizontal(|ui| {
                if ui.button("Go on").clicked() {
                    let start = Start { snapshot: self.left.take(), ..Start::default() };
                    if let Some(render) = frame.wgpu_render_state() {
                        self.app = App::new(context, render.clone(), start);
                    }
                }
                if ui.button("Start anew").clicked() {
                    self.left = None;
                }
            });
        });
    }

    /// The device is gone, and all drawing with it: the program starts again where it stood, if that is wanted.
    pub fn go_on_elsewhere(&mut self) -> ! {
        let trouble = self.app.snapshot().and_then(|bytes| self.autosave.keep(&bytes));
        let text = trouble.unwrap_or_else(|| "What was trained until a few seconds ago is kept.".to_owned());
        eprintln!("lowland-app: the graphics device was lost. {text} `lowland-app --go-on` goes on there.");
        let answer = rfd::MessageDialog::new()
            .set_level(rfd::MessageLevel::Error)
            .set_title("The graphics device was lost")
            .set_description(format!("{text} Start again and go on there?"))
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
