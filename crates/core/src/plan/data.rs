//! The data set on the device: where its examples lie, and the dispatches that fetch a batch.

use super::dispatch;
use crate::config::Augment;
use crate::data::{Dataset, Inputs, Split};
use crate::gpu::{BufferId, Dispatch, Family, Gpu, Program, Recording, TableId};
use crate::model::Model;
use lowland_shaders::GATHER;
use lowland_shaders::params::Gather;
use std::ops::Range;

/// Examples that are visited together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum View {
    Train,
    /// The first examples of a large training set, for evaluations on the way.
    TrainHead,
    Val,
    Test,
}

/// In which order a gather visits a view's examples, as `shaders/data/gather.wgsl` counts them.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(crate) enum Visit {
    /// A new permutation each epoch, the short rest dropped.
    Shuffle = 0,
    /// In order, again and again.
    Cycle = 1,
    /// In order, once.
    Once = 2,
}

/// Training examples that an evaluation on the way measures at most.
const HEAD: usize = 10_000;

/// Vec4s that an invocation copies: enough to be worth choosing the example, few enough to fill a GPU.
fn copied(family: Family) -> usize {
    if family == Family::Shared { 8 } else { 64 }
}

/// Where a data set's examples lie: training, validation, test, one after the other, cut into pieces that can be bound.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DeviceData {
    bytes: bool,
    example_words: usize,
    features: usize,
    channels: usize,
    pixels: usize,
    width: usize,
    counts: [usize; 3],
    piece_examples: usize,
}

#[derive(Debug)]
pub(crate) struct DataBuffers {
    pieces: Vec<BufferId>,
    labels: BufferId,
    scaling: BufferId,
}

impl DeviceData {
    pub(crate) fn new(data: &Dataset, max_binding: u64) -> Self {
        let bytes = matches!(data.train.inputs, Inputs::Bytes(_));
        let features = data.shape.len();
        let example_words = if bytes { features.div_ceil(4) } else { features };
        let fits = usize::try_from(max_binding / (4 * example_words as u64)).unwrap_or(usize::MAX / 2);
        Self {
            bytes,
            example_words,
            features,
            channels: data.shape.channels,
            pixels: data.shape.height * data.shape.width,
            width: data.shape.width,
            counts: [data.train.len(), data.val.as_ref().map_or(0, Split::len), data.test.len()],
            piece_examples: fits.max(1),
        }
    }

    fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// First example and number of examples of a view.
    pub(crate) fn range(&self, view: View) -> (usize, usize) {
        let [train, val, test] = self.counts;
        match view {
            View::Train => (0, train),
            View::TrainHead => (0, train.min(HEAD)),
            View::Val => (train, val),
            View::Test => (train + val, test),
        }
    }

    /// The views that have examples.
    pub(crate) fn views(&self) -> Vec<View> {
        let all = [View::Train, View::TrainHead, View::Val, View::Test];
        all.into_iter().filter(|view| self.range(*view).1 > 0).collect()
    }

    pub(super) fn declare(&self, r: &mut Recording) -> DataBuffers {
        let pieces = self.total().div_ceil(self.piece_examples);
        let piece = |i: usize| self.piece_examples.min(self.total() - i * self.piece_examples) * self.example_words * 4;
        DataBuffers {
            pieces: (0..pieces).map(|i| r.buffer(format!("data piece {i}"), piece(i) as u64)).collect(),
            labels: r.buffer("data labels", 4 * self.total() as u64),
            scaling: r.buffer("data scaling", 8 * self.channels as u64),
        }
    }

    /// The dispatches that fetch the examples `group` of a batch of `view`: one a piece that the view touches. `to`: clock,
    /// batch, labels.
    #[allow(clippy::too_many_arguments, reason = "each is one plain choice of the plan")]
    pub(super) fn record(
        &self,
        r: &Recording,
        family: Family,
        model: &Model,
        view: View,
        visit: Visit,
        batch: usize,
        group: Range<usize>,
        augment: Augment,
        seeds: TableId,
        from: &DataBuffers,
        to: [BufferId; 3],
    ) -> Vec<Dispatch> {
        let (first, examples) = self.range(view);
        let shape = model.input();
        let example4 = shape.height * shape.width * shape.channels.div_ceil(4);
        let lanes = example4.div_ceil(copied(family));
        let touched = first / self.piece_examples..=(first + examples.max(1) - 1) / self.piece_examples;
        let overrides =
            [("BYTES", flag(self.bytes)), ("IMAGE", flag(!model.is_flat())), ("AUGMENT", flag(!augment.is_none()))];
        touched
            .map(|piece| {
                let piece_first = piece * self.piece_examples;
                let params = Gather {
                    batch: batch as u32,
                    count: group.len() as u32,
                    offset: group.start as u32,
                    examples: examples as u32,
                    first: first as u32,
                    order: visit as u32,
                    piece_first: piece_first as u32,
                    piece_examples: self.piece_examples.min(self.total() - piece_first) as u32,
                    example_words: self.example_words as u32,
                    features: self.features as u32,
                    channels: self.channels as u32,
                    pixels: self.pixels as u32,
                    example4: example4 as u32,
                    stride: (group.len() * example4) as u32,
                    width: self.width as u32,
                    flip: u32::from(augment.flip),
                    crop: augment.crop.map_or(0, |crop| crop.padding),
                    reflect: u32::from(augment.crop.is_some_and(|crop| crop.reflect)),
                    cutout: augment.cutout.unwrap_or(0),
                    lanes: lanes as u32,
                };
                let groups = (group.len() * lanes).div_ceil(64);
                let buffers = [from.pieces[piece], from.labels, from.scaling, to[0], to[1], to[2]];
                dispatch(r, &GATHER, &overrides, &params, seeds, &buffers, groups)
            })
            .collect()
    }
}

impl DataBuffers {
    /// Copies the examples to the device.
    pub(crate) fn upload(&self, gpu: &Gpu, program: &Program, layout: &DeviceData, data: &Dataset) {
        let splits: Vec<&Split> =
            [Some(&data.train), data.val.as_ref(), Some(&data.test)].into_iter().flatten().collect();
        let mut first = 0;
        for split in &splits {
            // A buffer at a time would need the whole split as words; a block at a time keeps the host's memory small.
            for begin in (0..split.len()).step_by(BLOCK) {
                let end = (begin + BLOCK).min(split.len());
                let mut from = begin;
                while from < end {
                    let (piece, place) =
                        ((first + from) / layout.piece_examples, (first + from) % layout.piece_examples);
                    let to = end.min(from + layout.piece_examples - place);
                    let words = words(&split.inputs, from..to, layout);
                    let buffer = program.buffer(self.pieces[piece]);
                    gpu.queue.write_buffer(
                        buffer,
                        (place * layout.example_words * 4) as u64,
                        bytemuck::cast_slice(&words),
                    );
                    from = to;
                }
            }
            first += split.len();
        }
        let flipped = |split: &Split, i: usize| u32::from(split.flipped.get(i).copied().unwrap_or(false)) << 16;
        let labels: Vec<u32> = splits
            .iter()
            .flat_map(|split| split.labels.iter().enumerate().map(|(i, label)| u32::from(*label) | flipped(split, i)))
            .collect();
        program.write(gpu, self.labels, bytemuck::cast_slice(&labels));
        let scaling = data.scaling.mean.iter().zip(&data.scaling.std);
        let scaling: Vec<[f32; 2]> = scaling.map(|(mean, std)| [*mean, 1.0 / std]).collect();
        program.write(gpu, self.scaling, bytemuck::cast_slice(&scaling));
    }
}

/// Examples per upload.
const BLOCK: usize = 4096;

/// The words of some examples: pixels four to a word, each example from a new word on; floats as they are.
fn words(inputs: &Inputs, range: Range<usize>, layout: &DeviceData) -> Vec<u32> {
    let (begin, end) = (range.start * layout.features, range.end * layout.features);
    match inputs {
        Inputs::Floats(values) => values[begin..end].iter().map(|v| v.to_bits()).collect(),
        Inputs::Bytes(pixels) => pixels[begin..end]
            .chunks(layout.features)
            .flat_map(|example| example.chunks(4))
            .map(|four| four.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)))
            .collect(),
    }
}

fn flag(on: bool) -> f64 {
    f64::from(u8::from(on))
}
