//! CIFAR-10's binary files: records of one label and 3 x 32 x 32 pixels, channel, row, column.

use super::missing::{self, Publisher};
use super::{Inputs, Raw, Shape, Split};
use crate::{Error, Result};
use std::path::Path;

const PUBLISHER: Publisher =
    Publisher { set: "cifar10", page: "Alex Krizhevsky's CIFAR page (the binary version; unpack the archive)" };
/// The folder that the publisher's archive unpacks to.
const FOLDER: &str = "cifar-10-batches-bin";
const TRAIN: [&str; 5] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
const TEST: &str = "test_batch.bin";
const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };
const CLASSES: usize = 10;
/// Bytes of a record.
const RECORD: usize = 1 + 3 * 32 * 32;

/// Reads the six files of `data_dir/cifar-10-batches-bin`.
pub(super) fn load(data_dir: &Path) -> Result<Raw> {
    let folder = data_dir.join(FOLDER);
    let absent: Vec<String> =
        TRAIN.iter().chain([&TEST]).filter(|file| !folder.join(file).is_file()).map(|file| file.to_string()).collect();
    if !absent.is_empty() {
        let looked_for = format!("data_batch_1.bin to data_batch_5.bin and {TEST}");
        return Err(missing::explain(Some(&PUBLISHER), &folder, &looked_for, &absent));
    }
    Ok(Raw { shape: SHAPE, classes: CLASSES, train: read(&folder, &TRAIN)?, test: read(&folder, &[TEST])? })
}

/// The records of all `files`, one after the other.
fn read(folder: &Path, files: &[&str]) -> Result<Split> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for file in files {
        let path = folder.join(file);
        let name = path.display().to_string();
        let bytes = std::fs::read(&path)
            .map_err(|error| Error::input(format!("{name}: {error}; see that you may read this file")))?;
        append(&bytes, &name, &mut pixels, &mut labels)?;
    }
    Ok(Split { inputs: Inputs::Bytes(pixels), labels, flipped: Vec::new() })
}

fn append(bytes: &[u8], name: &str, pixels: &mut Vec<u8>, labels: &mut Vec<u16>) -> Result<()> {
    if bytes.is_empty() || !bytes.len().is_multiple_of(RECORD) {
        return Err(Error::input(format!(
            "{name}: expected one record of {RECORD} bytes or more, all whole (the publisher's files have 10000), \
             found {} bytes; the file is damaged or cut short: fetch it again",
            bytes.len()
        )));
    }
    pixels.reserve(bytes.len());
    for (place, record) in bytes.chunks_exact(RECORD).enumerate() {
        let label = record[0];
        if usize::from(label) >= CLASSES {
            return Err(Error::input(format!(
                "{name}: the label of record {place} is {label}, expected 0 to {}; fetch the file again",
                CLASSES - 1
            )));
        }
        labels.push(label.into());
        pixels.extend_from_slice(&record[1..]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn records(n: usize, seed: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for i in 0..n {
            bytes.push(((i + seed) % 10) as u8);
            bytes.extend((0..RECORD - 1).map(|j| ((i * 7 + j + seed) % 256) as u8));
        }
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<(Vec<u8>, Vec<u16>)> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        append(bytes, "some.bin", &mut pixels, &mut labels)?;
        Ok((pixels, labels))
    }

    #[test]
    fn a_whole_folder_is_read_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(FOLDER);
        std::fs::create_dir(&folder).unwrap();
        for (i, file) in TRAIN.iter().enumerate() {
            std::fs::write(folder.join(file), records(2, i)).unwrap();
        }
        let error = load(dir.path()).unwrap_err();
        assert!(error.is_input());
        let text = error.to_string();
        assert!(text.contains("no test_batch.bin") && text.contains("Krizhevsky") && text.contains(FOLDER), "{text}");

        std::fs::write(folder.join(TEST), records(3, 8)).unwrap();
        let raw = load(dir.path()).unwrap();
        assert_eq!((raw.shape, raw.classes), (SHAPE, 10));
        assert_eq!(raw.train.labels, [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]);
        assert_eq!(raw.test.labels, [8, 9, 0]);
        let Inputs::Bytes(pixels) = raw.train.inputs else { panic!("images are bytes") };
        assert_eq!(pixels.len(), 10 * SHAPE.len());
        assert_eq!(pixels[2 * SHAPE.len()..3 * SHAPE.len()], records(1, 1)[1..]);
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
