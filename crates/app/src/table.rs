//! The numbers as a table, for those who do not see the pictures, and for everybody who wants them exactly.

use crate::bands::interval;
use crate::curves::Quantity;
use crate::engine::{Engine, Side};
use crate::plots::number;
use crate::state::State;
use crate::text::{self, curves as said};

/// The names of the columns: one a side.
pub fn columns(engine: &Engine) -> Vec<String> {
    sides(engine).iter().map(|side| text::side(&side.label)).collect()
}

/// The rows: a name and a value a side, of the step that is looked back at or of the newest; of several seeds their mean and
/// half of its 95 % interval.
pub fn rows(state: &State, engine: &Engine) -> Vec<(String, Vec<String>)> {
    const MEASURED: [(Quantity, bool); 10] = [
        (Quantity::TestAccuracy, true),
        (Quantity::TestLoss, false),
        (Quantity::TrainAccuracy, true),
        (Quantity::TrainLoss, false),
        (Quantity::CleanAccuracy, true),
        (Quantity::FlippedAccuracy, true),
        (Quantity::Gap, false),
        (Quantity::BatchLoss, false),
        (Quantity::SamLoss, false),
        (Quantity::GradNorm, false),
    ];
    let sides = sides(engine);
    let seeds = engine.duel().map_or(1, |duel| duel.seeds().max(1));
    let of = |quantity: Quantity, share: bool| -> Vec<String> {
        let value = |side: &Side| {
            let lanes = side.first..side.first + seeds;
            let values: Option<Vec<f32>> = lanes.map(|lane| state.shown(lane, quantity)).collect();
            values.map_or_else(|| said::NOT_MEASURED.to_owned(), |values| written(&values, share))
        };
        sides.iter().map(value).collect()
    };
    let step = |side: &Side| match state.scrub {
        Some(step) => state.curves.at(side.first, Quantity::TestAccuracy, step),
        None => state.curves.last(side.first, Quantity::TestAccuracy),
    };
    let counted = |value: fn(crate::curves::Point) -> u64| -> Vec<String> {
        sides.iter().map(|side| step(side).map_or_else(|| "0".to_owned(), |point| text::count(value(point)))).collect()
    };
    let mut rows = vec![
        (said::TABLE_STEP.to_owned(), counted(|point| point.step)),
        (said::TABLE_GRADIENTS.to_owned(), counted(|point| point.gradients)),
        (said::TABLE_SEEDS.to_owned(), vec![seeds.to_string(); sides.len()]),
        (said::TABLE_RHO.to_owned(), sides.iter().map(|side| number(side.rho)).collect()),
    ];
    rows.extend(
        MEASURED
            .into_iter()
            .zip(said::TABLE_MEASURED)
            .map(|((quantity, share), name)| (name.to_owned(), of(quantity, share))),
    );
    rows.retain(|(_, values)| values.iter().any(|value| value != said::NOT_MEASURED));
    rows
}

fn sides(engine: &Engine) -> &[Side] {
    engine.duel().map_or(&[], |duel| duel.sides())
}

fn written(values: &[f32], share: bool) -> String {
    let (mean, half) = interval(values);
    match (share, half > 0.0) {
        _ if !mean.is_finite() => said::NO_NUMBER.to_owned(),
        (true, false) => text::percent(mean),
        (true, true) => format!("{:.1} ± {:.1} %", 100.0 * mean, 100.0 * half),
        (false, false) => format!("{mean:.4}"),
        (false, true) => format!("{mean:.4} ± {half:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_written_with_their_interval() {
        assert_eq!(written(&[0.5], true), "50.0 %");
        assert_eq!(written(&[0.5, 0.5, 0.6, 0.6], true), "55.0 ± 9.2 %");
        assert_eq!(written(&[0.123_44], false), "0.1234");
        assert_eq!(written(&[f32::NAN, 1.0], false), "not a number");
    }
}
