//! How inputs are scaled before they reach the network.

use super::{Inputs, Scaling, Shape};
use crate::config::Normalize;
use crate::{Error, Result};

impl Scaling {
    /// The scaling that `normalize` asks for; `standard` measures `inputs`, which are the training examples used.
    ///
    /// A channel that is the same everywhere has no spread to divide by: it is only centred, in the unit of `unit`.
    pub fn new(normalize: Normalize, inputs: &Inputs, shape: Shape) -> Result<Self> {
        let same = |mean: f32, std: f32| Self { mean: vec![mean; shape.channels], std: vec![std; shape.channels] };
        Ok(match (normalize, inputs) {
            (Normalize::None, _) => same(0.0, 1.0),
            (Normalize::Unit, Inputs::Bytes(_)) => same(0.0, 255.0),
            (Normalize::Unit, Inputs::Floats(_)) => {
                return Err(Error::input(
                    "--normalize unit divides pixels by 255, but this data set has no pixels; use none or standard",
                ));
            }
            (Normalize::Standard, Inputs::Bytes(pixels)) => {
                standard(shape, 255.0, |channel| bytes(pixels, shape, channel))
            }
            (Normalize::Standard, Inputs::Floats(values)) => {
                standard(shape, 1.0, |channel| floats(values, shape, channel))
            }
        })
    }
}

/// Mean and standard deviation of every channel; `flat` stands in where there is no spread.
fn standard(shape: Shape, flat: f64, measure: impl Fn(usize) -> (f64, f64)) -> Scaling {
    let measured: Vec<(f64, f64)> = (0..shape.channels).map(measure).collect();
    Scaling {
        mean: measured.iter().map(|(mean, _)| *mean as f32).collect(),
        std: measured.iter().map(|(_, variance)| if *variance > 0.0 { variance.sqrt() } else { flat } as f32).collect(),
    }
}

/// The values of one channel, through all examples.
fn channel<T>(values: &[T], shape: Shape, channel: usize) -> impl Iterator<Item = &T> {
    let plane = (shape.height * shape.width).max(1);
    let planes = values.chunks(plane).skip(channel).step_by(shape.channels.max(1));
    planes.flatten()
}

/// Mean and population variance of a channel of pixels, from sums of whole numbers: exact but for the last division.
fn bytes(pixels: &[u8], shape: Shape, index: usize) -> (f64, f64) {
    let (mut count, mut sum, mut squares) = (0u64, 0u64, 0u64);
    for pixel in channel(pixels, shape, index) {
        count += 1;
        sum += u64::from(*pixel);
        squares += u64::from(*pixel) * u64::from(*pixel);
    }
    let n = count.max(1) as f64;
    let spread = u128::from(count) * u128::from(squares) - u128::from(sum) * u128::from(sum);
    (sum as f64 / n, spread as f64 / (n * n))
}

/// Mean and population variance of a channel of numbers, in two passes.
fn floats(values: &[f32], shape: Shape, index: usize) -> (f64, f64) {
    let n = channel(values, shape, index).count().max(1) as f64;
    let mean = channel(values, shape, index).map(|x| f64::from(*x)).sum::<f64>() / n;
    (mean, channel(values, shape, index).map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Shape = Shape { channels: 2, height: 1, width: 2 };

    #[test]
    fn channels_are_measured_apart() {
        // Two examples; channel 0 holds 1, 3, 5, 7, channel 1 holds 9 everywhere.
        let pixels = Inputs::Bytes(vec![1, 3, 9, 9, 5, 7, 9, 9]);
        let scaling = Scaling::new(Normalize::Standard, &pixels, TWO).unwrap();
        assert_eq!(scaling, Scaling { mean: vec![4.0, 9.0], std: vec![5f32.sqrt(), 255.0] });
        let numbers = Inputs::Floats(vec![1.0, 3.0, 9.0, 9.0, 5.0, 7.0, 9.0, 9.0]);
        let scaling = Scaling::new(Normalize::Standard, &numbers, TWO).unwrap();
        assert_eq!(scaling, Scaling { mean: vec![4.0, 9.0], std: vec![5f32.sqrt(), 1.0] });
    }

    #[test]
    fn none_and_unit_look_at_nothing() {
        let pixels = Inputs::Bytes(vec![1, 2, 3, 4]);
        let make = |normalize| Scaling::new(normalize, &pixels, TWO).unwrap();
        assert_eq!(make(Normalize::None), Scaling { mean: vec![0.0; 2], std: vec![1.0; 2] });
        assert_eq!(make(Normalize::Unit), Scaling { mean: vec![0.0; 2], std: vec![255.0; 2] });
        assert!(Scaling::new(Normalize::Unit, &Inputs::Floats(vec![0.0; 4]), TWO).unwrap_err().is_input());
    }

    #[test]
    fn a_small_spread_on_a_large_mean_survives() {
        // In f32 the sum of squares would swallow the variance of 1.
        let shape = Shape { channels: 1, height: 1, width: 1 };
        let values = (0..10_000).map(|i| 10_000.0 + if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let scaling = Scaling::new(Normalize::Standard, &Inputs::Floats(values), shape).unwrap();
        assert_eq!(scaling, Scaling { mean: vec![10_000.0], std: vec![1.0] });
    }
}
