//! Batch normalisation over examples and pixels, one mean and variance per channel (Ioffe and Szegedy 2015).
//!
//! Inputs are `[n, c]` or `[n, c, h, w]`; `m = n h w` values share a channel's statistics.
use crate::Tensor;

/// Added to the variance under the root.
pub const EPS: f64 = 1e-5;
/// Weight of a new batch in the running statistics.
pub const MOMENTUM: f64 = 0.1;

/// A mean and a variance per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// One mean per channel.
    pub mean: Vec<f64>,
    /// One variance per channel.
    pub variance: Vec<f64>,
}

/// What the backward pass gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradient {
    /// With respect to the input.
    pub dx: Tensor,
    /// With respect to the scale.
    pub dgamma: Tensor,
    /// With respect to the shift.
    pub dbeta: Tensor,
}

impl Statistics {
    /// Running statistics before the first batch: mean 0, variance 1.
    pub fn initial(channels: usize) -> Self {
        Self { mean: vec![0.0; channels], variance: vec![1.0; channels] }
    }

    /// Those of a batch: `mean = sum x / m`, `variance = sum (x - mean)^2 / m` (biased).
    pub fn of_batch(x: &Tensor) -> Self {
        let [_, channels, _] = x.channels();
        let count = count(x) as f64;
        let mean: Vec<f64> = (0..channels).map(|c| values(x, c).sum::<f64>() / count).collect();
        let squares = |c: usize| values(x, c).map(|value| (value - mean[c]).powi(2)).sum::<f64>();
        let variance = (0..channels).map(|c| squares(c) / count).collect();
        Self { mean, variance }
    }

    /// Takes a batch of `count` values per channel into running statistics: `r = 0.9 r + 0.1 batch`, the variance
    /// unbiased (times `m / (m - 1)`).
    pub fn update(&mut self, batch: &Self, count: usize) {
        assert!(count > 1, "one value has no unbiased variance");
        let unbiased = count as f64 / (count - 1) as f64;
        for c in 0..self.mean.len() {
            self.mean[c] = (1.0 - MOMENTUM) * self.mean[c] + MOMENTUM * batch.mean[c];
            self.variance[c] = (1.0 - MOMENTUM) * self.variance[c] + MOMENTUM * batch.variance[c] * unbiased;
        }
    }
}

/// Values that share a channel's statistics: `m = n h w`.
pub fn count(x: &Tensor) -> usize {
    let [examples, _, inner] = x.channels();
    examples * inner
}

/// Training: `y = gamma (x - mean) / sqrt(variance + eps) + beta` with the batch's own statistics, which it returns.
pub fn forward(x: &Tensor, gamma: &Tensor, beta: &Tensor) -> (Tensor, Statistics) {
    let statistics = Statistics::of_batch(x);
    (inference(x, gamma, beta, &statistics), statistics)
}

/// Inference: the same with given (running) statistics.
pub fn inference(x: &Tensor, gamma: &Tensor, beta: &Tensor, statistics: &Statistics) -> Tensor {
    let [_, channels, inner] = x.channels();
    assert_eq!((gamma.dims(), beta.dims()), ([channels], [channels]));

    let mut y = x.clone();
    for (index, value) in y.data.iter_mut().enumerate() {
        let c = index / inner % channels;
        let normalised = (*value - statistics.mean[c]) / (statistics.variance[c] + EPS).sqrt();
        *value = gamma.data[c] * normalised + beta.data[c];
    }
    y
}

/// Backward pass of [`forward`], with `s = 1 / sqrt(variance + eps)` and `n = (x - mean) s`:
/// `dbeta = sum dy`, `dgamma = sum dy n`, `dx = gamma s (dy - dbeta / m - n dgamma / m)`.
pub fn backward(x: &Tensor, gamma: &Tensor, statistics: &Statistics, dy: &Tensor) -> Gradient {
    let [_, channels, inner] = x.channels();
    assert_eq!(x.shape, dy.shape);
    let count = count(x) as f64;
    let scale = |c: usize| 1.0 / (statistics.variance[c] + EPS).sqrt();
    let normalised = |c: usize, value: f64| (value - statistics.mean[c]) * scale(c);

    let mut dgamma = Tensor::zeros(&[channels]);
    let mut dbeta = Tensor::zeros(&[channels]);
    for c in 0..channels {
        for (value, gradient) in values(x, c).zip(values(dy, c)) {
            dgamma.data[c] += gradient * normalised(c, value);
            dbeta.data[c] += gradient;
        }
    }
    let mut dx = dy.clone();
    for (index, gradient) in dx.data.iter_mut().enumerate() {
        let c = index / inner % channels;
        let means = dbeta.data[c] / count + normalised(c, x.data[index]) * dgamma.data[c] / count;
        *gradient = gamma.data[c] * scale(c) * (*gradient - means);
    }
    Gradient { dx, dgamma, dbeta }
}

/// Backward pass of [`inference`], where the statistics are given: `dx = gamma s dy`, the others as in [`backward`].
pub fn inference_backward(x: &Tensor, gamma: &Tensor, statistics: &Statistics, dy: &Tensor) -> Gradient {
    let [_, channels, inner] = x.channels();
    assert_eq!(x.shape, dy.shape);
    let mut gradient =
        Gradient { dx: dy.clone(), dgamma: Tensor::zeros(&[channels]), dbeta: Tensor::zeros(&[channels]) };
    for (index, dy) in dy.data.iter().enumerate() {
        let c = index / inner % channels;
        let scale = 1.0 / (statistics.variance[c] + EPS).sqrt();
        gradient.dx.data[index] = gamma.data[c] * scale * dy;
        gradient.dgamma.data[c] += dy * (x.data[index] - statistics.mean[c]) * scale;
        gradient.dbeta.data[c] += dy;
    }
    gradient
}

/// The values of one channel, in the order of memory.
fn values(x: &Tensor, channel: usize) -> impl Iterator<Item = f64> {
    let [examples, channels, inner] = x.channels();
    (0..examples).flat_map(move |n| (0..inner).map(move |s| x.data[(n * channels + channel) * inner + s]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, assert_close, check_gradient};

    #[test]
    fn a_case_done_by_hand() {
        // Channel 0: 1, 3, 5, 7 (mean 4, variance 5); channel 1: all 2.
        let x = Tensor::new(&[2, 2, 1, 2], vec![1.0, 3.0, 2.0, 2.0, 5.0, 7.0, 2.0, 2.0]);
        let gamma = Tensor::new(&[2], vec![2.0, 3.0]);
        let beta = Tensor::new(&[2], vec![10.0, -1.0]);
        let (y, batch) = forward(&x, &gamma, &beta);
        assert_eq!(batch, Statistics { mean: vec![4.0, 2.0], variance: vec![5.0, 0.0] });
        let s = 5.00001f64.sqrt();
        let expected = [10.0 - 6.0 / s, 10.0 - 2.0 / s, -1.0, -1.0, 10.0 + 2.0 / s, 10.0 + 6.0 / s, -1.0, -1.0];
        assert_close(&y.data, &expected, 1e-14);
        let mut running = Statistics::initial(2);
        running.update(&batch, count(&x));
        assert_close(&running.mean, &[0.4, 0.2], 1e-15);
        assert_close(&running.variance, &[0.9 + 0.1 * 20.0 / 3.0, 0.9], 1e-15);
    }

    #[test]
    fn gradients_are_those_of_central_differences() {
        let mut random = Random::new(4);
        for shape in [vec![5, 3], vec![2, 3, 2, 3], vec![3, 1, 1, 2]] {
            let channels = [shape[1]];
            let x = random.tensor(&shape);
            let (gamma, beta) = (random.tensor(&channels), random.tensor(&channels));
            let dy = random.tensor(&shape);
            let found = backward(&x, &gamma, &Statistics::of_batch(&x), &dy);
            check_gradient("dx", &x, &found.dx, |x| forward(x, &gamma, &beta).0.dot(&dy));
            check_gradient("dgamma", &gamma, &found.dgamma, |gamma| forward(&x, gamma, &beta).0.dot(&dy));
            check_gradient("dbeta", &beta, &found.dbeta, |beta| forward(&x, &gamma, beta).0.dot(&dy));

            let given = Statistics { mean: random.tensor(&channels).data, variance: vec![0.5; channels[0]] };
            let found = inference_backward(&x, &gamma, &given, &dy);
            check_gradient("dx", &x, &found.dx, |x| inference(x, &gamma, &beta, &given).dot(&dy));
            check_gradient("dgamma", &gamma, &found.dgamma, |gamma| inference(&x, gamma, &beta, &given).dot(&dy));
            check_gradient("dbeta", &beta, &found.dbeta, |beta| inference(&x, &gamma, beta, &given).dot(&dy));
        }
    }
}
