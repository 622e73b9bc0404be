//! Softmax cross-entropy with label smoothing, and what counts as a right answer.
use crate::Tensor;

/// Per-example loss `l_n = log sum_j exp(z_j) - sum_j q_j z_j`, with the target `q_j = (1 - s) [j = y] + s / classes`
/// for the smoothing `s`.
pub fn cross_entropy(logits: &Tensor, labels: &[usize], smoothing: f64) -> Vec<f64> {
    let [examples, classes] = logits.dims();
    assert_eq!(labels.len(), examples);

    (0..examples)
        .map(|n| {
            let z = &logits.data[n * classes..(n + 1) * classes];
            let expected: f64 = (0..classes).map(|j| target(j, labels[n], classes, smoothing) * z[j]).sum();
            log_sum_exp(z) - expected
        })
        .collect()
}

/// The mean of [`cross_entropy`] over the examples.
pub fn mean_cross_entropy(logits: &Tensor, labels: &[usize], smoothing: f64) -> f64 {
    cross_entropy(logits, labels, smoothing).iter().sum::<f64>() / labels.len() as f64
}

/// Gradient of the mean loss: `dz[n,j] = (softmax(z_n)_j - q_j) / examples`.
pub fn grad_logits(logits: &Tensor, labels: &[usize], smoothing: f64) -> Tensor {
    let [examples, classes] = logits.dims();
    assert_eq!(labels.len(), examples);

    let mut dz = Tensor::zeros(&[examples, classes]);
    for n in 0..examples {
        let z = &logits.data[n * classes..(n + 1) * classes];
        let log_sum = log_sum_exp(z);
        for j in 0..classes {
            let excess = (z[j] - log_sum).exp() - target(j, labels[n], classes, smoothing);
            dz.data[n * classes + j] = excess / examples as f64;
        }
    }
    dz
}

/// Tangent of [`grad_logits`] along `direction`, a tangent of the logits: `p_j (v_j - sum_k p_k v_k) / examples` with
/// `p = softmax(z_n)`. Neither labels nor smoothing are in it.
pub fn grad_logits_tangent(logits: &Tensor, direction: &Tensor) -> Tensor {
    let [examples, classes] = logits.dims();
    assert_eq!(logits.shape, direction.shape);

    let mut tangent = Tensor::zeros(&[examples, classes]);
    for n in 0..examples {
        let row = n * classes..(n + 1) * classes;
        let (z, v) = (&logits.data[row.clone()], &direction.data[row.clone()]);
        let log_sum = log_sum_exp(z);
        let p: Vec<f64> = z.iter().map(|z| (z - log_sum).exp()).collect();
        let mean: f64 = (0..classes).map(|k| p[k] * v[k]).sum();
        for j in 0..classes {
            tangent.data[row.start + j] = p[j] * (v[j] - mean) / examples as f64;
        }
    }
    tangent
}

/// Classes before the label: those with a larger logit, and of equal logits those with a smaller index.
pub fn rank(logits: &[f64], label: usize) -> usize {
    let mine = logits[label];
    logits.iter().enumerate().filter(|&(j, &z)| z > mine || (z == mine && j < label)).count()
}

/// Whether the first maximum is the label.
pub fn correct(logits: &Tensor, labels: &[usize]) -> Vec<bool> {
    ranks(logits, labels).map(|rank| rank == 0).collect()
}

/// Whether the label is among the five largest.
pub fn top5(logits: &Tensor, labels: &[usize]) -> Vec<bool> {
    ranks(logits, labels).map(|rank| rank < 5).collect()
}

/// Share of `true`.
pub fn fraction(answers: &[bool]) -> f64 {
    answers.iter().filter(|&&answer| answer).count() as f64 / answers.len() as f64
}

fn ranks(logits: &Tensor, labels: &[usize]) -> impl Iterator<Item = usize> {
    let [examples, classes] = logits.dims();
    assert_eq!(labels.len(), examples);
    logits.data.chunks(classes).zip(labels).map(|(row, &label)| rank(row, label))
}

fn target(class: usize, label: usize, classes: usize, smoothing: f64) -> f64 {
    let hit = if class == label { 1.0 - smoothing } else { 0.0 };
    hit + smoothing / classes as f64
}

/// `log sum_j exp(z_j)`, shifted by the largest so that nothing overflows.
fn log_sum_exp(z: &[f64]) -> f64 {
    let largest = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + z.iter().map(|&z| (z - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, assert_close, check_gradient};

    #[test]
    fn losses_done_by_hand() {
        // Logits 0, ln 2, ln 5: softmax 1/8, 1/4, 5/8.
        let logits = Tensor::new(&[2, 3], [0.0, 2f64.ln(), 5f64.ln(), 1000.0, 0.0, 0.0].to_vec());
        let plain = cross_entropy(&logits, &[1, 1], 0.0);
        assert_close(&plain, &[4f64.ln(), 1000.0], 1e-12);
        let smooth = cross_entropy(&logits, &[1, 1], 0.3);
        let first = 0.1 * 8f64.ln() + 0.8 * 4f64.ln() + 0.1 * 1.6f64.ln();
        assert_close(&smooth, &[first, 900.0], 1e-12);
    }

    #[test]
    fn gradient_is_that_of_central_differences() {
        let mut random = Random::new(6);
        for (examples, classes) in [(1, 2), (4, 3), (3, 11)] {
            let logits = random.tensor(&[examples, classes]).map(|z| 3.0 * z);
            let labels: Vec<usize> = (0..examples).map(|_| random.below(classes)).collect();
            for smoothing in [0.0, 0.1, 1.0] {
                let dz = grad_logits(&logits, &labels, smoothing);
                check_gradient("dz", &logits, &dz, |z| mean_cross_entropy(z, &labels, smoothing));
            }
        }
    }

    #[test]
    fn ties_go_to_the_smaller_class() {
        let row = [2.0, 5.0, 5.0, 1.0, 2.0, 2.0, 2.0];
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(|label| rank(&row, label)), [2, 0, 1, 6, 3, 4, 5]);
        let logits = Tensor::new(&[2, 7], [row, row].concat());
        assert_eq!(correct(&logits, &[1, 2]), [true, false]);
        assert_eq!(top5(&logits, &[5, 6]), [true, false]);
        assert_eq!(fraction(&[true, false, true, true]), 0.75);
    }
}
