//! The one configuration: command-line flags, JSON file, page URL and checkpoint header are all this struct.

mod augment;
mod change;
mod choices;
mod json;
mod resolve;

pub use augment::{Augment, Crop};
pub use change::Change;
pub use choices::{Activation, Base, Betas, Exponent, Norm, Normalize, Order, Schedule};
pub(crate) use json::value_of;
pub(crate) use resolve::LANE_KEYS;
pub use resolve::{Command, LaneConfig};

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A run, as a person describes it. Field for field the flags of `lowland train` and `compare`, with `_` for `-`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Data set: moons, spirals, circles, gaussians, xor (2-D, generated), fashion-sample (built in), mnist,
    /// fashion-mnist, cifar10, cifar100, svhn (publishers' files), idx:DIR, images:DIR (a folder for each class, or
    /// train/CLASS and test/CLASS), csv:FILE or csv:TRAIN,TEST (last column the class)
    #[cfg_attr(feature = "clap", arg(long, default_value_t = Config::default().data, help_heading = "Data"))]
    pub data: String,
    /// Folder of the publishers' files
    #[cfg_attr(feature = "clap", arg(long, default_value = "data", value_name = "DIR", help_heading = "Data"))]
    pub data_dir: PathBuf,
    /// Training points of a generated set
    #[cfg_attr(feature = "clap", arg(long, default_value_t = 200, value_name = "N", help_heading = "Data"))]
    pub data_size: usize,
    /// Standard deviation of a generated set [default: per set]
    #[cfg_attr(feature = "clap", arg(long, value_name = "SD", help_heading = "Data"))]
    pub data_noise: Option<f32>,
    /// Seed of generated points and of the flipped labels
    #[cfg_attr(feature = "clap", arg(long, default_value_t = 0, value_name = "N", help_heading = "Data"))]
    pub data_seed: u32,
    /// Side in pixels that images:DIR are resized to [default: their own size where all have one of at most 64, else 32]
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", help_heading = "Data"))]
    pub image_size: Option<usize>,
    /// Use the first N training examples [default: all]
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", help_heading = "Data"))]
    pub train_limit: Option<usize>,
    /// Use the first N test examples [default: all]
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", help_heading = "Data"))]
    pub test_limit: Option<usize>,
    /// Keep the last part of the training examples for validation
    #[cfg_attr(feature = "clap", arg(long, default_value_t = 0.0, value_name = "F", help_heading = "Data"))]
    pub val_fraction: f32,
    /// Scaling of the inputs [default: standard for images, none for points]
    #[cfg_attr(feature = "clap", arg(long, value_enum, help_heading = "Data"))]
    pub normalize: Option<Normalize>,
    /// Order of the examples
    #[cfg_attr(feature = "clap", arg(long, value_enum, default_value_t = Order::Shuffle, help_heading = "Data"))]
    pub order: Order,
    /// Move this fraction of the training labels to another class
    #[cfg_attr(feature = "clap", arg(long, default_value_t = 0.0, value_name = "F", help_heading = "Data"))]
    pub label_noise: f32,
    /// Label smoothing in the training loss
    #[cfg_attr(feature = "clap", arg(long, default_value_t = 0.0, value_name = "F", help_heading = "Data"))]
    pub label_smoothing: f32,
    /// Augmentation of training images: a list of flip, crop:N, crop:N:reflect, cutout:N
    #[cfg_attr(feature = "clap", arg(long, default_value_t = Augment::default(), value_name = "LIST", help_heading = "Data"))]
    pub augment: Augment,

    /// Network: mlp:256,128, cnn:16,32 or a JSON file that lists layers [default: mlp:32,32,32 for points, cnn:16,32 for
    /// images]
    #[cfg_attr(feature = "clap", arg(long, help_heading = "Model"))]
    #[serde(with = "json::description")]
    pub model: Option<String>,
    /// Activation
    #[cfg_attr(feature = "clap", arg(long, value_enum, default_value_t = Activation::Relu, help_heading = "Model"))]
    pub activation: Activation,
    /// Normalisation [default: batch in cnn, none in mlp]
    #[cfg_attr(feature = "clap", arg(long, value_enum, help_heading = "Model"))]
    pub norm: Option<Norm>,
    /// Dropout before every dense layer but an mlp's first
    #[cfg_attr(feature = "clap", arg(long, default_value_t = 0.0, value_name = "P", help_heading = "Model"))]
    pub dropout: f32,
    /// Start from these tensors (safetensors) instead of He normal
    #[cfg_attr(feature = "clap", arg(long, value_name = "FILE", help_heading = "Model"))]
    pub init: Option<PathBuf>,

    /// Optimizer: sgd, adam, adamw, rmsprop, sam or asam; a comma list in compare [default: sgd; compare: sgd,sam]
    #[cfg_attr(feature = "clap", arg(long, help_heading = "Optimizer"))]
    pub optimizer: Option<String>,
    /// Base optimizer of sam and asam
    #[cfg_attr(feature = "clap", arg(long, value_enum, default_value_t = Base::Sgd, help_heading = "Optimizer"))]
    pub base: Base,
    /// Learning rate [default: 0.1; 0.001 for adam and adamw, 0.01 for rmsprop]
    #[cfg_attr(feature = "clap", arg(long, help_heading = "Optimizer"))]
    pub lr: Option<f32>,
    /// Momentum of SGD and RMSprop [default: 0.9; 0 for rmsprop]
    #[cfg_attr(feature = "clap", arg(long, help_heading = "Optimizer"))]
    pub momentum: Option<f32>,
    /// Nesterov momentum
    #[cfg_attr(feature = "clap", arg(long, help_heading = "Optimizer"))]
    pub nesterov: bool,
    /// Dampening of SGD's momentum
    #[cfg_attr(feature = "clap", arg(long, default_value_t = 0.0, help_heading = "Optimizer"))]
    pub dampening: f32,
    /// Decay rates of Adam's moments
    #[cfg_attr(feature = "clap", arg(long, default_value_t = Betas::default(), value_name = "B1,B2", help_heading = "Optimizer"))]
    pub betas: Betas,
    /// Decay rate of RMSprop's mean of squares
    #[cfg_attr(feature = "clap", arg(long, default_value_t = 0.99, help_heading = "Optimizer"))]
    pub alpha: f32,
    /// Term in the denominator of Adam and RMSprop
    #[cfg_attr(feature = "clap", arg(long, default_value_t = 1e-8, help_heading = "Optimizer"))]
    pub eps: f32,
    /// Weight decay, in the base step
    #[cfg_attr(feature = "clap", arg(long, default_value_t = 0.0, value_name = "F", help_heading = "Optimizer"))]
    pub weight_decay: f32,
    /// Scale the final gradient down to this L2 norm, before decay [default: as it is]
    #[cfg_attr(feature = "clap", arg(long, value_name = "NORM", help_heading = "Optimizer"))]
    pub clip_norm: Option<f32>,
    /// Learning-rate schedule: constant, cosine, step:FACTOR,EPOCH,EPOCH... or exponential:FACTOR (an epoch)
    #[cfg_attr(feature = "clap", arg(long, default_value_t = Schedule::Constant, help_heading = "Optimizer"))]
    pub schedule: Schedule,
    /// Steps of linear warm-up
    #[cfg_attr(feature = "clap", arg(long, default_value_t = 0, value_name = "STEPS", help_heading = "Optimizer"))]
    pub warmup: u64,
    /// Radius of SAM's ascent; 0 is the base optimizer itself [default: 0.05; 0.5 for asam]
    #[cfg_attr(feature = "clap", arg(long, help_heading = "Optimizer"))]
    pub rho: Option<f32>,
    /// Norm of the ascent: 1 to inf
    #[cfg_attr(feature = "clap", arg(long, default_value_t = Exponent::default(), help_heading = "Optimizer"))]
    pub p: Exponent,
    /// Steps of the ascent, of rho / N each
    #[cfg_attr(feature = "clap", arg(long, default_value_t = 1, value_name = "N", help_heading = "Optimizer"))]
    pub ascent_steps: u32,
    /// SAM's whole gradient, with the second-order term that it drops: g_s + H v instead of g_s. It takes five gradients a
    /// step instead of two
    #[cfg_attr(feature = "clap", arg(long, help_heading = "Optimizer"))]
    pub second_order: bool,
    /// m-sharpness: every N consecutive examples of a batch climb by themselves [default: the batch]
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", help_heading = "Optimizer"))]
    pub m: Option<usize>,
    /// A lane of compare with its own settings: "LABEL: key=value ..." (repeatable)
    #[cfg_attr(feature = "clap", arg(long = "lane", value_name = "LANE", help_heading = "Optimizer"))]
    pub lane: Vec<String>,
    /// Add the lane sgd-2x: SGD with twice the epochs, SAM's compute
    #[cfg_attr(feature = "clap", arg(long, help_heading = "Optimizer"))]
    pub equal_compute: bool,

    /// Examples per step [default: 128; 20 for points]
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", help_heading = "Run"))]
    pub batch: Option<usize>,
    /// Epochs [default: 10]
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", conflicts_with = "steps", help_heading = "Run"))]
    pub epochs: Option<u64>,
    /// Steps, instead of epochs
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", help_heading = "Run"))]
    pub steps: Option<u64>,
    /// Seed of initial weights and order
    #[cfg_attr(feature = "clap", arg(long, default_value_t = 0, value_name = "S", help_heading = "Run"))]
    pub seed: u32,
    /// Number of seeds: S, S+1, ...
    #[cfg_attr(feature = "clap", arg(long, default_value_t = 1, value_name = "N", help_heading = "Run"))]
    pub seeds: u32,
    /// Steps between rows of metrics.csv
    #[cfg_attr(feature = "clap", arg(long, default_value_t = 1, value_name = "N", help_heading = "Run"))]
    pub log_every: u64,
    /// Steps between evaluations [default: chosen to cost at most 5 % of the time]
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", help_heading = "Run"))]
    pub eval_every: Option<u64>,
    /// Steps between checkpoints [default: an epoch]
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", help_heading = "Run"))]
    pub checkpoint_every: Option<u64>,
    /// Steps between measurements of the curvature: eigenvalues, trace and density into spectrum.csv and density.csv
    /// [default: never]
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", help_heading = "Run"))]
    pub spectrum_every: Option<u64>,
    /// Keep the weights of every N steps as path/LABEL-SEED-STEP.safetensors, from the start on: the path of a training, for
    /// probe surface --directions pca [default: only the final ones are kept]
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", help_heading = "Run"))]
    pub keep_every: Option<u64>,

    /// What changed while it trained, in order; all other fields are the settings of the start. No flag: only a program
    /// with a window changes settings on the way.
    #[cfg_attr(feature = "clap", arg(skip))]
    pub changes: Vec<Change>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: "moons".into(),
            data_dir: "data".into(),
            data_size: 200,
            data_noise: None,
            data_seed: 0,
            image_size: None,
            train_limit: None,
            test_limit: None,
            val_fraction: 0.0,
            normalize: None,
            order: Order::Shuffle,
            label_noise: 0.0,
            label_smoothing: 0.0,
            augment: Augment::default(),
            model: None,
            activation: Activation::Relu,
            norm: None,
            dropout: 0.0,
            init: None,
            optimizer: None,
            base: Base::Sgd,
            lr: None,
            momentum: None,
            nesterov: false,
            dampening: 0.0,
            betas: Betas::default(),
            alpha: 0.99,
            eps: 1e-8,
            weight_decay: 0.0,
            clip_norm: None,
            schedule: Schedule::Constant,
            warmup: 0,
            rho: None,
            p: Exponent::default(),
            ascent_steps: 1,
            second_order: false,
            m: None,
            lane: Vec::new(),
            equal_compute: false,
            batch: None,
            epochs: None,
            steps: None,
            seed: 0,
            seeds: 1,
            log_every: 1,
            eval_every: None,
            checkpoint_every: None,
            spectrum_every: None,
            keep_every: None,
            changes: Vec::new(),
        }
    }
}
