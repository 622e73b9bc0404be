//! SAM with its second-order term: whole steps of the trainer against `lowland_reference::train`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use lowland::config::Activation;
use lowland::data::{Dataset, Inputs, Scaling, Shape, Split};
use lowland::gpu::Family;
use lowland::rng::{Rng, Stream, dropout_bits};
use lowland::{model, model::Dropout};
use lowland_reference::conv::Conv;
use lowland_reference::network::Layer;
use lowland_reference::optim::{Schedule, Sgd};
use lowland_reference::train::{Base, Settings, Trainer};
use lowland_reference::{Network, Tensor};
use lowland_tests::compare::{Tolerance, check, near, within};
use lowland_tests::layer::{draw, uniform};
use lowland_tests::training::Job;
use lowland_tests::{gpu, twin};
use serde_json::{Value, json};

/// A gradient at w + e and a product of the Hessian, each a chain of some twenty f32 operations with sums of some hundred products.
const GRADIENT: Tolerance = within(2e-5, 2e-4);
/// Weights after steps of such gradients.
const WEIGHTS: Tolerance = within(2e-5, 1e-4);
const COSINE: f64 = 2e-5;
const RHO: f64 = 1.5;

struct Case<'a> {
    name: &'a str,
    settings: Value,
    network: Network,
    shape: Shape,
    batch: usize,
    m: usize,
    steps: usize,
}

/// Drawn examples, in as many batches as there are steps.
fn examples(case: &Case<'_>, classes: usize) -> (Dataset, Tensor, Vec<usize>) {
    let Case { shape, batch, steps, .. } = *case;
    let count = batch * steps;
    let rng = &mut Rng::new(5, Stream::Data, batch as u32);
    let x = draw(rng, &[count, shape.channels, shape.height, shape.width], |rng| 2.0 * uniform(rng));
    let labels: Vec<usize> = (0..count).map(|_| rng.below(classes as u32) as usize).collect();
    let split = Split {
        inputs: Inputs::Floats(x.to_f32()),
        labels: labels.iter().map(|label| *label as u16).collect(),
        flipped: Vec::new(),
    };
    let scaling = Scaling { mean: vec![0.0; shape.channels], std: vec![1.0; shape.channels] };
    let data = Dataset { name: "drawn".into(), shape, classes, train: split.clone(), val: None, test: split, scaling };
    (data, x, labels)
}

/// Holds gradient, cosines and weights of lane 1, between lanes of plain SAM and SGD, against the twin.
fn follow(case: &Case<'_>, families: &[Family]) -> bool {
    let (lr, smoothing) = (0.05f32, 0.1f32);
    let (data, x, labels) = examples(case, 3);
    let mut settings = json!({
        "lane": [
            "plain: optimizer=sam", "full: optimizer=sam second-order=true", "sgd: optimizer=sgd",
        ],
        "rho": RHO, "lr": lr, "label_smoothing": smoothing, "order": "file", "batch": case.batch, "m": case.m,
        "steps": case.steps, "checkpoint_every": 1, "eval_every": 100,
    });
    settings.as_object_mut().unwrap().extend(case.settings.as_object().unwrap().clone());
    for &family in families {
        let Some(gpu) = gpu(family) else { return false };
        let name = format!("{} on {family:?}", case.name);
        let job = Job::on(&settings, data.clone());
        let tensors = |arena: &[f32]| -> Vec<Tensor> {
            let tensor = |t: &model::Tensor| Tensor::from_f32(&t.kind.shape(), &t.unpack(arena));
            job.model.parameters().iter().map(tensor).collect()
        };
        let start = pollster::block_on(job.trainer(gpu, job.setup.clone(), None).snapshot(gpu)).unwrap();
        let story = job.run(gpu);
        let sgd = Sgd { momentum: 0.9, dampening: 0.0, nesterov: false, weight_decay: 0.0 };
        let settings = Settings {
            base: Base::Sgd(sgd),
            rho: RHO,
            p: 2.0,
            adaptive: false,
            ascent_steps: 1,
            second_order: true,
            m: case.m,
            clip_norm: None,
            lr: f64::from(lr),
            schedule: Schedule::Constant,
            warmup: 0,
            smoothing: f64::from(smoothing),
            epoch: 0,
        };
        let mut reference = Trainer::new(case.network.clone(), settings, tensors(&start.lanes[1].weights));
        let mut cosines = Vec::new();
        for (step, metrics) in story.steps_of(1).into_iter().enumerate() {
            let before = reference.parameters.clone();
            let range = step * case.batch..(step + 1) * case.batch;
            let record = reference.step(&x.examples(range.clone()), &labels[range]);
            let (found, wanted) =
                (f64::from(metrics.second_order_cosine.unwrap()), record.second_order_cosine.unwrap());
            assert!((found - wanted).abs() < COSINE, "{name}: cosine of step {step} is {found} for {wanted}");
            cosines.push(wanted);
            if step == 0 {
                // The first momentum is the gradient itself.
                let momentum = tensors(&story.checkpoints[0].lanes[1].moments[0]);
                let found: Vec<u32> = momentum.iter().flat_map(Tensor::to_f32).map(f32::to_bits).collect();
                let taken =
                    before.iter().zip(&reference.parameters).map(|(a, b)| a.zip(b, |a, b| (a - b) / f64::from(lr)));
                let gradient = Tensor::concat(&taken.collect::<Vec<_>>());
                check(&format!("whole gradient of {name}"), &found, &near(&gradient), GRADIENT);
            }
        }
        println!("{name}: cosines {cosines:?}");
        assert!(cosines[0] < 0.999, "{name}: the term is there: {cosines:?}");
        let end = tensors(&story.end().lanes[1].weights);
        let found: Vec<u32> = end.iter().flat_map(Tensor::to_f32).map(f32::to_bits).collect();
        check(&format!("weights of {name}"), &found, &near(&Tensor::concat(&reference.parameters)), WEIGHTS);
        let running: Vec<f64> =
            reference.running.iter().flat_map(|r| [r.mean.clone(), r.variance.clone()].concat()).collect();
        let state = &story.end().lanes[1].running;
        let found = job.model.running().iter().flat_map(|t| t.unpack(state));
        check(&format!("statistics of {name}"), &found.map(f32::to_bits).collect::<Vec<_>>(), &near(&running), WEIGHTS);
        assert!(story.steps_of(0).iter().chain(&story.steps_of(2)).all(|step| step.second_order_cosine.is_none()));
    }
    true
}

#[test]
fn steps_with_the_second_order_term_are_those_of_the_reference() {
    let points = Shape { channels: 2, height: 1, width: 1 };
    let images = Shape { channels: 3, height: 6, width: 5 };
    let mlp = |activation| Network::mlp(2, &[9, 6], 3, twin(activation), false);
    let cases = [
        Case {
            name: "a tanh mlp",
            settings: json!({"model": "mlp:9,6", "activation": "tanh"}),
            network: mlp(Activation::Tanh),
            shape: points,
            batch: 12,
            m: 12,
            steps: 3,
        },
        Case {
            name: "a relu mlp in groups",
            settings: json!({"model": "mlp:9,6"}),
            network: mlp(Activation::Relu),
            shape: points,
            batch: 12,
            m: 4,
            steps: 3,
        },
        Case {
            name: "a cnn with batch norm, in groups",
            settings: json!({"model": "cnn:5,4"}),
            network: Network::cnn(3, &[5, 4], 3, twin(Activation::Relu), true),
            shape: images,
            batch: 8,
            m: 4,
            steps: 3,
        },
        Case {
            name: "a gelu mlp with batch norm",
            settings: json!({"model": "mlp:9,6", "activation": "gelu", "norm": "batch"}),
            network: Network::mlp(2, &[9, 6], 3, twin(Activation::Gelu), true),
            shape: points,
            batch: 12,
            m: 12,
            steps: 3,
        },
    ];
    for case in &cases {
        // The layers' own kernels are tested in every family.
        if !follow(case, &[Family::Register]) {
            return;
        }
    }
}

/// All other layers; both passes and the product have the same mask.
#[test]
fn a_list_of_layers_with_dropout_has_the_second_order_term() {
    let shape = Shape { channels: 3, height: 6, width: 5 };
    let (batch, p) = (5, 0.3);
    let layers = json!({"layers": [
        {"type": "conv", "outputs": 6, "kernel": 3, "padding": 1},
        {"type": "group_norm", "groups": 3},
        {"type": "activation"},
        {"type": "dropout", "p": p},
        {"type": "avg_pool", "kernel": 2, "stride": 1},
        {"type": "conv", "outputs": 6, "kernel": 3, "padding": 1, "bias": false},
        {"type": "add", "from": -2},
        {"type": "activation", "function": "gelu"},
        {"type": "flatten"},
        {"type": "dense", "outputs": "classes"},
    ]});
    // Of the first step, for the layer at place 2 of the engine's network: activations belong to the layer before.
    let mut mask = Tensor::zeros(&[batch, 6, 6, 5]);
    for (index, value) in mask.data.iter_mut().enumerate() {
        let (example, channel, pixel) = (index / 180, index / 30 % 6, index % 30);
        let kept = dropout_bits(0, 2, 0, ((example * 30 + pixel) * 8 + channel) as u32) >= Dropout { p }.threshold();
        *value = if kept { 1.0 / (1.0 - f64::from(p)) } else { 0.0 };
    }
    let name = |index: usize| format!("layers.{index}");
    let conv = |index, inputs, bias| {
        let conv = Conv { stride: 1, padding: 1 };
        Layer::Conv { name: name(index), inputs, outputs: 6, kernel: 3, conv, bias }
    };
    let network = Network {
        layers: vec![
            conv(0, 3, true),
            Layer::GroupNorm { name: name(1), channels: 6, groups: 3 },
            Layer::Activation(twin(Activation::Tanh)),
            Layer::Dropout(mask),
            Layer::AvgPool(lowland_reference::pool::AvgPool { kernel: 2, stride: 1 }),
            conv(5, 6, false),
            Layer::Add { from: 4 },
            Layer::Activation(twin(Activation::Gelu)),
            Layer::Flatten,
            Layer::Dense { name: name(9), inputs: 120, outputs: 3 },
        ],
    };
    let settings = json!({"model": layers, "activation": "tanh"});
    follow(
        &Case { name: "a list of layers", settings, network, shape, batch, m: batch, steps: 1 },
        &[Family::Register, Family::Shared],
    );
}
