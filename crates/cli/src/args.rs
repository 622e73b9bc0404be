//! The command line.

mod probe;

pub use probe::*;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Parser, Subcommand, ValueEnum};
use lowland::config::Config;
use lowland::gpu::{Family, Gpu, GpuOptions};
use lowland_report::Metric;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Trains neural networks with Sharpness-Aware Minimization on any GPU.
#[derive(Debug, Parser)]
#[command(
    name = "lowland",
    version,
    max_term_width = 110,
    after_help = "Example: lowland compare --data moons --label-noise 0.2 --seeds 5"
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train one network, with one or more seeds
    #[command(
        allow_negative_numbers = true,
        after_help = "Example: lowland train --data mnist --model mlp:256,128 --schedule cosine --epochs 3"
    )]
    Train(TrainArgs),
    /// Train several optimizers side by side: same initial weights, same batches, same labels
    #[command(
        allow_negative_numbers = true,
        after_help = "Example: lowland compare --data fashion-sample --label-noise 0.4 --model mlp:128 --lr 0.02 --rho 0.2 --seeds 3 --equal-compute"
    )]
    Compare(CompareArgs),
    /// Train a grid over any flags, seeds included, and show it as one table and one picture
    #[command(
        allow_negative_numbers = true,
        after_help = "Example: lowland sweep --grid label-noise=0.2,0.4 --grid rho=0,0.1,0.2 --data fashion-sample --model mlp:128 --lr 0.02 --seeds 3"
    )]
    Sweep(SweepArgs),
    /// Measure loss, accuracy and top-5 accuracy of checkpoints
    #[command(
        allow_negative_numbers = true,
        after_help = "Example: lowland eval runs/mine/final-sam-0.safetensors --split test"
    )]
    Eval(EvalArgs),
    /// Write the predictions of a checkpoint, example by example, as CSV
    #[command(
        allow_negative_numbers = true,
        after_help = "Example: lowland predict runs/mine/final-sam-0.safetensors > predictions.csv"
    )]
    Predict(PredictArgs),
    /// Measure the landscape around checkpoints
    #[command(
        after_help = "Example: lowland probe surface runs/mine/final-sgd-0.safetensors runs/mine/final-sam-0.safetensors --out surface"
    )]
    Probe(ProbeArgs),
    /// Time kernels and whole steps, as a fraction of what this adapter can do
    #[command(after_help = "Example: lowland bench step --model cnn:16,32 --input 3x32x32 --batch 64")]
    Bench(BenchArgs),
    /// Write report.html of a run, of a sweep, or of a folder of runs (SGD against SAM in all of them)
    #[command(after_help = "Example: lowland report runs/mine")]
    Report(ReportArgs),
    /// Show the adapters of this machine, the one that is chosen, and what is missing
    #[command(after_help = "Example: lowland doctor")]
    Doctor(DoctorArgs),
}

/// What every command has.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Print one JSON document on stdout and nothing else there
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// Show no progress
    #[arg(long, help_heading = "Output")]
    pub quiet: bool,
    /// Use the adapter whose name contains this
    #[arg(long, value_name = "NAME", help_heading = "Device")]
    pub adapter: Option<String>,
    /// Tile family of the kernels
    #[arg(long, value_enum, default_value_t = Kernels::Auto, help_heading = "Device")]
    pub kernels: Kernels,
}

/// The tile families by the adapters that they are fast on.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Kernels {
    /// By the adapter
    Auto,
    /// Workgroup memory, for GPUs
    Gpu,
    /// Registers only, for software adapters
    Cpu,
}

#[derive(Debug, Args)]
pub struct TrainArgs {
    #[command(flatten)]
    pub config: Config,
    /// The run folder [default: runs/DATE-NAME]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// Go on with the run in this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "config_file"], help_heading = "Output")]
    pub resume: Option<PathBuf>,
    /// Take settings from this JSON file; flags override it
    #[arg(long = "config", id = "config_file", value_name = "FILE", help_heading = "Output")]
    pub config_file: Option<PathBuf>,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct CompareArgs {
    #[command(flatten)]
    pub train: TrainArgs,
    /// Leave the landscape of the solutions out of the report
    #[arg(long, help_heading = "Output")]
    pub no_landscape: bool,
}

#[derive(Debug, Args)]
pub struct SweepArgs {
    /// An axis of the grid: a flag and its values. Where there is a ;, it separates instead of the comma:
    /// "model=mlp:256,128;mlp:64" (repeatable)
    #[arg(long, value_name = "KEY=V,V,...", help_heading = "Grid")]
    pub grid: Vec<String>,
    /// What table and picture show, and what is best, at the end of training: test-accuracy, test-loss, train-accuracy,
    /// train-loss, gap, and with --val-fraction val-accuracy, val-loss, test-accuracy-at-best-val [default: test-accuracy]
    #[arg(long, value_name = "METRIC", help_heading = "Grid")]
    pub metric: Option<Metric>,
    /// Every flag of compare; without an optimizer it is sam
    #[command(flatten)]
    pub train: TrainArgs,
}

#[derive(Debug, Args)]
pub struct EvalArgs {
    /// Checkpoints
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Which examples
    #[arg(long, value_enum, default_value_t = SplitName::Test)]
    pub split: SplitName,
    #[command(flatten)]
    pub config: Config,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct PredictArgs {
    /// Checkpoint
    pub file: PathBuf,
    /// Which examples
    #[arg(long, value_enum, default_value_t = SplitName::Test)]
    pub split: SplitName,
    /// Write the CSV here instead of to stdout
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub config: Config,
    #[command(flatten)]
    pub common: Common,
}

/// A part of the data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SplitName {
    Train,
    Val,
    Test,
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The folder of a run, of a sweep, or of several of them
    pub dir: PathBuf,
    /// What the page of a sweep shows, see sweep [default: what it was made with]
    #[arg(long, value_name = "METRIC")]
    pub metric: Option<Metric>,
    /// Take the landscape as it lies in the folder of a run, and measure none
    #[arg(long)]
    pub no_landscape: bool,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    pub kind: BenchKind,
}

#[derive(Debug, Subcommand)]
pub enum BenchKind {
    /// Whole training steps on random data that lies on the device
    #[command(after_help = "Example: lowland bench step --model mlp:128 --input 1x28x28 --batch 64 --lanes 16")]
    Step(BenchStep),
    /// The adapter's peaks, and each kernel at the sizes of the usual networks
    #[command(after_help = "Example: lowland bench kernels --json")]
    Kernels(BenchKernels),
    /// A loss surface, against as many evaluations
    #[command(
        after_help = "Example: lowland bench surface --model mlp:256,128 --input 1x28x28 --examples 512 --grid 25"
    )]
    Surface(BenchSurface),
    /// Products with the Hessian and the Gauss-Newton matrix, against gradients of the same batch
    #[command(after_help = "Example: lowland bench curvature --model mlp:256,128 --input 1x28x28 --batch 512")]
    Curvature(BenchCurvature),
}

#[derive(Debug, Args)]
pub struct BenchCurvature {
    /// Network
    #[arg(long, default_value = "mlp:256,128")]
    pub model: String,
    /// Channels, height and width of an example
    #[arg(long, default_value = "1x28x28", value_name = "CxHxW")]
    pub input: String,
    /// Classes
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub classes: usize,
    /// Examples
    #[arg(long, default_value_t = 512, value_name = "N")]
    pub batch: usize,
    /// Lanes at once
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub lanes: usize,
    /// Rounds, whose medians are told
    #[arg(long, default_value_t = 11, value_name = "N")]
    pub rounds: usize,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct BenchSurface {
    /// Network
    #[arg(long, default_value = "mlp:256,128")]
    pub model: String,
    /// Channels, height and width of an example
    #[arg(long, default_value = "1x28x28", value_name = "CxHxW")]
    pub input: String,
    /// Classes
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub classes: usize,
    /// Examples that are measured at each point
    #[arg(long, default_value_t = 512, value_name = "N")]
    pub examples: usize,
    /// Points along each axis
    #[arg(long, default_value_t = 25, value_name = "N")]
    pub grid: usize,
    /// How often each way is timed; medians count
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub repeat: usize,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct BenchStep {
    /// Network
    #[arg(long, default_value = "cnn:16,32")]
    pub model: String,
    /// Channels, height and width of an example
    #[arg(long, default_value = "3x32x32", value_name = "CxHxW")]
    pub input: String,
    /// Classes
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub classes: usize,
    /// Examples a step
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub batch: usize,
    /// Optimizers: sgd, sam or both
    #[arg(long, default_value = "sgd,sam")]
    pub optimizer: String,
    /// Lanes at once
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub lanes: usize,
    /// Steps before the first that counts
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub warmup: u64,
    /// Steps that count
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub steps: u64,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct BenchKernels {
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub common: Common,
}

impl Common {
    /// Opens the adapter that the flags ask for.
    pub fn gpu(&self) -> lowland::Result<Gpu> {
        let family = match self.kernels {
            Kernels::Auto => None,
            Kernels::Gpu => Some(Family::Shared),
            Kernels::Cpu => Some(Family::Subgroup),
        };
        pollster::block_on(Gpu::open(&GpuOptions { adapter: self.adapter.clone(), family }))
    }
}

/// The settings that were given as flags, and nothing else: what overrides a file or a checkpoint's header.
pub fn given(config: &Config, matches: &ArgMatches) -> Map<String, Value> {
    // `changes` is no flag, and clap knows flags only.
    let is_given = |key: &String| key != "changes" && matches.value_source(key) == Some(ValueSource::CommandLine);
    config.to_object().into_iter().filter(|(key, _)| is_given(key)).collect()
}
