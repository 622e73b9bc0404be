//! Convolution and dense layers in every tile family, against `lowland_reference::conv`.

use lowland::config::Activation;
use lowland::data::Shape;
use lowland::model::{Conv2d, Dense, Layer};
use lowland_reference::{Tensor, conv};
use lowland_tests::compare::{Tolerance, within};
use lowland_tests::layer::{LayerCase, LayerRun, RowOf, Slots};
use lowland_tests::{ACTIVATIONS, FAMILIES, coverage::covers, gpu};

/// Sums of up to 300 products of numbers below 1 in f32; a product too many or too few is off by about 0.3.
const FORWARD: Tolerance = within(1e-5, 1e-5);
/// Sums of up to 18432 such products.
const GRAD_WEIGHT: Tolerance = within(1e-4, 1e-5);

#[derive(Clone, Copy)]
struct Case {
    channels: (usize, usize),
    image: (usize, usize),
    kernel: (usize, usize),
    stride: usize,
    padding: usize,
    batch: usize,
}

/// (input and output channels, image, kernel, stride, padding, batch).
type Row = ((usize, usize), (usize, usize), (usize, usize), usize, usize, usize);

const CASES: &[Row] = &[
    ((1, 1), (1, 1), (1, 1), 1, 0, 1),
    ((3, 5), (1, 1), (1, 1), 1, 0, 65),
    ((17, 12), (1, 1), (1, 1), 1, 0, 8),
    ((1, 8), (1, 1), (3, 3), 1, 1, 3),
    ((3, 4), (5, 7), (3, 3), 1, 1, 3),
    ((4, 3), (5, 7), (3, 3), 1, 0, 1),
    ((8, 8), (8, 8), (3, 3), 1, 1, 8),
    ((8, 17), (8, 8), (3, 3), 2, 1, 3),
    ((5, 4), (9, 4), (5, 3), 1, 2, 3),
    ((12, 5), (9, 4), (5, 3), 2, 2, 1),
    ((17, 8), (9, 4), (3, 3), 3, 2, 3),
    ((4, 12), (8, 8), (1, 1), 2, 0, 8),
    ((5, 1), (8, 8), (1, 1), 3, 1, 3),
    ((3, 8), (9, 4), (5, 3), 3, 1, 8),
    ((1, 4), (8, 8), (3, 3), 1, 1, 65),
    ((4, 4), (5, 7), (3, 3), 1, 1, 65),
    // Past the tiles of 64 pixels and 64 channels.
    ((70, 68), (2, 3), (3, 3), 1, 1, 11),
    ((130, 3), (1, 1), (1, 1), 1, 0, 64),
    ((3, 130), (1, 1), (1, 1), 1, 0, 129),
    // More than 8 vec4s of channels and 256 tiles of 64 pixels: large enough for the large tiles of a GPU.
    ((33, 37), (17, 31), (2, 2), 1, 1, 32),
    // Two tiles of output channels and an even number of slices.
    ((3, 68), (8, 8), (3, 3), 1, 1, 8),
];

fn case(row: &Row) -> Case {
    let (channels, image, kernel, stride, padding, batch) = *row;
    Case { channels, image, kernel, stride, padding, batch }
}

impl Case {
    fn layer(self, bias: bool, activation: Option<Activation>) -> Conv2d {
        let Self { channels, kernel, stride, padding, .. } = self;
        Conv2d { outputs: channels.1, kernel, stride, padding, bias, activation, gain: 1.0 }
    }

    fn input(self) -> Shape {
        Shape { channels: self.channels.0, height: self.image.0, width: self.image.1 }
    }

    fn on<'a>(self, layer: &'a dyn Layer, what: &str) -> LayerCase<'a> {
        let Self { channels, image, kernel, stride, padding, batch } = self;
        let name = format!("{what} {channels:?} on {image:?}, kernel {kernel:?}/{stride}+{padding}, batch {batch}");
        LayerCase::new(name, layer, self.input(), batch)
    }
}

fn check(layer: &Conv2d, run: &LayerRun<'_>, by_data: bool) {
    let twin = conv::Conv { stride: layer.stride, padding: layer.padding };
    let bias = |row: &RowOf<'_>| row.weights.get(1).cloned();
    run.check_output(FORWARD, |row| twin.forward(row.x, &row.weights[0], bias(row).as_ref()));
    run.check_grads(GRAD_WEIGHT, |row| {
        let dw = twin.grad_weight(row.x, row.dy, &row.weights[0].shape);
        if layer.bias { vec![dw, conv::grad_bias(row.dy)] } else { vec![dw] }
    });
    if !by_data {
        run.check_grad_input(FORWARD, |row| twin.grad_input(row.dy, &row.weights[0], &row.x.shape));
    }
}

#[test]
fn conv_equals_its_twin_in_every_family() {
    for family in FAMILIES {
        let Some(gpu) = gpu(family) else { return };
        for (index, row) in CASES.iter().enumerate() {
            let case = case(row);
            let by_data = index % 3 == 2;
            let layer = case.layer(index % 2 == 0, None);
            let mut on = case.on(&layer, &format!("{family:?} conv"));
            on.by_data = by_data;
            if index % 4 < 2 {
                on.slots = Slots::scattered();
            }
            check(&layer, &on.run(gpu), by_data);
        }
    }
    covers("conv");
}

#[test]
fn activations_before_and_after_a_conv() {
    for family in FAMILIES {
        let Some(gpu) = gpu(family) else { return };
        for (activation, _) in ACTIVATIONS {
            for row in [((3, 5), (5, 4), (3, 3), 1, 1, 3), ((17, 12), (1, 1), (1, 1), 1, 0, 7)] {
                let case = case(&row);
                let layer = case.layer(true, Some(activation));
                let mut on = case.on(&layer, &format!("{family:?} {activation:?} conv {activation:?}"));
                on.input_activation = Some(activation);
                on.slots = Slots::scattered();
                check(&layer, &on.run(gpu), false);
            }
        }
    }
}

#[test]
fn dense_equals_its_twin_in_every_family() {
    for family in FAMILIES {
        let Some(gpu) = gpu(family) else { return };
        for (inputs, outputs, batch) in
            [(2, 3, 1), (12, 17, 8), (32, 30, 21), (65, 10, 65), (5, 66, 64), (100, 1, 3), (3, 5, 700)]
        {
            let layer = Dense { outputs, activation: None, gain: 1.0 };
            let input = Shape { channels: inputs, height: 1, width: 1 };
            let mut on =
                LayerCase::new(format!("{family:?} dense {inputs} to {outputs}, batch {batch}"), &layer, input, batch);
            on.slots = Slots::scattered();
            let run = on.run(gpu);
            let as_conv = |w: &Tensor| w.reshaped(&[outputs, inputs, 1, 1]);
            let twin = conv::Conv { stride: 1, padding: 0 };
            run.check_output(FORWARD, |row| twin.forward(row.x, &as_conv(&row.weights[0]), Some(&row.weights[1])));
            run.check_grad_input(FORWARD, |row| twin.grad_input(row.dy, &as_conv(&row.weights[0]), &row.x.shape));
            run.check_grads(GRAD_WEIGHT, |row| {
                let dw = twin.grad_weight(row.x, row.dy, &[outputs, inputs, 1, 1]).reshaped(&[outputs, inputs]);
                vec![dw, conv::grad_bias(row.dy)]
            });
        }
    }
    covers("dense");
}
