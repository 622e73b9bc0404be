//! The twins against PyTorch: every run recorded in `tests/fixtures` (by `tests/record_pytorch.py`), again.
//!
//! Both sides are float64, so they differ by rounding alone; a wrong formula differs in the first digits.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken fixture is a failed test")]

use lowland_reference::conv::Conv;
use lowland_reference::network::Layer;
use lowland_reference::optim::{AdamW, Schedule, Sgd};
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

fn settings(case: &Value) -> Settings {
    let sam = case["optimizer"] == "sam";
    let base = if sam { &case["base"] } else { &case["optimizer"] };
    let weight_decay = number(case, "weight_decay", 0.0);
    let base = if base == "adamw" {
        Base::AdamW(AdamW { betas: [0.9, 0.999], eps: 1e-8, weight_decay })
    } else {
        assert_eq!(base, "sgd");
        let nesterov = case.get("nesterov").is_some_and(|value| value == true);
        let dampening = number(case, "dampening", 0.0);
        Base::Sgd(Sgd { momentum: number(case, "momentum", 0.0), dampening, nesterov, weight_decay })
    };
    let total = number(case, "steps", 0.0) as u64;
    Settings {
        base,
        rho: if sam { number(case, "rho", 0.0) } else { 0.0 },
        lr: number(case, "lr", 0.0),
        schedule: if case["schedule"] == "cosine" { Schedule::Cosine { total } } else { Schedule::Constant },
        warmup: number(case, "warmup", 0.0) as u64,
        smoothing: number(case, "label_smoothing", 0.0),
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
        let mut trainer = Trainer::new(network.clone(), settings(config), initial);
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
        assert_eq!(!sam_loss.is_empty(), config["optimizer"] == "sam");
        if !sam_loss.is_empty() {
            compare("steps", &sam_loss, format!("{case}/sam_loss"));
        }
        for ((name, _), weight) in network.parameters().iter().zip(&trainer.parameters) {
            compare("weights", &weight.data, format!("{case}/final/{name}"));
        }
        for ((name, _), running) in network.norms().iter().zip(&trainer.running) {
            compare("statistics", &running.mean, format!("{case}/final/{name}.running_mean"));
            compare("statistics", &running.variance, format!("{case}/final/{name}.running_var"));
            compare("count", &[trainer.steps as f64], format!("{case}/final/{name}.num_batches_tracked"));
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
