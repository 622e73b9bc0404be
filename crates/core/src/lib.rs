//! Lowland: neural networks trained with Sharpness-Aware Minimization on any GPU.
pub mod config;
pub mod data;
pub mod error;
pub mod gpu;
pub mod model;
pub mod optim;
pub mod plan;
pub mod rng;
pub mod run;
pub mod train;
pub use error::{Error, Result};
