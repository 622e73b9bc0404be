//! Label noise: a fraction of the training labels is moved to another class.

use super::{Split, share};
use crate::rng::{Rng, Stream};
use crate::{Error, Result};

/// Moves exactly round(`fraction` * examples) distinct labels of `split` to another class, all other classes alike, and
/// marks them in `flipped`. A function of the seed and the number of examples alone: every lane and seed of a run sees
/// the same labels.
pub(super) fn apply(split: &mut Split, classes: usize, fraction: f32, seed: u32) -> Result<()> {
    let moved = count(split.len(), fraction)?;
    if moved == 0 {
        return Ok(());
    }
    let (Ok(examples), Some(others @ 1..)) = (u32::try_from(split.len()), classes.checked_sub(1)) else {
        return Err(Error::input("--label-noise needs at least two classes to move labels between; leave it at 0"));
    };
    // Two sequences, so that which labels are moved does not hang on where the earlier ones went; and more noise moves
    // the labels that less noise moves, to the same classes, and others besides.
    let mut choose = Rng::new(seed, Stream::Noise, 0);
    let mut target = Rng::new(seed, Stream::Noise, 1);
    split.flipped = vec![false; split.len()];
    // The beginning of a Fisher-Yates shuffle: distinct places, each subset as likely as any other.
    let mut order: Vec<u32> = (0..examples).collect();
    for i in 0..moved {
        let j = i + choose.below(examples - i as u32) as usize;
        order.swap(i, j);
        let place = order[i] as usize;
        let drawn = target.below(others as u32) as u16;
        let label = &mut split.labels[place];
        *label = drawn + u16::from(drawn >= *label);
        split.flipped[place] = true;
    }
    Ok(())
}

/// How many of `examples` labels are moved; bad input where `fraction` is none.
pub(super) fn count(examples: usize, fraction: f32) -> Result<usize> {
    if !(0.0..=1.0).contains(&fraction) {
        return Err(Error::input(format!("--label-noise {fraction} is not a fraction from 0 to 1")));
    }
    Ok(share(examples, fraction))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Inputs;
    use proptest::prelude::*;

    fn split(n: usize, classes: usize) -> Split {
        Split {
            inputs: Inputs::Bytes(vec![0; n]),
            labels: (0..n).map(|i| (i * 7 % classes) as u16).collect(),
            flipped: Vec::new(),
        }
    }

    fn noisy(n: usize, classes: usize, fraction: f32, seed: u32) -> Split {
        let mut split = split(n, classes);
        apply(&mut split, classes, fraction, seed).unwrap();
        split
    }

    proptest! {
        #[test]
        fn exactly_the_marked_labels_move(n in 1usize..400, classes in 2usize..12, percent in 0u32..=100, seed: u32) {
            let fraction = percent as f32 / 100.0;
            let (before, after) = (split(n, classes), noisy(n, classes, fraction, seed));
            // In whole numbers, so that this is not the code's own rounding.
            let moved = (n * percent as usize * 2 + 100) / 200;
            let differing = (0..n).filter(|i| before.labels[*i] != after.labels[*i]).count();
            prop_assert_eq!(differing, moved);
            prop_assert!(after.labels.iter().all(|label| usize::from(*label) < classes));
            if moved == 0 {
                prop_assert!(after.flipped.is_empty());
            } else {
                let marks: Vec<bool> = (0..n).map(|i| before.labels[i] != after.labels[i]).collect();
                prop_assert_eq!(after.flipped, marks);
            }
        }
    }

    #[test]
    fn seeds_repeat_and_differ() {
        assert_eq!(noisy(500, 10, 0.4, 3), noisy(500, 10, 0.4, 3));
        assert_ne!(noisy(500, 10, 0.4, 3), noisy(500, 10, 0.4, 4));
    }

    #[test]
    fn more_noise_holds_less_noise() {
        let (less, more) = (noisy(300, 10, 0.2, 1), noisy(300, 10, 0.6, 1));
        for i in (0..300).filter(|i| less.flipped[*i]) {
            assert!(more.flipped[i] && more.labels[i] == less.labels[i]);
        }
    }

    #[test]
    fn classes_and_places_are_drawn_evenly() {
        // 3,000 labels of class 2, all moved: 1,000 to each of the other three, give or take 4 standard deviations.
        let mut all = split(3_000, 1);
        all.labels.fill(2);
        apply(&mut all, 4, 1.0, 9).unwrap();
        let counts = [0, 1, 2, 3].map(|class| all.labels.iter().filter(|l| **l == class).count());
        assert_eq!(counts[2], 0);
        assert!([0, 1, 3].iter().all(|c| (895..1105).contains(&counts[*c])), "{counts:?}");
        // A fifth of 10,000, counted per fifth of the file: 400 each.
        let places = noisy(10_000, 10, 0.2, 0);
        for fifth in places.flipped.chunks(2_000) {
            let here = fifth.iter().filter(|f| **f).count();
            assert!((330..470).contains(&here), "{here}");
        }
    }

    #[test]
    fn what_is_no_fraction_is_refused() {
        for fraction in [-0.01, 1.01, f32::NAN, f32::INFINITY] {
            let error = apply(&mut split(10, 2), 2, fraction, 0).unwrap_err();
            assert!(error.is_input() && error.to_string().contains("--label-noise"));
        }
        assert!(apply(&mut split(10, 1), 1, 0.5, 0).is_err());
    }
}
