//! The page's entry: [`Page`] is what `shell.js` makes of the app, [`Bench`] what `bench.js` times. Everything that people
//! see besides the canvas is HTML and lies in `web/page`.
#![cfg(target_family = "wasm")]

mod bench;

pub use bench::{Bench, provide_sample};

use eframe::egui_wgpu::{WgpuConfiguration, WgpuSetup};
use eframe::wasm_bindgen::{self, prelude::*};
use lowland::gpu::Gpu;
use lowland_app::{App, Start, Wish};
use std::cell::RefMut;
use std::sync::Arc;
use web_sys::HtmlCanvasElement;

/// Runs when the module is loaded. A panic's text goes to the page before the module stops for good.
#[wasm_bindgen(start)]
pub fn main() {
    std::panic::set_hook(Box::new(|panic| {
        let tell = js_sys::Reflect::get(&js_sys::global(), &"lowlandPanicked".into());
        if let Ok(tell) = tell.and_then(|tell| tell.dyn_into::<js_sys::Function>()) {
            // If the page's own handler fails, there is nobody left to tell.
            let _ = tell.call1(&JsValue::NULL, &panic.to_string().into());
        }
    }));
    let _ = eframe::WebLogger::init(log::LevelFilter::Warn);
}

/// The app on a canvas. What is lost with a device comes back with [`Page::start`] on a fresh canvas.
#[wasm_bindgen]
pub struct Page {
    runner: eframe::WebRunner,
}

#[wasm_bindgen]
impl Page {
    /// No app yet.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default, reason = "scripts have `new` alone")]
    pub fn new() -> Page {
        Page { runner: eframe::WebRunner::new() }
    }

    /// Draws on `canvas` and trains what `hash`, the URL's part after `#`, asks for; or goes on from what `snapshot` keeps.
    /// `address` is the URL before `#`, for links. `adapter` is what the adapter is called, and `software` says that it computes on
    /// the CPU, neither of which wgpu can tell in a browser. `still` says that nothing may move by itself.
    ///
    /// # Errors
    /// What the browser says where it gives no device.
    #[allow(clippy::too_many_arguments, reason = "a script has no structs of ours")]
    pub async fn start(
        &self,
        canvas: HtmlCanvasElement,
        address: String,
        hash: String,
        adapter: String,
        software: bool,
        still: bool,
        snapshot: Option<Vec<u8>>,
    ) -> Result<(), JsValue> {
        let mut wgpu_options = WgpuConfiguration::default();
        if let WgpuSetup::CreateNew(setup) = &mut wgpu_options.wgpu_setup {
            setup.device_descriptor = Arc::new(Gpu::device_descriptor);
        }
        let options = eframe::WebOptions { wgpu_options, dithering: !software, ..Default::default() };
        let start =
            Start { link: hash, software: Some(software), adapter, still, snapshot, address, ..Start::default() };
        let create = move |context: &eframe::CreationContext<'_>| {
            let render = context.wgpu_render_state.clone().ok_or("the browser gave no device")?;
            let app = App::new(&context.egui_ctx, render, start);
            Ok(Box::new(app) as Box<dyn eframe::App>)
        };
        self.runner.start(canvas, options, Box::new(create)).await
    }

    /// Ends the app and gives its canvas and device back.
    pub fn stop(&self) {
        self.runner.destroy();
    }

    /// The state, as JSON.
    ///
    /// # Errors
    /// Where no app runs, here and below.
    pub fn state(&self) -> Result<String, JsError> {
        Ok(self.app()?.state_json())
    }

    /// The configuration, as JSON.
    pub fn config(&self) -> Result<String, JsError> {
        Ok(self.app()?.config_json())
    }

    /// Does what menu and keys do.
    ///
    /// # Errors
    /// An unknown command, with the list of those that there are, or an argument that cannot be used.
    pub fn command(&self, name: &str, argument: &str) -> Result<(), JsError> {
        self.app()?.command(name, argument).map_err(|message| JsError::new(&message))
    }

    /// The bytes of a file of this kind, or nothing while it is being made: ask again after a frame.
    ///
    /// # Errors
    /// A kind that there is not.
    pub fn export(&self, kind: &str) -> Result<Option<Vec<u8>>, JsError> {
        self.app()?.export(kind).map_err(|message| JsError::new(&message))
    }

    /// Opens a file that a person chose.
    pub fn open(&self, name: &str, bytes: Vec<u8>) -> Result<(), JsError> {
        self.app()?.open(name, bytes);
        Ok(())
    }

    /// The URL's hash that holds what is trained and shown.
    pub fn link(&self) -> Result<String, JsError> {
        Ok(self.app()?.link())
    }

    /// Whether nothing may move by itself, from now on.
    pub fn set_still(&self, still: bool) -> Result<(), JsError> {
        self.app()?.set_still(still);
        Ok(())
    }

    /// Goes where a hash points that somebody typed.
    pub fn follow(&self, hash: &str) -> Result<(), JsError> {
        self.app()?.open_link(hash);
        Ok(())
    }

    /// What the app wishes since it was asked last: a file to be saved as `[name, bytes]`, or `null` for a file to be chosen.
    pub fn take_wishes(&self) -> Result<js_sys::Array, JsError> {
        let wish = |wish| match wish {
            Wish::Save { name, bytes } => {
                let bytes = js_sys::Uint8Array::from(bytes.as_slice());
                [JsValue::from(name), bytes.into()].into_iter().collect::<js_sys::Array>().into()
            }
            Wish::Open => JsValue::NULL,
        };
        Ok(self.app()?.take_wishes().into_iter().map(wish).collect())
    }

    /// What [`Page::start`] goes on from, as of the last few seconds.
    pub fn snapshot(&self) -> Result<Option<Vec<u8>>, JsError> {
        Ok(self.app()?.snapshot())
    }

    /// Panics, for the test of what the page shows then.
    #[allow(clippy::panic, reason = "it is what is asked for")]
    pub fn panic(&self) {
        panic!("as the test asked")
    }

    fn app(&self) -> Result<RefMut<'_, App>, JsError> {
        self.runner.app_mut::<App>().ok_or_else(|| JsError::new("the app is not running: wait for lowland.ready."))
    }
}
