//! What probes do with whole sets of weights.

use crate::activation::Activation;

/// `sum_k factors[k] sources[k]`, element by element; a source whose factor is 0 is left out, whatever it holds.
pub fn combine(factors: &[f64], sources: &[&[f64]]) -> Vec<f64> {
    assert_eq!(factors.len(), sources.len());
    let mut out = vec![0.0; sources[0].len()];
    for (factor, source) in factors.iter().zip(sources) {
        if *factor != 0.0 {
            for i in 0..out.len() {
                out[i] += factor * source[i];
            }
        }
    }
    out
}

/// The output of a first dense layer from its outputs before the activation under each source: `activate(sum_k factors[k]
/// outputs[k])`, since the layer is linear in its tensors.
pub fn combine_outputs(factors: &[f64], outputs: &[&[f64]], activation: Option<Activation>) -> Vec<f64> {
    let sums = combine(factors, outputs).into_iter();
    sums.map(|z| activation.map_or(z, |activation| activation.value(z))).collect()
}

/// The mean over batches after batch `t` (counted from 0), from that before it: `mean + (batch - mean) / (t + 1)`.
pub fn average(mean: &[f64], batch: &[f64], t: u32) -> Vec<f64> {
    if t == 0 {
        return batch.to_vec();
    }
    mean.iter().zip(batch).map(|(mean, batch)| mean + (batch - mean) / f64::from(t + 1)).collect()
}

/// `(h - o) . b1`, `(h - o) . b2` and `|h - o|^2`. With `through` the axes are points and `o` is taken from them, too; without
/// `from_origin` it is not taken from `h`.
pub fn dots(h: &[f64], [o, b1, b2]: [&[f64]; 3], through: bool, from_origin: bool) -> [f64; 3] {
    let mut sums = [0.0; 3];
    for i in 0..h.len() {
        let d = if from_origin { h[i] - o[i] } else { h[i] };
        let axis = |b: &[f64]| if through { b[i] - o[i] } else { b[i] };
        sums[0] += d * axis(b1);
        sums[1] += d * axis(b2);
        sums[2] += d * d;
    }
    sums
}

/// `(h_i - h_0) . (h_j - h_0)` of all pairs of `sets`, row by row.
pub fn gram(sets: &[&[f64]]) -> Vec<f64> {
    let mut products = Vec::new();
    for a in sets {
        for b in sets {
            products.push((0..a.len()).map(|k| (a[k] - sets[0][k]) * (b[k] - sets[0][k])).sum());
        }
    }
    products
}

/// `sum_i factors[i] (h_i - h_0)` of `sets`.
pub fn weighted_sum(factors: &[f64], sets: &[&[f64]]) -> Vec<f64> {
    let mut out = vec![0.0; sets[0].len()];
    for (factor, set) in factors.iter().zip(sets) {
        for k in 0..out.len() {
            out[k] += factor * (set[k] - sets[0][k]);
        }
    }
    out
}

/// `w + rho T v`, or `T v` where nothing is climbed, with T = |w| where `adaptive`, else 1.
pub fn climb(weights: &[f64], v: &[f64], rho: f64, adaptive: bool, climbed: bool) -> Vec<f64> {
    let mut out = vec![0.0; v.len()];
    for i in 0..v.len() {
        let scaled = if adaptive { weights[i].abs() * v[i] } else { v[i] };
        out[i] = if climbed { weights[i] + rho * scaled } else { scaled };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_means_by_hand() {
        let nan = f64::NAN;
        assert_eq!(combine(&[1.0, -0.5, 0.0], &[&[1.0, 2.0], &[4.0, 8.0], &[nan, nan]]), [-1.0, -2.0]);
        let mut mean = vec![nan];
        for (t, batch) in [6.0, 3.0, 0.0].into_iter().enumerate() {
            mean = average(&mean, &[batch], t as u32);
        }
        assert_eq!(mean, [3.0]);
        let (o, b1, b2): (&[f64], &[f64], &[f64]) = (&[1.0, 1.0], &[3.0, 1.0], &[1.0, 2.0]);
        assert_eq!(dots(&[2.0, 4.0], [o, b1, b2], true, true), [2.0, 3.0, 10.0]);
        assert_eq!(dots(&[2.0, 4.0], [o, b1, b2], false, false), [10.0, 10.0, 20.0]);
        assert_eq!(gram(&[o, b1, b2]), [0.0, 0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(weighted_sum(&[9.0, 0.5, -2.0], &[o, b1, b2]), [1.0, -2.0]);
    }
}
