//! The short names of networks: `mlp:256,128`, `cnn:16,32`.

use super::{BatchNorm, Conv2d, Dense, Dropout, GlobalAvgPool, GroupNorm, MaxPool, Model, list};
use crate::config::{Activation, Norm};
use crate::data::Shape;
use crate::{Error, Result};

/// What a short name leaves open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// After each layer but the last; in a list of layers, of entries that do not say theirs.
    pub activation: Activation,
    /// Normalisation; `None` is batch norm in a cnn and nothing in an mlp.
    pub norm: Option<Norm>,
    /// Share that is dropped before every dense layer but an mlp's first.
    pub dropout: f32,
}

impl Model {
    /// Builds the network that `text` describes for inputs of shape `input`.
    ///
    /// `mlp:a,b`: dense layers of a and b units, then one of `classes`. `cnn:a,b`: blocks of 3x3 convolution,
    /// normalisation and activation, a max pool between blocks, a global average pool and a dense layer. Text that begins
    /// with `{` is a list of layers in JSON.
    ///
    /// # Errors
    /// [`Error::Input`] for an unknown name, a list that cannot be read, or impossible sizes.
    pub fn parse(text: &str, input: Shape, classes: usize, style: Style) -> Result<Self> {
        if text.trim_start().starts_with('{') {
            return list::parse(text, input, classes, style);
        }
        let (family, sizes) = text.split_once(':').unwrap_or((text, ""));
        if !["mlp", "cnn"].contains(&family) {
            return Err(Error::input(format!(
                "unknown model '{text}'; there are mlp:SIZES, cnn:CHANNELS, and a FILE.json that lists layers."
            )));
        }
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
            "mlp" => mlp(Self::flat(text, input, classes), &sizes, style),
            _ => cnn(Self::new(text, input, classes), &sizes, style),
        }
    }

    /// A hidden layer with what follows it; `make` gives it its activation.
    fn hidden<L: super::Layer + 'static>(
        self,
        name: &str,
        norm_name: &str,
        style: Style,
        norm: Norm,
        make: impl Fn(Option<Activation>) -> L,
    ) -> Result<Self> {
        let activation = Some(style.activation);
        let model = self.with(name, make(activation.filter(|_| norm == Norm::None)))?;
        match norm {
            Norm::None => Ok(model),
            Norm::Batch => model.with(norm_name, BatchNorm { activation }),
            Norm::Group => {
                let groups = GroupNorm::groups_for(model.output().channels);
                model.with(norm_name, GroupNorm { groups, activation })
            }
        }
    }

    fn dropped(self, name: &str, style: Style) -> Result<Self> {
        if style.dropout > 0.0 { self.with(name, Dropout { p: style.dropout }) } else { Ok(self) }
    }
}

fn mlp(mut model: Model, sizes: &[usize], style: Style) -> Result<Model> {
    let (gain, classes, norm) = (style.activation.gain(), model.classes, style.norm.unwrap_or(Norm::None));
    for (i, &outputs) in sizes.iter().enumerate() {
        let names = (format!("layers.{i}"), format!("norms.{i}"));
        model = model
            .hidden(&names.0, &names.1, style, norm, |activation| Dense { outputs, activation, gain })?
            .dropped(&format!("dropouts.{i}"), style)?;
    }
    model.with(&format!("layers.{}", sizes.len()), Dense { outputs: classes, activation: None, gain: 1.0 })
}

fn cnn(mut model: Model, sizes: &[usize], style: Style) -> Result<Model> {
    let (gain, classes, norm) = (style.activation.gain(), model.classes, style.norm.unwrap_or(Norm::Batch));
    for (i, &outputs) in sizes.iter().enumerate() {
        if i > 0 {
            model = model.with(&format!("pools.{i}"), MaxPool { kernel: 2, stride: 2 })?;
        }
        let names = (format!("blocks.{i}.conv"), format!("blocks.{i}.norm"));
        model = model.hidden(&names.0, &names.1, style, norm, |activation| {
            let (kernel, stride, padding, bias) = ((3, 3), 1, 1, false);
            Conv2d { outputs, kernel, stride, padding, bias, activation, gain }
        })?;
    }
    let head = Dense { outputs: classes, activation: None, gain: 1.0 };
    model.with("pool", GlobalAvgPool)?.dropped("dropout", style)?.with("head", head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norm_and_dropout_have_their_places() {
        let images = Shape { channels: 3, height: 8, width: 8 };
        let style = Style { activation: Activation::Relu, norm: Some(Norm::Group), dropout: 0.1 };
        let layers = |text: &str, style: Style| -> Vec<String> {
            Model::parse(text, images, 10, style).unwrap().layers.into_iter().map(|place| place.name).collect()
        };
        let cnn =
            ["blocks.0.conv", "blocks.0.norm", "pools.1", "blocks.1.conv", "blocks.1.norm", "pool", "dropout", "head"];
        assert_eq!(layers("cnn:16,32", style), cnn);
        assert_eq!(
            layers("mlp:12,6", style),
            ["layers.0", "norms.0", "dropouts.0", "layers.1", "norms.1", "dropouts.1", "layers.2"]
        );
        let plain = Style { norm: None, dropout: 0.0, ..style };
        assert_eq!(layers("mlp:12", plain), ["layers.0", "layers.1"]);
        assert_eq!(layers("cnn:4", plain), ["blocks.0.conv", "blocks.0.norm", "pool", "head"]);
        let model = Model::parse("cnn:16,32", images, 10, style).unwrap();
        assert_eq!((model.description(), model.running().len()), ("cnn:16,32", 0));
    }
}
