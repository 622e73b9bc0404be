//! SAM's ascent in any p-norm (Foret et al. 2021, eq. 2) and ASAM's (Kwon et al. 2021).
use crate::optim::l2_norm;

/// The 2-norm's perturbation `e = rho g / |g|_2` over all parameters together; 0 where the gradient is 0.
pub fn sam(gradient: &[f64], rho: f64) -> Vec<f64> {
    let norm = l2_norm(gradient);
    if norm == 0.0 {
        return vec![0.0; gradient.len()];
    }
    gradient.iter().map(|g| rho * (g / norm)).collect()
}

/// The direction that SAM's dropped term multiplies the Hessian by: the transposed derivative of `e(w) = rho g / |g|_2`
/// (Foret et al. 2021, 3 and C.4) is `H M` with `M = rho / |g| (I - g g^T / |g|^2)`, so the whole gradient of
/// `w -> L(w + e(w))` is `g_s + H v`, `v = M g_s`; 0 where the gradient is 0.
pub fn dropped_direction(gradient: &[f64], at_ascent: &[f64], rho: f64) -> Vec<f64> {
    let norm = l2_norm(gradient);
    if norm == 0.0 {
        return vec![0.0; gradient.len()];
    }
    let along: f64 = gradient.iter().zip(at_ascent).map(|(g, g_s)| g / norm * g_s).sum();
    gradient.iter().zip(at_ascent).map(|(g, g_s)| rho / norm * (g_s - along * g / norm)).collect()
}

/// The cosine between two gradients; 1 where one is 0.
pub fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let lengths = l2_norm(a) * l2_norm(b);
    let dot: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    if lengths == 0.0 { 1.0 } else { dot / lengths }
}

/// `e = rho T sign(h) |h|^(q-1) / (sum |h|^q)^(1/p)` with `h = T g` and `1/p + 1/q = 1`, so that `|e / T|_p = rho` and no
/// other such e has a larger `<g, e>`. `p = 1` takes the first largest `|h|`; T is 1 for SAM.
pub fn general(gradient: &[f64], scale: &[f64], rho: f64, p: f64) -> Vec<f64> {
    assert_eq!(gradient.len(), scale.len());
    let h: Vec<f64> = gradient.iter().zip(scale).map(|(g, t)| g * t).collect();
    let largest = h.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    if largest == 0.0 {
        return vec![0.0; h.len()];
    }
    let unit: Vec<f64> = if p == 1.0 {
        let first = h.iter().position(|value| value.abs() == largest);
        (0..h.len()).map(|i| if Some(i) == first { h[i].signum() } else { 0.0 }).collect()
    } else {
        let power = 1.0 / (p - 1.0);
        let powers: Vec<f64> = h.iter().map(|value| (value.abs() / largest).powf(power)).collect();
        let sum: f64 = h.iter().zip(&powers).map(|(value, power)| power * value.abs() / largest).sum();
        let norm = sum.powf(1.0 / p);
        let sign = |value: f64| if value == 0.0 { 0.0 } else { value.signum() };
        h.iter().zip(&powers).map(|(value, power)| sign(*value) * power / norm).collect()
    };
    unit.iter().zip(scale).map(|(unit, t)| rho * t * unit).collect()
}

/// ASAM's `T`: `|w| + 0.01` for weights, 1 for biases and norms.
pub fn asam_scale(weights: &[f64], is_weight: bool) -> Vec<f64> {
    weights.iter().map(|w| if is_weight { w.abs() + 0.01 } else { 1.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::Sgd;
    use crate::testing::{Random, assert_close};

    /// `L = w^T A w / 2`, `A = diag(10, 1)`, `w = (1, 2)`, rho 0.1: everything in closed form.
    #[test]
    fn sam_on_a_quadratic() {
        let a = [10.0, 1.0];
        let gradient = |w: [f64; 2]| [a[0] * w[0], a[1] * w[1]];
        let mut w = [1.0, 2.0];
        let e = sam(&gradient(w), 0.1);
        assert_close(&e, &[0.0980580676, 0.0196116135], 5e-11);
        let sam = gradient([w[0] + e[0], w[1] + e[1]]);
        assert_close(&sam, &[10.98058068, 2.01961161], 5e-9);
        // With the term that is dropped: the Hessian is A.
        let v = dropped_direction(&gradient(w), &sam, 0.1);
        let full = [sam[0] + a[0] * v[0], sam[1] + a[1] * v[1]];
        assert_close(&full, &[10.98390908, 2.01794741], 5e-9);
        let sgd = Sgd { momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 };
        sgd.step(0.05, &mut w, &sam, &mut None);
        assert_close(&w, &[1.0 - 0.549029034, 2.0 - 0.1009805805], 5e-10);
    }

    /// In one dimension, curvature `L`, SAM ends in the cycle `w = +-lr rho L / (2 - lr L)`.
    #[test]
    fn sam_on_a_parabola_ends_in_its_cycle() {
        let (curvature, lr, rho) = (10.0, 0.05, 0.1);
        let sgd = Sgd { momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 };
        let mut w = [0.7];
        for _ in 0..200 {
            let e = sam(&[curvature * w[0]], rho);
            let sam = [curvature * (w[0] + e[0])];
            sgd.step(lr, &mut w, &sam, &mut None);
        }
        assert!((w[0].abs() - 1.0 / 30.0).abs() < 1e-12, "{}", w[0]);
    }

    #[test]
    fn the_ascent_has_length_rho_and_climbs_best() {
        let mut random = Random::new(7);
        let gradient = random.tensor(&[9]).data;
        let dot = |e: &[f64]| -> f64 { e.iter().zip(&gradient).map(|(e, g)| e * g).sum() };
        let e = sam(&gradient, 0.3);
        assert!((l2_norm(&e) - 0.3).abs() < 1e-15);
        assert!((dot(&e) - 0.3 * l2_norm(&gradient)).abs() < 1e-15);
        for _ in 0..100 {
            assert!(dot(&sam(&random.tensor(&[9]).data, 0.3)) < dot(&e));
        }
        let tiny: Vec<f64> = gradient.iter().map(|g| g * 1e-200).collect();
        assert_close(&sam(&tiny, 0.3), &e, 1e-15);
        assert_eq!(sam(&[0.0, -0.0], 0.3), [0.0, 0.0]);
    }

    /// The quadratic of above: `g = (10, 2)`.
    #[test]
    fn the_forms_on_a_quadratic() {
        let at = |p: f64| general(&[10.0, 2.0], &[1.0; 2], 0.1, p);
        assert_close(&at(2.0), &[0.0980580676, 0.0196116135], 5e-11);
        assert_close(&at(f64::INFINITY), &[0.1, 0.1], 1e-15);
        assert_close(&at(1.0), &[0.1, 0.0], 1e-15);
        assert_close(&at(3.0), &[0.09718484, 0.04346238], 5e-9);
        assert_close(&at(1.5), &[0.0994702, 0.00397881], 5e-8);
        let scale = asam_scale(&[1.0, 2.0], true);
        assert_close(&general(&[10.0, 2.0], &scale, 0.1, 2.0), &[0.09384009, 0.07433062], 5e-9);
    }

    /// `|e|_p = rho` and `<g, e> = rho |g|_q`, the most that is possible; scaling g changes nothing.
    #[test]
    fn the_dual_norm_is_reached() {
        let mut random = Random::new(3);
        let gradient = random.tensor(&[17]).data;
        let norm = |v: &[f64], p: f64| match p {
            f64::INFINITY => v.iter().fold(0.0f64, |most, x| most.max(x.abs())),
            p => v.iter().map(|x| x.abs().powf(p)).sum::<f64>().powf(1.0 / p),
        };
        for (p, q) in [(1.0, f64::INFINITY), (1.25, 5.0), (2.0, 2.0), (3.0, 1.5), (f64::INFINITY, 1.0)] {
            let e = general(&gradient, &[1.0; 17], 0.3, p);
            assert!((norm(&e, p) - 0.3).abs() < 1e-12, "p = {p}");
            let gain: f64 = e.iter().zip(&gradient).map(|(e, g)| e * g).sum();
            assert!((gain - 0.3 * norm(&gradient, q)).abs() < 1e-12, "p = {p}");
            let tiny: Vec<f64> = gradient.iter().map(|g| g * 1e-200).collect();
            assert_close(&general(&tiny, &[1.0; 17], 0.3, p), &e, 1e-12);
            assert_eq!(general(&[0.0; 3], &[1.0; 3], 0.3, p), [0.0; 3]);
        }
        assert_eq!(general(&[1.0, -3.0, 3.0], &[1.0; 3], 0.5, 1.0), [0.0, -0.5, 0.0], "the first of equals");
    }
}
