//! Losses as heights, and heights as colours, as the terrain has them.

/// From losses to heights. What is drawn and what lies on it (paths, points, labels) use the same one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeightScale {
    /// By the logarithm of the loss.
    pub log: bool,
    /// The loss of height 0.
    pub low: f32,
    /// The loss of raw height 1; heights beyond are bent so that they stay below 1.
    pub high: f32,
}

/// Where heights begin to bend: `shaders/shared/knee.wgsl`.
const KNEE: f32 = 0.85;
/// Raw heights are cut at this much below and above 0.
const BOUND: f32 = 3.0;

impl HeightScale {
    /// A scale from `low` to `high`, made sound where they are not: a logarithm needs positive losses, and any scale a span.
    pub fn new(log: bool, low: f32, high: f32) -> Self {
        let low = if low.is_finite() { low } else { 0.0 };
        let low = if log { low.max(1e-6) } else { low };
        let span = if log { low * 1.05 } else { low + 1e-3 * low.abs().max(1e-3) };
        let high = if high.is_finite() { high.max(span) } else { span };
        Self { log, low, high }
    }

    /// The height before it is bent, which contours and colours follow: 0 at `low`, 1 at `high`.
    pub fn raw(&self, loss: f32) -> f32 {
        let height = if self.log {
            (loss.max(1e-30) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (loss - self.low) / (self.high - self.low)
        };
        height.clamp(-BOUND, BOUND)
    }

    /// The height that is drawn, 0 to 1; nothing where the loss is not finite.
    pub fn of(&self, loss: f32) -> Option<f32> {
        let raw = self.raw(loss);
        let bent = 1.0 - (1.0 - KNEE) * (-(raw - KNEE) / (1.0 - KNEE)).exp();
        loss.is_finite().then_some(if raw > KNEE { bent } else { raw.max(0.0) })
    }

    /// The loss of a raw height: what a contour line or the end of a legend stands for.
    pub fn loss(&self, raw: f32) -> f32 {
        if self.log { self.low * (self.high / self.low).powf(raw) } else { self.low + (self.high - self.low) * raw }
    }
}

/// The colour of a raw height, sRGB from 0 to 1: for legends. The same as `shaders/shared/hypsometric.wgsl`.
pub fn tint(height: f32) -> [f32; 3] {
    const STOPS: [[f32; 3]; 7] = [
        [0.040, 0.165, 0.240],
        [0.060, 0.305, 0.360],
        [0.110, 0.435, 0.420],
        [0.345, 0.605, 0.450],
        [0.640, 0.735, 0.500],
        [0.860, 0.810, 0.650],
        [0.965, 0.940, 0.890],
    ];
    let t = 6.0 * if height.is_nan() { 0.0 } else { height.clamp(0.0, 1.0) };
    let low = (t as usize).min(5);
    let f = t - low as f32;
    std::array::from_fn(|i| STOPS[low][i] + f * (STOPS[low + 1][i] - STOPS[low][i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_run_from_0_to_1_and_bend_above() {
        for log in [false, true] {
            let scale = HeightScale::new(log, 0.1, 1.6);
            assert_eq!(scale.of(0.1), Some(0.0));
            assert_eq!(scale.of(0.01), Some(0.0), "below the scale");
            assert!((scale.raw(1.6) - 1.0).abs() < 1e-6);
            let middle = if log { 0.4 } else { 0.85 };
            assert!((scale.of(middle).unwrap() - 0.5).abs() < 1e-6);
            assert!((scale.loss(scale.raw(0.7)) - 0.7).abs() < 1e-6);
            let high: Vec<f32> = [1.6, 3.0, 9.0].iter().map(|loss| scale.of(*loss).unwrap()).collect();
            assert!(high[0] > 0.9 && high[0] < high[1] && high[1] < high[2] && high[2] <= 1.0);
            assert_eq!((scale.of(f32::NAN), scale.of(f32::INFINITY)), (None, None));
        }
    }

    #[test]
    fn a_scale_is_made_sound() {
        for (low, high) in [(0.0, 0.0), (f32::NAN, 1.0), (2.0, 1.0), (-1.0, f32::INFINITY), (0.0, 1.0)] {
            for log in [false, true] {
                let scale = HeightScale::new(log, low, high);
                assert!(scale.low < scale.high && (!log || scale.low > 0.0), "{scale:?}");
                assert!(scale.of(0.5).is_some_and(f32::is_finite));
            }
        }
    }

    #[test]
    fn tints_are_evenly_lighter() {
        let light = |t: f32| tint(t).iter().zip([0.3, 0.59, 0.11]).map(|(c, w)| c * w).sum::<f32>();
        assert!((0..40).all(|i| light((i + 1) as f32 / 40.0) > light(i as f32 / 40.0)));
        assert_eq!(tint(-1.0), tint(0.0));
        assert_eq!(tint(7.0), tint(1.0));
    }
}
