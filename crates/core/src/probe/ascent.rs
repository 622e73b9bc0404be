//! SAM's ascent direction for any p-norm, in f64 on the host (Foret et al. 2021, eq. 2).

/// The e with |e|_p = rho along which the linear approximation of the loss rises most: with 1/p + 1/q = 1,
/// `e = rho sign(g) |g|^(q-1) / (|g|_q^q)^(1/p)`.
///
/// p = infinity gives `rho sign(g)`; p = 1 puts all of rho on the first largest |g|. The gradient is scaled by its largest
/// value first, so nothing over- or underflows. A gradient that is zero, or not finite, gives no direction: e is zero.
pub fn ascent(gradient: &[f64], p: f64, rho: f64) -> Vec<f64> {
    let first_largest = gradient
        .iter()
        .enumerate()
        .fold((0, 0.0), |(place, most), (i, g)| if g.abs() > most { (i, g.abs()) } else { (place, most) });
    let (place, most) = first_largest;
    if most == 0.0 || !gradient.iter().all(|g| g.is_finite()) {
        return vec![0.0; gradient.len()];
    }
    let sign = |g: f64| if g == 0.0 { 0.0 } else { g.signum() };
    if p == 1.0 {
        let mut e = vec![0.0; gradient.len()];
        e[place] = rho * sign(gradient[place]);
        return e;
    }
    if p.is_infinite() {
        return gradient.iter().map(|g| rho * sign(*g)).collect();
    }
    // q - 1 = 1 / (p - 1), which keeps its digits where q is close to 1.
    let power = 1.0 / (p - 1.0);
    let total: f64 = gradient.iter().map(|g| (g.abs() / most).powf(power + 1.0)).sum();
    let scale = rho / total.powf(1.0 / p);
    gradient.iter().map(|g| scale * sign(*g) * (g.abs() / most).powf(power)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Rng, Stream};

    fn norm(values: &[f64], p: f64) -> f64 {
        let most = values.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
        if p.is_infinite() || most == 0.0 {
            return most;
        }
        most * values.iter().map(|v| (v.abs() / most).powf(p)).sum::<f64>().powf(1.0 / p)
    }

    const EXPONENTS: [f64; 9] = [1.0, 1.001, 1.5, 2.0, 3.0, 10.0, 1e3, 1e9, f64::INFINITY];

    #[test]
    fn e_has_norm_rho_and_attains_the_dual_norm() {
        let mut rng = Rng::new(3, Stream::Data, 0);
        for size in [1e-30, 1e-5, 1.0, 1e30] {
            let mut g: Vec<f64> = (0..57).map(|_| size * f64::from(rng.normal())).collect();
            g[5] = 0.0;
            for p in EXPONENTS {
                let q = if p == 1.0 { f64::INFINITY } else { 1.0 + 1.0 / (p - 1.0) };
                let e = ascent(&g, p, 0.3);
                assert!((norm(&e, p) / 0.3 - 1.0).abs() < 1e-9, "p {p}, size {size}: |e| = {}", norm(&e, p));
                let rise: f64 = e.iter().zip(&g).map(|(e, g)| e * g).sum();
                assert!((rise / (0.3 * norm(&g, q)) - 1.0).abs() < 1e-9, "p {p}, size {size}: <g, e> = {rise}");
                assert_eq!(e[5], 0.0);
                let scaled: Vec<f64> = g.iter().map(|g| 4.0 * g).collect();
                assert_eq!(ascent(&scaled, p, 0.3), e, "scaling the gradient changes nothing");
            }
        }
    }

    #[test]
    fn the_worked_example_of_a_quadratic() {
        // L = w' diag(10, 1) w / 2 at (1, 2).
        for (p, e) in [
            (2.0, [0.0980580676, 0.0196116135]),
            (f64::INFINITY, [0.1, 0.1]),
            (1.0, [0.1, 0.0]),
            (3.0, [0.09718484, 0.04346238]),
            (1.5, [0.0994702, 0.00397881]),
        ] {
            let found = ascent(&[10.0, 2.0], p, 0.1);
            assert!(found.iter().zip(e).all(|(found, e)| (found - e).abs() < 1e-8), "p {p}: {found:?}");
        }
    }

    #[test]
    fn ties_take_the_first_and_no_direction_is_zero() {
        assert_eq!(ascent(&[1.0, -2.0, 2.0], 1.0, 0.5), [0.0, -0.5, 0.0]);
        for p in EXPONENTS {
            assert_eq!(ascent(&[0.0, 0.0], p, 0.5), [0.0, 0.0]);
            assert_eq!(ascent(&[f64::NAN, 1.0], p, 0.5), [0.0, 0.0]);
        }
    }
}
