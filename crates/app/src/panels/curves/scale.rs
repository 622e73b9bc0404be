//! Where values lie on a plot, and its ticks.

use crate::plots::{Height, number};
use crate::state::Axis;
use crate::text::curves::axis_value;

/// The range of a plot's height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    low: f32,
    high: f32,
    log: bool,
    height: Height,
}

impl Scale {
    /// The range that shows `values`. The few lowest accuracies of a beginning, and the few largest numbers, may lie outside:
    /// they would press the rest together.
    pub fn new(height: Height, log: bool, mut values: Vec<f32>) -> Self {
        let log = log && height == Height::Positive;
        values.retain(|value| value.is_finite() && (!log || *value > 0.0));
        values.sort_by(f32::total_cmp);
        let at = |share: f32| values.get(((values.len().max(1) - 1) as f32 * share) as usize).copied();
        let (low, high) = match height {
            Height::Share => share_range(at(0.04).unwrap_or(0.5), at(1.0).unwrap_or(1.0)),
            Height::Positive if log => {
                let (low, high) = (at(0.01).unwrap_or(0.1).max(1e-6), at(1.0).unwrap_or(1.0).max(1e-6));
                let middle = (low * high).sqrt();
                ((0.9 * low).min(middle / 2.0), (1.1 * high).max(middle * 2.0))
            }
            Height::Positive => (0.0, 1.08 * at(0.99).unwrap_or(1.0).max(1e-6)),
            Height::Signed => {
                let (low, high) = (at(0.01).unwrap_or(0.0).min(0.0), at(0.99).unwrap_or(0.0).max(0.0));
                let margin = 0.08 * (high - low).max(1e-3);
                (low - margin, high + margin)
            }
        };
        Self { low, high, log, height }
    }

    /// The place of a value: 0 at the lower edge, 1 at the upper.
    pub fn unit(&self, value: f32) -> f32 {
        match self.log {
            true => (value.max(1e-9) / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        }
    }

    /// At most `most` values with a line each, and what stands beside them.
    pub fn ticks(&self, most: usize) -> Vec<(f32, String)> {
        let values = match self.log {
            true => Some(decades(self.low, self.high, most))
                .filter(|ticks| ticks.len() > 2)
                .unwrap_or_else(|| even(f64::from(self.low), f64::from(self.high), most)),
            false => even(f64::from(self.low), f64::from(self.high), most),
        };
        let write = |value: f32| match self.height {
            Height::Share => format!("{:.0} %", 100.0 * value),
            _ => trimmed(number(value)),
        };
        values.into_iter().map(|value| (value, write(value))).collect()
    }
}

fn share_range(low: f32, high: f32) -> (f32, f32) {
    const GRID: f32 = 0.05;
    let low = ((low - 0.01) / GRID).floor() * GRID;
    let high = ((high + 0.005) / GRID).ceil() * GRID;
    let high = high.clamp(0.1, 1.0);
    (low.clamp(0.0, high - 0.1), high)
}

/// 0.250 is 0.25 beside a line.
fn trimmed(text: String) -> String {
    if !text.contains('.') || text.contains('e') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Round values from `low` to `high`, evenly.
fn even(low: f64, high: f64, most: usize) -> Vec<f32> {
    let step = round_step((high - low) / most.max(1) as f64);
    let first = (low / step - 1e-6).ceil() as i64;
    (first..)
        .map(|i| i as f64 * step)
        .take_while(|value| *value <= high + 1e-6 * step)
        .map(|value| value as f32)
        .collect()
}

/// The next of 1, 2, 5, 10, ... from `least` on.
fn round_step(least: f64) -> f64 {
    let decade = 10f64.powf(least.max(1e-12).log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * decade).find(|step| *step >= least * 0.999).unwrap_or(decade)
}

/// Powers of ten, and between them 2 and 5 where there is room.
fn decades(low: f32, high: f32, most: usize) -> Vec<f32> {
    let of = |digits: &[f32]| -> Vec<f32> {
        let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let all = powers.flat_map(|power| digits.iter().map(move |digit| digit * 10f32.powi(power)));
        all.filter(|value| (low..=high).contains(value)).collect()
    };
    let sets: [&[f32]; 3] = [&[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
    let fitting = sets.into_iter().map(of).find(|ticks| ticks.len() <= most.max(2));
    fitting.unwrap_or_else(|| {
        let ticks = of(&[1.0]);
        let keep = ticks.len().div_ceil(most.max(2));
        ticks.into_iter().step_by(keep).collect()
    })
}

/// The ticks of an axis from 0 to `end`.
pub fn axis_ticks(axis: Axis, end: f64, most: usize) -> Vec<(f64, String)> {
    let values = even(0.0, end, most);
    values.into_iter().map(|value| (f64::from(value), axis_value(axis, f64::from(value)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracies_begin_where_the_data_does() {
        let mut values = vec![0.9, 0.95, 0.97, 0.93];
        let scale = Scale::new(Height::Share, true, values.clone());
        assert!((scale.low - 0.85).abs() < 1e-6 && scale.high == 1.0, "{scale:?}");
        let read: Vec<String> = scale.ticks(4).into_iter().map(|(_, text)| text).collect();
        assert_eq!(read, ["85 %", "90 %", "95 %", "100 %"]);
        // The untrained network's accuracy is one of many.
        values = [values.repeat(10), vec![0.5]].concat();
        assert!((Scale::new(Height::Share, true, values).low - 0.85).abs() < 1e-6);
        assert_eq!(Scale::new(Height::Share, true, vec![]).high, 1.0);
        let flat = Scale::new(Height::Share, true, vec![1.0; 5]);
        assert!((flat.low - 0.9).abs() < 1e-6 && flat.unit(1.0) == 1.0);
    }

    #[test]
    fn losses_lie_by_their_logarithm() {
        let scale = Scale::new(Height::Positive, true, vec![0.01, 1.0, f32::NAN, 0.0, -1.0]);
        let middle = scale.unit(0.1);
        assert!((middle - 0.5).abs() < 0.02, "{middle}");
        let read: Vec<String> = scale.ticks(5).into_iter().map(|(_, text)| text).collect();
        assert_eq!(read, ["0.01", "0.03", "0.1", "0.3", "1"]);
        let plain = Scale::new(Height::Positive, false, vec![0.0, 1.0]);
        assert_eq!(plain.low, 0.0);
    }

    #[test]
    fn the_gap_shows_its_zero() {
        let scale = Scale::new(Height::Signed, false, vec![0.5, 2.0, 1.0]);
        assert!(scale.unit(0.0) > 0.0);
        assert!(scale.ticks(4).iter().any(|(value, text)| *value == 0.0 && text == "0"));
    }

    #[test]
    fn ticks_are_few_and_round() {
        for end in [0.3, 7.0, 95.0, 1234.0, 88_000.0] {
            let ticks = axis_ticks(Axis::Seconds, end, 5);
            assert!((2..=6).contains(&ticks.len()), "{end}: {ticks:?}");
        }
        assert_eq!(axis_ticks(Axis::Steps, 3000.0, 5)[1].1, "1,000");
    }
}
