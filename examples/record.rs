//! Records a duel of SGD and SAM for people whose browser cannot train: `cargo run --release -p examples --example record
//! > web/page/recording.json`.
//!
//! Checkpoints bring the weights to the host while training goes on; [`probability`] is the network on the host, which is
//! all that a picture of two dimensions needs.
use lowland::Error;
use lowland::config::{Command, Config};
use lowland::data::Inputs;
use lowland::gpu::{Gpu, GpuOptions};
use lowland::model::Model;
use lowland::train::{Event, LaneState, Part, Trainer};
use std::fmt::Write as _;

/// Pixels of a side of a recorded picture.
const SIDE: usize = 48;
/// What is in sight: x from, x to, y from, y to.
const BOUNDS: [f32; 4] = [-1.5, 1.5, -1.5, 1.5];
/// Steps in all.
const STEPS: u64 = 3_000;
/// Steps between pictures.
const PICTURE: u64 = 75;
/// Steps between points of the curves.
const POINT: u64 = 25;

/// Trains, and prints JSON.
pub fn main() -> lowland::Result<()> {
    let config = Config {
        data: "circles".into(),
        label_noise: 0.2,
        optimizer: Some("sgd,sam".into()),
        lr: Some(0.05),
        rho: Some(0.2),
        steps: Some(STEPS),
        eval_every: Some(PICTURE),
        checkpoint_every: Some(PICTURE),
        ..Config::default()
    };
    let data = lowland::data::load(&config)?;
    let model = config.model(data.shape, data.classes)?;
    let lanes = config.lanes(Command::Compare)?;
    let mut setups = config.setups(&lanes, &data, &model)?;
    let setup = setups.pop().ok_or_else(|| Error::run("the comparison has no lanes."))?;

    let mut losses = [vec![0.0f32; (STEPS / POINT) as usize], vec![0.0; (STEPS / POINT) as usize]];
    let mut tests = vec![[0.0f32; 2]; (STEPS / PICTURE) as usize + 1];
    let mut pictures = Vec::new();
    pollster::block_on(async {
        let gpu = Gpu::open(&GpuOptions::default()).await?;
        let mut trainer = Trainer::new(&gpu, &model, &data, setup, None).await?;
        let start = trainer.snapshot(&gpu).await?;
        pictures.push((0, start.lanes));
        let keep = |event| match event {
            Event::Step(s) => losses[s.lane][(s.step / POINT) as usize] += s.loss / POINT as f32,
            Event::Evaluation(e) if e.part == Part::Test => tests[(e.step / PICTURE) as usize][e.lane] = e.accuracy,
            Event::Checkpoint(snapshot) => pictures.push((snapshot.step, snapshot.lanes)),
            _ => {}
        };
        trainer.run(&gpu, keep).await
    })?;
    pictures.dedup_by_key(|(step, _)| *step);

    let Inputs::Floats(inputs) = &data.train.inputs else { return Err(Error::run("the points are no numbers.")) };
    let points = inputs.chunks(2).zip(&data.train.labels).enumerate().map(|(i, (xy, label))| {
        let flipped = u8::from(data.train.flipped.get(i).copied().unwrap_or_default());
        format!("[{:.3},{:.3},{label},{flipped}]", xy[0], xy[1])
    });
    let frames = pictures.iter().map(|(step, lanes)| {
        let fields: Vec<String> = lanes.iter().map(|lane| format!("\"{}\"", base64(&field(&model, lane)))).collect();
        let [sgd, sam] = tests[(step / PICTURE) as usize];
        format!("{{\"step\":{step},\"test\":[{sgd:.4},{sam:.4}],\"fields\":[{}]}}", fields.join(","))
    });
    let curve = losses.iter().map(|lane| numbers(lane.iter().map(|loss| format!("{loss:.4}"))));
    let about = "Two networks with the same start and the same batches; a fifth of the training labels is wrong (ringed). \
        SGD learns the wrong ones by heart. SAM looks for flat ground, and doesn't.";
    println!(
        "{{\"about\":\"{about}\",\"side\":{SIDE},\"bounds\":{BOUNDS:?},\"points\":{},\"curve\":{{\"step\":{},\"loss\":{}}},\
         \"frames\":{}}}",
        numbers(points),
        numbers((0..STEPS / POINT).map(|i| (i * POINT).to_string())),
        numbers(curve),
        numbers(frames)
    );
    Ok(())
}

fn numbers(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// The probability of class 1 at the middle of every pixel, from the upper left, as bytes.
fn field(model: &Model, lane: &LaneState) -> Vec<u8> {
    let tensors: Vec<Vec<f32>> = model.parameters().iter().map(|tensor| tensor.unpack(&lane.weights)).collect();
    let [x0, x1, y0, y1] = BOUNDS;
    let at = |i: usize, from: f32, to: f32| from + (to - from) * (i as f32 + 0.5) / SIDE as f32;
    let pixels = (0..SIDE * SIDE).map(|i| probability(&tensors, [at(i % SIDE, x0, x1), at(i / SIDE, y1, y0)]));
    pixels.map(|p| (255.0 * p).round() as u8).collect()
}

/// The network on the host: weights `[out][in]` and biases in turn, a ReLU after each layer but the last, softmax of two.
fn probability(tensors: &[Vec<f32>], point: [f32; 2]) -> f32 {
    let mut values = point.to_vec();
    for (layer, pair) in tensors.chunks(2).enumerate() {
        let row = |(weights, bias): (&[f32], &f32)| bias + weights.iter().zip(&values).map(|(w, v)| w * v).sum::<f32>();
        let mut next: Vec<f32> = pair[0].chunks(values.len()).zip(&pair[1]).map(row).collect();
        if 2 * (layer + 1) < tensors.len() {
            next.iter_mut().for_each(|v| *v = v.max(0.0));
        }
        values = next;
    }
    1.0 / (1.0 + (values[0] - values[1]).exp())
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0u32, |word, byte| (word << 8) | u32::from(*byte)) << (8 * (3 - three.len()));
        for digit in 0..4 {
            let sign = if digit <= three.len() { DIGITS[(word >> (18 - 6 * digit)) as usize & 63] } else { b'=' };
            let _ = write!(out, "{}", char::from(sign));
        }
    }
    out
}
