//! A few words on a canvas, until the app is here.

use eframe::egui;
use std::cell::RefCell;
use std::rc::Rc;

#[derive(Default)]
struct Inner {
    step: u64,
    paused: bool,
    hidden: bool,
    software: bool,
    hash: String,
    link: Option<String>,
    error: Option<String>,
    context: Option<egui::Context>,
}

#[derive(Clone, Default)]
pub struct Remote(Rc<RefCell<Inner>>);

pub struct Start {
    pub hash: String,
    pub software: bool,
    pub snapshot: Option<Vec<u8>>,
    pub remote: Remote,
}

impl Remote {
    pub fn state_json(&self) -> String {
        let i = self.0.borrow();
        let loss = 1.0 / (1.0 + i.step as f32 / 100.0);
        serde_json::json!({"step": i.step, "paused": i.paused || i.hidden, "adapter": "", "software": i.software,
            "steps_per_second": 1.0, "frames_per_second": 1.0, "gpu_bytes": 0,
            "lanes": [{"optimizer": "sgd", "seed": 0, "loss": loss, "train_accuracy": 0.5, "test_accuracy": 0.5},
                {"optimizer": "sam", "seed": 0, "loss": loss, "train_accuracy": 0.5, "test_accuracy": 0.5}],
            "surface": null, "error": i.error})
        .to_string()
    }
    pub fn config_json(&self) -> String {
        "{\"data\":\"circles\"}".into()
    }
    pub fn command(&self, name: &str, _argument: &str) -> Result<(), String> {
        let mut i = self.0.borrow_mut();
        match name {
            "play" => i.paused = false,
            "pause" => i.paused = true,
            "panic" => panic!("as asked"),
            _ => return Err(format!("there is no command '{name}'; there are play, pause.")),
        }
        if let Some(context) = &i.context {
            context.request_repaint();
        }
        Ok(())
    }
    pub fn export(&self, kind: &str) -> Result<Vec<u8>, String> {
        if kind == "config" { Ok(self.config_json().into()) } else { Err("there is nothing yet".into()) }
    }
    pub fn open(&self, name: String, bytes: Vec<u8>) {
        self.0.borrow_mut().error = Some(format!("{name}: {} bytes", bytes.len()));
    }
    pub fn hide(&self, hidden: bool) {
        self.0.borrow_mut().hidden = hidden;
    }
    pub fn open_link(&self, hash: &str) {
        let mut i = self.0.borrow_mut();
        i.hash = hash.into();
        i.link = Some("v=1&data=circles".into());
    }
    pub fn take_link(&self) -> Option<String> {
        self.0.borrow_mut().link.take()
    }
    pub fn take_download(&self) -> Option<(String, Vec<u8>)> {
        None
    }
    pub fn take_file_request(&self) -> bool {
        false
    }
    pub fn snapshot(&self) -> Option<Vec<u8>> {
        Some(self.0.borrow().step.to_le_bytes().to_vec())
    }
}

struct App(Remote);

impl eframe::App for App {
    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        let mut i = self.0.0.borrow_mut();
        if !i.paused && !i.hidden {
            i.step += 10;
        }
        ui.heading(format!("step {} {}", i.step, i.hash));
        ui.ctx().request_repaint();
    }
}

pub fn create(
    context: &eframe::CreationContext<'_>,
    start: Start,
) -> Result<Box<dyn eframe::App>, Box<dyn std::error::Error + Send + Sync>> {
    let Start { hash, software, snapshot, remote } = start;
    {
        let mut i = remote.0.borrow_mut();
        i.context = Some(context.egui_ctx.clone());
        (i.hash, i.software) = (hash, software);
        i.link = Some("v=1&data=circles".into());
        if let Some(step) = snapshot.and_then(|bytes| bytes.try_into().ok()) {
            i.step = u64::from_le_bytes(step);
        }
    }
    Ok(Box::new(App(remote)))
}

pub fn wgpu_options() -> eframe::egui_wgpu::WgpuConfiguration {
    Default::default()
}
