//! Settings that changed while a run trained, as its configuration and its checkpoints record them.

use super::Config;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A change: the setting `key` has `value` from the step `step` on. In JSON it is `[step, key, value]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "(u64, String, Value)", into = "(u64, String, Value)")]
pub struct Change {
    /// The first step with the new value.
    pub step: u64,
    /// A setting, [`Change::POINT`] or [`Change::RESCALE`].
    pub key: String,
    /// Its new value, as the setting has it in JSON.
    pub value: Value,
}

impl Change {
    /// The key of a training point that a person changed: `[-1, x, y, class]` is one more, `[index, x, y, -1]` one that is
    /// elsewhere now, `[index, 0, 0, -2]` one that is gone.
    pub const POINT: &'static str = "point";

    /// The key of a rescaling of ReLU layers: `[side, factor]`, from the weights after that many steps on.
    pub const RESCALE: &'static str = "rescale";

    /// Whether it is something that a person did, and no setting.
    fn is_deed(key: &str) -> bool {
        key == Self::POINT || key == Self::RESCALE
    }
}

impl From<(u64, String, Value)> for Change {
    fn from((step, key, value): (u64, String, Value)) -> Self {
        Self { step, key, value }
    }
}

impl From<Change> for (u64, String, Value) {
    fn from(change: Change) -> Self {
        (change.step, change.key, change.value)
    }
}

/// Changes that a configuration holds at most.
const MOST: usize = 10_000;

impl Config {
    /// The settings in force at `step`: those of the start with the changes up to there, and without `changes`.
    ///
    /// # Errors
    /// [`Error::Input`] for a change that cannot be made.
    pub fn at(&self, step: u64) -> Result<Self> {
        let start = Self { changes: Vec::new(), ..self.clone() };
        let made = self.changes.iter().take_while(|change| change.step <= step);
        let made = made.filter(|change| !Change::is_deed(&change.key));
        let settings: Map<String, Value> = made.map(|change| (change.key.clone(), change.value.clone())).collect();
        if settings.is_empty() {
            return Ok(start);
        }
        let there = start.with(settings, "changes")?;
        there.check().map_err(|e| Error::input(format!("changes: {e}")))?;
        Ok(there)
    }

    /// Records that `key` has `value` from `step` on; an earlier change of the setting at that step is forgotten.
    ///
    /// # Errors
    /// [`Error::Input`] for a step before the last change, for an unknown setting and a value that does not fit. Then
    /// nothing has changed.
    pub fn change(&mut self, step: u64, key: &str, value: Value) -> Result<()> {
        let mut changes = self.changes.clone();
        if !Change::is_deed(key) {
            changes.retain(|change| (change.step, change.key.as_str()) != (step, key));
        }
        changes.push(Change { step, key: key.into(), value });
        let changed = Self { changes, ..self.clone() };
        changed.check_changes()?;
        self.changes = changed.changes;
        Ok(())
    }

    /// Checks `changes`: their order, their keys, and the settings that they come to.
    pub(super) fn check_changes(&self) -> Result<()> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let count = self.changes.len();
        if count > MOST {
            return Err(Error::input(format!("there are {count} changes; a run has at most {MOST}.")));
        }
        if let Some(pair) = self.changes.windows(2).find(|pair| pair[0].step > pair[1].step) {
            let (first, second) = (pair[0].step, pair[1].step);
            return Err(Error::input(format!("changes: step {second} comes after step {first}; put them in order.")));
        }
        for Change { step, key, value } in &self.changes {
            let numbers = || value.as_array().filter(|list| list.len() > 1 && list.iter().all(Value::is_number));
            if key == "changes" || (Change::is_deed(key) && numbers().is_none()) {
                return Err(Error::input(format!("changes: at step {step}, {key} cannot be {value}.")));
            }
        }
        self.at(u64::MAX).map(drop)
    }

    /// Refuses settings that changed while a run trained, for those who train with the same from beginning to end.
    ///
    /// # Errors
    /// [`Error::Input`] where there are changes; `source` names the file.
    pub fn refuse_changes(&self, source: &str) -> Result<()> {
        let Some(Change { step, key, value }) = self.changes.first() else { return Ok(()) };
        let more = match self.changes.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        Err(Error::input(format!(
            "{source}: its settings changed while it trained (from step {step} on {key} was {value}{more}), and a training here \
             has the same from beginning to end. Take `changes` out of it to train with the settings of its start."
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn changed() -> Config {
        let mut config = Config { rho: Some(0.1), ..Config::default() };
        config.change(10, "rho", json!(0.2)).unwrap();
        config.change(10, "rho", json!(0.3)).unwrap();
        config.change(12, "point", json!([4, 0.5, -1.0, 1])).unwrap();
        config.change(12, "point", json!([5, 0.5, -1.0, 1])).unwrap();
        config.change(20, "lr", json!(0.01)).unwrap();
        config
    }

    #[test]
    fn changes_survive_json_and_headers() {
        let config = changed();
        let text = Value::Object(config.to_object()).to_string();
        assert_eq!(Config::from_json(&text, "x").unwrap(), config);
        assert_eq!(Config::from_header(&config.to_header(), "x").unwrap(), (config.clone(), Vec::new()));
        assert_eq!(config.to_object()["changes"][0], json!([10, "rho", 0.3]));
        assert_eq!(config.changes.len(), 4, "the last change of a setting at a step is the one; points add up");
        config.check().unwrap();
    }

    #[test]
    fn settings_are_those_of_the_step() {
        let config = changed();
        let at = |step| config.at(step).map(|c| (c.rho, c.lr, c.changes.len())).unwrap();
        assert_eq!(at(9), (Some(0.1), None, 0));
        assert_eq!(at(10), (Some(0.3), None, 0));
        assert_eq!(at(u64::MAX), (Some(0.3), Some(0.01), 0));
    }

    #[test]
    fn damaged_changes_are_refused() {
        let mut config = changed();
        for (step, key, value) in [
            (19, "lr", json!(0.1)),
            (20, "rhoo", json!(0.1)),
            (20, "rho", json!(-1)),
            (20, "rho", json!("x")),
            (20, "changes", json!([])),
            (20, "point", json!(3)),
            (20, "point", json!([1, "a", 2])),
        ] {
            let error = config.change(step, key, value).unwrap_err();
            assert!(error.is_input() && error.to_string().contains("changes"), "{error}");
            assert_eq!(config, changed());
        }
        for text in [r#"{"changes": 3}"#, r#"{"changes": [[1, "rho"]]}"#, r#"{"changes": [[-1, "rho", 0.1]]}"#] {
            let error = Config::from_json(text, "my.json").unwrap_err().to_string();
            assert!(error.contains("my.json: changes is"), "{error}");
        }
        let backwards = r#"{"changes": [[5, "rho", 0.1], [4, "rho", 0.2]]}"#;
        let error = Config::from_json(backwards, "x").unwrap().check().unwrap_err().to_string();
        assert!(error.contains("step 4 comes after step 5"), "{error}");
    }

    #[test]
    fn a_training_without_changes_refuses_them() {
        let error = changed().refuse_changes("my.json").unwrap_err().to_string();
        assert!(error.contains("my.json") && error.contains("from step 10 on rho was 0.3, and 3 more"), "{error}");
        Config::default().refuse_changes("my.json").unwrap();
    }
}
