//! Numeric arrays of MATLAB's level 5 MAT-files, as far as published data sets need them: little-endian, real, dense.
//!
//! A file is a header of 128 bytes and a list of elements; each element has a tag (type, bytes) and data. An array is an
//! element that holds four more: flags, dimensions, name, values. It may be packed whole with zlib. ("MAT-File Format",
//! The MathWorks, chapter 1.)

use crate::{Error, Result};
use flate2::bufread::ZlibDecoder;
use std::io::Read;

const HEADER: usize = 128;
/// Types of elements.
const INT8: u32 = 1;
const UINT8: u32 = 2;
const INT32: u32 = 5;
const UINT32: u32 = 6;
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;
/// Classes of arrays that hold plain numbers: double, single, and integers of 8 to 64 bits.
const NUMERIC: std::ops::RangeInclusive<u8> = 6..=15;
/// The flag of arrays with an imaginary part.
const COMPLEX: u8 = 8;
/// More dimensions than any set has.
const MOST_DIMENSIONS: u64 = 32;
/// The longest name that MATLAB gives is 63; other writers are looser.
const MOST_NAME: u64 = 1024;

/// A numeric array.
#[derive(Debug, PartialEq)]
pub(super) struct Array {
    /// Its sizes; the first one varies fastest among the values.
    pub(super) sizes: Vec<usize>,
    kind: u32,
    values: Vec<u8>,
}

impl Array {
    /// The values where they are stored as unsigned bytes.
    pub(super) fn into_bytes(self) -> Option<Vec<u8>> {
        (self.kind == UINT8).then_some(self.values)
    }

    /// The values as numbers, however they are stored.
    pub(super) fn numbers(&self) -> Vec<f64> {
        fn each<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
            bytes.as_chunks().0.iter().map(|chunk| number(*chunk)).collect()
        }
        let bytes = &self.values;
        match self.kind {
            1 => each(bytes, |b| i8::from_le_bytes(b).into()),
            2 => each(bytes, |b| u8::from_le_bytes(b).into()),
            3 => each(bytes, |b| i16::from_le_bytes(b).into()),
            4 => each(bytes, |b| u16::from_le_bytes(b).into()),
            5 => each(bytes, |b| i32::from_le_bytes(b).into()),
            6 => each(bytes, |b| u32::from_le_bytes(b).into()),
            7 => each(bytes, |b| f32::from_le_bytes(b).into()),
            9 => each(bytes, f64::from_le_bytes),
            12 => each(bytes, |b| i64::from_le_bytes(b) as f64),
            _ => each(bytes, |b| u64::from_le_bytes(b) as f64),
        }
    }
}

/// Bytes of a value of a type of element; none for types that hold no numbers.
fn width(kind: u32) -> Option<u64> {
    match kind {
        INT8 | UINT8 => Some(1),
        3 | 4 => Some(2),
        INT32 | UINT32 | 7 => Some(4),
        9 | 12 | 13 => Some(8),
        _ => None,
    }
}

/// Reads the array `variable` of a MAT-file, with at most `most` values. `source` names the file in messages.
///
/// # Errors
/// Bad input that says what was expected and what was found. Memory follows what the file has, not what it announces.
pub(super) fn read(bytes: &[u8], source: &str, variable: &str, most: u64) -> Result<Array> {
    let outcome = find(bytes, variable, most);
    outcome.map_err(|what| Error::input(format!("{source}: {what}; the file is damaged or another: fetch it again")))
}

fn find(bytes: &[u8], variable: &str, most: u64) -> Result<Array, String> {
    let Some((header, mut rest)) = bytes.split_at_checked(HEADER) else {
        return Err(format!("expected a header of {HEADER} bytes, found {} bytes", bytes.len()));
    };
    match &header[124..] {
        [0, 1, b'I', b'M'] => {}
        [0, 2, b'I', b'M'] => return Err("it is a MAT-file of version 7.3; version 5 to 7 is read".into()),
        [1, 0, b'M', b'I'] => return Err("it is a big-endian MAT-file; little-endian ones are read".into()),
        end => return Err(format!("expected a MAT-file, whose header ends in 00 01 49 4d, found {end:02x?}")),
    }
    let mut seen = Vec::new();
    while !rest.is_empty() {
        let place = bytes.len() - rest.len();
        let (kind, length, tag) = tag(&mut &rest[..]).map_err(|what| format!("the element at byte {place}: {what}"))?;
        let whole = usize::try_from(length).ok().and_then(|length| rest.get(tag..)?.split_at_checked(length));
        let Some((data, behind)) = whole else {
            return Err(format!(
                "the element at byte {place} has {length} bytes, but only {} follow its tag",
                rest.len().saturating_sub(tag)
            ));
        };
        rest = match kind {
            // Only packed elements go without padding; the last one may, too.
            COMPRESSED => behind,
            _ => behind.get(padding(length)..).unwrap_or_default(),
        };
        let found = match kind {
            MATRIX => matrix(&mut &data[..], length, variable, most),
            COMPRESSED => unpacked(data, variable, most),
            _ => continue,
        };
        match found.map_err(|what| format!("the array at byte {place}: {what}"))? {
            Found::Array(array) => return Ok(array),
            Found::Other(name) => seen.push(name),
        }
    }
    seen.truncate(8);
    let there = if seen.is_empty() { "none".to_string() } else { seen.join(", ") };
    Err(format!("expected a variable {variable}, found {there}"))
}

enum Found {
    Array(Array),
    /// An array of this name.
    Other(String),
}

/// An array packed with zlib. Of one that is not wanted only the name is unpacked.
fn unpacked(data: &[u8], variable: &str, most: u64) -> Result<Found, String> {
    let mut reader = ZlibDecoder::new(data);
    let (kind, length, _) = tag(&mut reader)?;
    if kind != MATRIX {
        return Err(format!("expected an array (type {MATRIX}) in the packed element, found type {kind}"));
    }
    let found = matrix(&mut reader, length, variable, most)?;
    if matches!(found, Found::Array(_)) {
        // The rest is padding; reading it has the checksum looked at.
        let mut end = Vec::new();
        reader.take(padding(length) as u64 + 8).read_to_end(&mut end).map_err(|error| error.to_string())?;
    }
    Ok(found)
}

/// The content of an array element of `length` bytes.
fn matrix(reader: &mut dyn Read, length: u64, variable: &str, most: u64) -> Result<Found, String> {
    let mut reader = reader.take(length);
    let (_, flags) = part(&mut reader, "flags", &[UINT32], 8)?;
    let [class, bits, ..] = flags[..] else { return Err("expected 8 bytes of flags, found fewer".into()) };
    let (_, sizes) = part(&mut reader, "dimensions", &[INT32, UINT32], 4 * MOST_DIMENSIONS)?;
    let sizes: Vec<u64> = sizes.as_chunks().0.iter().map(|size| u32::from_le_bytes(*size).into()).collect();
    let (_, name) = part(&mut reader, "name", &[INT8, UINT8], MOST_NAME)?;
    if name != variable.as_bytes() {
        return Ok(Found::Other(String::from_utf8_lossy(&name).escape_debug().to_string()));
    }
    if !NUMERIC.contains(&class) || bits & COMPLEX != 0 {
        return Err(format!("{variable} has class {class} and flags {bits}; expected plain real numbers"));
    }
    let count = sizes.iter().try_fold(1u64, |product, size| product.checked_mul(*size));
    let shown = sizes.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ");
    let Some(count) = count.filter(|count| sizes.len() >= 2 && (1..=most).contains(count)) else {
        return Err(format!("{variable} has the sizes {shown}; expected two or more with at most {most} values"));
    };
    let (kind, announced, _) = tag(&mut reader)?;
    // The values' type may be a narrower one than the array's class.
    let expected = width(kind).and_then(|width| width.checked_mul(count));
    if expected != Some(announced) {
        let expected = expected.map_or("numbers".into(), |n| format!("{n} bytes"));
        return Err(format!("{variable} of {shown}: expected {expected}, found type {kind} with {announced} bytes"));
    }
    let values = take(&mut reader, announced)?;
    if values.len() as u64 != announced {
        return Err(format!("{variable} of {shown}: expected {announced} bytes of values, found {}", values.len()));
    }
    let sizes = sizes.into_iter().map(|size| size as usize).collect();
    Ok(Found::Array(Array { sizes, kind, values }))
}

/// A small part of an array, and its type: one of `kinds`, at most `most` bytes.
fn part(reader: &mut dyn Read, what: &str, kinds: &[u32], most: u64) -> Result<(u32, Vec<u8>), String> {
    let (kind, length, tag) = tag(reader)?;
    if !kinds.contains(&kind) || length > most {
        return Err(format!("{what}: expected at most {most} bytes of type {kinds:?}, found {length} of type {kind}"));
    }
    let data = take(reader, length)?;
    let padding = if tag == 4 { 4usize.saturating_sub(data.len()) } else { padding(length) };
    let padded = take(reader, padding as u64)?;
    if data.len() as u64 != length || padded.len() != padding {
        return Err(format!("{what}: expected {length} bytes and {padding} of padding, found the end"));
    }
    Ok((kind, data))
}

/// An element's type, its bytes of data, and the bytes of the tag itself: 8, or 4 where the data shares the 8 bytes.
fn tag(reader: &mut dyn Read) -> Result<(u32, u64, usize), String> {
    let mut word = || match take(reader, 4)?.as_array() {
        Some(word) => Ok(u32::from_le_bytes(*word)),
        None => Err("expected an element's tag, found the end".to_string()),
    };
    let first = word()?;
    match first >> 16 {
        0 => Ok((first, word()?.into(), 8)),
        short @ 1..=4 => Ok((first & 0xffff, short.into(), 4)),
        long => Err(format!("its short form has {long} bytes, expected 1 to 4")),
    }
}

/// Bytes up to the next multiple of 8.
fn padding(length: u64) -> usize {
    (length.wrapping_neg() % 8) as usize
}

/// Up to `limit` bytes: fewer where the data ends. The buffer grows as bytes arrive, so that a tag that lies costs nothing.
fn take(reader: &mut dyn Read, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    match reader.take(limit).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(format!("{error} after {} unpacked bytes, expected {limit}", bytes.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fuzzing::{array, mat_file, packed};

    fn read(bytes: &[u8]) -> Result<Array> {
        super::read(bytes, "some.mat", "y", 1_000)
    }

    fn refusal(bytes: &[u8]) -> String {
        let error = read(bytes).unwrap_err();
        assert!(error.is_input() && error.to_string().starts_with("some.mat: "), "{error}");
        error.to_string()
    }

    #[test]
    fn arrays_are_read_plain_and_packed_behind_others() {
        let other = array("meta", 9, &[1, 3], 9, &[7; 24]);
        let wanted = array("y", 9, &[3, 2], 2, &[1, 2, 3, 4, 5, 6]);
        for elements in
            [vec![wanted.clone()], vec![other.clone(), wanted.clone()], vec![packed(&other), packed(&wanted)]]
        {
            let found = read(&mat_file(&elements)).unwrap();
            assert_eq!((&found.sizes[..], found.numbers()), (&[3, 2][..], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
            assert_eq!(found.into_bytes().unwrap(), [1, 2, 3, 4, 5, 6]);
        }
    }

    #[test]
    fn every_type_of_number_is_read() {
        let one_two = |kind: u32| -> Vec<u8> {
            let each = |n: u8| match kind {
                7 => f32::from(n).to_le_bytes().to_vec(),
                9 => f64::from(n).to_le_bytes().to_vec(),
                _ => u64::from(n).to_le_bytes()[..width(kind).unwrap() as usize].to_vec(),
            };
            [each(1), each(2)].concat()
        };
        for kind in [1, 2, 3, 4, 5, 6, 7, 9, 12, 13] {
            let found = read(&mat_file(&[array("y", 6, &[2, 1], kind, &one_two(kind))])).unwrap();
            assert_eq!(found.numbers(), [1.0, 2.0], "type {kind}");
        }
    }

    #[test]
    fn a_short_element_shares_its_tag() {
        // scipy writes a name of up to four letters into the second half of the tag.
        let bytes = mat_file(&[array("y", 9, &[1, 1], 2, &[5])]);
        let name = bytes.windows(4).position(|w| w == [1, 0, 1, 0]).unwrap();
        assert_eq!(bytes[name + 4], b'y');
        assert_eq!(read(&bytes).unwrap().numbers(), [5.0]);
    }

    #[test]
    fn damage_is_named_with_expected_and_found() {
        let good = array("y", 9, &[2, 1], 2, &[1, 2]);
        let change = |place: usize, value: u8| {
            let mut bytes = mat_file(std::slice::from_ref(&good));
            bytes[place] = value;
            bytes
        };
        let whole = mat_file(std::slice::from_ref(&good));
        for (bytes, words) in [
            (vec![], vec!["128 bytes", "found 0"]),
            (whole[..100].to_vec(), vec!["128 bytes", "found 100"]),
            (vec![0; 200], vec!["00 01 49 4d"]),
            (change(125, 2), vec!["7.3"]),
            (whole[..140].to_vec(), vec!["byte 128", "only 4 follow"]),
            (whole[..128].to_vec(), vec!["variable y", "found none"]),
            (mat_file(&[array("z", 9, &[2, 1], 2, &[1, 2])]), vec!["variable y", "found z"]),
            (mat_file(&[array("y", 1, &[2, 1], 2, &[1, 2])]), vec!["class 1"]),
            (mat_file(&[array("y", 9, &[3, 1], 2, &[1, 2])]), vec!["3 x 1", "3 bytes", "2 bytes"]),
            (
                mat_file(&[array("y", 9, &[1 << 30, 1 << 30], 2, &[1, 2])]),
                vec!["1073741824 x 1073741824", "at most 1000"],
            ),
            (mat_file(&[array("y", 9, &[0, 1], 2, &[])]), vec!["0 x 1"]),
            (mat_file(&[array("y", 9, &[2, 1], 16, &[1, 2])]), vec!["expected numbers", "type 16"]),
        ] {
            let text = refusal(&bytes);
            assert!(words.iter().all(|word| text.contains(word)), "{words:?}: {text}");
        }
        let mut bytes = mat_file(&[packed(&good)]);
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        assert!(refusal(&bytes).contains("byte 128"), "the checksum is looked at");
    }
}
