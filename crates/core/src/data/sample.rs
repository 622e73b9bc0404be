//! The images that ship with the project: a part of Fashion-MNIST, read from the program itself, so that it is there
//! without a network and in a page.

use super::Raw;
use super::idx::{Source, assemble};
use crate::Result;

/// Name and content of a file of the sample.
macro_rules! file {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../../assets/fashion-sample/", $name)).as_slice())
    };
}

/// Training images and labels, test images and labels.
const FILES: [(&str, &[u8]); 4] = [
    file!("train-images-idx3-ubyte.gz"),
    file!("train-labels-idx1-ubyte.gz"),
    file!("t10k-images-idx3-ubyte.gz"),
    file!("t10k-labels-idx1-ubyte.gz"),
];

/// 2,000 training and 1,000 test images of 28 x 28 grey pixels, 200 and 100 of each of the 10 classes, in random order.
pub(super) fn load() -> Result<Raw> {
    let sources = FILES.map(|(name, bytes)| Source { name: format!("the built-in {name}"), reader: Box::new(bytes) });
    assemble(sources, Some(10))
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
        assert!(FILES.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() < 2_000_000);
        let licence = include_str!("../../assets/fashion-sample/LICENSE");
        assert!(licence.contains("MIT License") && licence.contains("Zalando SE"));
    }
}
