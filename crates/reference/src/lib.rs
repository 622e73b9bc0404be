//! Plain f64 twins of every kernel: the oracle of the tests, never linked into a product.
//!
//! One file per operation, written to be read beside its formula: loops over explicit indices, no trick that a kernel
//! might share. Layouts are PyTorch's: images `[n, channels, height, width]`, convolution weights
//! `[out, in, kernel height, kernel width]`, dense weights `[out, in]`. Shapes are checked with `assert!`, for a wrong
//! shape is a mistake in a test.
//!
//! Each backward pass is checked against central differences, and [`train::Trainer`] against 20 steps recorded from
//! PyTorch (`tests/pytorch.rs`).
#![allow(clippy::needless_range_loop, reason = "the indices of a formula are easier to check than iterators")]

pub mod activation;
pub mod ascent;
pub mod augment;
pub mod batch_norm;
pub mod conv;
pub mod curvature;
pub mod dense;
pub mod group_norm;
pub mod height_field;
pub mod lanczos;
pub mod live;
pub mod loss;
pub mod network;
pub mod optim;
pub mod pool;
pub mod probe;
pub mod sharpness;
mod tensor;
#[cfg(test)]
mod testing;
pub mod train;

pub use activation::Activation;
pub use network::{Mode, Network};
pub use tensor::Tensor;
