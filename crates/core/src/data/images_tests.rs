use super::*;
use crate::data::fuzzing::encoded;
use image::{GrayImage, Luma, RgbaImage};
use std::fs::{create_dir_all, write};

fn flat(side: u32, colour: [u8; 3]) -> DynamicImage {
    RgbImage::from_pixel(side, side, Rgb(colour)).into()
}

fn put(dir: &Path, name: &str, image: &DynamicImage) {
    let path = dir.join(name);
    create_dir_all(path.parent().unwrap()).unwrap();
    let format = if name.ends_with("png") { ImageFormat::Png } else { ImageFormat::Jpeg };
    write(path, encoded(image, format)).unwrap();
}

fn bytes(split: &Split) -> &[u8] {
    match &split.inputs {
        Inputs::Bytes(values) => values,
        Inputs::Floats(_) => panic!("images are bytes"),
    }
}

/// All of `words` are in the refusal of the folder.
fn refused(dir: &Path, words: &[&str]) {
    let error = load(dir, None).unwrap_err();
    assert!(error.is_input());
    assert!(words.iter().all(|word| error.to_string().contains(word)), "{words:?}: {error}");
}

#[test]
fn folders_are_classes_and_their_last_fifth_the_test() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..10u8 {
        put(dir.path(), &format!("b/{i}.png"), &flat(3, [i, 100, 200]));
    }
    for i in 0..5u8 {
        put(dir.path(), &format!("a/{i}.PNG.png"), &flat(3, [50 + i, 0, 0]));
    }
    write(dir.path().join("notes.txt"), "not an image").unwrap();
    write(dir.path().join("a/.hidden.png"), "not an image").unwrap();
    write(dir.path().join("a/Thumbs.db"), "not an image").unwrap();
    let raw = load(dir.path(), None).unwrap();
    assert_eq!((raw.shape, raw.classes), (Shape { channels: 3, height: 3, width: 3 }, 2));
    // Classes take turns by their sizes.
    assert_eq!(raw.train.labels, [1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1]);
    assert_eq!(raw.test.labels, [1, 0, 1]);
    let reds = |split: &Split| bytes(split).chunks(27).map(|image| image[0]).collect::<Vec<_>>();
    assert_eq!(reds(&raw.train), [0, 50, 1, 2, 51, 3, 4, 52, 5, 6, 53, 7]);
    assert_eq!(reds(&raw.test), [8, 54, 9]);
    assert_eq!(bytes(&raw.train)[..27], [[0; 9], [100; 9], [200; 9]].concat());
}

#[test]
fn a_train_and_a_test_folder_are_the_parts() {
    let dir = tempfile::tempdir().unwrap();
    for (name, grey) in [("train/x/1", 1), ("train/x/2", 2), ("train/y/1", 3), ("test/x/1", 4), ("test/y/1", 5)] {
        put(dir.path(), &format!("{name}.png"), &flat(2, [grey; 3]));
    }
    let raw = load(dir.path(), None).unwrap();
    assert_eq!((raw.shape, raw.classes), (Shape { channels: 1, height: 2, width: 2 }, 2));
    assert_eq!((bytes(&raw.train), &raw.train.labels[..]), (&[1, 1, 1, 1, 3, 3, 3, 3, 2, 2, 2, 2][..], &[0, 1, 0][..]));
    assert_eq!((bytes(&raw.test), &raw.test.labels[..]), (&[4, 4, 4, 4, 5, 5, 5, 5][..], &[0, 1][..]));

    put(dir.path(), "test/z/1.png", &flat(2, [9; 3]));
    refused(dir.path(), &["test/z is a class without training images", "train/x"]);
}

#[test]
fn every_kind_of_file_gives_its_pixels() {
    let grey = |file: Vec<u8>| decode(&file, 2, 2).unwrap().into_raw();
    let image = GrayImage::from_pixel(2, 2, Luma([90]));
    assert_eq!(grey(encoded(&image.clone().into(), ImageFormat::Png)), [90; 12]);
    assert_eq!(grey(encoded(&image.clone().into(), ImageFormat::Jpeg)), [90; 12]);
    let deep = DynamicImage::from(image).into_luma16();
    assert_eq!(grey(encoded(&deep.into(), ImageFormat::Png)), [90; 12]);
    // Half of black on white, and nothing at all on white.
    let clear = RgbaImage::from_fn(2, 2, |x, _| Rgba([0, 0, 0, if x == 0 { 128 } else { 0 }]));
    assert_eq!(grey(encoded(&clear.into(), ImageFormat::Png)), [127, 127, 127, 255, 255, 255].repeat(2));
}

#[test]
fn several_sizes_come_to_one_and_the_mean_stays() {
    let dir = tempfile::tempdir().unwrap();
    for (class, colour) in [("a", [200, 0, 0]), ("b", [0, 0, 100])] {
        for side in [20, 70] {
            put(dir.path(), &format!("{class}/{side}.jpg"), &flat(side, colour));
        }
    }
    for (side, found) in [(None, 32), (Some(5), 5)] {
        let raw = load(dir.path(), side).unwrap();
        assert_eq!(raw.shape, Shape { channels: 3, height: found, width: found });
        let reds = &bytes(&raw.train)[..found * found];
        // JPEG is not exact.
        assert!(reds.iter().all(|red| red.abs_diff(200) < 4), "{reds:?}");
    }
    // A checkerboard shrinks to its mean, not to one of its colours.
    let board = GrayImage::from_fn(64, 64, |x, y| Luma([if (x + y) % 2 == 0 { 0 } else { 200 }]));
    let small = decode(&encoded(&board.into(), ImageFormat::Png), 8, 4).unwrap();
    assert_eq!(small.dimensions(), (4, 8));
    assert!(small.as_raw().iter().all(|value| value.abs_diff(100) < 3), "{small:?}");
    for side in [0, 1025] {
        assert!(load(dir.path(), Some(side)).unwrap_err().to_string().contains("--image-size"));
    }
}

#[test]
fn photographs_are_turned_upright() {
    let image = RgbImage::from_fn(16, 8, |x, _| Rgb(if x < 8 { [255; 3] } else { [0; 3] })).into();
    let mut file = encoded(&image, ImageFormat::Jpeg);
    // An Exif segment with the one entry "orientation: 6", a quarter turn clockwise.
    let exif = [&b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"[..], &[0; 4]].concat();
    let segment = [&[0xff, 0xe1, 0, exif.len() as u8 + 2][..], &exif].concat();
    file.splice(2..2, segment);
    let upright = decode(&file, 16, 8).unwrap();
    assert!(upright.get_pixel(4, 2).0[0] > 240 && upright.get_pixel(4, 13).0[0] < 15);
}

#[test]
fn folders_that_are_no_set_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    refused(&dir.join("absent"), &["absent", "images:DIR"]);
    refused(dir, &["no folders", "one for each class"]);
    put(dir, "one/1.png", &flat(2, [1; 3]));
    refused(dir, &["only the folder one"]);
    create_dir_all(dir.join("train")).unwrap();
    write(dir.join("train/readme.txt"), "").unwrap();
    refused(dir, &["class folder", "train has no PNG or JPEG", "a folder test"]);
    put(dir, "train/1.png", &flat(2, [1; 3]));
    refused(dir, &["every class has one image"]);
    write(dir.join("train/2.gif"), "GIF89a").unwrap();
    refused(dir, &["2.gif", "PNG and JPEG are read"]);
}

#[test]
fn an_image_that_cannot_be_read_is_named() {
    let good = flat(40, [10, 200, 30]);
    let (png, jpeg) = (encoded(&good, ImageFormat::Png), encoded(&good, ImageFormat::Jpeg));
    let mut lie = png.clone();
    // Width and height, with the header's checksum mended.
    lie[16..24].fill(0x7f);
    let mut sum = flate2::Crc::new();
    sum.update(&lie[12..29]);
    lie[29..33].copy_from_slice(&sum.sum().to_be_bytes());
    let mut damaged = png.clone();
    damaged[45] ^= 0xff;
    for (file, words) in [
        (vec![], "the file is empty"),
        (b"not an image".to_vec(), "expected PNG or JPEG"),
        (b"GIF89a\x01\0\x01\0".to_vec(), "expected PNG or JPEG"),
        (png[..png.len() / 2].to_vec(), ""),
        (jpeg[..jpeg.len() - 20].to_vec(), "cut short"),
        (jpeg[..jpeg.len() / 2].to_vec(), "cut short"),
        (damaged, ""),
        (lie, ""),
    ] {
        for side in [None, Some(8)] {
            let dir = tempfile::tempdir().unwrap();
            for name in ["a/1.png", "a/2.png", "b/1.png", "b/2.png"] {
                put(dir.path(), name, &good);
            }
            write(dir.path().join("b/2.png"), &file).unwrap();
            let text = load(dir.path(), side).unwrap_err().to_string();
            let place = dir.path().join("b/2.png").display().to_string();
            assert!(text.starts_with(&place) && text.contains("cannot be read") && text.contains(words), "{text}");
        }
    }
    assert!(has_end(&jpeg) && !has_end(&[]) && !has_end(&[0xff, 0xd8, 0xff]));
}
