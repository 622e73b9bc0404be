//! The short names of networks: `mlp:256,128`, `cnn:16,32`.

use super::{BatchNorm, Conv2d, Dense, GlobalAvgPool, MaxPool, Model};
use crate::config::{Activation, Norm};
use crate::data::Shape;
use crate::{Error, Result};

impl Model {
    /// Builds the network that `text` describes for inputs of shape `input`.
    ///
    /// `mlp:a,b`: dense layers of a and b units, then one of `classes`. `cnn:a,b`: blocks of 3x3 convolution,
    /// normalisation and activation, a max pool between blocks, a global average pool and a dense layer.
    ///
    /// # Errors
    /// [`Error::Input`] for an unknown name or impossible sizes.
    pub fn parse(text: &str, input: Shape, classes: usize, activation: Activation, norm: Option<Norm>) -> Result<Self> {
        let (family, sizes) = text.split_once(':').unwrap_or((text, ""));
        let sizes: Vec<usize> = sizes
            .split(',')
            .map(|n| n.trim().parse().ok().filter(|n| (1..=65_536).contains(n)))
            .collect::<Option<_>>()
            .ok_or_else(|| {
                Error::input(format!(
                    "model '{text}': sizes are whole numbers from 1 to 65536, separated by commas, as in mlp:256,128 or cnn:16,32."
                ))
            })?;
        match family {
            "mlp" => mlp(text, &sizes, input, classes, activation, norm.unwrap_or(Norm::None)),
            "cnn" => cnn(text, &sizes, input, classes, activation, norm.unwrap_or(Norm::Batch)),
            _ => Err(Error::input(format!("unknown model '{text}'; there are mlp:SIZES and cnn:CHANNELS."))),
        }
    }
}

fn mlp(text: &str, sizes: &[usize], input: Shape, classes: usize, act: Activation, norm: Norm) -> Result<Model> {
    let mut model = Model::flat(text, input, classes);
    let gain = act.gain();
    for (i, &outputs) in sizes.iter().enumerate() {
        let name = format!("layers.{i}");
        model = match norm {
            Norm::None => model.with(&name, Dense { outputs, activation: Some(act), gain })?,
            Norm::Batch => model
                .with(&name, Dense { outputs, activation: None, gain })?
                .with(&format!("norms.{i}"), BatchNorm { activation: Some(act) })?,
        };
    }
    model.with(&format!("layers.{}", sizes.len()), Dense { outputs: classes, activation: None, gain: 1.0 })
}

fn cnn(text: &str, sizes: &[usize], input: Shape, classes: usize, act: Activation, norm: Norm) -> Result<Model> {
    let mut model = Model::new(text, input, classes);
    for (i, &outputs) in sizes.iter().enumerate() {
        if i > 0 {
            model = model.with(&format!("pools.{i}"), MaxPool { kernel: 2, stride: 2 })?;
        }
        let name = format!("blocks.{i}.conv");
        let conv = |activation| {
            let (kernel, stride, padding, bias) = ((3, 3), 1, 1, false);
            Conv2d { outputs, kernel, stride, padding, bias, activation, gain: act.gain() }
        };
        model = match norm {
            Norm::None => model.with(&name, conv(Some(act)))?,
            Norm::Batch => {
                model.with(&name, conv(None))?.with(&format!("blocks.{i}.norm"), BatchNorm { activation: Some(act) })?
            }
        };
    }
    model.with("pool", GlobalAvgPool)?.with("head", Dense { outputs: classes, activation: None, gain: 1.0 })
}
