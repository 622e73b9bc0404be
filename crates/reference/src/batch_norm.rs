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

/// A direction of the inputs of [`forward`] or [`inference`].
#[derive(Clone, Copy, Debug)]
pub struct Direction<'a> {
    /// Tangent of the input.
    pub x: &'a Tensor,
    /// Tangent of the scale.
    pub gamma: &'a Tensor,
    /// Tangent of the shift.
    pub beta: &'a Tensor,
}

/// Tangent of the output along `v`, with `s = sqrt(variance + eps)`, the normalised input n and means over the batch:
/// `gamma Rn + n v.gamma + v.beta`, `Rn = (v.x - mean(v.x) - n mean(n v.x)) / s`; where the statistics are given (`by_batch`
/// false), `Rn = v.x / s`.
pub fn tangent(x: &Tensor, gamma: &Tensor, statistics: &Statistics, v: Direction<'_>, by_batch: bool) -> Tensor {
    let [_, channels, inner] = x.channels();
    let Normalised { n, rn, .. } = normalised(x, statistics, v.x, by_batch);
    let mut ry = rn;
    for (index, value) in ry.data.iter_mut().enumerate() {
        let c = index / inner % channels;
        *value = gamma.data[c] * *value + n.data[index] * v.gamma.data[c] + v.beta.data[c];
    }
    ry
}

/// Tangents of what [`backward`] (or, with given statistics, [`inference_backward`]) gives, along `v` and `rdy`, the tangent
/// of `dy`. With `dn = gamma dy`, `Rdn = gamma rdy + v.gamma dy` and `Rs = mean(n v.x)`:
/// `Rdgamma = sum (rdy n + dy Rn)`, `Rdbeta = sum rdy`,
/// `Rdx = (Rdn - mean(Rdn) - Rn mean(n dn) - n mean(Rn dn + n Rdn)) / s - dx Rs / s`; with given statistics `Rdx = Rdn / s`.
pub fn backward_tangent(
    x: &Tensor,
    gamma: &Tensor,
    statistics: &Statistics,
    v: Direction<'_>,
    [dy, rdy]: [&Tensor; 2],
    by_batch: bool,
) -> Gradient {
    let [_, channels, inner] = x.channels();
    let count = count(x) as f64;
    let Normalised { n, rn, rs } = normalised(x, statistics, v.x, by_batch);
    let channel = |index: usize| index / inner % channels;
    let dn = |index: usize| gamma.data[channel(index)] * dy.data[index];
    let rdn = |index: usize| {
        let c = channel(index);
        gamma.data[c] * rdy.data[index] + v.gamma.data[c] * dy.data[index]
    };

    let (mut rdgamma, mut rdbeta) = (Tensor::zeros(&[channels]), Tensor::zeros(&[channels]));
    let mut means = vec![[0.0; 4]; channels]; // of dn, n dn, and their tangents
    for index in 0..x.data.len() {
        let c = channel(index);
        rdgamma.data[c] += rdy.data[index] * n.data[index] + dy.data[index] * rn.data[index];
        rdbeta.data[c] += rdy.data[index];
        means[c][0] += dn(index) / count;
        means[c][1] += n.data[index] * dn(index) / count;
        means[c][2] += rdn(index) / count;
        means[c][3] += (rn.data[index] * dn(index) + n.data[index] * rdn(index)) / count;
    }
    let mut rdx = rdy.clone();
    for (index, value) in rdx.data.iter_mut().enumerate() {
        let c = channel(index);
        let s = (statistics.variance[c] + EPS).sqrt();
        *value = rdn(index) / s;
        if by_batch {
            let [mean, product, rmean, rproduct] = means[c];
            let dx = (dn(index) - mean - n.data[index] * product) / s;
            *value -= (rmean + rn.data[index] * product + n.data[index] * rproduct + dx * rs[c]) / s;
        }
    }
    Gradient { dx: rdx, dgamma: rdgamma, dbeta: rdbeta }
}

/// The normalised input, its tangent, and that of each channel's deviation.
struct Normalised {
    n: Tensor,
    rn: Tensor,
    rs: Vec<f64>,
}

fn normalised(x: &Tensor, statistics: &Statistics, rx: &Tensor, by_batch: bool) -> Normalised {
    let [_, channels, inner] = x.channels();
    assert_eq!(x.shape, rx.shape);
    let count = count(x) as f64;
    let scale = |c: usize| 1.0 / (statistics.variance[c] + EPS).sqrt();
    let mut n = x.clone();
    for (index, value) in n.data.iter_mut().enumerate() {
        let c = index / inner % channels;
        *value = (*value - statistics.mean[c]) * scale(c);
    }
    let (mut rmean, mut rs) = (vec![0.0; channels], vec![0.0; channels]);
    if by_batch {
        for c in 0..channels {
            rmean[c] = values(rx, c).sum::<f64>() / count;
            rs[c] = values(&n, c).zip(values(rx, c)).map(|(n, rx)| n * rx).sum::<f64>() / count;
        }
    }
    let mut rn = rx.clone();
    for (index, value) in rn.data.iter_mut().enumerate() {
        let c = index / inner % channels;
        *value = (*value - rmean[c] - n.data[index] * rs[c]) * scale(c);
    }
    Normalised { n, rn, rs }
}

/// The values of one channel, in the order of memory.
fn values(x: &Tensor, channel: usize) -> impl Iterator<Item = f64> {
    let [examples, channels, inner] = x.channels();
    (0..examples).flat_map(move |n| (0..inner).map(move |s| x.data[(n * channels + channel) * inner + s]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, assert_close, check_gradient, check_tangent};

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

    #[test]
    fn tangents_are_those_of_central_differences() {
        let mut random = Random::new(11);
        for shape in [vec![5, 3], vec![2, 3, 2, 3], vec![3, 1, 1, 2]] {
            let channels = [shape[1]];
            let mut image = || random.tensor(&shape);
            let (x, dy) = (image(), image());
            let (rx, rdy) = (image(), image());
            let mut vector = || random.tensor(&channels);
            let (gamma, beta, vgamma, vbeta) = (vector(), vector(), vector(), vector());
            let given = Statistics { mean: vector().data, variance: vec![0.5; channels[0]] };
            let v = Direction { x: &rx, gamma: &vgamma, beta: &vbeta };
            let at = |h: f64| {
                let moved = |a: &Tensor, b: &Tensor| a.zip(b, |a, b| a + h * b);
                (moved(&x, &rx), moved(&gamma, &vgamma), moved(&beta, &vbeta), moved(&dy, &rdy))
            };
            let all = |g: Gradient| [g.dx.data, g.dgamma.data, g.dbeta.data].concat();
            let batch = Statistics::of_batch(&x);
            check_tangent("batch", &tangent(&x, &gamma, &batch, v, true).data, |h| {
                let (x, gamma, beta, _) = at(h);
                forward(&x, &gamma, &beta).0.data
            });
            check_tangent("batch, back", &all(backward_tangent(&x, &gamma, &batch, v, [&dy, &rdy], true)), |h| {
                let (x, gamma, _, dy) = at(h);
                all(backward(&x, &gamma, &Statistics::of_batch(&x), &dy))
            });
            check_tangent("given", &tangent(&x, &gamma, &given, v, false).data, |h| {
                let (x, gamma, beta, _) = at(h);
                inference(&x, &gamma, &beta, &given).data
            });
            check_tangent("given, back", &all(backward_tangent(&x, &gamma, &given, v, [&dy, &rdy], false)), |h| {
                let (x, gamma, _, dy) = at(h);
                all(inference_backward(&x, &gamma, &given, &dy))
            });
        }
    }
}
