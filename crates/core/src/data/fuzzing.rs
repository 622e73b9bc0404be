//! The readers of files by their bytes, and small valid files to start from: for property tests and for the fuzz targets of
//! the repository. Not a part of the interface.
#![allow(missing_docs, clippy::unwrap_used, reason = "test support: what is not as it should be shall panic")]

use super::{Inputs, Split, cifar, idx, images, svhn, table};
use crate::config::{Activation, Command, Config, Norm};
use crate::data::Shape;
use crate::model::{Model, Style};
use crate::train::{LaneState, read_metadata, read_tensors, write_tensors};
use ::image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use flate2::{Compression, write::GzEncoder, write::ZlibEncoder};
use std::io::{Cursor, Write};

/// Reads a file's bytes. It panics where what is accepted is not whole; an error has to be bad input.
pub type Reader = fn(&[u8]);

/// Every reader, with the name of its fuzz target.
pub const READERS: [(&str, Reader); 8] = [
    ("idx", idx),
    ("cifar10", cifar10),
    ("cifar100", cifar100),
    ("svhn", svhn),
    ("image", image),
    ("csv", csv),
    ("safetensors", safetensors),
    ("config", config),
];

pub fn idx(bytes: &[u8]) {
    idx::fuzz(bytes);
}

pub fn cifar10(bytes: &[u8]) {
    cifar(&cifar::CIFAR10, 10, bytes);
}

pub fn cifar100(bytes: &[u8]) {
    cifar(&cifar::CIFAR100, 100, bytes);
}

fn cifar(set: &cifar::Set, classes: usize, bytes: &[u8]) {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    if accepted(cifar::append(set, bytes, "a file", &mut pixels, &mut labels)).is_some() {
        assert_whole(&Split { inputs: Inputs::Bytes(pixels), labels, flipped: Vec::new() }, COLOUR, classes);
    }
}

pub fn svhn(bytes: &[u8]) {
    if let Some(split) = accepted(svhn::parse(bytes, "a file")) {
        assert_whole(&split, COLOUR, 10);
    }
}

pub fn image(bytes: &[u8]) {
    if let Ok(image) = images::decode(bytes, 8, 5) {
        assert_eq!(image.as_raw().len(), 3 * 8 * 5);
    }
}

/// One file; and, where a line of `=` cuts it in two, training and test file.
pub fn csv(bytes: &[u8]) {
    const CUT: &[u8] = b"\n=\n";
    let cut = bytes.windows(CUT.len()).position(|window| window == CUT);
    let test = cut.map(|cut| (&bytes[cut + CUT.len()..], "another file"));
    if let Some(raw) = accepted(table::parse(&bytes[..cut.unwrap_or(bytes.len())], "a file", test)) {
        assert_whole(&raw.train, raw.shape, raw.classes);
        assert_whole(&raw.test, raw.shape, raw.classes);
    }
}

pub fn safetensors(bytes: &[u8]) {
    let model = model();
    accepted(read_metadata(bytes));
    if let Some(state) = accepted(read_tensors(&model, bytes, "a file")) {
        assert_eq!(state.weights.len(), model.parameter_floats());
    }
}

pub fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let header = accepted(Config::from_header(&text, "a file")).map(|(config, _)| config);
    for config in [accepted(Config::from_json(&text, "a file")), header].into_iter().flatten() {
        let shape = Shape { channels: 3, height: 16, width: 16 };
        for command in [Command::Train, Command::Compare] {
            accepted(config.lanes(command));
        }
        accepted(config.model(shape, 10));
        assert_eq!(Config::from_header(&config.to_header(), "itself").unwrap().0.to_header(), config.to_header());
    }
}

const COLOUR: Shape = Shape { channels: 3, height: 32, width: 32 };

fn accepted<T>(outcome: crate::Result<T>) -> Option<T> {
    outcome.inspect_err(|error| assert!(error.is_input() && !error.to_string().is_empty(), "{error}")).ok()
}

/// What a reader accepts is a whole split.
pub(super) fn assert_whole(split: &Split, shape: Shape, classes: usize) {
    let values = match &split.inputs {
        Inputs::Bytes(values) => values.len(),
        Inputs::Floats(values) => {
            assert!(values.iter().all(|value| value.is_finite()));
            values.len()
        }
    };
    assert!(!split.is_empty() && values == split.len() * shape.len());
    assert!(split.labels.iter().all(|label| usize::from(*label) < classes));
}

/// A network with every kind of tensor that a file has.
fn model() -> Model {
    let style = Style { activation: Activation::Relu, norm: Some(Norm::Batch), dropout: 0.0 };
    Model::parse("mlp:4", Shape { channels: 2, height: 1, width: 1 }, 3, style).unwrap()
}

/// Valid files of the reader `name`.
pub fn seeds(name: &str) -> Vec<Vec<u8>> {
    match name {
        "idx" => {
            let images = [&[0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 2][..], &[7; 24]].concat();
            let labels = [0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 2, 3].to_vec();
            let packed = |bytes: &[u8]| {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            };
            vec![packed(&images), packed(&labels), images, labels]
        }
        "cifar10" => vec![record(&[3]), [record(&[9]), record(&[0])].concat()],
        "cifar100" => vec![record(&[19, 99]), [record(&[0, 0]), record(&[7, 3])].concat()],
        "svhn" => {
            let x = array("X", 9, &[32, 32, 3, 2], 2, &[5; 2 * 3072]);
            let y = array("y", 9, &[2, 1], 2, &[10, 1]);
            let doubles = array("y", 6, &[2, 1], 9, &[10f64.to_le_bytes(), 1f64.to_le_bytes()].concat());
            vec![mat_file(&[packed(&x), packed(&y)]), mat_file(&[doubles, x])]
        }
        "image" => {
            let rgb = RgbImage::from_fn(9, 6, |x, y| Rgb([(20 * x) as u8, (30 * y) as u8, 99]));
            let clear = RgbaImage::from_fn(5, 5, |x, y| Rgba([10, (40 * x) as u8, 0, (50 * y) as u8]));
            let grey = DynamicImage::from(rgb.clone()).into_luma8();
            let files: [(DynamicImage, ImageFormat); 6] = [
                (rgb.clone().into(), ImageFormat::Png),
                (rgb.clone().into(), ImageFormat::Jpeg),
                (clear.into(), ImageFormat::Png),
                (grey.clone().into(), ImageFormat::Png),
                (grey.into(), ImageFormat::Jpeg),
                (DynamicImage::from(rgb).into_rgb16().into(), ImageFormat::Png),
            ];
            files.map(|(image, format)| encoded(&image, format)).to_vec()
        }
        "csv" => [
            "x,y,class\n0.5,-1,a\n1e-3,2,b\n.5,3,a\n1,4,b\n",
            "1;2\n",
            "1,\"2\",0\r\n\r\n3,4,1\r\n5,6,0\r\n7,8,1.0\r\n",
            "1,2,0\n3,4,1\n=\na,b,c\n5,6,1.0\n",
        ]
        .map(|text| text.as_bytes().to_vec())
        .to_vec(),
        "safetensors" => {
            let model = model();
            let state = LaneState {
                weights: vec![0.5; model.parameter_floats()],
                running: vec![1.0; model.running_floats()],
                moments: Vec::new(),
            };
            let header = [("lowland".to_owned(), Config::default().to_header())];
            vec![write_tensors(&model, &state, 3, header.into()).unwrap(), {
                write_tensors(&model, &state, 0, Default::default()).unwrap()
            }]
        }
        "config" => {
            let lane = r#"{"data": "csv:a", "lane": ["a: rho=.1 base=adamw", "b: lr=1e-3"], "model": "mlp:8,8"}"#;
            vec![Config::default().to_header().into(), lane.into(), br#"{"betas": "0.9,0.99", "seeds": 3}"#.to_vec()]
        }
        _ => Vec::new(),
    }
}

fn record(labels: &[u8]) -> Vec<u8> {
    [labels, &[77; 3072]].concat()
}

pub(super) fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A MAT-file of these elements.
pub(super) fn mat_file(elements: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"MATLAB 5.0 MAT-file".to_vec();
    bytes.resize(124, b' ');
    bytes.extend([0, 1, b'I', b'M']);
    elements.iter().for_each(|element| bytes.extend(element));
    bytes
}

/// An array of a MAT-file: its class (9 for bytes, 6 for doubles), its sizes, and its values in elements of type `kind`.
pub(super) fn array(name: &str, class: u8, sizes: &[u32], kind: u32, values: &[u8]) -> Vec<u8> {
    let sizes: Vec<u8> = sizes.iter().flat_map(|size| size.to_le_bytes()).collect();
    let parts = [
        element(6, &[class, 0, 0, 0, 0, 0, 0, 0]),
        element(5, &sizes),
        element(1, name.as_bytes()),
        element(kind, values),
    ];
    element(14, &parts.concat())
}

/// The same element packed with zlib.
pub(super) fn packed(array: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(array).unwrap();
    let data = encoder.finish().unwrap();
    [&15u32.to_le_bytes()[..], &(data.len() as u32).to_le_bytes(), &data].concat()
}

/// Data with its tag, up to a multiple of 8 bytes; up to four bytes share the tag's.
fn element(kind: u32, data: &[u8]) -> Vec<u8> {
    let length = data.len() as u32;
    let mut bytes = match length {
        1..=4 => (length << 16 | kind).to_le_bytes().to_vec(),
        _ => [kind.to_le_bytes(), length.to_le_bytes()].concat(),
    };
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_seeds_are_read() {
        for (name, read) in READERS {
            let seeds = seeds(name);
            assert!(!seeds.is_empty(), "{name}");
            seeds.iter().for_each(|seed| read(seed));
        }
        let good = |bytes: &[u8]| images::decode(bytes, 4, 4).is_ok();
        assert!(seeds("image").iter().all(|seed| good(seed)));
        assert!(seeds("svhn").iter().all(|seed| svhn::parse(seed, "a seed").is_ok()));
        assert!(seeds("safetensors").iter().all(|seed| read_tensors(&model(), seed, "a seed").is_ok()));
        assert!(seeds("config").iter().all(|seed| Config::from_json(&String::from_utf8_lossy(seed), "a seed").is_ok()));
        assert!(seeds("csv").iter().any(|seed| table::parse(seed, "a seed", None).is_ok()));
    }

    #[test]
    #[ignore = "writes the corpora that fuzzing starts from to tests/fuzz/corpus"]
    fn write_the_corpora() {
        for (name, _) in READERS {
            let folder = format!("{}/../../tests/fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
            std::fs::create_dir_all(&folder).unwrap();
            for (i, seed) in seeds(name).iter().enumerate() {
                std::fs::write(format!("{folder}/seed-{i}"), seed).unwrap();
            }
        }
    }

    /// What can happen to a file.
    #[derive(Clone, Debug)]
    enum Damage {
        Flip(prop::sample::Index, u8),
        Cut(prop::sample::Index),
        Remove(prop::sample::Index, u8),
        Insert(prop::sample::Index, Vec<u8>),
        Repeat(prop::sample::Index, u8),
    }

    fn damage() -> impl Strategy<Value = Damage> {
        let at = any::<prop::sample::Index>;
        prop_oneof![
            8 => (at(), 1u8..).prop_map(|(at, bits)| Damage::Flip(at, bits)),
            1 => at().prop_map(Damage::Cut),
            1 => (at(), any::<u8>()).prop_map(|(at, n)| Damage::Remove(at, n)),
            1 => (at(), prop::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
            1 => (at(), any::<u8>()).prop_map(|(at, n)| Damage::Repeat(at, n)),
        ]
    }

    fn damaged(mut bytes: Vec<u8>, all: &[Damage]) -> Vec<u8> {
        for one in all {
            let place = |at: &prop::sample::Index| at.index(bytes.len() + 1);
            let end = |from: usize, n: u8| (from + usize::from(n)).min(bytes.len());
            match one {
                Damage::Flip(at, bits) => {
                    let place = place(at);
                    bytes.get_mut(place).into_iter().for_each(|byte| *byte ^= bits);
                }
                Damage::Cut(at) => bytes.truncate(place(at)),
                Damage::Remove(at, n) => {
                    let place = place(at);
                    bytes.drain(place..end(place, *n));
                }
                Damage::Insert(at, new) => {
                    let place = place(at);
                    bytes.splice(place..place, new.iter().copied());
                }
                Damage::Repeat(at, n) => {
                    let place = place(at);
                    let again = bytes[place..end(place, *n)].to_vec();
                    bytes.splice(place..place, again);
                }
            }
        }
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn damaged_files_are_read_or_refused(
            seed in any::<prop::sample::Index>(), all in prop::collection::vec(damage(), 1..6)
        ) {
            for (name, read) in READERS {
                let seeds = seeds(name);
                read(&damaged(seeds[seed.index(seeds.len())].clone(), &all));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), keep in 0usize..140) {
            for (name, read) in READERS {
                read(&bytes);
                // The same behind a beginning that is in order.
                let start = &seeds(name)[0];
                read(&[&start[..keep.min(start.len())], &bytes].concat());
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-0-9.,;ex\n\r\" {}:\\[\\]a-c]{0,120}") {
            for (_, read) in READERS {
                read(text.as_bytes());
            }
        }
    }
}
