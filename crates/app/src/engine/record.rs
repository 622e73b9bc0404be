//! What a training went through: its settings at the start, and each change with the step from which it held.

use super::Start;
use crate::state::Edit;
use lowland::config::{Change, Config};
use serde_json::{Value, json};

/// `record` with all that differs between it and `now`, from `step` on. What does not fit into a record (there is a bound) is
/// left out of it, and logged.
pub fn recorded(record: &Config, before: &Start, now: &Start, step: u64) -> Config {
    let mut record = record.clone();
    let mut add = |key: &str, value: Value| {
        if let Err(error) = record.change(step, key, value) {
            log::warn!("{error}");
        }
    };
    let was = before.config.to_object();
    for (key, value) in now.config.to_object() {
        if was.get(&key) != Some(&value) {
            add(&key, value);
        }
    }
    let common = before.edits.iter().zip(&now.edits).take_while(|(a, b)| a == b).count();
    for edit in &now.edits[common..] {
        let point = match edit {
            Edit::Add([x, y], class) => json!([-1, x, y, class]),
            Edit::Move(index, [x, y]) => json!([index, x, y, -1]),
            // No class: the point is gone.
            Edit::Remove(index) => json!([index, 0, 0, -2]),
        };
        add(Change::POINT, point);
    }
    record
}

/// The record of one lane: where the optimizers of both sides changed, its own.
pub fn of_lane(record: &Config, side: usize) -> Config {
    let mut record = record.clone();
    for change in record.changes.iter_mut().filter(|change| change.key == "optimizer") {
        if let Some(name) = change.value.as_str().and_then(|names| names.split(',').nth(side)) {
            change.value = Value::String(name.trim().to_owned());
        }
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_tells_each_change_and_its_step() {
        let start = |rho, edits| Start { config: Config { rho: Some(rho), ..Config::default() }, edits, weights: None };
        let (first, second) = (start(0.1, Vec::new()), start(0.2, vec![Edit::Move(3, [0.5, 1.0])]));
        let record = recorded(&first.config, &first, &second, 40);
        assert_eq!(record.rho, Some(0.1));
        let told: Vec<_> = record.changes.iter().map(|c| (c.step, c.key.as_str(), c.value.clone())).collect();
        assert_eq!(told, [(40, "rho", json!(0.2)), (40, "point", json!([3, 0.5, 1.0, -1]))]);
        assert_eq!(record.at(u64::MAX).unwrap().rho, Some(0.2));
        let third =
            Start { config: Config { optimizer: Some("sgd,asam".into()), ..second.config.clone() }, ..second.clone() };
        let lane = of_lane(&recorded(&record, &second, &third, 50), 1);
        assert_eq!(lane.at(u64::MAX).unwrap().optimizer.as_deref(), Some("asam"));
    }
}
