//! The flags of `lowland probe sharpness` and `lowland probe bound`.

use super::ProbeCommon;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct SharpnessArgs {
    /// Checkpoints
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Definitions of sharpness, a comma list
    #[arg(long, value_enum, value_delimiter = ',', default_value = "sam", value_name = "LIST")]
    pub kind: Vec<SharpnessKind>,
    /// sam, adaptive: steps of rho / --ascent-steps, or of --ascent-step, each projected to the ball
    #[arg(long, value_enum, default_value_t = AscentName::Steps)]
    pub ascent: AscentName,
    /// The length of a projected step [default: 2.5 rho / --ascent-steps]
    #[arg(long, value_name = "LENGTH")]
    pub ascent_step: Option<f64>,
    /// adaptive, adaptive-average: what is added to |w|
    #[arg(long, default_value_t = 0.01, value_name = "ETA")]
    pub adaptive_eta: f64,
    /// adaptive, adaptive-average: T = |w| + eta for weights (1 for biases and norms), or for all parameters
    #[arg(long, value_enum, default_value_t = AdaptiveScale::Weights)]
    pub adaptive_scale: AdaptiveScale,
    /// average: random points
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub samples: usize,
    /// average: deviation of the points [default: rho / the root of the number of parameters, so that |e| is about rho]
    #[arg(long, value_name = "SD")]
    pub sigma: Option<f64>,
    /// keskar: sizes of the box, a comma list
    #[arg(long, value_delimiter = ',', default_values_t = [1e-3, 5e-4], value_name = "LIST")]
    pub epsilon: Vec<f64>,
    /// keskar: search a random subspace of N dimensions [default: the full space]
    #[arg(long, value_name = "N")]
    pub subspace_dim: Option<usize>,
    /// keskar: steps of an ascent
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub search_steps: u32,
    /// keskar: ascents; the first starts at the weights, the others at random points of the box
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub restarts: u32,
    /// subspace: random directions
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub directions: usize,
    /// subspace: main directions of the Hessian beside them
    #[arg(long, default_value_t = 10, value_name = "K")]
    pub top: usize,
    /// Seed of random points, directions and subspaces
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub probe_seed: u32,
    #[command(flatten)]
    pub probe: ProbeCommon,
}

/// Definitions of sharpness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SharpnessKind {
    /// The largest rise within |e|_p <= rho, as far as an ascent finds it
    Sam,
    /// The same within |e / T|_p <= rho, T = |w| + eta
    Adaptive,
    /// The mean rise at random points
    Average,
    /// The same with e / T random
    AdaptiveAverage,
    /// The largest rise in Keskar's box, relative to 1 + loss, in per cent
    Keskar,
    /// The rises along random unit directions of length rho, and along the main directions of the Hessian
    Subspace,
}

/// How the ascent of SAM's sharpness goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AscentName {
    /// Steps of rho / N, whose sum stays in the ball
    Steps,
    /// Longer steps, each projected to the ball; the largest loss on the way counts
    Projected,
}

/// Where T is not 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AdaptiveScale {
    /// Weights of dense layers and convolutions
    Weights,
    /// All parameters; with eta 0 the measure does not see a rescaled ReLU network
    All,
}

#[derive(Debug, Args)]
pub struct BoundArgs {
    /// Checkpoints
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Each bound holds with probability 1 - DELTA
    #[arg(long, default_value_t = 0.05, value_name = "DELTA")]
    pub delta: f64,
    /// A loss in [0, 1]: the share of wrong answers, or cross-entropy cut off at 1
    #[arg(long, value_enum, default_value_t = BoundLoss::Error)]
    pub loss: BoundLoss,
    /// ln of the number of hypotheses of the finite class [default: 32 k ln 2, all networks of k floats]
    #[arg(long, value_name = "LN_H")]
    pub hypotheses: Option<f64>,
    /// Where the prior's mean is: 0, or the weights that the training began with (its seed, or --init FILE)
    #[arg(long, value_enum, default_value_t = PriorName::Zero)]
    pub prior: PriorName,
    /// Steps of the projected ascent that estimates the largest loss in the ball
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub max_steps: u32,
    /// Draws of each Monte-Carlo estimate
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub certificate_samples: usize,
    /// A Monte-Carlo limit holds with probability 1 - DELTA
    #[arg(long, default_value_t = 0.01, value_name = "DELTA")]
    pub sample_delta: f64,
    /// Learn a posterior by minimising the bound in N steps
    #[arg(long, value_name = "STEPS")]
    pub learn: Option<u64>,
    /// Learning rate of the posterior (Adam)
    #[arg(long, default_value_t = 1e-3, value_name = "LR")]
    pub learn_lr: f64,
    /// Examples of a step of learning the posterior [default: 100, or all where there are fewer]
    #[arg(long, value_name = "N")]
    pub learn_batch: Option<usize>,
    /// The deviation that learning the posterior starts with [default: a tenth of the weights' root mean square]
    #[arg(long, value_name = "SD")]
    pub learn_sigma: Option<f64>,
    /// Seed of random points
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub probe_seed: u32,
    #[command(flatten)]
    pub probe: ProbeCommon,
}

/// The loss of a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BoundLoss {
    /// 1 for a wrong answer, else 0
    Error,
    /// min(cross-entropy, 1)
    Clipped,
    /// Refused: it is not in [0, 1]
    CrossEntropy,
}

/// Where the prior's mean is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PriorName {
    /// 0
    Zero,
    /// The weights of the start
    Init,
}
