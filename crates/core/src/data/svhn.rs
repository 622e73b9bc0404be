//! SVHN's cropped digits ("format 2"): MAT-files with `X`, bytes of 32 x 32 x 3 x N, and `y`, labels of which 10 is the
//! digit 0 (Netzer et al. 2011).

use super::matlab;
use super::missing::{self, Publisher};
use super::{Inputs, Raw, Shape, Split, provided};
use crate::{Error, Result};
use std::path::Path;

const PUBLISHER: Publisher =
    Publisher { set: "svhn", page: "the page of The Street View House Numbers (SVHN) Dataset, under format 2" };
const FOLDER: &str = "svhn";
const TRAIN: &str = "train_32x32.mat";
const TEST: &str = "test_32x32.mat";
const SIDE: usize = 32;
const SHAPE: Shape = Shape { channels: 3, height: SIDE, width: SIDE };
/// The most values that the device counts.
const MOST_VALUES: u64 = u32::MAX as u64;

/// Reads the two files of `data_dir/svhn`.
pub(super) fn load(data_dir: &Path) -> Result<Raw> {
    let folder = data_dir.join(FOLDER);
    missing::check(&PUBLISHER, &folder, &[TRAIN, TEST])?;
    let read = |file: &str| {
        let path = folder.join(file);
        parse(&provided::read(&path)?, &path.display().to_string())
    };
    Ok(Raw { shape: SHAPE, classes: 10, train: read(TRAIN)?, test: read(TEST)? })
}

/// The examples of one file, whose `name` is for messages.
pub(super) fn parse(bytes: &[u8], name: &str) -> Result<Split> {
    let images = matlab::read(bytes, name, "X", MOST_VALUES)?;
    // MATLAB drops a last size of 1.
    let count = match images.sizes[..] {
        [SIDE, SIDE, 3] => 1,
        [SIDE, SIDE, 3, count] => count,
        ref sizes => {
            let found = sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
            return Err(Error::input(format!("{name}: expected X of {SIDE} x {SIDE} x 3 x N, found {found}")));
        }
    };
    // Some more than there are images, so that another number of labels is told as such.
    let labels = matlab::read(bytes, name, "y", 2 * count as u64 + 1000)?;
    let labels = labels.numbers().into_iter().enumerate().map(|(place, number)| match number {
        // A whole number, as told by its being equal to one.
        label if (1..=10).any(|digit| label == f64::from(digit)) => Ok(label as u16 % 10),
        label => {
            let expected = "expected 1 to 10, where 10 is the digit 0";
            Err(Error::input(format!("{name}: label {place} of y is {label}; {expected}; fetch the file again")))
        }
    });
    let labels = labels.collect::<Result<Vec<u16>>>()?;
    if count != labels.len() {
        return Err(Error::input(format!(
            "{name}: X holds {count} images, y {} labels; they do not belong together: fetch the file again",
            labels.len()
        )));
    }
    let Some(mut pixels) = images.into_bytes() else {
        return Err(Error::input(format!("{name}: expected X of unsigned bytes, found another type of number")));
    };
    // The file goes down the rows first.
    for plane in pixels.chunks_exact_mut(SIDE * SIDE) {
        for row in 0..SIDE {
            for column in 0..row {
                plane.swap(row * SIDE + column, column * SIDE + row);
            }
        }
    }
    Ok(Split { inputs: Inputs::Bytes(pixels), labels, flipped: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fuzzing::{array, mat_file, packed};

    /// X and y of `labels.len()` images, whose pixel at channel c, row r, column k of image n is 3 n + 5 c + r + 2 k.
    fn elements(labels: &[u8]) -> [Vec<u8>; 2] {
        let mut pixels = Vec::new();
        for n in 0..labels.len() {
            for c in 0..3 {
                for column in 0..SIDE {
                    pixels.extend((0..SIDE).map(|row| (3 * n + 5 * c + row + 2 * column) as u8));
                }
            }
        }
        let count = labels.len() as u32;
        [array("X", 9, &[32, 32, 3, count], 2, &pixels), array("y", 9, &[count, 1], 2, labels)]
    }

    #[test]
    fn a_folder_is_read_plain_and_packed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("svhn");
        std::fs::create_dir(&folder).unwrap();
        let [x, y] = elements(&[1, 10, 9]);
        std::fs::write(folder.join(TRAIN), mat_file(&[packed(&x), packed(&y)])).unwrap();
        let text = load(dir.path()).unwrap_err().to_string();
        assert!(text.contains("no test_32x32.mat. ") && text.contains("SVHN") && text.contains("--data-dir"), "{text}");
        let [x, y] = elements(&[4]);
        std::fs::write(folder.join(TEST), mat_file(&[y, x])).unwrap();

        let raw = load(dir.path()).unwrap();
        assert_eq!((raw.shape, raw.classes), (SHAPE, 10));
        assert_eq!((raw.train.labels, raw.test.labels), (vec![1, 0, 9], vec![4]));
        let Inputs::Bytes(pixels) = raw.train.inputs else { panic!("images are bytes") };
        let (n, c, row, column) = (2, 1, 30, 7);
        assert_eq!(pixels.len(), 3 * SHAPE.len());
        assert_eq!(pixels[((n * 3 + c) * SIDE + row) * SIDE + column], 3 * 2 + 5 + 30 + 2 * 7);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let [x, y] = elements(&[1, 2]);
        let bytes = vec![0; 2 * SHAPE.len()];
        for (elements, words) in [
            (vec![x.clone(), elements(&[1, 0])[1].clone()], "label 1 of y is 0; expected 1 to 10"),
            (vec![x.clone(), elements(&[11, 1])[1].clone()], "label 0 of y is 11"),
            (vec![x.clone(), elements(&[1, 2, 3])[1].clone()], "2 images, y 3 labels"),
            (vec![y.clone()], "variable X, found y"),
            (vec![array("X", 9, &[32, 3, 32, 2], 2, &bytes), y.clone()], "found 32 x 3 x 32 x 2"),
            (vec![array("X", 8, &[32, 32, 3, 2], 1, &bytes), y], "unsigned bytes"),
        ] {
            let error = parse(&mat_file(&elements), "some.mat").unwrap_err();
            assert!(error.is_input() && error.to_string().starts_with("some.mat: "), "{error}");
            assert!(error.to_string().contains(words), "{words}: {error}");
        }
    }
}
