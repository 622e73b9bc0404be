//! Gradients of whole models, read from the trainer after one step, against finite differences in f64 of the twin's loss.
//! In its first step SGD's momentum is the gradient itself; SAM's is the gradient at w + e.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use lowland::config::{self, Activation, Norm, Order};
use lowland::data::{Dataset, Inputs, Scaling, Shape, Split};
use lowland::gpu::Gpu;
use lowland::model::{self, Dropout, Model, Style};
use lowland::optim::{Ascent, BaseStep, Epochs, Optimizer, Schedule, Sgd};
use lowland::rng::{Rng, Stream, dropout_bits};
use lowland::train::Lane;
use lowland::train::{Setup, Trainer};
use lowland_reference::conv::Conv;
use lowland_reference::network::Layer;
use lowland_reference::pool::AvgPool;
use lowland_reference::{Network, Tensor, ascent};
use lowland_tests::compare::{Tolerance, check, near, within};
use lowland_tests::layer::{draw, uniform};
use lowland_tests::{FAMILIES, gpu, twin};
use serde_json::json;
use std::time::Duration;

/// A chain of some ten f32 operations, each with sums of some hundred products; the differences in f64 add 1e-9.
const GRADIENT: Tolerance = within(5e-6, 5e-5);
/// The same at w + e, whose e comes from a gradient with those errors.
const ASCENT_GRADIENT: Tolerance = within(1e-5, 1e-4);
const RHO: f32 = 0.3;

struct Case {
    model: &'static str,
    shape: Shape,
    classes: usize,
    batch: usize,
    activation: Activation,
    norm: Norm,
    smoothing: f32,
}

fn lane(label: &str, seed: u32, rho: f32) -> Lane {
    let epochs = Epochs { examples: 1, every: 1 };
    let schedule = Schedule { lr: 0.1, shape: config::Schedule::Constant, warmup: 0, steps: 1, epochs };
    let base = BaseStep::Sgd(Sgd { momentum: 0.9, dampening: 0.0, nesterov: false });
    let optimizer = Optimizer { base, ascent: Ascent::sam(rho), schedule, weight_decay: 0.0, clip_norm: None };
    Lane { label: label.into(), seed, optimizer }
}

/// Weights before, and momentum after one step, of each lane in PyTorch's layout.
fn one_step(gpu: &Gpu, model: &Model, data: &Dataset, setup: Setup) -> Vec<(Vec<Tensor>, Vec<Tensor>)> {
    let mut trainer = pollster::block_on(Trainer::new(gpu, model, data, setup, None)).unwrap();
    let before = pollster::block_on(trainer.snapshot(gpu)).unwrap();
    assert_eq!(before.step, 0);
    while !trainer.is_finished() {
        trainer.tick(gpu, Duration::from_millis(50)).unwrap();
        gpu.wait(Duration::from_millis(100));
    }
    let after = pollster::block_on(trainer.snapshot(gpu)).unwrap();
    assert_eq!(after.step, 1);
    let tensors = |arena: &[f32]| -> Vec<Tensor> {
        let tensor = |t: &model::Tensor| Tensor::from_f32(&t.kind.shape(), &t.unpack(arena));
        model.parameters().iter().map(tensor).collect()
    };
    before.lanes.iter().zip(&after.lanes).map(|(b, a)| (tensors(&b.weights), tensors(&a.moments[0]))).collect()
}

/// The gradient by central differences.
fn differences(parameters: &[Tensor], loss: impl Fn(&[Tensor]) -> f64) -> Vec<f64> {
    let h = 1e-5;
    let mut moved = parameters.to_vec();
    let mut gradient = Vec::new();
    for tensor in 0..moved.len() {
        for index in 0..moved[tensor].data.len() {
            let at = moved[tensor].data[index];
            let mut shifted = |by: f64| {
                moved[tensor].data[index] = at + by;
                loss(&moved)
            };
            gradient.push((shifted(h) - shifted(-h)) / (2.0 * h));
            moved[tensor].data[index] = at;
        }
    }
    gradient
}

fn run(case: &Case) -> bool {
    let Case { shape, classes, batch, activation, norm, smoothing, .. } = *case;
    let style = Style { activation, norm: Some(norm), dropout: 0.0 };
    let model = Model::parse(case.model, shape, classes, style).unwrap();
    let (family, sizes) = case.model.split_once(':').unwrap();
    let sizes: Vec<usize> = sizes.split(',').map(|n| n.parse().unwrap()).collect();
    let normed = norm == Norm::Batch;
    let network = match family {
        "mlp" => Network::mlp(shape.len(), &sizes, classes, twin(activation), normed),
        _ => Network::cnn(shape.channels, &sizes, classes, twin(activation), normed),
    };
    let name = format!("{} {activation:?} {norm:?}", case.model);
    check_model(&name, &model, [&network, &network], shape, batch, smoothing)
}

/// The seeds of the lanes, the first with SGD, the second with SAM.
const SEEDS: [u32; 2] = [1, 2];

/// Holds the first step of `model` against the twins of its lanes.
fn check_model(name: &str, model: &Model, networks: [&Network; 2], shape: Shape, batch: usize, smoothing: f32) -> bool {
    let classes = model.classes();
    let rng = &mut Rng::new(5, Stream::Data, batch as u32);
    let x = draw(rng, &[batch, shape.channels, shape.height, shape.width], |rng| 2.0 * uniform(rng));
    let labels: Vec<usize> = (0..batch).map(|_| rng.below(classes as u32) as usize).collect();
    let split = Split {
        inputs: Inputs::Floats(x.to_f32()),
        labels: labels.iter().map(|label| *label as u16).collect(),
        flipped: Vec::new(),
    };
    let scaling = Scaling { mean: vec![0.0; shape.channels], std: vec![1.0; shape.channels] };
    let data = Dataset { name: "drawn".into(), shape, classes, train: split.clone(), val: None, test: split, scaling };

    for family in FAMILIES {
        let Some(gpu) = gpu(family) else { return false };
        let setup = Setup {
            lanes: vec![lane("sgd", SEEDS[0], 0.0), lane("sam", SEEDS[1], RHO)],
            batch,
            m: batch,
            order: Order::File,
            label_smoothing: smoothing,
            augment: config::Augment::default(),
            steps: 1,
            log_every: 1,
            eval_every: 1,
            checkpoint_every: 1,
            keep_every: None,
        };
        let lanes = one_step(gpu, model, &data, setup);
        let name = format!("{name} on {family:?}");
        for (lane, (weights, momentum)) in lanes.iter().enumerate() {
            let network = &networks[lane];
            let loss = |parameters: &[Tensor]| network.loss(parameters, &x, &labels, f64::from(smoothing));
            let found: Vec<u32> = momentum.iter().flat_map(Tensor::to_f32).map(f32::to_bits).collect();
            let gradient = differences(weights, loss);
            if lane == 0 {
                check(&format!("gradient of {name}"), &found, &near(&gradient), GRADIENT);
                continue;
            }
            let mut e = ascent::sam(&gradient, f64::from(RHO)).into_iter();
            let mut ascent = weights.clone();
            for (w, e) in ascent.iter_mut().flat_map(|tensor| &mut tensor.data).zip(&mut e) {
                *w += e;
            }
            let gradient = differences(&ascent, loss);
            check(&format!("SAM gradient of {name}"), &found, &near(&gradient), ASCENT_GRADIENT);
        }
    }
    true
}

#[test]
fn gradients_of_whole_models_are_those_of_finite_differences() {
    let points = Shape { channels: 2, height: 1, width: 1 };
    let images = Shape { channels: 3, height: 6, width: 5 };
    let mlp = Case {
        model: "mlp:9,6",
        shape: points,
        classes: 3,
        batch: 12,
        activation: Activation::Tanh,
        norm: Norm::None,
        smoothing: 0.0,
    };
    let cases = [
        Case { activation: Activation::Gelu, norm: Norm::Batch, smoothing: 0.1, ..mlp },
        Case { activation: Activation::Silu, model: "mlp:17", classes: 5, batch: 1, ..mlp },
        Case { model: "cnn:5,4", shape: images, batch: 7, norm: Norm::Batch, smoothing: 0.1, ..mlp },
        Case { model: "cnn:4,6", shape: images, batch: 5, activation: Activation::Gelu, ..mlp },
        Case { model: "mlp:5", shape: images, ..mlp },
        mlp,
    ];
    for case in &cases {
        if !run(case) {
            return;
        }
    }
}

/// The mask of the first step for layer `layer` of the engine's network, whose input has this shape.
fn mask(seed: u32, layer: u32, p: f32, [examples, channels, pixels]: [usize; 3]) -> Tensor {
    let mut mask = Tensor::zeros(&[examples, channels, pixels]);
    for (index, value) in mask.data.iter_mut().enumerate() {
        let (example, channel, pixel) = (index / (channels * pixels), index / pixels % channels, index % pixels);
        let element = (example * pixels + pixel) * channels.next_multiple_of(4) + channel;
        let kept = dropout_bits(seed, layer, 0, element as u32) >= Dropout { p }.threshold();
        *value = if kept { 1.0 / (1.0 - f64::from(p)) } else { 0.0 };
    }
    mask
}

/// Two additions of one layer, so that it has three consumers, one of them right behind it.
#[test]
fn gradients_of_a_list_of_layers_are_those_of_finite_differences() {
    let shape = Shape { channels: 3, height: 6, width: 5 };
    let (batch, classes, p) = (5, 3, 0.3);
    let text = json!({"layers": [
        {"type": "conv", "outputs": 6, "kernel": 3, "padding": 1},
        {"type": "group_norm", "groups": 3},
        {"type": "activation"},
        {"type": "dropout", "p": p},
        {"type": "avg_pool", "kernel": 2, "stride": 1},
        {"type": "add", "from": -1},
        {"type": "conv", "outputs": 6, "kernel": 3, "padding": 1, "bias": false},
        {"type": "add", "from": -3},
        {"type": "activation", "function": "gelu"},
        {"type": "add", "from": "layers.5"},
        {"type": "flatten"},
        {"type": "dropout", "p": p},
        {"type": "dense", "outputs": 8},
        {"type": "group_norm", "groups": 4},
        {"type": "activation", "function": "silu"},
        {"type": "dense", "outputs": "classes"},
    ]});
    let style = Style { activation: Activation::Tanh, norm: None, dropout: 0.0 };
    let model = Model::parse(&text.to_string(), shape, classes, style).unwrap();
    let name = |index: usize| format!("layers.{index}");
    let conv = |index, inputs, bias| {
        let conv = Conv { stride: 1, padding: 1 };
        Layer::Conv { name: name(index), inputs, outputs: 6, kernel: 3, conv, bias }
    };
    let twins = SEEDS.map(|seed| Network {
        layers: vec![
            conv(0, 3, true),
            Layer::GroupNorm { name: name(1), channels: 6, groups: 3 },
            Layer::Activation(twin(Activation::Tanh)),
            // Activations that belong to the layer before do not count among the engine's layers.
            Layer::Dropout(mask(seed, 2, p, [batch, 6, 30])),
            Layer::AvgPool(AvgPool { kernel: 2, stride: 1 }),
            Layer::Add { from: 4 },
            conv(6, 6, false),
            Layer::Add { from: 4 },
            Layer::Activation(twin(Activation::Gelu)),
            Layer::Add { from: 5 },
            Layer::Flatten,
            Layer::Dropout(mask(seed, 9, p, [batch, 120, 1])),
            Layer::Dense { name: name(12), inputs: 120, outputs: 8 },
            Layer::GroupNorm { name: name(13), channels: 8, groups: 4 },
            Layer::Activation(twin(Activation::Silu)),
            Layer::Dense { name: name(15), inputs: 8, outputs: classes },
        ],
    });
    check_model("a list of layers", &model, [&twins[0], &twins[1]], shape, batch, 0.1);
}
