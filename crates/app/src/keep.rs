//! What the app keeps to go on from after a crash or a lost device: the link, the step, all lanes as they were,
//! and the curves so far.

use crate::curves::Curves;
use crate::share;
use crate::state::State;
use lowland::train::{LaneState, Snapshot};
use serde::{Deserialize, Serialize};

/// The beginning of such bytes.
const MAGIC: &[u8] = b"lowland-app 1\n";

/// What is said before the numbers.
#[derive(Serialize, Deserialize)]
struct Header {
    link: String,
    step: u64,
    /// Of each lane: weights, running statistics, and each moment.
    lanes: Vec<(usize, usize, Vec<usize>)>,
    #[serde(default)]
    curves: Curves,
}

/// Points of curves that are kept: a frame does not wait for more, and a browser keeps few megabytes.
const POINTS: usize = 4096;

/// What was kept.
#[derive(Debug)]
pub struct Kept {
    /// Settings, and what was on screen.
    pub link: share::Link,
    /// The lanes, if any were.
    pub snapshot: Option<Snapshot>,
    /// What was measured until then.
    pub curves: Curves,
}

/// `state` and the lanes of `snapshot` as bytes; without a snapshot, the state alone.
pub fn write(state: &State, snapshot: Option<&Snapshot>) -> Option<Vec<u8>> {
    let lanes = snapshot.map_or(&[][..], |snapshot| &snapshot.lanes);
    let header = Header {
        link: share::link(state),
        step: snapshot.map_or(0, |snapshot| snapshot.step),
        lanes: lanes
            .iter()
            .map(|lane| (lane.weights.len(), lane.running.len(), lane.moments.iter().map(Vec::len).collect()))
            .collect(),
        curves: state.curves.thinned(snapshot.map_or(0, |snapshot| snapshot.step), POINTS, lanes.len()),
    };
    let header = serde_json::to_vec(&header).ok()?;
    let mut bytes = [MAGIC, &(header.len() as u32).to_le_bytes(), &header].concat();
    for lane in lanes {
        for floats in [&lane.weights, &lane.running].into_iter().chain(&lane.moments) {
            bytes.extend(floats.iter().flat_map(|value| value.to_le_bytes()));
        }
    }
    Some(bytes)
}

/// What [`write`] kept.
///
/// # Errors
/// A sentence where the bytes are damaged or of another version.
pub fn read(bytes: &[u8]) -> Result<Kept, String> {
    let damaged = || crate::text::messages::KEPT_DAMAGED.to_owned();
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
    let (header, mut rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(damaged)?;
    let header: Header = serde_json::from_slice(header).map_err(|_| damaged())?;
    let mut floats = |count: usize| -> Option<Vec<f32>> {
        let (some, after) = rest.split_at_checked(count.checked_mul(4)?)?;
        rest = after;
        Some(some.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect())
    };
    let mut lane = |(weights, running, moments): &(usize, usize, Vec<usize>)| {
        Some(LaneState {
            weights: floats(*weights)?,
            running: floats(*running)?,
            moments: moments.iter().map(|count| floats(*count)).collect::<Option<_>>()?,
        })
    };
    let lanes: Option<Vec<LaneState>> = header.lanes.iter().map(&mut lane).collect();
    let lanes = lanes.ok_or_else(damaged)?;
    let snapshot = (!lanes.is_empty()).then_some(Snapshot { step: header.step, lanes });
    Ok(Kept { link: share::parse(&header.link), snapshot, curves: header.curves })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curves::Quantity;

    fn snapshot() -> Snapshot {
        let lane = |first: f32| LaneState {
            weights: vec![first, -0.0, f32::MIN_POSITIVE],
            running: vec![],
            moments: vec![vec![1.0, 2.0, 3.0]],
        };
        Snapshot { step: 1200, lanes: vec![lane(0.1), lane(-7.0)] }
    }

    #[test]
    fn what_is_kept_comes_back_to_the_bit() {
        let mut state = State::new();
        (state.config.seed, state.playing) = (7, false);
        state.curves.begin([("sgd".to_owned(), 7, 1), ("sam".to_owned(), 7, 2)]);
        state.curves.push(1, Quantity::TestLoss, 50, 0.25);
        let bytes = write(&state, Some(&snapshot())).unwrap();
        let Kept { link, snapshot: back, curves } = read(&bytes).unwrap();
        assert_eq!((link.config, link.paused, back), (state.config.clone(), true, Some(snapshot())));
        assert_eq!(curves, state.curves);
        let Kept { link, snapshot: back, .. } = read(&write(&state, None).unwrap()).unwrap();
        assert_eq!((link.config, back), (state.config, None));
    }

    #[test]
    fn damage_is_told() {
        let bytes = write(&State::new(), Some(&snapshot())).unwrap();
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{length}");
        }
        assert!(read(b"lowland-app 2\n\0\0\0\0").is_err());
        let mut large = bytes.clone();
        large[MAGIC.len()..MAGIC.len() + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(read(&large).is_err());
    }
}
