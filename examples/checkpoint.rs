//! Keeps trained weights in a safetensors file and measures what is read back: `cargo run -p examples --example checkpoint`.
//!
//! The file has PyTorch's names, shapes and layouts: `safetensors.torch.load_file` reads it, and [`read_tensors`] reads
//! what PyTorch saved.
use lowland::Error;
use lowland::config::Config;
use lowland::gpu::{Gpu, GpuOptions};
use lowland::run::write_atomically;
use lowland::train::{Evaluator, Trainer, read_metadata, read_tensors, write_tensors};
use std::collections::HashMap;

/// Trains, writes, reads, measures.
pub fn main() -> lowland::Result<()> {
    let config =
        Config { optimizer: Some("sam".into()), norm: Some(lowland::config::Norm::Batch), ..Config::default() };
    let data = lowland::data::load(&config)?;
    let model = config.model(data.shape, data.classes)?;
    let setup = config.setup(&data, &model)?;
    let path = std::env::temp_dir().join(format!("lowland-example-{}.safetensors", std::process::id()));
    pollster::block_on(async {
        let gpu = Gpu::open(&GpuOptions::default()).await?;
        let trained = Trainer::new(&gpu, &model, &data, setup, None).await?.run(&gpu, |_| {}).await?;

        // The header says what the network is, so that `lowland eval FILE` needs no flags.
        let metadata = HashMap::from([("lowland".to_owned(), config.to_header())]);
        let bytes = write_tensors(&model, &trained.lanes[0], trained.step, metadata)?;
        write_atomically(&path, &bytes)?;

        let source = path.display().to_string();
        let bytes = std::fs::read(&path).map_err(|e| Error::io(&path, e, "Run the example again"))?;
        let header = &read_metadata(&bytes)?["lowland"];
        let (config, _) = Config::from_header(header, &source)?;
        println!("{} bytes, trained on {} with {:?}", bytes.len(), config.data, config.optimizer.unwrap_or_default());
        let state = read_tensors(&model, &bytes, &source)?;
        let same = state.weights == trained.lanes[0].weights && state.running == trained.lanes[0].running;
        println!("read back the same: {same}");

        let evaluator = Evaluator::new(&gpu, &model, &data, &state).await?;
        for e in evaluator.test(&gpu).await? {
            println!("test loss {:.4}, accuracy {:.1} % of {} points", e.loss, 100.0 * e.accuracy, e.examples);
        }
        std::fs::remove_file(&path).map_err(|e| Error::io(&path, e, "Remove it by hand"))?;
        if same { Ok(()) } else { Err(Error::run("the file does not hold the weights that were trained.")) }
    })
}
