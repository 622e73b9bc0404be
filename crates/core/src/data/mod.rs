//! Data sets: what is read or generated, before it goes to the device once.
//!
//! A name becomes a `Raw` set (one file here for each kind), and [`load`] does the rest for all of them in the same
//! order: limits, label noise, validation split, scaling.

#[cfg(not(target_family = "wasm"))]
mod cifar;
#[cfg(all(any(test, feature = "fuzzing"), not(target_family = "wasm")))]
#[doc(hidden)]
pub mod fuzzing;
mod idx;
#[cfg(not(target_family = "wasm"))]
mod images;
#[cfg(not(target_family = "wasm"))]
mod matlab;
mod missing;
mod names;
mod noise;
mod points;
mod provided;
mod sample;
mod scaling;
#[cfg(not(target_family = "wasm"))]
mod svhn;
mod table;

pub use names::names;
pub use provided::provide;
#[cfg(target_family = "wasm")]
pub use sample::provide_sample;

use crate::config::{Config, Normalize};
use crate::{Error, Result};
use names::Source;

/// The inputs of one split, example after example.
#[derive(Clone, Debug, PartialEq)]
pub enum Inputs {
    /// Pixels, each example channel, row, column (the order of PyTorch and of the publishers' files).
    Bytes(Vec<u8>),
    /// Coordinates or columns.
    Floats(Vec<f32>),
}

/// Examples that are measured together: the training, validation or test examples.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// `examples * channels * height * width` values.
    pub inputs: Inputs,
    /// One class per example, as the trainer sees it (noise included).
    pub labels: Vec<u16>,
    /// Which labels were moved to another class; empty where none were.
    pub flipped: Vec<bool>,
}

/// Channels, height and width of one example. Each coordinate of a point is a channel of one row and column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// A data set on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Its name, as `--data` has it.
    pub name: String,
    /// The shape of one example.
    pub shape: Shape,
    /// Number of classes.
    pub classes: usize,
    /// Training examples (those kept for validation are not among them).
    pub train: Split,
    /// The last part of the training examples, where `--val-fraction` asks for it.
    pub val: Option<Split>,
    /// Test examples; their labels are never noisy.
    pub test: Split,
    /// How inputs are scaled before they reach the network.
    pub scaling: Scaling,
}

/// `(x - mean) / std` per channel, in the units of the raw inputs (0..255 for pixels).
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Scaling {
    /// One mean per channel.
    pub mean: Vec<f32>,
    /// One standard deviation per channel.
    pub std: Vec<f32>,
}

/// A set as its source has it.
#[derive(Clone, Debug, PartialEq)]
struct Raw {
    shape: Shape,
    classes: usize,
    train: Split,
    test: Split,
}

/// Reads or generates the data set that `config` names, with its limits, label noise, validation split and scaling.
///
/// Everything that can be wrong with it is bad input and found here, before any other work.
pub fn load(config: &Config) -> Result<Dataset> {
    // What needs no files comes first: nobody waits for a file to hear of a typing error.
    let source = names::parse(&config.data)?;
    noise::count(0, config.label_noise)?;
    if !(0.0..1.0).contains(&config.val_fraction) {
        return Err(Error::input(format!("--val-fraction {} is not from 0 to below 1", config.val_fraction)));
    }

    let dir = &config.data_dir;
    let Raw { shape, classes, mut train, mut test } = match &source {
        Source::Points(kind) => points::load(*kind, config.data_seed, config.data_size, config.data_noise)?,
        Source::Sample => sample::load()?,
        Source::Mnist => idx::load(&dir.join("mnist"), Some(&idx::MNIST), Some(10))?,
        Source::FashionMnist => idx::load(&dir.join("fashion-mnist"), Some(&idx::FASHION_MNIST), Some(10))?,
        Source::Idx(folder) => idx::load(folder, None, None)?,
        #[cfg(not(target_family = "wasm"))]
        Source::Cifar10 => cifar::load(&cifar::CIFAR10, dir)?,
        #[cfg(not(target_family = "wasm"))]
        Source::Cifar100 => cifar::load(&cifar::CIFAR100, dir)?,
        #[cfg(not(target_family = "wasm"))]
        Source::Svhn => svhn::load(dir)?,
        #[cfg(not(target_family = "wasm"))]
        Source::Images(folder) => images::load(folder, config.image_size)?,
        Source::Csv(files) => table::load(files)?,
        #[cfg(target_family = "wasm")]
        Source::Cifar10 | Source::Cifar100 | Source::Svhn | Source::Images(_) => {
            return Err(missing::explain(None, dir, "", &[]));
        }
    };
    limit(&mut train, config.train_limit, shape, "--train-limit", &config.data, "training")?;
    limit(&mut test, config.test_limit, shape, "--test-limit", &config.data, "test")?;
    // Noise before the split, so that validation labels are as noisy as the rest.
    noise::apply(&mut train, classes, config.label_noise, config.data_seed)?;
    let val = hold_back(&mut train, config.val_fraction, shape)?;

    let normalize = config.normalize.unwrap_or(match train.inputs {
        Inputs::Bytes(_) => Normalize::Standard,
        Inputs::Floats(_) => Normalize::None,
    });
    let scaling = Scaling::new(normalize, &train.inputs, shape)?;
    Ok(Dataset { name: config.data.clone(), shape, classes, train, val, test, scaling })
}

/// Keeps the first `limit` examples of `split`.
fn limit(split: &mut Split, limit: Option<usize>, shape: Shape, flag: &str, set: &str, part: &str) -> Result<()> {
    let Some(limit) = limit else { return Ok(()) };
    if limit == 0 || limit > split.len() {
        let whole = split.len();
        return Err(Error::input(format!(
            "{flag} {limit} is not from 1 to {whole}: {set} has {whole} {part} examples here"
        )));
    }
    split.split_off(limit, shape);
    Ok(())
}

/// Takes the last `fraction` of the training examples away as the validation split; none where `fraction` is 0.
fn hold_back(train: &mut Split, fraction: f32, shape: Shape) -> Result<Option<Split>> {
    if fraction == 0.0 {
        return Ok(None);
    }
    let (whole, held) = (train.len(), share(train.len(), fraction));
    if held == 0 || held >= whole {
        return Err(Error::input(format!(
            "--val-fraction {fraction} of {whole} training examples is {held} for validation and {} to train on; \
             each needs at least one",
            whole.saturating_sub(held)
        )));
    }
    Ok(Some(train.split_off(whole - held, shape)))
}

/// How many of `examples` of one class are test examples, where nobody named a test part: the last fifth, rounded, and
/// both parts get one where there are two.
fn fifth(examples: usize) -> usize {
    ((examples + 2) / 5).max(usize::from(examples > 1))
}

/// `round(fraction * examples)`, halves up, for the decimal number that the person wrote: 0.7 in f32 is a little less
/// than 0.7, and would make 3 of 5 times 0.7.
fn share(examples: usize, fraction: f32) -> usize {
    let written: f64 = fraction.to_string().parse().unwrap_or(f64::from(fraction));
    // f64 has the like of it (0.29 * 50 is a little less than 14.5), a few units in the last place at most.
    let exact = written * examples as f64 * (1.0 + 4.0 * f64::EPSILON);
    (exact.round() as usize).min(examples)
}

impl Shape {
    /// Values per example.
    pub fn len(self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether an example has no values at all.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl Dataset {
    /// The same data set with nothing but `examples`, as its training part.
    pub(crate) fn only(&self, examples: Split) -> Self {
        let Self { name, shape, classes, scaling, .. } = self;
        let test = examples.empty();
        let (name, scaling) = (name.clone(), scaling.clone());
        Self { name, shape: *shape, classes: *classes, train: examples, val: None, test, scaling }
    }

    /// The data set with at most this many training and test examples, taken evenly spaced from first to last: a fair part
    /// of files that are sorted by class, too. There is no validation part in it.
    pub fn thinned(&self, train: usize, test: usize) -> Self {
        let (train, test) = (self.train.thinned(train, self.shape), self.test.thinned(test, self.shape));
        let Self { name, shape, classes, scaling, .. } = self;
        Self { name: name.clone(), shape: *shape, classes: *classes, train, val: None, test, scaling: scaling.clone() }
    }
}

impl Split {
    /// Number of examples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// No examples, of the same kind of inputs.
    pub(crate) fn empty(&self) -> Self {
        let inputs = match &self.inputs {
            Inputs::Bytes(_) => Inputs::Bytes(Vec::new()),
            Inputs::Floats(_) => Inputs::Floats(Vec::new()),
        };
        Self { inputs, labels: Vec::new(), flipped: Vec::new() }
    }

    /// The examples at `chosen`, in this order; places beyond the end are left out.
    pub(crate) fn chosen(&self, chosen: &[usize], shape: Shape) -> Self {
        let size = shape.len();
        let inside = || chosen.iter().copied().filter(|i| *i < self.len());
        let flipped: Vec<bool> = inside().filter_map(|i| self.flipped.get(i).copied()).collect();
        Self {
            inputs: match &self.inputs {
                Inputs::Bytes(v) => Inputs::Bytes(inside().flat_map(|i| &v[i * size..][..size]).copied().collect()),
                Inputs::Floats(v) => Inputs::Floats(inside().flat_map(|i| &v[i * size..][..size]).copied().collect()),
            },
            labels: inside().map(|i| self.labels[i]).collect(),
            flipped: if flipped.contains(&true) { flipped } else { Vec::new() },
        }
    }

    /// At most `count` examples, evenly spaced.
    fn thinned(&self, count: usize, shape: Shape) -> Self {
        let (all, count) = (self.len(), count.min(self.len()));
        self.chosen(&(0..count).map(|i| i * all / count).collect::<Vec<_>>(), shape)
    }

    /// Cuts the examples from `at` on away and returns them.
    fn split_off(&mut self, at: usize, shape: Shape) -> Self {
        let mut rest = Self {
            inputs: match &mut self.inputs {
                Inputs::Bytes(values) => Inputs::Bytes(values.split_off(at * shape.len())),
                Inputs::Floats(values) => Inputs::Floats(values.split_off(at * shape.len())),
            },
            labels: self.labels.split_off(at),
            flipped: self.flipped.split_off(at.min(self.flipped.len())),
        };
        for side in [&mut *self, &mut rest] {
            if !side.flipped.contains(&true) {
                side.flipped = Vec::new();
            }
        }
        rest
    }
}

#[cfg(test)]
mod tests;
