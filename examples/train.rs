//! Trains a network with SAM on two spirals and watches it learn: `cargo run -p examples --example train`.
use lowland::config::Config;
use lowland::gpu::{Gpu, GpuOptions};
use lowland::train::{Event, Part, Trainer};

/// The whole program; every setting of [`Config`] is also a flag of `lowland train`.
pub fn main() -> lowland::Result<()> {
    let config =
        Config { data: "spirals".into(), optimizer: Some("sam".into()), eval_every: Some(20), ..Config::default() };
    let data = lowland::data::load(&config)?;
    let model = config.model(data.shape, data.classes)?;
    let setup = config.setup(&data, &model)?;
    pollster::block_on(async {
        let gpu = Gpu::open(&GpuOptions::default()).await?;
        let mut trainer = Trainer::new(&gpu, &model, &data, setup, None).await?;
        let show = |event| match event {
            Event::Evaluation(e) if e.part == Part::Test => {
                println!("step {:3}: {:.1} % of {} test points right", e.step, 100.0 * e.accuracy, e.examples);
            }
            _ => {}
        };
        let trained = trainer.run(&gpu, show).await?;
        println!("{} values trained in {} steps", model.parameter_count(), trained.step);
        Ok(())
    })
}
