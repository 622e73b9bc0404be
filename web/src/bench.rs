//! What the page does without the app: the images that lie beside the module, and one network in training, step by step.

use eframe::wasm_bindgen::{self, prelude::*};
use lowland::bench::{StepBench, dataset};
use lowland::config::Config;
use lowland::data::Shape;
use lowland::gpu::{Gpu, GpuOptions};
use lowland::train::Trainer;

/// Takes the images that ship with the project: `fashion-sample.bin` of the site.
#[wasm_bindgen]
pub fn provide_sample(bytes: Vec<u8>) {
    lowland::data::provide_sample(bytes);
}

/// `cnn:16,32` with ten classes on random inputs: learning rate 0.05, momentum 0.9, decay 5e-4, rho 0.05.
#[wasm_bindgen]
pub struct Bench {
    gpu: Gpu,
    trainer: Trainer,
}

#[wasm_bindgen]
impl Bench {
    /// Puts network and data on a device of its own; `steps` is the most that will be asked for.
    ///
    /// # Errors
    /// Where there is no device or no room on it.
    pub async fn open(sam: bool, batch: u32, channels: u32, size: u32, steps: u32) -> Result<Bench, JsError> {
        let [batch, channels, size] = [batch, channels, size].map(|n| n as usize);
        let shape = Shape { channels, height: size, width: size };
        let config = Config { model: Some("cnn:16,32".into()), ..Config::default() };
        let model = config.model(shape, 10)?;
        let gpu = Gpu::open(&GpuOptions::default()).await?;
        let bench = StepBench { sam, batch, lanes: 1, warmup: 0, steps: steps.into() };
        let data = dataset(&model, batch)?;
        let trainer = Trainer::new(&gpu, &model, &data, bench.setup(steps.into()), None).await?;
        Ok(Bench { gpu, trainer })
    }

    /// Does `count` steps and waits for the last one's loss.
    ///
    /// # Errors
    /// Where the device is lost.
    pub async fn step(&mut self, count: u32) -> Result<f32, JsError> {
        Ok(self.trainer.steps_now(&self.gpu, count.into()).await?)
    }
}
