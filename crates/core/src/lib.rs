//! Lowland: neural networks trained with Sharpness-Aware Minimization (SAM) on any GPU, through WebGPU.
//!
//! A whole training, from a description to a trained network (`examples/train.rs` of the repository is this program):
//!
//! ```no_run
//! use lowland::config::Config;
//! use lowland::gpu::{Gpu, GpuOptions};
//! use lowland::train::{Event, Part, Trainer};
//!
//! fn main() -> lowland::Result<()> {
//!     let config = Config { data: "spirals".into(), optimizer: Some("sam".into()), eval_every: Some(20), ..Config::default() };
//!     let data = lowland::data::load(&config)?;
//!     let model = config.model(data.shape, data.classes)?;
//!     let setup = config.setup(&data, &model)?;
//!     pollster::block_on(async {
//!         let gpu = Gpu::open(&GpuOptions::default()).await?;
//!         let mut trainer = Trainer::new(&gpu, &model, &data, setup, None).await?;
//!         let show = |event| match event {
//!             Event::Evaluation(e) if e.part == Part::Test => {
//!                 println!("step {:3}: {:.1} % of {} test points right", e.step, 100.0 * e.accuracy, e.examples);
//!             }
//!             _ => {}
//!         };
//!         let trained = trainer.run(&gpu, show).await?;
//!         println!("{} values trained in {} steps", model.parameter_count(), trained.step);
//!         Ok(())
//!     })
//! }
//! ```
//!
//! # The walk of the data
//!
//! ```text
//! Config --> Dataset --------------------+
//! Config --> Model ----------------------+--> Plan --> Program --> Trainer --> Event --> Session (a run folder)
//! Config --> Setup (lanes, optimizers) --+                            |
//!                                                                     +--> Snapshot --> safetensors --> Evaluator
//! ```
//!
//! 1. [`config::Config`] is what a person asks for: flags, JSON file and checkpoint header are all this struct.
//! 2. [`data::load`] makes a [`data::Dataset`] of it, [`config::Config::model`] a [`model::Model`], and
//!    [`config::Config::setups`] the [`train::Setup`]s: lanes of one architecture that are trained in the same dispatches.
//! 3. A plan turns model, batch and lanes into a list of dispatches, once; [`gpu::Program`] makes it real on the device.
//! 4. [`train::Trainer`] replays it in chunks. [`train::Trainer::tick`] never waits: it submits what fits a time budget
//!    and returns the [`train::Event`]s that have arrived.
//! 5. [`run::Session`] keeps tables, checkpoints and final weights in a folder that survives being killed at any moment,
//!    and [`train::Evaluator`] measures weights that were kept. [`probe`] measures the landscape around them, and [`view`]
//!    draws it.
//!
//! A user's own kernels run through [`gpu::Recording`], [`gpu::Dispatch`] and [`gpu::Program`] (`examples/custom_kernel.rs`),
//! an own network is a list of layers in a [`model::Model`] (`examples/custom_model.rs`). `crates/ARCHITECTURE.md` in the
//! repository tells how the engine is built and why.
pub mod bench;
pub mod config;
pub mod data;
mod eigen;
pub mod error;
pub mod gpu;
pub mod model;
pub mod optim;
mod plan;
pub mod probe;
pub mod rng;
pub mod run;
pub mod sweep;
pub mod train;
pub mod view;
pub use error::{Error, Result};
/// The kernels, and the types that describe one.
pub use lowland_shaders as shaders;
