use super::*;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use std::io::Write;

fn header(rank: u8, sizes: &[u32]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, rank];
    sizes.iter().for_each(|size| bytes.extend(size.to_be_bytes()));
    bytes
}

fn images(count: u32, height: u32, width: u32) -> Vec<u8> {
    let mut bytes = header(3, &[count, height, width]);
    bytes.extend((0..count * height * width).map(|i| (i * 31 % 251) as u8));
    bytes
}

fn labels(count: u32, classes: u32) -> Vec<u8> {
    let mut bytes = header(1, &[count]);
    bytes.extend((0..count).map(|i| (i % classes) as u8));
    bytes
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn source<'a>(name: &str, bytes: &'a [u8]) -> Source<'a> {
    Source { name: name.into(), reader: Box::new(bytes) }
}

fn parse(files: [&[u8]; 4], classes: Option<usize>) -> Result<Raw> {
    let names = ["a-images", "a-labels", "b-images", "b-labels"];
    let [a, b, c, d] = [0, 1, 2, 3].map(|i| source(names[i], files[i]));
    assemble([a, b, c, d], classes)
}

fn refusal(files: [&[u8]; 4], classes: Option<usize>) -> String {
    let error = parse(files, classes).unwrap_err();
    assert!(error.is_input());
    error.to_string()
}

/// A set that is accepted is a whole one.
fn assert_valid(raw: &Raw) {
    for split in [&raw.train, &raw.test] {
        let Inputs::Bytes(pixels) = &split.inputs else { panic!("images are bytes") };
        assert!(!split.is_empty() && pixels.len() == split.len() * raw.shape.len());
        assert!(split.labels.iter().all(|label| usize::from(*label) < raw.classes));
    }
}

#[test]
fn good_files_round_trip_plain_and_packed() {
    let plain = [images(7, 3, 5), labels(7, 4), images(2, 3, 5), labels(2, 4)];
    let raw = parse([0, 1, 2, 3].map(|i| &plain[i][..]), None).unwrap();
    assert_valid(&raw);
    assert_eq!((raw.shape, raw.classes), (Shape { channels: 1, height: 3, width: 5 }, 4));
    assert_eq!(raw.train.inputs, Inputs::Bytes(plain[0][16..].to_vec()));
    assert_eq!(raw.train.labels, [0, 1, 2, 3, 0, 1, 2]);
    assert_eq!(raw.test.labels, [0, 1]);
    let packed = [0, 1, 2, 3].map(|i| gz(&plain[i]));
    assert_eq!(parse([0, 1, 2, 3].map(|i| &packed[i][..]), None).unwrap(), raw);
    assert_eq!(parse([0, 1, 2, 3].map(|i| &plain[i][..]), Some(10)).unwrap().classes, 10);
}

#[test]
fn a_class_is_counted_from_both_label_files_and_two_at_least() {
    let (i, few, many) = (images(9, 2, 2), labels(9, 2), labels(9, 6));
    assert_eq!(parse([&i, &few, &i, &many], None).unwrap().classes, 6);
    assert_eq!(parse([&i, &labels(9, 1), &i, &labels(9, 1)], None).unwrap().classes, 2);
}

#[test]
fn folders_are_read_under_every_spelling() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    put("train-images-idx3-ubyte", &images(6, 2, 3));
    put("train-labels.idx1-ubyte", &labels(6, 3));
    put("t10k-images-idx3-ubyte.gz", &gz(&images(3, 2, 3)));
    let error = load(folder.path(), Some(&MNIST), Some(10)).unwrap_err();
    assert!(error.is_input());
    let text = error.to_string();
    assert!(text.contains("there is no t10k-labels-idx1-ubyte. ") && text.contains("LeCun"), "{text}");
    put("t10k-labels.idx1-ubyte.gz", &gz(&labels(3, 3)));
    let raw = load(folder.path(), None, None).unwrap();
    assert_valid(&raw);
    assert_eq!((raw.train.len(), raw.test.len(), raw.classes), (6, 3, 3));
}

#[test]
fn damage_is_named_with_file_expected_and_found() {
    let (i, l) = (images(4, 2, 2), labels(4, 2));
    let longer = [&i[..], &[0]].concat();
    for (file, parts) in [
        (&i[..30], vec!["a-images", "4 x 2 x 2 = 16", "found 14"]),
        (&longer[..], vec!["a-images", "found more"]),
        (&l[..], vec!["a-images", "00 00 08 03", "found 00 00 08 01"]),
        (&[][..], vec!["a-images", "empty file"]),
        (&gz(&i[..30])[..], vec!["a-images", "found 14"]),
        (&gz(&longer)[..], vec!["a-images", "found more"]),
        (&header(3, &[4, 0, 2])[..], vec!["a-images", "4 x 0 x 2"]),
        (&header(3, &[u32::MAX; 3])[..], vec!["a-images", "4294967295 x 4294967295"]),
        (&header(3, &[1 << 31, 1, 1])[..], vec!["a-images", "found 0"]),
        (&images(3, 2, 2)[..], vec!["a-images holds 3 images, a-labels 4 labels"]),
    ] {
        let text = refusal([file, &l, &i, &l], None);
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
    let text = refusal([&i, &l, &images(4, 2, 3), &l], None);
    assert!(text.contains("2 x 3") && text.contains("b-images"), "{text}");
    let text = refusal([&i, &labels(4, 4), &i, &l], Some(3));
    assert!(text.contains("a-labels: label 3 is 3") && text.contains("0 to 2"), "{text}");
}

#[test]
fn a_gzip_bomb_is_stopped_at_the_announced_length() {
    // 64 MiB of zeros behind a header that announces 16 bytes; all that is unpacked is 17 of them.
    let bomb = gz(&[header(3, &[4, 2, 2]), vec![0; 64 << 20]].concat());
    assert!(refusal([&bomb, &labels(4, 2), &bomb, &labels(4, 2)], None).contains("found more"));
}

#[test]
fn a_wrong_checksum_is_seen() {
    let mut packed = gz(&images(4, 2, 2));
    let crc = packed.len() - 8;
    packed[crc] ^= 1;
    assert!(refusal([&packed, &labels(4, 2), &packed, &labels(4, 2)], None).contains("a-images"));
    // Something behind the end of the stream.
    let behind = [&gz(&images(4, 2, 2))[..], b"tail"].concat();
    assert!(parse([&behind, &labels(4, 2), &behind, &labels(4, 2)], None).is_err());
}

proptest! {
    #[test]
    fn a_cut_file_is_refused_at_any_length(at in 0.0..1.0f64, packed: bool, which in 0usize..2) {
        let (i, l) = (images(5, 3, 3), labels(5, 2));
        let mut files = [i.clone(), l.clone(), i, l];
        if packed {
            files[which] = gz(&files[which]);
        }
        let length = files[which].len();
        files[which].truncate((at * length as f64) as usize);
        let error = parse([0, 1, 2, 3].map(|i| &files[i][..]), None).unwrap_err();
        prop_assert!(error.is_input());
        prop_assert!(error.to_string().contains(["a-images", "a-labels"][which]));
    }

    #[test]
    fn flipped_bytes_give_an_error_or_a_whole_set(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..6), packed: bool, which in 0usize..4
    ) {
        let (i, l) = (images(5, 3, 3), labels(5, 2));
        let mut files = [i.clone(), l.clone(), i, l];
        if packed {
            files[which] = gz(&files[which]);
        }
        for (place, bits) in flips {
            let place = place.index(files[which].len());
            files[which][place] ^= bits;
        }
        match parse([0, 1, 2, 3].map(|i| &files[i][..]), Some(10)) {
            Ok(raw) => assert_valid(&raw),
            Err(error) => prop_assert!(error.is_input()),
        }
    }

    #[test]
    fn random_bytes_never_panic(start in prop::sample::select(vec![&b""[..], b"\0\0\x08\x03", b"\0\0\x08\x01", b"\x1f\x8b\x08"]),
                                rest in prop::collection::vec(any::<u8>(), 0..200)) {
        let bytes = [start, &rest].concat();
        for kind in [Kind::Images, Kind::Labels] {
            match read(source("x", &bytes), kind) {
                Ok(idx) => prop_assert_eq!(idx.values.len(), idx.dimensions.iter().product::<usize>()),
                Err(error) => prop_assert!(error.is_input()),
            }
        }
    }
}
