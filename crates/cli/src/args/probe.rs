//! The flags of `lowland probe`.

use super::{BoundArgs, Common, SharpnessArgs, SplitName};
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
    /// Products with the matrix for the eigenvalues at most [default: 1000, or four times as many as eigenvalues]
    #[arg(long, value_name = "N")]
    pub iterations: Option<usize>,
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
