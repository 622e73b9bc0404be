//! SGD against SAM over several seeds, all lanes in the same dispatches: `cargo run -p examples --example compare`.
//!
//! A fifth of the training labels is wrong. Lanes of the same seed start at the same weights and see the same batches, so
//! what differs between them is the optimizer alone.
use lowland::config::{Command, Config};
use lowland::gpu::{Gpu, GpuOptions};
use lowland::train::{Evaluation, Event, Part, Trainer};

/// Trains, then prints mean and standard deviation of the last test accuracy of each optimizer.
pub fn main() -> lowland::Result<()> {
    let config = Config {
        data: "moons".into(),
        label_noise: 0.2,
        optimizer: Some("sgd,sam".into()),
        rho: Some(0.2),
        seeds: 4,
        epochs: Some(30),
        eval_every: Some(100),
        ..Config::default()
    };
    let data = lowland::data::load(&config)?;
    let model = config.model(data.shape, data.classes)?;
    let lanes = config.lanes(Command::Compare)?;
    let mut last: Vec<(String, Evaluation)> = Vec::new();
    pollster::block_on(async {
        let gpu = Gpu::open(&GpuOptions::default()).await?;
        // One setup here; lanes with another batch or length would be in one of their own.
        for setup in config.setups(&lanes, &data, &model)? {
            let labels: Vec<String> = setup.lanes.iter().map(|lane| lane.label.clone()).collect();
            let steps = setup.steps;
            let mut trainer = Trainer::new(&gpu, &model, &data, setup, None).await?;
            let keep = |event| match event {
                Event::Evaluation(e) if e.part == Part::Test && e.step == steps => {
                    last.push((labels[e.lane].clone(), e))
                }
                Event::Trouble { lane, step, trouble } => println!("{} {trouble} (step {step})", labels[lane]),
                _ => {}
            };
            trainer.run(&gpu, keep).await?;
        }
        Ok::<_, lowland::Error>(())
    })?;
    for lane in &lanes {
        let of_lane = last.iter().filter(|(label, _)| *label == lane.label);
        let accuracies: Vec<f32> = of_lane.map(|(_, e)| 100.0 * e.accuracy).collect();
        let (mean, deviation) = mean_and_deviation(&accuracies);
        println!("{}: {mean:.2} % test accuracy, deviation {deviation:.2} over {} seeds", lane.label, accuracies.len());
    }
    Ok(())
}

/// The mean and the sample's standard deviation.
fn mean_and_deviation(values: &[f32]) -> (f32, f32) {
    let n = values.len() as f32;
    let mean = values.iter().sum::<f32>() / n;
    let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}
