//! IDX, the format of MNIST and Fashion-MNIST: two zero bytes, a type, the number of dimensions, each dimension as a
//! big-endian u32, then the values. Plain or gzipped, told apart by the first bytes, not by the name.

use super::missing::{self, Publisher};
use super::provided;
use super::{Inputs, Raw, Shape, Split};
use crate::{Error, Result};
use flate2::bufread::MultiGzDecoder;
use std::io::{BufRead, ErrorKind, Read};
use std::path::Path;

/// MNIST's four files.
pub(super) const MNIST: Publisher = Publisher { set: "mnist", page: "Yann LeCun's MNIST page and its mirrors" };
/// Fashion-MNIST's four files.
pub(super) const FASHION_MNIST: Publisher =
    Publisher { set: "fashion-mnist", page: "the GitHub page zalandoresearch/fashion-mnist, under data/fashion" };

/// The four files, without their number of dimensions and `ubyte`.
const FILES: [(&str, Kind); 4] = [
    ("train-images", Kind::Images),
    ("train-labels", Kind::Labels),
    ("t10k-images", Kind::Images),
    ("t10k-labels", Kind::Labels),
];
/// The most values a file may hold: the device counts them in 32 bits.
const MOST_VALUES: u64 = u32::MAX as u64;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Images,
    Labels,
}

impl Kind {
    fn dimensions(self) -> usize {
        match self {
            Self::Images => 3,
            Self::Labels => 1,
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Labels => "labels",
        }
    }
}

/// A file to read and its name in messages.
pub(super) struct Source<'a> {
    pub(super) name: String,
    pub(super) reader: Box<dyn BufRead + 'a>,
}

/// What one file holds.
#[derive(Debug, PartialEq)]
struct Idx {
    dimensions: Vec<usize>,
    values: Vec<u8>,
}

/// Reads the four files of `folder`. `classes` is known for a publisher's set; else it is the largest label and one.
pub(super) fn load(folder: &Path, publisher: Option<&Publisher>, classes: Option<usize>) -> Result<Raw> {
    let paths = FILES.map(|(stem, kind)| {
        let rank = kind.dimensions();
        // Publishers write a hyphen; some unpackers and mirrors write a dot.
        ["-", "."]
            .iter()
            .flat_map(|sign| ["", ".gz"].map(|end| folder.join(format!("{stem}{sign}idx{rank}-ubyte{end}"))))
            .find(|path| provided::is_file(path))
    });
    let mut sources = Vec::with_capacity(FILES.len());
    let mut absent = Vec::new();
    for ((stem, kind), path) in FILES.iter().zip(paths) {
        match path {
            Some(path) => {
                let name = path.display().to_string();
                sources.push(Source { name, reader: provided::open(&path)? });
            }
            None => absent.push(format!("{stem}-idx{}-ubyte", kind.dimensions())),
        }
    }
    match <[Source; 4]>::try_from(sources) {
        Ok(sources) => assemble(sources, classes),
        Err(_) => {
            let looked_for = FILES.map(|(stem, kind)| format!("{stem}-idx{}-ubyte", kind.dimensions())).join(", ");
            Err(missing::explain(publisher, folder, &format!("{looked_for}, each plain or with .gz"), &absent))
        }
    }
}

/// Reads training images and labels, test images and labels, and checks that they belong together.
pub(super) fn assemble(sources: [Source<'_>; 4], classes: Option<usize>) -> Result<Raw> {
    let [train_images, train_labels, test_images, test_labels] = sources;
    let (train_name, test_name) = (train_images.name.clone(), test_images.name.clone());
    let (train_size, train) = split(train_images, train_labels, classes)?;
    let (test_size, test) = split(test_images, test_labels, classes)?;
    if train_size != test_size {
        return Err(Error::input(format!(
            "the images of {test_name} have {} x {} pixels, those of {train_name} {} x {}; they are not of one set",
            test_size.0, test_size.1, train_size.0, train_size.1
        )));
    }
    let largest = train.labels.iter().chain(&test.labels).copied().max().unwrap_or(0);
    Ok(Raw {
        shape: Shape { channels: 1, height: train_size.0, width: train_size.1 },
        classes: classes.unwrap_or((usize::from(largest) + 1).max(2)),
        train,
        test,
    })
}

/// One split and the height and width of its images.
fn split(images: Source<'_>, labels: Source<'_>, classes: Option<usize>) -> Result<((usize, usize), Split)> {
    let (images_name, labels_name) = (images.name.clone(), labels.name.clone());
    let images = read(images, Kind::Images)?;
    let labels = read(labels, Kind::Labels)?;
    let [count, height, width] = images.dimensions[..] else {
        return Err(Error::input(format!("{images_name}: not three dimensions")));
    };
    if count != labels.values.len() {
        return Err(Error::input(format!(
            "{images_name} holds {count} images, {labels_name} {} labels; they do not belong together",
            labels.values.len()
        )));
    }
    let limit = classes.unwrap_or(usize::MAX);
    if let Some((place, label)) = labels.values.iter().enumerate().find(|(_, label)| usize::from(**label) >= limit) {
        return Err(Error::input(format!(
            "{labels_name}: label {place} is {label}, but the classes are 0 to {}; fetch the file again",
            limit.saturating_sub(1)
        )));
    }
    let labels = labels.values.into_iter().map(u16::from).collect();
    Ok(((height, width), Split { inputs: Inputs::Bytes(images.values), labels, flipped: Vec::new() }))
}

/// Reads one file to its end, and never more of it than its header announces and a byte.
fn read(mut source: Source<'_>, kind: Kind) -> Result<Idx> {
    let name = source.name;
    let first = source.reader.fill_buf().map_err(|error| Error::input(format!("{name}: {error}")))?;
    let mut reader: Box<dyn Read + '_> = match first {
        // An IDX file begins with two zeros, so that these can only be gzip's.
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(source.reader)),
        _ => source.reader,
    };

    let rank = kind.dimensions();
    let header_length = 4 + 4 * rank;
    let header = take(&mut reader, header_length as u64, &name)?;
    let announced: Option<Vec<u64>> = match &header[..] {
        [0, 0, 8, found, sizes @ ..] if usize::from(*found) == rank && header.len() == header_length => Some(
            sizes.chunks_exact(4).map(|size| size.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))).collect(),
        ),
        _ => None,
    };
    let Some(announced) = announced else {
        return Err(Error::input(format!(
            "{name} is not an IDX file of {}: expected {header_length} bytes of header that begin with 00 00 08 {rank:02x}, \
             found {}; fetch the file again",
            kind.noun(),
            match &header[..header.len().min(4)] {
                [] => "an empty file".to_string(),
                start => start.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "),
            }
        )));
    };
    if announced.contains(&0) {
        return Err(Error::input(format!("{name} holds nothing: its header announces {}", times(&announced))));
    }
    let length = announced.iter().try_fold(1u64, |product, size| product.checked_mul(*size));
    let Some(length) = length.filter(|length| *length <= MOST_VALUES) else {
        return Err(Error::input(format!(
            "{name} announces {} values, more than the {MOST_VALUES} that fit; the header is damaged or the set too large",
            times(&announced)
        )));
    };
    // The buffer grows as bytes arrive, so that a header that lies costs nothing.
    let values = take(&mut reader, length + 1, &name)?;
    if values.len() as u64 != length {
        let found = if values.len() as u64 > length { "more".to_string() } else { values.len().to_string() };
        return Err(Error::input(format!(
            "{name} announces {} = {length} values after its header, expected as many bytes, found {found}; \
             the file is damaged or cut short: fetch it again",
            times(&announced)
        )));
    }
    Ok(Idx { dimensions: announced.iter().map(|size| *size as usize).collect(), values })
}

/// At most `limit` bytes; fewer where the file ends.
fn take(reader: &mut dyn Read, limit: u64, name: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match reader.take(limit).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        // Only a compressed stream does this; how much came out of it is compared with the header as for a plain file.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof && (bytes.len() as u64) < limit.saturating_sub(1) => {
            Ok(bytes)
        }
        Err(error) => Err(Error::input(format!(
            "{name}: {error} after {} unpacked bytes, expected {}; the file is damaged or cut short: fetch it again",
            bytes.len(),
            limit
        ))),
    }
}

fn times(sizes: &[u64]) -> String {
    sizes.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ")
}

/// Reads the bytes as images and as labels.
#[cfg(all(any(test, feature = "fuzzing"), not(target_family = "wasm")))]
pub(super) fn fuzz(bytes: &[u8]) {
    let source = || Source { name: "a file".into(), reader: Box::new(bytes) };
    for kind in [Kind::Images, Kind::Labels] {
        match read(source(), kind) {
            Ok(idx) => assert_eq!(idx.values.len(), idx.dimensions.iter().product::<usize>()),
            Err(error) => assert!(error.is_input()),
        }
    }
}

#[cfg(test)]
#[path = "idx_tests.rs"]
mod tests;
