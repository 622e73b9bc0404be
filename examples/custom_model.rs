//! A network of one's own, layer by layer: `cargo run -p examples --example custom_model`.
use lowland::config::{Activation, Config};
use lowland::data::Dataset;
use lowland::gpu::{Gpu, GpuOptions};
use lowland::model::{BatchNorm, Conv2d, Dense, GlobalAvgPool, MaxPool, Model};
use lowland::train::{Event, Part, Trainer};

/// Trains the network on 2,000 of the images that ship with the project.
pub fn main() -> lowland::Result<()> {
    let config = Config {
        data: "fashion-sample".into(),
        train_limit: Some(2_000),
        test_limit: Some(500),
        optimizer: Some("sam".into()),
        batch: Some(50),
        epochs: Some(2),
        ..Config::default()
    };
    let data = lowland::data::load(&config)?;
    let model = network(&data)?;
    println!("{} has {} values:", model.name(), model.parameter_count());
    for tensor in model.parameters() {
        println!("  {} {:?}", tensor.name, tensor.kind.shape());
    }
    let setup = config.setup(&data, &model)?;
    pollster::block_on(async {
        let gpu = Gpu::open(&GpuOptions::default()).await?;
        let mut trainer = Trainer::new(&gpu, &model, &data, setup, None).await?;
        let show = |event| match event {
            Event::Evaluation(e) if e.part == Part::Test => {
                println!("step {:2}: test loss {:.3}, accuracy {:.1} %", e.step, e.loss, 100.0 * e.accuracy);
            }
            _ => {}
        };
        trainer.run(&gpu, show).await?;
        Ok(())
    })
}

/// A strided stem, a block with batch norm, and a head. Names are those of the tensors in a checkpoint, and sizes that do
/// not fit are an error that names the layer.
fn network(data: &Dataset) -> lowland::Result<Model> {
    let silu = Activation::Silu;
    let stem = Conv2d {
        outputs: 12,
        kernel: (5, 5),
        stride: 2,
        padding: 2,
        bias: true,
        activation: Some(silu),
        gain: silu.gain(),
    };
    let block = Conv2d { outputs: 24, kernel: (3, 3), stride: 1, padding: 1, bias: false, activation: None, ..stem };
    Model::new("stem-and-block", data.shape, data.classes)
        .with("stem", stem)?
        .with("pool", MaxPool { kernel: 2, stride: 2 })?
        .with("block.conv", block)?
        .with("block.norm", BatchNorm { activation: Some(silu) })?
        .with("mean", GlobalAvgPool)?
        .with("head", Dense { outputs: data.classes, activation: None, gain: 1.0 })
}
