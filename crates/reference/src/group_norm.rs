//! Group normalisation: one mean and variance per example and group of channels (Wu and He 2018).
//!
//! Inputs are `[n, c]` or `[n, c, h, w]`; a group is `c / groups` neighbouring channels.
use crate::Tensor;
use crate::batch_norm::{Direction, EPS, Gradient};

/// `y = gamma (x - mean) / sqrt(variance + eps) + beta`, the (biased) variance of the example's group.
pub fn forward(x: &Tensor, groups: usize, gamma: &Tensor, beta: &Tensor) -> Tensor {
    let [_, channels, inner] = x.channels();
    assert_eq!((gamma.dims(), beta.dims()), ([channels], [channels]));
    let mut y = normalised(x, groups).0;
    for (index, value) in y.data.iter_mut().enumerate() {
        let c = index / inner % channels;
        *value = gamma.data[c] * *value + beta.data[c];
    }
    y
}

/// Backward pass of [`forward`], with the normalised input `n`, `s = 1 / sqrt(variance + eps)` and means over the example's
/// group: `dbeta = sum dy`, `dgamma = sum dy n`, `dx = s (gamma dy - mean(gamma dy) - n mean(gamma dy n))`.
pub fn backward(x: &Tensor, groups: usize, gamma: &Tensor, dy: &Tensor) -> Gradient {
    let [_, channels, inner] = x.channels();
    let (n, scale) = normalised(x, groups);
    let size = channels / groups * inner;
    let mut dgamma = Tensor::zeros(&[channels]);
    let mut dbeta = Tensor::zeros(&[channels]);
    let mut means = vec![[0.0; 2]; scale.len()];
    for index in 0..x.data.len() {
        let c = index / inner % channels;
        dbeta.data[c] += dy.data[index];
        dgamma.data[c] += dy.data[index] * n.data[index];
        let product = gamma.data[c] * dy.data[index] / size as f64;
        means[index / size][0] += product;
        means[index / size][1] += product * n.data[index];
    }
    let mut dx = dy.clone();
    for (index, gradient) in dx.data.iter_mut().enumerate() {
        let [mean, mean_product] = means[index / size];
        let own = gamma.data[index / inner % channels] * *gradient;
        *gradient = scale[index / size] * (own - mean - n.data[index] * mean_product);
    }
    Gradient { dx, dgamma, dbeta }
}

/// Tangent of the output along `v`, with the factor s and means over the example's group: `gamma Rn + n v.gamma + v.beta`,
/// `Rn = s (v.x - mean(v.x) - n mean(n v.x))`.
pub fn tangent(x: &Tensor, groups: usize, gamma: &Tensor, v: Direction<'_>) -> Tensor {
    let [_, channels, inner] = x.channels();
    let (n, scale) = normalised(x, groups);
    let mut ry = normalised_tangent(&n, &scale, v.x).0;
    for (index, value) in ry.data.iter_mut().enumerate() {
        let c = index / inner % channels;
        *value = gamma.data[c] * *value + n.data[index] * v.gamma.data[c] + v.beta.data[c];
    }
    ry
}

/// Tangents of what [`backward`] gives, along `v` and `rdy`, the tangent of `dy`. With `dn = gamma dy`,
/// `Rdn = gamma rdy + v.gamma dy`, and `r = mean(n v.x)` the tangent of the deviation:
/// `Rdgamma = sum (rdy n + dy Rn)`, `Rdbeta = sum rdy`,
/// `Rdx = s (Rdn - mean(Rdn) - Rn mean(n dn) - n mean(Rn dn + n Rdn) - r dx)`.
pub fn backward_tangent(
    x: &Tensor,
    groups: usize,
    gamma: &Tensor,
    v: Direction<'_>,
    [dy, rdy]: [&Tensor; 2],
) -> Gradient {
    let [_, channels, inner] = x.channels();
    let (n, scale) = normalised(x, groups);
    let (rn, rs) = normalised_tangent(&n, &scale, v.x);
    let size = channels / groups * inner;
    let channel = |index: usize| index / inner % channels;
    let dn = |index: usize| gamma.data[channel(index)] * dy.data[index];
    let rdn = |index: usize| {
        let c = channel(index);
        gamma.data[c] * rdy.data[index] + v.gamma.data[c] * dy.data[index]
    };

    let (mut rdgamma, mut rdbeta) = (Tensor::zeros(&[channels]), Tensor::zeros(&[channels]));
    let mut means = vec![[0.0; 4]; scale.len()]; // of dn, n dn, and their tangents
    for index in 0..x.data.len() {
        let (c, group) = (channel(index), index / size);
        rdgamma.data[c] += rdy.data[index] * n.data[index] + dy.data[index] * rn.data[index];
        rdbeta.data[c] += rdy.data[index];
        means[group][0] += dn(index) / size as f64;
        means[group][1] += n.data[index] * dn(index) / size as f64;
        means[group][2] += rdn(index) / size as f64;
        means[group][3] += (rn.data[index] * dn(index) + n.data[index] * rdn(index)) / size as f64;
    }
    let mut rdx = rdy.clone();
    for (index, value) in rdx.data.iter_mut().enumerate() {
        let group = index / size;
        let [mean, product, rmean, rproduct] = means[group];
        let dx = scale[group] * (dn(index) - mean - n.data[index] * product);
        let through = rdn(index) - rmean - rn.data[index] * product - n.data[index] * rproduct;
        *value = scale[group] * (through - rs[group] * dx);
    }
    Gradient { dx: rdx, dgamma: rdgamma, dbeta: rdbeta }
}

/// Tangents of the normalised input and of each group's deviation.
fn normalised_tangent(n: &Tensor, scale: &[f64], rx: &Tensor) -> (Tensor, Vec<f64>) {
    let size = n.data.len() / scale.len();
    let mut rn = rx.clone();
    let mut rs = Vec::new();
    for (group, rx) in rn.data.chunks_mut(size).enumerate() {
        let n = &n.data[group * size..(group + 1) * size];
        let mean = rx.iter().sum::<f64>() / size as f64;
        let product = rx.iter().zip(n).map(|(rx, n)| rx * n).sum::<f64>() / size as f64;
        rx.iter_mut().zip(n).for_each(|(rx, n)| *rx = scale[group] * (*rx - mean - n * product));
        rs.push(product);
    }
    (rn, rs)
}

/// `(x - mean) / sqrt(variance + eps)`, and the factor of each example and group. Groups lie one after the other in memory.
fn normalised(x: &Tensor, groups: usize) -> (Tensor, Vec<f64>) {
    let [_, channels, inner] = x.channels();
    assert_eq!(channels % groups, 0, "{channels} channels in {groups} groups");
    let mut n = x.clone();
    let mut scales = Vec::new();
    for group in n.data.chunks_mut(channels / groups * inner) {
        let count = group.len() as f64;
        let mean = group.iter().sum::<f64>() / count;
        let variance = group.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        let scale = 1.0 / (variance + EPS).sqrt();
        group.iter_mut().for_each(|value| *value = (*value - mean) * scale);
        scales.push(scale);
    }
    (n, scales)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, assert_close, check_gradient, check_tangent};

    #[test]
    fn a_case_done_by_hand() {
        // Example 0: groups (1, 3) and (5, 5); example 1: (0, 0) and (2, 6).
        let x = Tensor::new(&[2, 4], vec![1.0, 3.0, 5.0, 5.0, 0.0, 0.0, 2.0, 6.0]);
        let gamma = Tensor::new(&[4], vec![1.0, 2.0, 3.0, 4.0]);
        let beta = Tensor::new(&[4], vec![0.0, 0.0, 10.0, 20.0]);
        let (one, two) = (1.0 / 1.00001f64.sqrt(), 2.0 / 4.00001f64.sqrt());
        let expected = [-one, 2.0 * one, 10.0, 20.0, 0.0, 0.0, 10.0 - 3.0 * two, 20.0 + 4.0 * two];
        assert_close(&forward(&x, 2, &gamma, &beta).data, &expected, 1e-14);
    }

    #[test]
    fn gradients_are_those_of_central_differences() {
        let mut random = Random::new(4);
        for (shape, groups) in [(vec![3, 6], 2), (vec![2, 6, 2, 3], 3), (vec![2, 4, 3, 1], 4), (vec![2, 3, 2, 2], 1)] {
            let channels = [shape[1]];
            let x = random.tensor(&shape);
            let (gamma, beta) = (random.tensor(&channels), random.tensor(&channels));
            let dy = random.tensor(&shape);
            let found = backward(&x, groups, &gamma, &dy);
            check_gradient("dx", &x, &found.dx, |x| forward(x, groups, &gamma, &beta).dot(&dy));
            check_gradient("dgamma", &gamma, &found.dgamma, |gamma| forward(&x, groups, gamma, &beta).dot(&dy));
            check_gradient("dbeta", &beta, &found.dbeta, |beta| forward(&x, groups, &gamma, beta).dot(&dy));
        }
    }

    #[test]
    fn tangents_are_those_of_central_differences() {
        let mut random = Random::new(12);
        for (shape, groups) in [(vec![3, 6], 2), (vec![2, 6, 2, 3], 3), (vec![2, 4, 3, 1], 4), (vec![2, 3, 2, 2], 1)] {
            let channels = [shape[1]];
            let mut image = || random.tensor(&shape);
            let (x, dy) = (image(), image());
            let (rx, rdy) = (image(), image());
            let mut vector = || random.tensor(&channels);
            let (gamma, beta, vgamma, vbeta) = (vector(), vector(), vector(), vector());
            let v = Direction { x: &rx, gamma: &vgamma, beta: &vbeta };
            let at = |h: f64| {
                let moved = |a: &Tensor, b: &Tensor| a.zip(b, |a, b| a + h * b);
                (moved(&x, &rx), moved(&gamma, &vgamma), moved(&beta, &vbeta), moved(&dy, &rdy))
            };
            let all = |g: Gradient| [g.dx.data, g.dgamma.data, g.dbeta.data].concat();
            check_tangent("forward", &tangent(&x, groups, &gamma, v).data, |h| {
                let (x, gamma, beta, _) = at(h);
                forward(&x, groups, &gamma, &beta).data
            });
            check_tangent("backward", &all(backward_tangent(&x, groups, &gamma, v, [&dy, &rdy])), |h| {
                let (x, gamma, _, dy) = at(h);
                all(backward(&x, groups, &gamma, &dy))
            });
        }
    }
}
