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
    /// Loss and accuracy on the line through two checkpoints
    #[command(
        allow_negative_numbers = true,
        after_help = "Example: lowland probe interpolate runs/mine/final-sgd-0.safetensors runs/mine/final-sam-0.safetensors --out line"
    )]
    Interpolate(InterpolateArgs),
    /// Loss over a plane: random directions around each checkpoint, or the plane through three
    #[command(
        allow_negative_numbers = true,
        after_help = "Example: lowland probe surface runs/mine/final-sgd-0.safetensors runs/mine/final-sam-0.safetensors --out surface"
    )]
    Surface(SurfaceArgs),
    /// SAM's sharpness: how much the loss rises within a ball around each checkpoint
    #[command(
        allow_negative_numbers = true,
        after_help = "Example: lowland probe sharpness runs/mine/final-sam-0.safetensors --rho 0.05 --p 2"
    )]
    Sharpness(SharpnessArgs),
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
    /// Two checkpoints: A (alpha 0) and B (alpha 1)
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// First alpha
    #[arg(long, default_value_t = -1.0, value_name = "ALPHA")]
    pub from: f64,
    /// Last alpha
    #[arg(long, default_value_t = 2.0, value_name = "ALPHA")]
    pub to: f64,
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
    /// Checkpoints: one or more for random directions, three for the plane through them
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Points along each axis; an odd number has one in the middle
    #[arg(long, default_value_t = 25, value_name = "N")]
    pub grid: usize,
    /// How far the plane reaches either way, in lengths of the filters; for points, the margin around them as a share of
    /// their extent [default: 1; points: 0.25]
    #[arg(long, value_name = "R")]
    pub range: Option<f64>,
    /// How the axes are made
    #[arg(long, value_enum, default_value_t = Directions::Random)]
    pub directions: Directions,
    /// Seed of random directions; checkpoints side by side share them
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub direction_seed: u32,
    /// Batch norm's running statistics in the plane [default: interpolate, which keeps the checkpoint's; points: recompute]
    #[arg(long, value_enum)]
    pub bn: Option<Bn>,
    /// Heights and colours by the loss or by its logarithm [default: log where losses differ by more than 20 times]
    #[arg(long, value_enum, help_heading = "Output")]
    pub height: Option<Height>,
    /// Width of the pictures in three dimensions, in pixels
    #[arg(long, default_value_t = 1400, value_name = "N", help_heading = "Output")]
    pub pixels: usize,
    /// Cut the pictures off at this loss
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
    /// Gaussian, each filter as long as that of the weights
    Random,
    /// Through three checkpoints
    Points,
}

/// What heights and colours of a surface stand for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Height {
    /// The loss
    Linear,
    /// Its logarithm
    Log,
}
