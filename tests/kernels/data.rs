//! Gathering of batches and initial weights against the host's random numbers.

use lowland::rng::{Rng, Stream, augment_bits, below, shuffled, threefry};
use lowland_reference::Tensor;
use lowland_reference::augment::Augmentation;
use lowland_shaders::params::{Gather, Init};
use lowland_shaders::{GATHER, INIT};
use lowland_tests::bench::{Bench, SENTINEL};
use lowland_tests::compare::{Want, check, within};
use lowland_tests::layout::padded;
use lowland_tests::{any_gpu, coverage::covers};

const SHUFFLE: u32 = 0;
const FILE: u32 = 1;
const ONCE: u32 = 2;
/// Rows of the seeds' table: each row is a slot of data.
const SEEDS: [[u32; 4]; 3] = [[7, 0, 0, 0], [123_456_789, 0, 0, 0], [u32::MAX, 0, 0, 0]];

/// A data set on the device and how it is gathered.
#[derive(Clone, Copy, Debug)]
struct Case {
    bytes: bool,
    image: bool,
    channels: usize,
    pixels: usize,
    order: u32,
    batch: usize,
    /// First and number of the batch's examples that are fetched; all of them where there is none.
    group: Option<(usize, usize)>,
    /// Examples of the order, which start at `first` of all.
    examples: usize,
    first: usize,
    /// Examples of the whole set.
    all: usize,
    /// Examples in a piece.
    piece: usize,
    step: u32,
    augment: Augment,
}

/// What is done to each image, of rows of `width` pixels.
#[derive(Clone, Copy, Debug, Default)]
struct Augment {
    width: usize,
    flip: bool,
    crop: usize,
    reflect: bool,
    cutout: usize,
}

/// What the example at `position` of the whole batch goes through.
fn drawn(case: &Case, seed: u32, position: u32) -> Augmentation {
    let Augment { width, flip, crop, reflect, cutout } = case.augment;
    let bits = |draw| augment_bits(seed, draw, case.step, position);
    let room = 2 * crop as u32 + 1;
    let corner = [below(bits(0)[1], room) as usize, below(bits(0)[0], room) as usize];
    let centre = [below(bits(1)[1], (case.pixels / width) as u32) as usize, below(bits(1)[0], width as u32) as usize];
    Augmentation {
        flip: flip && bits(2)[0] >> 31 == 1,
        crop: (crop > 0).then_some((crop, reflect, corner)),
        cutout: (cutout > 0).then_some((cutout, centre)),
    }
}

/// The example that slot `slot` takes as its `i`th, or None behind the end.
fn choose(case: &Case, slot: usize, i: usize) -> Option<usize> {
    let (n, batch, step) = (case.examples, case.batch, case.step as usize);
    let place = match case.order {
        SHUFFLE => {
            let steps = n / batch;
            shuffled(SEEDS[slot][0], (step / steps) as u32, n as u32, (step % steps * batch + i) as u32) as usize
        }
        FILE => (step * batch + i) % n,
        _ => step * batch + i,
    };
    (place < n).then_some(place)
}

fn run(case: &Case) -> bool {
    let Some(gpu) = any_gpu() else { return false };
    let Case { channels, pixels, batch, all, .. } = *case;
    let (offset, count) = case.group.unwrap_or((0, batch));
    let features = channels * pixels;
    let rng = &mut Rng::new(features as u32, Stream::Data, all as u32);
    let values: Vec<f32> = (0..all * features)
        .map(|_| if case.bytes { rng.below(256) as f32 } else { 20.0 * rng.uniform() - 10.0 })
        .collect();
    let labels: Vec<u32> = (0..all as u32).map(|i| (i % 10) | ((i % 3 / 2) << 16)).collect();
    let scaling: Vec<[f32; 2]> = (0..channels).map(|c| [100.0 + c as f32, 1.0 / (50.0 + c as f32)]).collect();
    let words = if case.bytes { features.div_ceil(4) } else { features };
    let pack = |example: usize| -> Vec<u32> {
        let own = &values[example * features..][..features];
        if !case.bytes {
            return own.iter().map(|value| value.to_bits()).collect();
        }
        own.chunks(4).map(|four| four.iter().rev().fold(0, |word, value| (word << 8) | *value as u32)).collect()
    };
    let example_floats = if case.image { pixels * padded(channels) } else { padded(features) };
    let example4 = example_floats / 4;
    let lanes = example4.div_ceil(8);

    let mut bench = Bench::default();
    let seeds = bench.table(&SEEDS);
    let labels_id = bench.input("all labels", &labels);
    let scaling_id = bench.input("scaling", scaling.as_flattened());
    let clock = bench.changed("clock", &[77, case.step, 9]);
    let out = bench.output("batch", SEEDS.len() * count * example_floats);
    let chosen = bench.output("labels", SEEDS.len() * count);
    for piece_first in (0..all).step_by(case.piece) {
        let piece_examples = case.piece.min(all - piece_first);
        let packed: Vec<u32> = (piece_first..piece_first + piece_examples).flat_map(pack).collect();
        let data = bench.input("piece", &packed);
        let p = Gather {
            batch: batch as u32,
            count: count as u32,
            offset: offset as u32,
            examples: case.examples as u32,
            first: case.first as u32,
            order: case.order,
            piece_first: piece_first as u32,
            piece_examples: piece_examples as u32,
            example_words: words as u32,
            features: features as u32,
            channels: channels as u32,
            pixels: pixels as u32,
            example4: example4 as u32,
            stride: (count * example4) as u32,
            width: case.augment.width as u32,
            flip: u32::from(case.augment.flip),
            crop: case.augment.crop as u32,
            reflect: u32::from(case.augment.reflect),
            cutout: case.augment.cutout as u32,
            lanes: lanes as u32,
        };
        let flag = |on: bool| f64::from(u8::from(on));
        let augments = case.augment.width > 0;
        let overrides = [("BYTES", flag(case.bytes)), ("IMAGE", flag(case.image)), ("AUGMENT", flag(augments))];
        let groups = (count * lanes).div_ceil(64);
        bench.launch(&GATHER, &overrides, &p, seeds, &[data, labels_id, scaling_id, clock, out, chosen], groups);
    }
    let ran = bench.run(gpu, 1);

    assert_eq!(
        ran.bits(clock)[..3],
        [case.step, case.step, offset as u32],
        "the first kernel of a step sets the clock"
    );
    let mut want = vec![Want::Exactly(0.0); SEEDS.len() * count * example_floats];
    let mut want_labels = Vec::new();
    for slot in 0..SEEDS.len() {
        for i in 0..count {
            let example = choose(case, slot, offset + i);
            want_labels.push(example.map_or(1 << 31, |e| labels[case.first + e]));
            let source = case.first + example.unwrap_or(0);
            let scaled = |channel: usize, value: f32| {
                let [mean, inverse] = scaling[channel].map(f64::from);
                (f64::from(value) - mean) * inverse
            };
            let own = values[source * features..][..features].iter().enumerate();
            let mut seen: Vec<f64> = own.map(|(feature, value)| scaled(feature / pixels, *value)).collect();
            if let Some(height) = pixels.checked_div(case.augment.width) {
                let image = Tensor::new(&[channels, height, case.augment.width], seen);
                let black: Vec<f64> = (0..channels).map(|channel| scaled(channel, 0.0)).collect();
                seen = drawn(case, SEEDS[slot][0], (offset + i) as u32).apply(&image, &black).data;
            }
            for (feature, value) in seen.into_iter().enumerate() {
                let (channel, pixel) = (feature / pixels, feature % pixels);
                let place = if case.image { pixel * padded(channels) + channel } else { feature };
                want[(slot * count + i) * example_floats + place] = Want::Near(value);
            }
        }
    }
    let found = &ran.bits(chosen)[..want_labels.len()];
    assert_eq!(found, want_labels, "labels of {case:?}");
    assert!(ran.bits(chosen)[want_labels.len()..].iter().all(|bits| *bits == SENTINEL), "labels behind the end");
    // A subtraction and a product.
    check(&format!("batch of {case:?}"), ran.bits(out), &want, within(3e-7, 3e-7));
    true
}

#[test]
fn batches_are_those_of_the_host_s_order() {
    let base = Case {
        bytes: true,
        image: true,
        channels: 3,
        pixels: 35,
        order: SHUFFLE,
        batch: 8,
        group: None,
        examples: 50,
        first: 0,
        all: 50,
        piece: 50,
        step: 0,
        augment: Augment::default(),
    };
    let mut cases = Vec::new();
    for step in [0, 5, 6, 13, 1000] {
        cases.push(Case { step, ..base });
        cases.push(Case { step, order: FILE, ..base });
        cases.push(Case { step, group: Some((4, 2)), ..base });
        cases.push(Case { step, group: Some((6, 2)), order: FILE, ..base });
    }
    for order in [SHUFFLE, FILE, ONCE] {
        for (bytes, image) in [(true, true), (true, false), (false, true), (false, false)] {
            // Several pieces, the last one short, of which the order covers a range.
            cases.push(Case { order, bytes, image, examples: 37, first: 11, all: 53, piece: 16, step: 2, ..base });
            cases.push(Case { order, bytes, image, channels: 1, pixels: 289, step: 3, ..base });
            cases.push(Case { order, bytes, image, channels: 2, pixels: 1, batch: 50, ..base });
            cases.push(Case { order, bytes, image, channels: 5, pixels: 6, batch: 1, step: 49, ..base });
            cases.push(Case { order, bytes, image, channels: 4, pixels: 64, batch: 50, ..base });
        }
    }
    // The last batch of an evaluation, with 2 examples of 8, and one wholly behind the end.
    for step in [6, 7] {
        cases.push(Case { order: ONCE, step, ..base });
        cases.push(Case {
            order: ONCE,
            step,
            bytes: false,
            image: false,
            first: 3,
            examples: 49,
            all: 60,
            piece: 7,
            ..base
        });
    }
    let augments = [
        Augment { flip: true, ..Augment::default() },
        Augment { crop: 2, ..Augment::default() },
        Augment { crop: 3, reflect: true, ..Augment::default() },
        Augment { cutout: 3, ..Augment::default() },
        Augment { flip: true, crop: 4, cutout: 2, ..Augment::default() },
        Augment { flip: true, crop: 4, reflect: true, cutout: 4, ..Augment::default() },
    ];
    for (index, augment) in augments.into_iter().enumerate() {
        for (bytes, image) in [(true, true), (true, false), (false, true), (false, false)] {
            let step = 7 + index as u32;
            let augment = Augment { width: 7, ..augment };
            cases.push(Case { bytes, image, step, augment, ..base });
            cases.push(Case {
                bytes,
                image,
                step,
                augment: Augment { width: 8, ..augment },
                channels: 5,
                pixels: 48,
                ..base
            });
            let group = Some((2, 5));
            cases.push(Case { order: FILE, bytes, image, step, augment, channels: 1, piece: 16, group, ..base });
        }
    }
    for case in cases {
        if !run(&case) {
            return;
        }
    }
    covers("gather");
}

/// Box and Muller in f64 on the bits that the device draws.
fn normal(seed: u32, index: u32, tensor: u32) -> f64 {
    let [a, b] = threefry([seed, Stream::Init as u32], [index, tensor]).map(|bits| f64::from(bits >> 8) / 16_777_216.0);
    (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

#[test]
fn initial_weights_are_normal_by_index_and_their_padding_is_0() {
    let Some(gpu) = any_gpu() else { return };
    for (tensor, (outputs, inputs, taps)) in
        [(1, 1, 1), (5, 3, 9), (8, 4, 1), (17, 12, 15), (3, 130, 1)].into_iter().enumerate()
    {
        for constant in [false, true] {
            let (wide, deep) = (padded(outputs), padded(inputs));
            let floats = taps * wide * deep;
            let (offset, stride) = (8, floats + 12);
            let scale = 0.7f32;
            let mut bench = Bench::default();
            let seeds = bench.table(&SEEDS);
            let weights = bench.output("weights", SEEDS.len() * stride);
            let p = Init {
                offset: offset as u32,
                stride: stride as u32,
                taps: taps as u32,
                inputs: inputs as u32,
                inputs_padded: deep as u32,
                outputs: outputs as u32,
                outputs_padded: wide as u32,
                tensor: tensor as u32,
                scale,
            };
            let overrides = [("CONSTANT", f64::from(u8::from(constant)))];
            bench.launch(&INIT, &overrides, &p, seeds, &[weights], floats.div_ceil(64));
            let ran = bench.run(gpu, 1);
            let mut want = vec![Want::Untouched; SEEDS.len() * stride];
            for (lane, seed) in SEEDS.iter().enumerate() {
                let own = &mut want[lane * stride + offset..][..floats];
                own.fill(Want::Exactly(0.0));
                for index in 0..outputs * inputs * taps {
                    let (output, input, tap) = (index / (inputs * taps), index / taps % inputs, index % taps);
                    own[(tap * deep + input) * wide + output] = match constant {
                        true => Want::Exactly(scale),
                        false => Want::Near(f64::from(scale) * normal(seed[0], index as u32, tensor as u32)),
                    };
                }
            }
            // log and cos of the device: WGSL promises them to 2^-21 and 2^-11 absolutely, drivers do far better.
            let name = format!("{outputs}x{inputs}x{taps} initial values, constant {constant}");
            check(&name, ran.bits(weights), &want, within(1e-5, 1e-5));
        }
    }
    covers("init");
}
