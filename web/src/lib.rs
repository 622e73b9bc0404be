//! The page's entry: [`Page`] is what `shell.js` makes of the app, [`Bench`] what `bench.js` times. Everything that people
//! see besides the canvas is HTML and lies in `web/page`.
#![cfg(target_family = "wasm")]

mod bench;
mod stand_in;

pub use bench::Bench;

use eframe::wasm_bindgen::{self, prelude::*};
use stand_in::{Remote, Start, create, wgpu_options};
use web_sys::HtmlCanvasElement;

/// Runs when the module is loaded. A panic's text goes to the page before the module stops for good.
#[wasm_bindgen(start)]
pub fn main() {
    std::panic::set_hook(Box::new(|panic| {
        let tell = js_sys::Reflect::get(&js_sys::global(), &"lowlandPanicked".into());
        if let Ok(tell) = tell.and_then(|tell| tell.dyn_into::<js_sys::Function>()) {
            // The page's own handler failed: there is nobody left to tell.
            let _ = tell.call1(&JsValue::NULL, &panic.to_string().into());
        }
    }));
    let _ = eframe::WebLogger::init(log::LevelFilter::Warn);
}

/// The app on a canvas. What is lost with a device comes back with [`Page::start`] on a fresh canvas.
#[wasm_bindgen]
pub struct Page {
    runner: eframe::WebRunner,
    remote: Remote,
}

#[wasm_bindgen]
impl Page {
    /// No app yet.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Page {
        Page { runner: eframe::WebRunner::new(), remote: Remote::default() }
    }

    /// Draws on `canvas` and trains what `hash`, the URL's part after `#`, asks for; or goes on from what `snapshot` keeps.
    /// `software` says that the adapter computes on the CPU, which wgpu cannot tell in a browser.
    ///
    /// # Errors
    /// What the browser says where it gives no device.
    pub async fn start(
        &self,
        canvas: HtmlCanvasElement,
        hash: String,
        software: bool,
        snapshot: Option<Vec<u8>>,
    ) -> Result<(), JsValue> {
        let options = eframe::WebOptions { wgpu_options: wgpu_options(), dithering: !software, ..Default::default() };
        let start = Start { hash, software, snapshot, remote: self.remote.clone() };
        self.runner.start(canvas, options, Box::new(move |context| create(context, start))).await
    }

    /// Ends the app and gives its canvas and device back.
    pub fn stop(&self) {
        self.runner.destroy();
    }

    /// The state, as JSON.
    pub fn state(&self) -> String {
        self.remote.state_json()
    }

    /// The configuration, as JSON.
    pub fn config(&self) -> String {
        self.remote.config_json()
    }

    /// Does what menu and keys do.
    ///
    /// # Errors
    /// An unknown command, with the list of those that there are, or an argument that cannot be used.
    pub fn command(&self, name: &str, argument: &str) -> Result<(), JsError> {
        self.remote.command(name, argument).map_err(|message| JsError::new(&message))
    }

    /// The bytes of a file of this kind.
    ///
    /// # Errors
    /// An unknown kind, or one that there is nothing to put in yet.
    pub fn export(&self, kind: &str) -> Result<Vec<u8>, JsError> {
        self.remote.export(kind).map_err(|message| JsError::new(&message))
    }

    /// Opens a file that a person chose.
    pub fn open(&self, name: String, bytes: Vec<u8>) {
        self.remote.open(name, bytes);
    }

    /// Whether nobody can see the page: then training rests.
    pub fn hide(&self, hidden: bool) {
        self.remote.hide(hidden);
    }

    /// The URL's hash was changed by hand.
    pub fn link(&self, hash: &str) {
        self.remote.open_link(hash);
    }

    /// What the hash ought to be, where it changed since the last call.
    pub fn take_link(&self) -> Option<String> {
        self.remote.take_link()
    }

    /// The name and the bytes of a file that the app wants to be saved.
    pub fn take_download(&self) -> Option<js_sys::Array> {
        let (name, bytes) = self.remote.take_download()?;
        Some([JsValue::from(name), js_sys::Uint8Array::from(bytes.as_slice()).into()].into_iter().collect())
    }

    /// Whether the app asks for a file to open since the last call.
    pub fn take_file_request(&self) -> bool {
        self.remote.take_file_request()
    }

    /// What [`Page::start`] goes on from, as of the last few seconds.
    pub fn snapshot(&self) -> Option<Vec<u8>> {
        self.remote.snapshot()
    }
}
