//! Networks as a JSON list of layers; `crates/MODELS.md` describes it for its readers.

use super::{
    Activate, Add, AvgPool, BatchNorm, Conv2d, Dense, Dropout, Flatten, GlobalAvgPool, GroupNorm, MaxPool, Model, Style,
};
use crate::config::Activation;
use crate::data::Shape;
use crate::{Error, Result};
use serde_json::{Map, Value};
use std::ops::RangeInclusive;
use std::path::Path;

/// What an entry's `type` may be, each with its keys; `name` goes with all of them.
const KINDS: [(&str, &[&str]); 11] = [
    ("conv", &["outputs", "kernel", "stride", "padding", "bias"]),
    ("dense", &["outputs"]),
    ("batch_norm", &[]),
    ("group_norm", &["groups"]),
    ("activation", &["function"]),
    ("max_pool", &["kernel", "stride"]),
    ("avg_pool", &["kernel", "stride"]),
    ("global_avg_pool", &[]),
    ("dropout", &["p"]),
    ("add", &["from"]),
    ("flatten", &[]),
];
const MOST_LAYERS: usize = 1000;
const MOST_BYTES: u64 = 1 << 20;

/// One entry of the list.
#[derive(Debug)]
enum Kind {
    Conv {
        outputs: usize,
        kernel: (usize, usize),
        stride: usize,
        padding: usize,
        bias: bool,
    },
    Dense {
        outputs: usize,
    },
    BatchNorm,
    GroupNorm {
        groups: usize,
    },
    Activation(Activation),
    MaxPool {
        kernel: usize,
        stride: usize,
    },
    AvgPool {
        kernel: usize,
        stride: usize,
    },
    GlobalAvgPool,
    Dropout {
        p: f32,
    },
    /// The entry whose output is added.
    Add {
        from: usize,
    },
    Flatten,
}

/// The network that a file lists.
pub(crate) fn load(path: &str, input: Shape, classes: usize, style: Style) -> Result<Model> {
    parse(&read(path)?, input, classes, style).map_err(|e| Error::input(format!("{path}: {e}")))
}

fn read(path: &str) -> Result<String> {
    let wrong = |why: &str| Error::input(format!("{path}: {why}. Give --model a JSON file that lists layers."));
    let length = std::fs::metadata(Path::new(path)).map_err(|e| wrong(&e.to_string()))?.len();
    if length > MOST_BYTES {
        return Err(wrong(&format!("its {length} bytes are more than the {MOST_BYTES} that a list may have")));
    }
    std::fs::read_to_string(path).map_err(|e| wrong(&e.to_string()))
}

/// The network that `text` lists.
pub(super) fn parse(text: &str, input: Shape, classes: usize, style: Style) -> Result<Model> {
    if style.norm.is_some() || style.dropout > 0.0 {
        return Err(Error::input(
            "norm and dropout are for mlp: and cnn: models; in a list of layers they are layers of their own.",
        ));
    }
    let wrong = |why: String| Error::input(format!("the list of layers: {why}."));
    let whole: Value = serde_json::from_str(text).map_err(|e| wrong(format!("it is not whole JSON: {e}")))?;
    let Value::Object(object) = &whole else {
        return Err(wrong("it is not an object such as {\"layers\": [{\"type\": \"flatten\"}, ...]}".into()));
    };
    if let Some(key) = object.keys().find(|key| !["name", "layers"].contains(&key.as_str())) {
        return Err(wrong(format!("there is no key '{key}'; there are name and layers")));
    }
    let name = match object.get("name") {
        None => "the list of layers".to_owned(),
        Some(Value::String(name)) if is_name(name) => name.clone(),
        Some(other) => return Err(wrong(format!("name is {other}; {NAMES}"))),
    };
    let Some(Value::Array(list)) = object.get("layers") else {
        return Err(wrong("it has no array 'layers'".into()));
    };
    if list.is_empty() || list.len() > MOST_LAYERS {
        return Err(wrong(format!("it has {} layers; it must have 1 to {MOST_LAYERS}", list.len())));
    }
    let names = list.iter().enumerate().map(|(i, entry)| name_of(i, entry)).collect::<Result<Vec<_>>>()?;
    for (i, name) in names.iter().enumerate() {
        if let Some(other) = names[..i].iter().position(|other| other == name) {
            return Err(wrong(format!("layers {other} and {i} are both called '{name}'")));
        }
    }
    let kinds = list
        .iter()
        .enumerate()
        .map(|(i, entry)| Entry::new(i, entry)?.kind(&names, classes, style.activation))
        .collect::<Result<Vec<_>>>()?;
    let model = build(Model::new(name, input, classes), &names, &kinds)?;
    Ok(Model { list: Some(whole.to_string()), ..model })
}

fn build(mut model: Model, names: &[String], kinds: &[Kind]) -> Result<Model> {
    // The layer that has the output of each entry: an activation is mostly part of the layer before it.
    let mut made: Vec<Option<&str>> = Vec::new();
    let mut i = 0;
    while i < kinds.len() {
        let name = names[i].as_str();
        let branches = |entry: usize| kinds.iter().any(|kind| matches!(kind, Kind::Add { from } if *from == entry));
        let next = match kinds.get(i + 1) {
            Some(Kind::Activation(next)) if !branches(i) => Some(*next),
            _ => None,
        };
        let gain = gain(&kinds[i + 1..]);
        let mut fused = false;
        let mut activation = || {
            fused = next.is_some();
            next
        };
        let before = made.last().copied().flatten();
        let mut own = Some(name);
        model = match kinds[i] {
            Kind::Conv { outputs, kernel, stride, padding, bias } => {
                model.with(name, Conv2d { outputs, kernel, stride, padding, bias, activation: activation(), gain })?
            }
            Kind::Dense { outputs } => model.with(name, Dense { outputs, activation: activation(), gain })?,
            Kind::BatchNorm => model.with(name, BatchNorm { activation: activation() })?,
            Kind::GroupNorm { groups } => model.with(name, GroupNorm { groups, activation: activation() })?,
            Kind::Activation(function) => model.with(name, Activate(function))?,
            Kind::MaxPool { kernel, stride } => model.with(name, MaxPool { kernel, stride })?,
            Kind::AvgPool { kernel, stride } => model.with(name, AvgPool { kernel, stride })?,
            Kind::GlobalAvgPool => model.with(name, GlobalAvgPool)?,
            Kind::Dropout { p } => model.with(name, Dropout { p })?,
            Kind::Add { from } => {
                let from = made[from].ok_or_else(|| {
                    Error::input(format!("layer {name} of {}: the input itself cannot be added.", model.name))
                })?;
                model.with(name, Add { from: from.into(), activation: activation() })?
            }
            // Nothing to move: images are gathered as rows, and rows stay what they are.
            Kind::Flatten if model.layers.is_empty() => {
                own = None;
                Model::flat(model.name, model.input, model.classes)
            }
            Kind::Flatten if model.output().height * model.output().width == 1 => {
                own = before;
                model
            }
            Kind::Flatten => model.with(name, Flatten)?,
        };
        made.push(own);
        if fused {
            made.push(own);
            i += 1;
        }
        i += 1;
    }
    Ok(model)
}

/// The gain of a weight by the activation that follows it, before the next weight; 1 where none does.
fn gain(rest: &[Kind]) -> f32 {
    let until = rest.iter().take_while(|kind| !matches!(kind, Kind::Conv { .. } | Kind::Dense { .. }));
    let function = |kind: &Kind| match kind {
        Kind::Activation(function) => Some(function.gain()),
        _ => None,
    };
    until.filter_map(function).next().unwrap_or(1.0)
}

const NAMES: &str = "a name has 1 to 64 letters, digits, _ - . and begins with a letter";

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    name.len() <= 64 && name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(fits)
}

/// What the tensors of entry `index` are called: its own name, or that of torch.nn.Sequential.
fn name_of(index: usize, entry: &Value) -> Result<String> {
    match entry.get("name") {
        None => Ok(format!("layers.{index}")),
        // A checkpoint has the moments of the optimizer under that prefix.
        Some(Value::String(name)) if is_name(name) && !name.starts_with("optimizer.") => Ok(name.clone()),
        Some(other) => Err(Error::input(format!(
            "layer {index} of the list: name is {other}; {NAMES}, and not with 'optimizer.'."
        ))),
    }
}

/// An entry that is being read.
struct Entry<'a> {
    index: usize,
    kind: &'static str,
    object: &'a Map<String, Value>,
}

impl<'a> Entry<'a> {
    fn new(index: usize, entry: &'a Value) -> Result<Self> {
        let wrong = |why: String| Error::input(format!("layer {index} of the list: {why}."));
        let kinds = || KINDS.map(|(kind, _)| kind).join(", ");
        let object = entry.as_object().ok_or_else(|| wrong(format!("it is {entry}, not an object with a 'type'")))?;
        let given = object.get("type").ok_or_else(|| wrong(format!("it has no 'type'; there are {}", kinds())))?;
        let known = KINDS.iter().find(|(kind, _)| given == kind);
        let (kind, keys) = *known.ok_or_else(|| wrong(format!("there is no type {given}; there are {}", kinds())))?;
        let entry = Self { index, kind, object };
        match object.keys().find(|key| !["type", "name"].contains(&key.as_str()) && !keys.contains(&key.as_str())) {
            None => Ok(entry),
            Some(key) if keys.is_empty() => Err(entry.wrong(&format!("there is no key '{key}'; it takes only a name"))),
            Some(key) => Err(entry.wrong(&format!("there is no key '{key}'; there are {}, name", keys.join(", ")))),
        }
    }

    fn wrong(&self, why: &str) -> Error {
        Error::input(format!("layer {} of the list ({}): {why}.", self.index, self.kind))
    }

    /// A whole number; `default` where it is not given.
    fn count(&self, key: &str, default: Option<usize>, range: RangeInclusive<usize>) -> Result<usize> {
        let Some(value) = self.object.get(key) else {
            return default.ok_or_else(|| self.wrong(&format!("it has no '{key}'")));
        };
        self.whole(value, key, range)
    }

    fn whole(&self, value: &Value, key: &str, range: RangeInclusive<usize>) -> Result<usize> {
        let number = value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| range.contains(n));
        number.ok_or_else(|| {
            self.wrong(&format!(
                "{key} is {value}; it must be a whole number from {} to {}",
                range.start(),
                range.end()
            ))
        })
    }

    fn outputs(&self, classes: usize) -> Result<usize> {
        match self.object.get("outputs") {
            Some(Value::String(text)) if text == "classes" => Ok(classes),
            Some(Value::String(text)) => {
                Err(self.wrong(&format!("outputs is \"{text}\"; it must be a whole number or \"classes\"")))
            }
            _ => self.count("outputs", None, 1..=65_536),
        }
    }

    fn kind(&self, names: &[String], classes: usize, activation: Activation) -> Result<Kind> {
        const KERNEL: RangeInclusive<usize> = 1..=255;
        let window = || {
            let kernel = self.count("kernel", None, KERNEL)?;
            Ok::<_, Error>((kernel, self.count("stride", Some(kernel), KERNEL)?))
        };
        Ok(match self.kind {
            "conv" => {
                let kernel = match self.object.get("kernel") {
                    Some(Value::Array(sides)) if sides.len() == 2 => {
                        (self.whole(&sides[0], "kernel", KERNEL)?, self.whole(&sides[1], "kernel", KERNEL)?)
                    }
                    _ => self.count("kernel", None, KERNEL).map(|side| (side, side))?,
                };
                let bias = match self.object.get("bias") {
                    None => true,
                    Some(Value::Bool(bias)) => *bias,
                    Some(other) => return Err(self.wrong(&format!("bias is {other}; it must be true or false"))),
                };
                let padding = self.count("padding", Some(0), 0..=kernel.0.min(kernel.1) - 1)?;
                Kind::Conv {
                    outputs: self.outputs(classes)?,
                    kernel,
                    stride: self.count("stride", Some(1), KERNEL)?,
                    padding,
                    bias,
                }
            }
            "dense" => Kind::Dense { outputs: self.outputs(classes)? },
            "batch_norm" => Kind::BatchNorm,
            "group_norm" => Kind::GroupNorm { groups: self.count("groups", None, 1..=65_536)? },
            "activation" => Kind::Activation(match self.object.get("function") {
                None => activation,
                Some(value) => serde_json::from_value(value.clone()).map_err(|_| {
                    self.wrong(&format!("function is {value}; there are relu, leaky-relu, gelu, silu, tanh"))
                })?,
            }),
            "max_pool" => window().map(|(kernel, stride)| Kind::MaxPool { kernel, stride })?,
            "avg_pool" => window().map(|(kernel, stride)| Kind::AvgPool { kernel, stride })?,
            "global_avg_pool" => Kind::GlobalAvgPool,
            "dropout" => {
                let p = self.object.get("p").ok_or_else(|| self.wrong("it has no 'p'"))?;
                let fraction = p.as_f64().map(|p| p as f32).filter(|p| (0.0..1.0).contains(p));
                Kind::Dropout {
                    p: fraction.ok_or_else(|| self.wrong(&format!("p is {p}; it must be from 0 to below 1")))?,
                }
            }
            "add" => Kind::Add { from: self.from(names)? },
            _ => Kind::Flatten,
        })
    }

    /// The entry that an add refers to, by its name or by how many entries back it is.
    fn from(&self, names: &[String]) -> Result<usize> {
        let value = self.object.get("from").ok_or_else(|| self.wrong("it has no 'from'"))?;
        let earlier = &names[..self.index];
        let index = match value {
            Value::String(name) => earlier.iter().position(|other| other == name),
            other => other
                .as_i64()
                .filter(|n| *n < 0)
                .and_then(|n| self.index.checked_sub(usize::try_from(n.unsigned_abs()).ok()?)),
        };
        index.ok_or_else(|| {
            let list = if earlier.is_empty() { "none".into() } else { earlier.join(", ") };
            self.wrong(&format!(
                "from is {value}; it must be the name of an earlier layer ({list}) or how many layers back it is, such as -3"
            ))
        })
    }
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
