//! PyTorch's layouts to the device's and back, written apart from the engine's own code.

use crate::compare::Want;
use lowland_reference::Tensor;

/// Channels lie in whole vec4s.
pub fn padded(n: usize) -> usize {
    n.next_multiple_of(4)
}

/// Floats of an image batch `[n, c, ...]` on the device.
pub fn image_floats(x: &Tensor) -> usize {
    let [examples, channels, inner] = x.channels();
    examples * inner * padded(channels)
}

/// For each value of `[n, c, ...]`, its place in `[n][pixel][channel]` with padded channels.
fn image_places(x: &Tensor) -> impl Iterator<Item = usize> {
    let [_, channels, inner] = x.channels();
    let wide = padded(channels);
    (0..x.data.len()).map(move |i| {
        let (example, channel, pixel) = (i / (channels * inner), i / inner % channels, i % inner);
        (example * inner + pixel) * wide + channel
    })
}

/// For each value of `[out, in, ...]`, its place in `[tap][in][out]` with padded channels; vectors stay as they are.
fn weight_places(w: &Tensor) -> Vec<usize> {
    if w.shape.len() == 1 {
        return (0..w.data.len()).collect();
    }
    let [outputs, inputs, taps] = w.channels();
    let mut places = Vec::new();
    for output in 0..outputs {
        for input in 0..inputs {
            for tap in 0..taps {
                places.push((tap * padded(inputs) + input) * padded(outputs) + output);
            }
        }
    }
    places
}

/// Floats of a weight on the device.
pub fn weight_floats(w: &Tensor) -> usize {
    match w.shape.as_slice() {
        [n] => padded(*n),
        [outputs, inputs, taps @ ..] => taps.iter().product::<usize>() * padded(*inputs) * padded(*outputs),
        [] => 0,
    }
}

/// An image batch as the device has it, padding 0.
pub fn image(x: &Tensor) -> Vec<f32> {
    let mut out = vec![0.0; image_floats(x)];
    for (place, value) in image_places(x).zip(&x.data) {
        out[place] = *value as f32;
    }
    out
}

/// An image batch as the device should have it, padding exactly 0.
pub fn want_image(x: &Tensor) -> Vec<Want> {
    let mut out = vec![Want::Exactly(0.0); image_floats(x)];
    for (place, value) in image_places(x).zip(&x.data) {
        out[place] = Want::Near(*value);
    }
    out
}

/// A weight as the device has it, padding 0.
pub fn weight(w: &Tensor) -> Vec<f32> {
    let mut out = vec![0.0; weight_floats(w)];
    for (place, value) in weight_places(w).into_iter().zip(&w.data) {
        out[place] = *value as f32;
    }
    out
}

/// A weight as the device should have it, padding exactly 0.
pub fn want_weight(w: &Tensor) -> Vec<Want> {
    let mut out = vec![Want::Exactly(0.0); weight_floats(w)];
    for (place, value) in weight_places(w).into_iter().zip(&w.data) {
        out[place] = Want::Near(*value);
    }
    out
}
