//! What probes do with whole sets of weights.

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

/// The mean over batches after batch `t` (counted from 0), from that before it: `mean + (batch - mean) / (t + 1)`.
pub fn average(mean: &[f64], batch: &[f64], t: u32) -> Vec<f64> {
    if t == 0 {
        return batch.to_vec();
    }
    mean.iter().zip(batch).map(|(mean, batch)| mean + (batch - mean) / f64::from(t + 1)).collect()
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
    }
}
