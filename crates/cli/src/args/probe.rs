//! The flags of `lowland probe`.

use super::{Common, SplitName};
use clap::{Args, Subcommand, ValueEnum};
use lowland::config::Config;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct ProbeArgs {
    #[command(subcommand)]
    pub kind: ProbeKind,
}

#[derive(Debug, Subcommand)]
pub enum ProbeKind {
    /// Loss and accuracy on the line or curve through two checkpoints, or to both sides of one
    #[command(
        allow_negative_numbers = true,
        after_help = "Example: lowland probe interpolate runs/mine/final-sgd-0.safetensors runs/mine/final-sam-0.safetensors --out line"
    )]
    Interpolate(InterpolateArgs),
    /// Loss over a plane: random directions or eigenvectors around each checkpoint, through three, or along a training's path
    #[command(
        allow_negative_numbers = true,
        after_help = "Example: lowland probe surface runs/mine/final-sgd-0.safetensors runs/mine/final-sam-0.safetensors --out surface"
    )]
    Surface(SurfaceArgs),
    /// Sharpness: how much the loss rises around each checkpoint, in any of its definitions
    #[command(
        allow_negative_numbers = true,
        after_help = "Examples:\n  lowland probe sharpness runs/mine/final-sam-0.safetensors --rho 0.05 --p 2\n  lowland probe sharpness runs/mine/final-*.safetensors --kind sam,adaptive,average,keskar,subspace --out sharpness"
    )]
    Sharpness(Box<SharpnessArgs>),
    /// Generalisation bounds, every term by name: finite class, PAC-Bayes, SAM's
    #[command(
        allow_negative_numbers = true,
        after_help = "Example: lowland probe bound runs/mine/final-sam-0.safetensors --rho 0.05 --delta 0.05 --learn 2000"
    )]
    Bound(Box<BoundArgs>),
    /// The largest eigenvalues of the Hessian of the loss, and its trace
    #[command(
        after_help = "Example: lowland probe hessian runs/mine/final-sgd-0.safetensors runs/mine/final-sam-0.safetensors --top 5"
    )]
    Hessian(HessianArgs),
    /// The density of all eigenvalues of the Hessian, and of the Gauss-Newton matrix beside it
    #[command(
        after_help = "Example: lowland probe spectrum runs/mine/final-sgd-0.safetensors runs/mine/final-sam-0.safetensors --out spectrum"
    )]
    Spectrum(SpectrumArgs),
}

/// What every probe has.
#[derive(Debug, Args)]
pub struct ProbeCommon {
    /// Which examples' loss is the landscape
    #[arg(long, value_enum, default_value_t = SplitName::Train)]
    pub split: SplitName,
    /// Write table, JSON and pictures into this folder, which is made where it is not there
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub config: Config,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct InterpolateArgs {
    /// Two checkpoints: A (alpha 0) and B (alpha 1); with --one-sided one, or two
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// straight: (1 - alpha) A + alpha B; curved: cos(pi alpha / 2) A + sin(pi alpha / 2) B
    #[arg(long, value_enum, default_value_t = Way::Straight)]
    pub path: Way,
    /// First alpha; Keskar's figure has -1 to 2, the range -1 to 1 ends at B [default: -1]
    #[arg(long, value_name = "ALPHA")]
    pub from: Option<f64>,
    /// Last alpha [default: 2]
    #[arg(long, value_name = "ALPHA")]
    pub to: Option<f64>,
    /// Is A's valley asymmetric? The rise to both sides of A along the direction to B, or, of one checkpoint, along a random
    /// direction whose entries are all positive, each filter as long as that of the weights (He et al. 2019)
    #[arg(long)]
    pub one_sided: bool,
    /// With --one-sided: how far either way, in lengths of the direction [default: 2; of one checkpoint 1]
    #[arg(long, value_name = "R")]
    pub reach: Option<f64>,
    /// With --one-sided: slopes count from here on, in lengths of the direction [default: a tenth of the reach]
    #[arg(long, value_name = "Z")]
    pub zeta: Option<f64>,
    /// Seed of a random direction
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub direction_seed: u32,
    /// Points, equally spaced, both ends included
    #[arg(long, default_value_t = 25, value_name = "N")]
    pub points: usize,
    /// Batch norm's running statistics at mixed weights
    #[arg(long, value_enum, default_value_t = Bn::Recompute)]
    pub bn: Bn,
    #[command(flatten)]
    pub probe: ProbeCommon,
}

#[derive(Debug, Args)]
pub struct SurfaceArgs {
    /// Checkpoints: one or more for random directions and eigenvectors, three for the plane through them, three or more of one
    /// training (or its run folder, see --keep-every) for the plane of its path
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Points along each axis; an odd number has one in the middle
    #[arg(long, default_value_t = 25, value_name = "N")]
    pub grid: usize,
    /// How far the plane reaches either way, in lengths of the directions; for points and pca, the margin around them as a share
    /// of their extent [default: 1; points and pca: 0.25; random without norm: the length of the first checkpoint's weights]
    #[arg(long, value_name = "R")]
    pub range: Option<f64>,
    /// How the axes are made
    #[arg(long, value_enum, default_value_t = Directions::Random)]
    pub directions: Directions,
    /// How long random directions are
    #[arg(long, value_enum, default_value_t = DirectionsNorm::Filter)]
    pub directions_norm: DirectionsNorm,
    /// Seed of random directions; checkpoints side by side share them
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub direction_seed: u32,
    /// Batch norm's running statistics in the plane [default: interpolate, which keeps the checkpoint's; points and pca: recompute]
    #[arg(long, value_enum)]
    pub bn: Option<Bn>,
    /// What heights and colours are: the loss, or the error as a percentage
    #[arg(long, value_enum, default_value_t = Show::Loss, help_heading = "Output")]
    pub show: Show,
    /// Heights and colours by the loss or by its logarithm [default: log where losses differ by more than 20 times]
    #[arg(long, value_enum, help_heading = "Output")]
    pub height: Option<Height>,
    /// Width of the pictures in three dimensions, in pixels
    #[arg(long, default_value_t = 1400, value_name = "N", help_heading = "Output")]
    pub pixels: usize,
    /// Cut the pictures off at this loss (of --show error, per cent)
    #[arg(long, value_name = "LOSS", help_heading = "Output")]
    pub cap: Option<f64>,
    #[command(flatten)]
    pub probe: ProbeCommon,
}

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

#[derive(Debug, Args)]
pub struct HessianArgs {
    /// Checkpoints
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Eigenvalues, from the algebraically largest on
    #[arg(long, default_value_t = 5, value_name = "K")]
    pub top: usize,
    /// Random vectors of signs for the trace; 0 leaves it out
    #[arg(long, default_value_t = 30, value_name = "N")]
    pub trace_probes: usize,
    /// The matrix
    #[arg(long, value_enum, default_value_t = Matrix::Hessian)]
    pub product: Matrix,
    /// Products with the matrix for the eigenvalues at most
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub iterations: usize,
    /// Residual at which an eigenvalue counts as found, as a part of the largest
    #[arg(long, default_value_t = 1e-4, value_name = "F")]
    pub tolerance: f64,
    /// Seed of the random vectors
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub probe_seed: u32,
    /// Write the unit eigenvectors into this folder, as safetensors with the parameters' names
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub save_vectors: Option<PathBuf>,
    #[command(flatten)]
    pub probe: ProbeCommon,
}

#[derive(Debug, Args)]
pub struct SpectrumArgs {
    /// Checkpoints
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Random vectors of signs
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub probes: usize,
    /// Products with the matrix along each
    #[arg(long, default_value_t = 80, value_name = "N")]
    pub iterations: usize,
    /// Deviation of the normal curve that stands for an eigenvalue [default: a two-hundredth of their range]
    #[arg(long, value_name = "SD")]
    pub sigma: Option<f64>,
    /// Places of the grid of eigenvalues
    #[arg(long, default_value_t = 1001, value_name = "N")]
    pub points: usize,
    /// Seed of the random vectors
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub probe_seed: u32,
    #[command(flatten)]
    pub probe: ProbeCommon,
}

/// A matrix of curvature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Matrix {
    /// Second derivatives of the loss
    Hessian,
    /// The generalised Gauss-Newton matrix: the Hessian without the network's own curvature
    Ggn,
}

/// Where batch norm's running statistics come from.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Bn {
    /// A pass over the training set
    Recompute,
    /// Mixed as the weights are
    Interpolate,
}

/// How the axes of a surface are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Directions {
    /// Gaussian, as long as --directions-norm says
    Random,
    /// Through three checkpoints
    Points,
    /// The principal directions of a training's path, through its end
    Pca,
    /// The eigenvectors of the Hessian's two largest eigenvalues, in distances of weights
    Hessian,
}

/// How long random directions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DirectionsNorm {
    /// Each filter (neuron) as long as that of the weights
    Filter,
    /// Each layer's weight as long as that of the network
    Layer,
    /// Of length 1 as a whole, whatever the weights are: distances are those of weights
    None,
}

/// How the way between two checkpoints goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// On a line
    Straight,
    /// On Keskar's curve
    Curved,
}

/// What is drawn of a surface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Show {
    /// The loss
    Loss,
    /// Wrong answers, per cent
    Error,
}

/// What heights and colours of a surface stand for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Height {
    /// The loss
    Linear,
    /// Its logarithm
    Log,
}
