//! The images that ship with the project: a part of Fashion-MNIST. Programs have them inside, so that they are there
//! without a network; a page is half as large without them, so there its script provides them.

use super::Raw;
use super::idx::{Source, assemble};
#[cfg(target_family = "wasm")]
use crate::Error;
use crate::Result;
#[cfg(target_family = "wasm")]
use std::sync::OnceLock;

/// Training images and labels, test images and labels: names of the files.
const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
];

/// Their content, as one piece: for each file its length (u32, little-endian) and its bytes.
#[cfg(target_family = "wasm")]
static PROVIDED: OnceLock<Vec<u8>> = OnceLock::new();

/// Gives a page the images of `fashion-sample`: the four files of `crates/core/assets/fashion-sample` in the order of their
/// list there, each after its length (u32, little-endian). What was given first stays.
#[cfg(target_family = "wasm")]
pub fn provide_sample(bytes: Vec<u8>) {
    let _ = PROVIDED.set(bytes);
}

#[cfg(target_family = "wasm")]
fn files() -> Result<[&'static [u8]; 4]> {
    let missing =
        || Error::input("the images of fashion-sample are not loaded. Load the page again, or choose other data.");
    let mut rest = PROVIDED.get().ok_or_else(missing)?.as_slice();
    let mut next = || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (file, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        rest = after;
        Some(file)
    };
    match [next(), next(), next(), next()] {
        [Some(a), Some(b), Some(c), Some(d)] => Ok([a, b, c, d]),
        _ => Err(missing()),
    }
}

#[cfg(not(target_family = "wasm"))]
fn files() -> Result<[&'static [u8]; 4]> {
    Ok([
        include_bytes!("../../assets/fashion-sample/train-images-idx3-ubyte.gz"),
        include_bytes!("../../assets/fashion-sample/train-labels-idx1-ubyte.gz"),
        include_bytes!("../../assets/fashion-sample/t10k-images-idx3-ubyte.gz"),
        include_bytes!("../../assets/fashion-sample/t10k-labels-idx1-ubyte.gz"),
    ])
}

/// 2,000 training and 1,000 test images of 28 x 28 grey pixels, 200 and 100 of each of the 10 classes, in random order.
pub(super) fn load() -> Result<Raw> {
    let files = files()?;
    let source = |i: usize| Source { name: format!("the built-in {}", NAMES[i]), reader: Box::new(files[i]) };
    assemble([0, 1, 2, 3].map(source), Some(10))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Inputs, Shape, Split};

    fn counts(labels: &[u16]) -> Vec<usize> {
        (0..10).map(|class| labels.iter().filter(|label| **label == class).count()).collect()
    }

    fn mean(split: &Split) -> f64 {
        let Inputs::Bytes(pixels) = &split.inputs else { panic!("images are bytes") };
        pixels.iter().map(|pixel| f64::from(*pixel)).sum::<f64>() / pixels.len() as f64
    }

    #[test]
    fn the_sample_is_whole_balanced_and_shuffled() {
        let raw = load().unwrap();
        assert_eq!((raw.shape, raw.classes), (Shape { channels: 1, height: 28, width: 28 }, 10));
        assert_eq!(counts(&raw.train.labels), [200; 10]);
        assert_eq!(counts(&raw.test.labels), [100; 10]);
        // The last tenth serves as a validation set: 20 of each class, give or take 4 standard deviations.
        let last = counts(&raw.train.labels[1800..]);
        assert!(last.iter().all(|n| (4..=36).contains(n)), "{last:?}");
    }

    #[test]
    fn pixels_are_as_bright_as_in_the_whole_set() {
        // Fashion-MNIST's mean is 72.9 of 255; an image's own mean has a standard deviation of about 40.
        let raw = load().unwrap();
        assert!((mean(&raw.train) - 72.9).abs() < 3.0, "{}", mean(&raw.train));
        assert!((mean(&raw.test) - 72.9).abs() < 4.0, "{}", mean(&raw.test));
    }

    #[test]
    fn it_is_small_and_carries_its_licence() {
        assert!(files().unwrap().iter().map(|bytes| bytes.len()).sum::<usize>() < 2_000_000);
        let licence = include_str!("../../assets/fashion-sample/LICENSE");
        assert!(licence.contains("MIT License") && licence.contains("Zalando SE"));
    }
}
