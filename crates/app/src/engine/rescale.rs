//! Rescales a side: other weights that compute the same network (Dinh et al. 2017).

use super::{Engine, Next};
use crate::state::State;
use crate::text::messages;
use lowland::Result;
use lowland::config::Change;
use lowland::train::Snapshot;
use serde_json::json;
use std::rc::Rc;

/// The first layer of a side grows by a factor and the second shrinks by it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rescale {
    /// 0 left, 1 right.
    pub side: usize,
    /// The factor.
    pub factor: f32,
}

/// Factors that are offered.
pub const FACTORS: [f32; 3] = [2.0, 5.0, 10.0];

impl Engine {
    /// The layers between which a factor can be moved, or why there are none.
    ///
    /// # Errors
    /// A sentence that says what stands in the way.
    pub fn rescalable(&self) -> std::result::Result<[String; 2], String> {
        let duel = self.duel.as_ref().ok_or_else(|| messages::NO_RACE.to_owned())?;
        let pairs = duel.model().rescalings().map_err(|error| error.to_string())?;
        pairs.into_iter().next().map(|pair| pair.layers).ok_or_else(|| messages::NO_LAYERS.to_owned())
    }

    /// Pauses and rescales a side as soon as its weights have come back. It is no change of the settings, but recorded as one.
    ///
    /// # Errors
    /// A sentence where that cannot be.
    pub fn rescale(&mut self, state: &mut State, rescale: Rescale) -> std::result::Result<(), String> {
        self.rescalable()?;
        if self.next.is_some() {
            return Err(messages::ANOTHER_CHANGE.to_owned());
        }
        if !(rescale.factor.is_finite() && (0.01..=100.0).contains(&rescale.factor)) {
            return Err(messages::no_factor(rescale.factor));
        }
        if self.duel.as_ref().is_none_or(|duel| rescale.side >= duel.sides().len().min(2)) {
            return Err(messages::NO_SIDE.to_owned());
        }
        (state.playing, state.scrub, state.slow) = (false, None, None);
        self.next = Some(Next::Snapshot(state.start(), Some(rescale)));
        Ok(())
    }

    /// `snapshot` with the lanes of a side rescaled, and the record of that.
    pub(super) fn rescaled(&mut self, snapshot: Rc<Snapshot>, rescale: Option<Rescale>) -> Result<Rc<Snapshot>> {
        let (Some(Rescale { side, factor }), Some(duel)) = (rescale, &mut self.duel) else { return Ok(snapshot) };
        let (model, mut snapshot) = (Rc::clone(duel.model()), Snapshot::clone(&snapshot));
        let pairs = model.rescalings()?;
        let (first, seeds) = (duel.sides().get(side).map_or(0, |side| side.first), duel.seeds());
        for lane in snapshot.lanes.iter_mut().skip(first).take(seeds) {
            if let Some(pair) = pairs.first() {
                pair.apply(&model, lane, factor)?;
            }
        }
        if let Some(meter) = &mut self.meter {
            meter.note(side, factor);
        }
        duel.note(snapshot.step, Change::RESCALE, json!([side, factor]));
        Ok(Rc::new(snapshot))
    }
}
