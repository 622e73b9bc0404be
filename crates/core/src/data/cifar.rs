//! The binary files of CIFAR-10 and CIFAR-100: records of one or two labels and 3 x 32 x 32 pixels, channel, row, column.

use super::missing::{self, Publisher};
use super::{Inputs, Raw, Shape, Split, provided};
use crate::{Error, Result};
use std::path::Path;

/// One of the two sets.
pub(super) struct Set {
    publisher: Publisher,
    /// The folder that the publisher's archive unpacks to.
    folder: &'static str,
    train: &'static [&'static str],
    test: &'static str,
    /// Classes that each label of a record may name. The last label is the one that is learnt.
    classes: &'static [u8],
}

const PAGE: &str = "Alex Krizhevsky's CIFAR page (the binary version; unpack the archive)";
pub(super) const CIFAR10: Set = Set {
    publisher: Publisher { set: "cifar10", page: PAGE },
    folder: "cifar-10-batches-bin",
    train: &["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"],
    test: "test_batch.bin",
    classes: &[10],
};
/// Its records have a coarse label, which is checked and not used, and a fine one.
pub(super) const CIFAR100: Set = Set {
    publisher: Publisher { set: "cifar100", page: PAGE },
    folder: "cifar-100-binary",
    train: &["train.bin"],
    test: "test.bin",
    classes: &[20, 100],
};
const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };
/// Bytes of an image.
const PIXELS: usize = 3 * 32 * 32;

/// Reads the files of `set` below `data_dir`.
pub(super) fn load(set: &Set, data_dir: &Path) -> Result<Raw> {
    let folder = data_dir.join(set.folder);
    let files: Vec<&str> = set.train.iter().chain([&set.test]).copied().collect();
    missing::check(&set.publisher, &folder, &files)?;
    let train = read(set, &folder, set.train)?;
    let test = read(set, &folder, &[set.test])?;
    Ok(Raw { shape: SHAPE, classes: set.classes.last().copied().unwrap_or(0).into(), train, test })
}

/// The records of all `files`, one after the other.
fn read(set: &Set, folder: &Path, files: &[&str]) -> Result<Split> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for file in files {
        let path = folder.join(file);
        append(set, &provided::read(&path)?, &path.display().to_string(), &mut pixels, &mut labels)?;
    }
    Ok(Split { inputs: Inputs::Bytes(pixels), labels, flipped: Vec::new() })
}

/// Adds the records of one file, whose `name` is for messages.
pub(super) fn append(set: &Set, bytes: &[u8], name: &str, pixels: &mut Vec<u8>, labels: &mut Vec<u16>) -> Result<()> {
    let length = set.classes.len() + PIXELS;
    if bytes.is_empty() || !bytes.len().is_multiple_of(length) {
        return Err(Error::input(format!(
            "{name}: expected one record of {length} bytes or more, all whole (the publisher's files have 10000 or \
             50000), found {} bytes; the file is damaged or cut short: fetch it again",
            bytes.len()
        )));
    }
    pixels.reserve(bytes.len());
    for (place, record) in bytes.chunks_exact(length).enumerate() {
        let (named, image) = record.split_at(set.classes.len());
        if let Some((label, classes)) = named.iter().zip(set.classes).find(|(label, classes)| label >= classes) {
            return Err(Error::input(format!(
                "{name}: the label of record {place} is {label}, expected 0 to {}; fetch the file again",
                classes - 1
            )));
        }
        labels.extend(named.last().map(|label| u16::from(*label)));
        pixels.extend_from_slice(image);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RECORD: usize = 1 + PIXELS;
    const TRAIN: &[&str] = CIFAR10.train;

    fn records(n: usize, seed: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for i in 0..n {
            bytes.push(((i + seed) % 10) as u8);
            bytes.extend((0..PIXELS).map(|j| ((i * 7 + j + seed) % 256) as u8));
        }
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<(Vec<u8>, Vec<u16>)> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        append(&CIFAR10, bytes, "some.bin", &mut pixels, &mut labels)?;
        Ok((pixels, labels))
    }

    #[test]
    fn a_whole_folder_is_read_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(CIFAR10.folder);
        std::fs::create_dir(&folder).unwrap();
        for (i, file) in TRAIN.iter().enumerate() {
            std::fs::write(folder.join(file), records(2, i)).unwrap();
        }
        let error = load(&CIFAR10, dir.path()).unwrap_err();
        assert!(error.is_input());
        let text = error.to_string();
        assert!(
            text.contains("no test_batch.bin") && text.contains("Krizhevsky") && text.contains(CIFAR10.folder),
            "{text}"
        );

        std::fs::write(folder.join(CIFAR10.test), records(3, 8)).unwrap();
        let raw = load(&CIFAR10, dir.path()).unwrap();
        assert_eq!((raw.shape, raw.classes), (SHAPE, 10));
        assert_eq!(raw.train.labels, [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]);
        assert_eq!(raw.test.labels, [8, 9, 0]);
        let Inputs::Bytes(pixels) = raw.train.inputs else { panic!("images are bytes") };
        assert_eq!(pixels.len(), 10 * SHAPE.len());
        assert_eq!(pixels[2 * SHAPE.len()..3 * SHAPE.len()], records(1, 1)[1..]);
    }

    #[test]
    fn a_hundred_classes_are_the_fine_labels() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("cifar-100-binary");
        std::fs::create_dir(&folder).unwrap();
        let text = load(&CIFAR100, dir.path()).unwrap_err().to_string();
        assert!(text.contains("no train.bin, no test.bin") && text.contains("cifar-100-binary"), "{text}");
        let record = |coarse: u8, fine: u8| [vec![coarse, fine], vec![fine; PIXELS]].concat();
        std::fs::write(folder.join("train.bin"), [record(19, 99), record(0, 3)].concat()).unwrap();
        std::fs::write(folder.join("test.bin"), record(7, 42)).unwrap();
        let raw = load(&CIFAR100, dir.path()).unwrap();
        assert_eq!((raw.shape, raw.classes), (SHAPE, 100));
        assert_eq!((raw.train.labels, raw.test.labels), (vec![99, 3], vec![42]));
        assert_eq!(raw.train.inputs, Inputs::Bytes([vec![99; PIXELS], vec![3; PIXELS]].concat()));

        for (bad, words) in [(record(20, 3), "is 20, expected 0 to 19"), (record(3, 100), "is 100, expected 0 to 99")] {
            std::fs::write(folder.join("test.bin"), bad).unwrap();
            let text = load(&CIFAR100, dir.path()).unwrap_err().to_string();
            assert!(text.contains("test.bin") && text.contains(words), "{text}");
        }
    }

    #[test]
    fn a_bad_label_is_named() {
        let mut bytes = records(3, 0);
        bytes[RECORD] = 10;
        let text = parse(&bytes).unwrap_err().to_string();
        assert!(text.contains("some.bin") && text.contains("record 1 is 10"), "{text}");
    }

    proptest! {
        #[test]
        fn only_whole_records_pass(n in 0usize..4, cut in 0usize..RECORD) {
            let bytes = records(n, 0);
            let bytes = &bytes[..bytes.len().saturating_sub(cut)];
            let parsed = parse(bytes);
            prop_assert_eq!(parsed.is_ok(), n > 0 && cut == 0);
            if let Err(error) = parsed {
                let text = error.to_string();
                prop_assert!(error.is_input() && text.contains("some.bin") && text.contains(&bytes.len().to_string()));
            }
        }

        #[test]
        fn flipped_bytes_give_an_error_or_whole_records(place in 0..2 * RECORD, bits in 1u8..) {
            let mut bytes = records(2, 4);
            bytes[place] ^= bits;
            match parse(&bytes) {
                Ok((pixels, labels)) => {
                    prop_assert_eq!((pixels.len(), labels.len()), (2 * SHAPE.len(), 2));
                    prop_assert!(labels.iter().all(|label| *label < 10));
                }
                Err(error) => prop_assert!(error.is_input() && place % RECORD == 0),
            }
        }
    }
}
