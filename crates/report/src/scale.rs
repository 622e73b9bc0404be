//! The scale of a loss surface: losses to heights from 0 to 1, heights to colours, and round isolines. Several surfaces share
//! one scale, so that the same colour and height mean the same loss.

use crate::axis::{decimals, spacing, with_minus};

/// Losses from `low` to `high` as heights, by themselves or by their logarithm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeightScale {
    /// The loss at height 0.
    pub low: f64,
    /// The loss at height 1; higher ones are cut off there.
    pub high: f64,
    /// Whether heights follow the logarithm.
    pub log: bool,
}

/// Where the range is wider than this, heights follow the logarithm unless told otherwise.
const WIDE: f64 = 20.0;

/// From 0 to 1, for surfaces of which nothing is finite: there is nothing to scale.
impl Default for HeightScale {
    fn default() -> Self {
        Self { low: 0.0, high: 1.0, log: false }
    }
}

impl HeightScale {
    /// A scale for all finite losses, cut off at `cap`. Without a choice it is logarithmic where losses differ by more than
    /// 20 times. `None` where no loss is finite.
    pub fn of(losses: impl Iterator<Item = f64>, cap: Option<f64>, log: Option<bool>) -> Option<Self> {
        let cut = |loss: f64| cap.map_or(loss, |cap| loss.min(cap));
        let (low, high) = losses
            .filter(|loss| loss.is_finite())
            .map(cut)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), loss| (low.min(loss), high.max(loss)));
        if low > high {
            return None;
        }
        // The logarithm of a loss of exactly 0 is taken from a millionth of the range on.
        let floor = |low: f64| if low > 0.0 { low } else { 1e-6 * high.max(f64::MIN_POSITIVE) };
        let log = high > 0.0 && log.unwrap_or(high > WIDE * floor(low));
        let low = if log { floor(low) } else { low };
        let high = if high - low > 1e-9 * high.abs() { high } else { low + 1e-3 * low.abs().max(1e-6) };
        Some(Self { low, high, log })
    }

    fn map(&self, loss: f64) -> f64 {
        if self.log { loss.max(f64::MIN_POSITIVE).ln() } else { loss }
    }

    /// The height of a loss, from 0 to 1; NaN where it is not finite.
    pub fn height(&self, loss: f64) -> f64 {
        if !loss.is_finite() {
            return f64::NAN;
        }
        let (low, high) = (self.map(self.low), self.map(self.high));
        ((self.map(loss) - low) / (high - low)).clamp(0.0, 1.0)
    }

    /// The loss at a height.
    pub fn loss(&self, height: f64) -> f64 {
        let (low, high) = (self.map(self.low), self.map(self.high));
        let value = low + height * (high - low);
        if self.log { value.exp() } else { value }
    }

    /// Losses of isolines, evenly spaced in height: `parts - 1` of them.
    pub fn levels(&self, parts: usize) -> Vec<f64> {
        (1..parts).map(|i| self.loss(i as f64 / parts as f64)).collect()
    }

    /// Round losses for an axis, with their text.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let inside = |loss: &f64| (self.low..=self.high * (1.0 + 1e-9)).contains(loss);
        if !self.log {
            let step = spacing(self.high - self.low, 5.0);
            let first = (self.low / step).ceil() as i64;
            let all = (0..12).map(|i| (first + i) as f64 * step).filter(inside);
            return all.map(|loss| (loss, with_minus(decimals(loss, step)))).collect();
        }
        let decades = (self.high / self.low).log10();
        let per_decade: &[f64] = match decades {
            d if d > 3.5 => &[1.0],
            d if d > 1.5 => &[1.0, 3.0],
            _ => &[1.0, 2.0, 5.0],
        };
        let every = (decades / 8.0).ceil().max(1.0) as i32;
        let first = self.low.log10().floor() as i32;
        let powers = (first..=self.high.log10().ceil() as i32).filter(|power| power % every == 0);
        let all = powers.flat_map(|power| per_decade.iter().map(move |m| m * 10f64.powi(power))).filter(inside);
        all.map(|loss| (loss, short(loss))).collect()
    }
}

/// A loss in few digits.
pub(crate) fn short(loss: f64) -> String {
    match loss.abs() {
        0.0 => "0".into(),
        size if !(1e-3..1e5).contains(&size) => format!("{loss:.1e}").replace(".0e", "e"),
        size if size >= 100.0 => format!("{loss:.0}"),
        size => {
            let places = (2.0 - size.log10().floor()).clamp(0.0, 5.0) as usize;
            let text = format!("{loss:.places$}");
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
        }
    }
}

/// The colour of a height from 0 to 1, as red, green and blue: violet over teal to yellow, lightness even in Oklab (Ottosson
/// 2020). The renderer of height fields has the same (`shaders/shared/colormap.wgsl`).
pub fn colour(height: f64) -> [u8; 3] {
    let t = height.clamp(0.0, 1.0);
    let hue = (300.0 - 195.0 * t).to_radians();
    let chroma = 0.095 + 0.06 * (2.0 * t - 1.0).powi(2);
    let lab = [0.3 + 0.62 * t, chroma * hue.cos(), chroma * hue.sin()];
    let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    let lms =
        [[1.0, 0.3963377774, 0.2158037573], [1.0, -0.1055613458, -0.0638541728], [1.0, -0.0894841775, -1.2914855480]]
            .map(|row| dot(row, lab).powi(3));
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
    .map(|row| {
        let linear = dot(row, lms).clamp(0.0, 1.0);
        let value = if linear <= 0.0031308 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
        (255.0 * value).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_and_losses_are_inverse_and_cut_off() {
        for log in [Some(false), Some(true)] {
            let scale = HeightScale::of([0.5, 2.0, 90.0, f64::NAN].into_iter(), Some(8.0), log).unwrap();
            assert_eq!((scale.low, scale.high), (0.5, 8.0));
            assert_eq!((scale.height(0.5), scale.height(8.0), scale.height(90.0)), (0.0, 1.0, 1.0));
            assert!(scale.height(f64::NAN).is_nan() && scale.height(f64::INFINITY).is_nan());
            for loss in [0.6, 1.0, 5.0] {
                assert!((scale.loss(scale.height(loss)) - loss).abs() < 1e-12);
            }
            assert_eq!(scale.levels(4).len(), 3);
        }
        assert_eq!(HeightScale::of([f64::NAN].into_iter(), None, None), None);
        assert!(!HeightScale::of([1.0, 2.0].into_iter(), None, None).unwrap().log);
        assert!(HeightScale::of([0.0, 2.0].into_iter(), None, None).unwrap().log);
        let flat = HeightScale::of([1.0, 1.0].into_iter(), None, None).unwrap();
        assert_eq!(flat.height(1.0), 0.0);
    }

    #[test]
    fn ticks_are_round_and_inside() {
        for (low, high) in [(0.01, 50.0), (0.3, 0.31), (1e-6, 1e12), (1.2, 7.7)] {
            let scale = HeightScale::of([low, high].into_iter(), None, None).unwrap();
            let ticks = scale.ticks();
            assert!((2..=12).contains(&ticks.len()), "{low} to {high}: {ticks:?}");
        }
        assert_eq!(short(0.05), "0.05");
        assert_eq!(short(1e-5), "1e-5");
        assert_eq!(short(300.0), "300");
    }

    #[test]
    fn colours_get_lighter_evenly() {
        let light = |c: [u8; 3]| 0.2126 * f64::from(c[0]) + 0.7152 * f64::from(c[1]) + 0.0722 * f64::from(c[2]);
        let lights: Vec<f64> = (0..=20).map(|i| light(colour(i as f64 / 20.0))).collect();
        assert!(lights.windows(2).all(|pair| pair[1] > pair[0] + 4.0), "{lights:?}");
    }
}
