//! Folders of PNG and JPEG files, a folder for each class.
//!
//! All images come to one square size, and to one channel where none of them has any colour.

use super::missing::INSTEAD;
use super::{Inputs, Raw, Shape, Split, fifth, provided};
use crate::{Error, Result};
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage, Rgba};
use std::io::Cursor;
use std::path::{Path, PathBuf};

/// The side that images of several sizes, or of a large one, are resized to.
const SIDE: usize = 32;
/// The largest side that images keep of their own.
const MOST_OWN: u32 = 64;
/// The largest side that can be asked for.
const MOST_SIDE: usize = 1024;
/// The most values that the device counts.
const MOST_VALUES: usize = u32::MAX as usize;
/// What an image may take while it is decoded: about 170 million pixels.
const MOST_BYTES: u64 = 512 << 20;
/// Neither format packs more pixels into a byte: deflate stops at 1032 bytes, of 8 pixels each.
const MOST_PACKED: u64 = 8 * 1032;

/// Image files and their classes, in the order of the examples.
type Files = Vec<(PathBuf, u16)>;

/// Reads `folder/CLASS/*`, whose last fifth of each class is the test part, or `folder/train/CLASS/*` and
/// `folder/test/CLASS/*`. `side` is none for images of their own size.
pub(super) fn load(folder: &Path, side: Option<usize>) -> Result<Raw> {
    if let Some(side) = side.filter(|side| !(1..=MOST_SIDE).contains(side)) {
        return Err(Error::input(format!("--image-size {side} is not from 1 to {MOST_SIDE}")));
    }
    if !folder.is_dir() {
        let place = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
        return Err(Error::input(format!(
            "there is no folder {}; name one with --data images:DIR that has a folder of PNG or JPEG files for each class. \
             {INSTEAD}",
            place.display()
        )));
    }
    let (train, test) = (folder.join("train"), folder.join("test"));
    let parted = train.is_dir() && test.is_dir();
    let classes = class_folders(if parted { &train } else { folder })?;
    let mut train = classes.iter().map(|class| image_files(class)).collect::<Result<Vec<_>>>()?;
    let test = if parted { test_lists(&test, &classes)? } else { last_fifths(&mut train, folder)? };
    let (train, test) = (mixed(train), mixed(test));

    let (height, width) = match side {
        Some(side) => (side, side),
        None => own_size(train.iter().chain(&test))?.unwrap_or((SIDE, SIDE)),
    };
    let values = (train.len() + test.len()).saturating_mul(3 * height * width);
    if values > MOST_VALUES {
        return Err(Error::input(format!(
            "{}: {} images of {height} x {width} pixels are more than the {MOST_VALUES} values that fit; give a smaller \
             --image-size",
            folder.display(),
            train.len() + test.len()
        )));
    }
    let (mut train, mut test) = (read(&train, height, width)?, read(&test, height, width)?);
    let channels = if train.1 || test.1 { 3 } else { 1 };
    if channels == 1 {
        for split in [&mut train.0, &mut test.0] {
            keep_first_channel(split, height * width);
        }
    }
    Ok(Raw { shape: Shape { channels, height, width }, classes: classes.len(), train: train.0, test: test.0 })
}

/// What `folder` contains, by name, but what the system hides.
fn contents(folder: &Path) -> Result<Vec<PathBuf>> {
    let refused = |error| Error::input(format!("{}: {error}; see that you may read this folder", folder.display()));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

/// The folders of the classes: at least two, and not more than labels can tell apart.
fn class_folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = contents(folder)?;
    folders.retain(|path| path.is_dir());
    let found = match &folders[..] {
        [] => "no folders".to_string(),
        [only] => format!("only the folder {}", name(only)),
        many if many.len() > usize::from(u16::MAX) => format!("{} folders", many.len()),
        _ => return Ok(folders),
    };
    Err(Error::input(format!(
        "{} has {found}; from 2 to {} are expected, one for each class, with its PNG or JPEG files",
        folder.display(),
        u16::MAX
    )))
}

/// The last part of a path.
fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The images of one class: at least one.
fn image_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = contents(folder)?;
    let ending = |path: &Path| path.extension().map(|end| end.to_string_lossy().to_lowercase()).unwrap_or_default();
    let unread = ["gif", "bmp", "webp", "tif", "tiff", "avif", "heic"];
    if let Some(other) = files.iter().find(|path| unread.contains(&ending(path).as_str())) {
        return Err(Error::input(format!("{}: PNG and JPEG are read; convert this image", other.display())));
    }
    files.retain(|path| ["png", "jpg", "jpeg"].contains(&ending(path).as_str()) && path.is_file());
    if files.is_empty() {
        let hint = match name(folder).as_str() {
            "train" | "test" | "val" | "valid" => {
                "; a set in parts has both a folder train and a folder test, each with the same folders of classes"
            }
            _ => "",
        };
        return Err(Error::input(format!(
            "the class folder {} has no PNG or JPEG files; put some in, or take it away{hint}",
            folder.display()
        )));
    }
    Ok(files)
}

/// The test images of each class, which are those of the training part.
fn test_lists(folder: &Path, classes: &[PathBuf]) -> Result<Vec<Vec<PathBuf>>> {
    let folders = class_folders(folder)?;
    let known = |path: &&PathBuf| classes.iter().any(|class| class.file_name() == path.file_name());
    if let Some(other) = folders.iter().find(|path| !known(path)) {
        return Err(Error::input(format!(
            "{} is a class without training images; there is no such folder beside {}",
            other.display(),
            classes.first().map(|class| class.display().to_string()).unwrap_or_default()
        )));
    }
    let list = |class: &PathBuf| {
        let folder = folders.iter().find(|path| class.file_name() == path.file_name());
        folder.map_or(Ok(Vec::new()), |folder| image_files(folder))
    };
    classes.iter().map(list).collect()
}

/// Cuts the last fifth of each class off and returns it.
fn last_fifths(lists: &mut [Vec<PathBuf>], folder: &Path) -> Result<Vec<Vec<PathBuf>>> {
    let test: Vec<Vec<PathBuf>> = lists.iter_mut().map(|list| list.split_off(list.len() - fifth(list.len()))).collect();
    if test.iter().all(Vec::is_empty) {
        return Err(Error::input(format!(
            "{}: every class has one image, so none is left to test on; add images, or a folder train and a folder test",
            folder.display()
        )));
    }
    Ok(test)
}

/// All classes mixed evenly, each in the order of its names, so that the first N examples and the last part of them have
/// the classes as the whole has.
fn mixed(lists: Vec<Vec<PathBuf>>) -> Files {
    let mut places = Vec::new();
    for (class, list) in lists.into_iter().enumerate() {
        // The i-th of n comes at (i + 1/2) / n.
        let n = list.len() as f64;
        places.extend(list.into_iter().enumerate().map(|(i, path)| ((i as f64 + 0.5) / n, class as u16, path)));
    }
    // The order is stable, so that classes of one size take turns.
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    places.into_iter().map(|(_, class, path)| (path, class)).collect()
}

/// Height and width of all images, where they are the same and small.
fn own_size<'a>(files: impl Iterator<Item = &'a (PathBuf, u16)>) -> Result<Option<(usize, usize)>> {
    let mut own = None;
    for (path, _) in files {
        let bytes = provided::read(path)?;
        let size = decoder(&bytes).map_err(|what| unreadable(path, &what))?.dimensions();
        if *own.get_or_insert(size) != size || size.0.max(size.1) > MOST_OWN {
            return Ok(None);
        }
    }
    Ok(own.map(|(width, height)| (height as usize, width as usize)))
}

/// The images as examples of three channels, and whether any of them has colour.
fn read(files: &Files, height: usize, width: usize) -> Result<(Split, bool)> {
    let mut pixels = Vec::with_capacity(files.len() * 3 * height * width);
    let mut labels = Vec::with_capacity(files.len());
    let mut colour = false;
    for (path, class) in files {
        let image = decode(&provided::read(path)?, height, width).map_err(|what| unreadable(path, &what))?;
        colour |= image.pixels().any(|Rgb([r, g, b])| r != g || g != b);
        for channel in 0..3 {
            pixels.extend(image.pixels().map(|pixel| pixel.0[channel]));
        }
        labels.push(*class);
    }
    Ok((Split { inputs: Inputs::Bytes(pixels), labels, flipped: Vec::new() }, colour))
}

fn unreadable(path: &Path, what: &str) -> Error {
    Error::input(format!("{}: this image cannot be read: {what}; mend it or take it away", path.display()))
}

/// One image of `height` x `width` pixels, upright, on white where it is transparent.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn decode(bytes: &[u8], height: usize, width: usize) -> Result<RgbImage, String> {
    let mut decoder = decoder(bytes)?;
    let orientation = decoder.orientation().map_err(|error| error.to_string())?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    image.apply_orientation(orientation);
    let image = if image.color().has_alpha() {
        let image = image.into_rgba8();
        RgbImage::from_fn(image.width(), image.height(), |x, y| {
            let Rgba([r, g, b, alpha]) = *image.get_pixel(x, y);
            let over = |value: u8| {
                let (value, alpha) = (u32::from(value), u32::from(alpha));
                ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
            };
            Rgb([over(r), over(g), over(b)])
        })
    } else {
        image.into_rgb8()
    };
    let (height, width) = (height as u32, width as u32);
    if image.dimensions() == (width, height) {
        return Ok(image);
    }
    // A triangle that widens as the image shrinks: every pixel counts.
    Ok(image::imageops::resize(&image, width, height, FilterType::Triangle))
}

/// A decoder that has seen the header and found it to be no lie.
fn decoder(bytes: &[u8]) -> Result<impl ImageDecoder + '_, String> {
    if bytes.is_empty() {
        return Err("the file is empty".into());
    }
    let format = match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg)) => format,
        _ => return Err("expected PNG or JPEG, found neither's first bytes".into()),
    };
    if format == ImageFormat::Jpeg && !has_end(bytes) {
        return Err("the JPEG file is cut short".into());
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MOST_PACKED.saturating_mul(bytes.len() as u64) || decoder.total_bytes() > MOST_BYTES {
        return Err(format!(
            "its header announces {width} x {height} pixels, more than {} bytes can hold or {} MiB of memory",
            bytes.len(),
            MOST_BYTES >> 20
        ));
    }
    Ok(decoder)
}

/// Whether a JPEG file has the marker that ends its image. Decoders forgive its lack, and give grey below the cut.
fn has_end(bytes: &[u8]) -> bool {
    let mut at = 2;
    // Marker after marker: in scans, which have no length, to the next one that is not data (stuffing, restarts).
    while let Some([0xff, marker]) = bytes.get(at..at + 2) {
        at += match marker {
            0xd9 => return true,
            0xff => 1,
            0x00 | 0x01 | 0xd0..=0xd7 => 2,
            _ => match bytes.get(at + 2..at + 4) {
                Some([high, low]) => 2 + usize::from(u16::from_be_bytes([*high, *low])),
                _ => return false,
            },
        };
        at += bytes.get(at..).unwrap_or_default().iter().take_while(|byte| **byte != 0xff).count();
    }
    false
}

/// Makes examples of one channel out of grey ones of three.
fn keep_first_channel(split: &mut Split, plane: usize) {
    if let Inputs::Bytes(pixels) = &mut split.inputs {
        let mut grey = Vec::with_capacity(pixels.len() / 3);
        pixels.chunks_exact(3 * plane).for_each(|image| grey.extend_from_slice(&image[..plane]));
        *pixels = grey;
    }
}

#[cfg(test)]
#[path = "images_tests.rs"]
mod tests;
