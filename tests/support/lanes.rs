//! What the tests of optimizers share: lanes on rows of their own, sentinels everywhere else.

use crate::bench::SENTINEL;
use crate::compare::Want;
use lowland::rng::Rng;

/// Lanes.
pub const LANES: usize = 4;
/// Lanes 2 and 1, on slots of work 0 and 2; steps run through a table of 3.
pub const ROWS: [[u32; 4]; 2] = [[0, 0, 0, 2], [0, 0, 2, 1]];
/// Steps of the schedule's table.
pub const TABLE: usize = 3;

/// A value that nobody may use.
pub fn blank() -> f32 {
    f32::from_bits(SENTINEL)
}

/// Values by slot, sentinels in the slots that no row uses by `column`.
pub fn slots(rng: &mut Rng, column: usize, floats: usize, values: impl Fn(&mut Rng) -> f32) -> Vec<f32> {
    let used = |slot| ROWS.iter().any(|row| row[column] as usize == slot);
    (0..LANES)
        .flat_map(|slot| (0..floats).map(|_| if used(slot) { values(rng) } else { blank() }).collect::<Vec<_>>())
        .collect()
}

/// The values in f64.
pub fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

/// What holds the lanes of `ROWS`, untouched elsewhere.
pub fn by_lane(floats: usize, column: usize, want: impl Fn(usize, usize) -> Vec<Want>) -> Vec<Want> {
    let mut all = vec![Want::Untouched; LANES * floats];
    for row in ROWS {
        let slot = row[column] as usize;
        all[slot * floats..][..floats].copy_from_slice(&want(row[2] as usize, row[3] as usize));
    }
    all
}

/// (lr, rho, correction1, correction2) of each step and lane; sentinels for the lanes without a row.
pub fn schedule(entry: impl Fn(usize, usize) -> [f32; 4]) -> Vec<[f32; 4]> {
    let used = |lane| ROWS.iter().any(|row| row[3] as usize == lane);
    let lanes = |step| (0..LANES).map(move |lane| (step, lane));
    (0..TABLE).flat_map(lanes).map(|(step, lane)| if used(lane) { entry(step, lane) } else { [blank(); 4] }).collect()
}
