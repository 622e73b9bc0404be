//! The twins against PyTorch: every run recorded in `tests/fixtures` (by `tests/record_pytorch.py`), again.
//!
//! Both sides are float64, so they differ by rounding alone; a wrong formula differs in the first digits.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken fixture is a failed test")]

use lowland_reference::conv::Conv;
use lowland_reference::network::Layer;
use lowland_reference::optim::{Adam, RmsProp, Schedule, Sgd};
use lowland_reference::pool::AvgPool;
use lowland_reference::train::{Base, Settings, Trainer};
use lowland_reference::{Activation, Network, Tensor};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use std::collections::BTreeMap;

/// Largest difference allowed, relative to `1 + |recorded|` (measured: up to 5e-15).
const TOLERANCE: f64 = 1e-11;

struct Fixture {
    tensors: BTreeMap<String, Tensor>,
    network: Value,
    cases: BTreeMap<String, Value>,
}

fn read(file: &str) -> Fixture {
    let path = format!("{}/../../tests/fixtures/{file}.safetensors", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let json = |key: &str| header.metadata().as_ref().unwrap()[key].as_str();
    let tensors = SafeTensors::deserialize(&bytes).unwrap().tensors().into_iter().map(|(name, view)| {
        let chunks = |size: usize| view.data().chunks(size);
        let data = match view.dtype() {
            Dtype::F64 => chunks(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect(),
            Dtype::I64 => chunks(8).map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()) as f64).collect(),
            Dtype::F32 => chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()).into()).collect(),
            Dtype::U8 => chunks(1).map(|bytes| bytes[0].into()).collect(),
            other => panic!("{name} is {other:?}"),
        };
        (name, Tensor::new(view.shape(), data))
    });
    Fixture {
        tensors: tensors.collect(),
        network: serde_json::from_str(json("network")).unwrap(),
        cases: serde_json::from_str(json("cases")).unwrap(),
    }
}

fn number(value: &Value, key: &str, default: f64) -> f64 {
    value.get(key).map_or(default, |value| value.as_f64().unwrap())
}

fn network(description: &Value) -> Network {
    let shape: Vec<usize> = serde_json::from_value(description["shape"].clone()).unwrap();
    let classes = number(description, "classes", 0.0) as usize;
    let activation = Activation::ALL.into_iter().find(|a| description["activation"] == a.name()).unwrap();
    if let Some(list) = description["model"]["layers"].as_array() {
        return Network { layers: listed(list, &shape, classes, activation) };
    }
    let norm = description["norm"] == "batch";
    let (kind, widths) = description["model"].as_str().unwrap().split_once(':').unwrap();
    let widths: Vec<usize> = widths.split(',').map(|width| width.parse().unwrap()).collect();
    match kind {
        "mlp" => Network::mlp(shape.iter().product(), &widths, classes, activation, norm),
        "cnn" => Network::cnn(shape[0], &widths, classes, activation, norm),
        other => panic!("{other}"),
    }
}

/// The layers of a list as `--model` takes it, of default names, for inputs of this shape.
fn listed(list: &[Value], shape: &[usize], classes: usize, activation: Activation) -> Vec<Layer> {
    let (mut channels, mut side) = (shape[0], shape[1]);
    let mut layers = Vec::new();
    for (index, entry) in list.iter().enumerate() {
        let name = format!("layers.{index}");
        let count = |key: &str, default: usize| number(entry, key, default as f64) as usize;
        let outputs = if entry["outputs"] == "classes" { classes } else { count("outputs", 0) };
        let kernel = count("kernel", 0);
        layers.push(match entry["type"].as_str().unwrap() {
            "conv" => {
                let conv = Conv { stride: count("stride", 1), padding: count("padding", 0) };
                let inputs = std::mem::replace(&mut channels, outputs);
                side = conv.output(side, kernel);
                Layer::Conv {
                    name,
                    inputs,
                    outputs,
                    kernel,
                    conv,
                    bias: entry.get("bias").is_none_or(|bias| bias == true),
                }
            }
            "dense" => Layer::Dense { name, inputs: std::mem::replace(&mut channels, outputs), outputs },
            "group_norm" => Layer::GroupNorm { name, channels, groups: count("groups", 0) },
            "activation" => {
                let named = Activation::ALL.into_iter().find(|a| entry["function"] == a.name());
                Layer::Activation(named.unwrap_or(activation))
            }
            "avg_pool" => {
                let pool = AvgPool { kernel, stride: count("stride", kernel) };
                side = (side - pool.kernel) / pool.stride + 1;
                Layer::AvgPool(pool)
            }
            "add" => Layer::Add { from: index - number(entry, "from", 0.0).abs() as usize },
            "flatten" => {
                channels *= side * side;
                Layer::Flatten
            }
            other => panic!("{other}"),
        });
    }
    layers
}

fn schedule(text: &str, total: u64) -> Schedule {
    let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
    let numbers: Vec<f64> = rest.split(',').filter_map(|number| number.parse().ok()).collect();
    match kind {
        "constant" => Schedule::Constant,
        "cosine" => Schedule::Cosine { total },
        "step" => {
            Schedule::Step { factor: numbers[0], milestones: numbers[1..].iter().map(|epoch| *epoch as u64).collect() }
        }
        "exponential" => Schedule::Exponential { factor: numbers[0] },
        other => panic!("{other}"),
    }
}

fn settings(case: &Value, epoch: usize) -> Settings {
    let climbs = ["sam", "asam"].iter().any(|name| case["optimizer"] == *name);
    let base = if climbs { &case["base"] } else { &case["optimizer"] };
    let (weight_decay, momentum) = (number(case, "weight_decay", 0.0), number(case, "momentum", 0.0));
    let adam = Adam { betas: [0.9, 0.999], eps: 1e-8, weight_decay, decoupled: base == "adamw" };
    let base = match base.as_str().unwrap() {
        "adam" | "adamw" => Base::Adam(adam),
        "rmsprop" => Base::RmsProp(RmsProp { alpha: number(case, "alpha", 0.99), eps: 1e-8, momentum, weight_decay }),
        "sgd" => {
            let nesterov = case.get("nesterov").is_some_and(|value| value == true);
            Base::Sgd(Sgd { momentum, dampening: number(case, "dampening", 0.0), nesterov, weight_decay })
        }
        other => panic!("{other}"),
    };
    let total = number(case, "steps", 0.0) as u64;
    Settings {
        base,
        rho: if climbs { number(case, "rho", 0.0) } else { 0.0 },
        p: if case["p"] == "inf" { f64::INFINITY } else { number(case, "p", 2.0) },
        adaptive: case["optimizer"] == "asam",
        ascent_steps: number(case, "ascent_steps", 1.0) as u32,
        second_order: false,
        m: number(case, "m", 0.0) as usize,
        clip_norm: case.get("clip_norm").map(|value| value.as_f64().unwrap()),
        lr: number(case, "lr", 0.0),
        schedule: schedule(case["schedule"].as_str().unwrap_or("constant"), total),
        warmup: number(case, "warmup", 0.0) as u64,
        smoothing: number(case, "label_smoothing", 0.0),
        epoch,
    }
}

/// The examples `indices`, scaled, and their labels.
fn batch(fixture: &Fixture, indices: impl Iterator<Item = usize>) -> (Tensor, Vec<usize>) {
    let inputs = &fixture.tensors["inputs"];
    let [examples, channels, height, width] = inputs.dims();
    let (mean, std) = (&fixture.tensors["scaling/mean"].data, &fixture.tensors["scaling/std"].data);
    let (mut data, mut labels) = (Vec::new(), Vec::new());
    for n in indices.map(|index| index % examples) {
        for (index, x) in inputs.data.chunks(channels * height * width).nth(n).unwrap().iter().enumerate() {
            let c = index / (height * width);
            data.push((x - mean[c]) / std[c]);
        }
        labels.push(fixture.tensors["labels"].data[n] as usize);
    }
    (Tensor::new(&[labels.len(), channels, height, width], data), labels)
}

/// Follows every case of a file; prints the largest difference of each.
fn follow(file: &str, expected_cases: &[&str]) {
    let fixture = read(file);
    assert_eq!(fixture.cases.keys().map(String::as_str).collect::<Vec<_>>(), expected_cases);
    for (case, config) in &fixture.cases {
        let mut worst = (0.0, String::new());
        let mut compare = |what: &str, found: &[f64], key: String| {
            let recorded = &fixture.tensors[&key].data;
            assert_eq!(found.len(), recorded.len(), "{file}: {key}");
            for (found, recorded) in found.iter().zip(recorded) {
                let difference = (found - recorded).abs() / (1.0 + recorded.abs());
                assert!(difference <= TOLERANCE, "{file}: {what} {key}: {found}, PyTorch has {recorded}");
                if difference > worst.0 {
                    worst = (difference, key.clone());
                }
            }
        };

        let network = network(&fixture.network);
        let initial = |(name, _): &(String, _)| fixture.tensors[&format!("init/{name}")].clone();
        let initial = network.parameters().iter().map(initial).collect();
        let mut trainer =
            Trainer::new(network.clone(), settings(config, fixture.tensors["labels"].data.len()), initial);
        let (steps, size) = (number(config, "steps", 0.0) as usize, number(config, "batch", 0.0) as usize);
        let mut records = Vec::new();
        for step in 0..steps {
            let (x, labels) = batch(&fixture, step * size..(step + 1) * size);
            records.push(trainer.step(&x, &labels));
        }

        let column =
            |value: fn(&lowland_reference::train::Record) -> f64| records.iter().map(value).collect::<Vec<_>>();
        compare("steps", &column(|r| r.loss), format!("{case}/loss"));
        compare("steps", &column(|r| r.accuracy), format!("{case}/accuracy"));
        compare("steps", &column(|r| r.grad_norm), format!("{case}/grad_norm"));
        compare("steps", &column(|r| r.lr), format!("{case}/lr"));
        let sam_loss: Vec<f64> = records.iter().filter_map(|r| r.sam_loss).collect();
        assert_eq!(!sam_loss.is_empty(), trainer.settings.rho != 0.0);
        if !sam_loss.is_empty() {
            compare("steps", &sam_loss, format!("{case}/sam_loss"));
        }
        for ((name, _), weight) in network.parameters().iter().zip(&trainer.parameters) {
            compare("weights", &weight.data, format!("{case}/final/{name}"));
        }
        for ((name, _), running) in network.norms().iter().zip(&trainer.running) {
            compare("statistics", &running.mean, format!("{case}/final/{name}.running_mean"));
            compare("statistics", &running.variance, format!("{case}/final/{name}.running_var"));
            compare("count", &[trainer.batches as f64], format!("{case}/final/{name}.num_batches_tracked"));
        }
        let (x, labels) = batch(&fixture, 0..fixture.tensors["labels"].data.len());
        let (loss, accuracy) = trainer.evaluate(&x, &labels);
        compare("inference", &[loss], format!("{case}/eval/loss"));
        compare("inference", &[accuracy], format!("{case}/eval/accuracy"));
        println!("{file} {case}: largest difference {:.1e} ({})", worst.0, worst.1);
    }
}

#[test]
fn mlp() {
    follow("mlp", &["adamw", "nesterov-cosine", "sam", "sam-large-cosine", "sgd"]);
}

#[test]
fn cnn_with_batch_norm() {
    follow("cnn", &["adamw", "nesterov-cosine", "sam", "sam-large-cosine", "sgd"]);
}

#[test]
fn mlp_with_batch_norm() {
    follow("mlp-norm", &["sam-smoothing", "sgd-dampening-warmup"]);
}

#[test]
fn list_of_layers() {
    follow("list", &["sam", "sgd"]);
}

#[test]
fn cnn_without_norm() {
    follow("cnn-plain", &["sam-adamw-smoothing", "sgd-dampening-warmup"]);
}

#[test]
fn every_form_of_the_optimizers() {
    follow(
        "mlp-forms",
        &[
            "adam",
            "asam",
            "asam-3-steps",
            "asam-p4-adam",
            "clip-exponential",
            "rmsprop",
            "sam-2-steps-clip",
            "sam-inf",
            "sam-p1",
            "sam-p1.5",
            "sam-p3-step",
            "sam-rmsprop",
        ],
    );
}

#[test]
fn groups_of_the_batch() {
    follow("cnn-groups", &["asam-m4", "sam-m4", "sam-m8-2-steps-p3-clip", "sgd-m4"]);
}
