//! The configuration as JSON: the file of `--config`, the run folder's record, the checkpoint's header.

use super::Config;
use crate::{Error, Result};
use serde_json::{Map, Value};

/// Keys of a run folder's `config.json` beside the configuration itself.
const RECORD_KEYS: [&str; 4] = ["version", "command", "lanes", "adapter"];
/// Keys that belong to a machine and not to a run; a checkpoint's header leaves them out.
const MACHINE_KEYS: [&str; 1] = ["data_dir"];

impl Config {
    /// The configuration of a JSON object; keys that are not there keep their defaults. A run folder's `config.json` is
    /// one, too.
    ///
    /// # Errors
    /// [`Error::Input`] for anything that is not an object of known keys with fitting values; `source` names the file.
    pub fn from_json(text: &str, source: &str) -> Result<Self> {
        let mut object = object(text, source)?;
        object.retain(|key, _| !RECORD_KEYS.contains(&key.as_str()));
        Self::from_object(object, source)
    }

    /// The same for a checkpoint's header, where unknown keys come from another version: they are returned, not refused.
    ///
    /// # Errors
    /// [`Error::Input`] for damaged text and for values that do not fit.
    pub fn from_header(text: &str, source: &str) -> Result<(Self, Vec<String>)> {
        let mut object = object(text, source)?;
        let known = Self::default().to_object();
        let unknown: Vec<String> = object
            .keys()
            .filter(|key| !known.contains_key(*key) && !RECORD_KEYS.contains(&key.as_str()))
            .cloned()
            .collect();
        object.retain(|key, _| known.contains_key(key));
        Ok((Self::from_object(object, source)?, unknown))
    }

    /// This configuration with some keys replaced, as flags replace a file's.
    ///
    /// # Errors
    /// [`Error::Input`] for a key that does not exist or a value that does not fit.
    pub fn with(&self, changes: Map<String, Value>, source: &str) -> Result<Self> {
        let mut object = self.to_object();
        object.extend(changes);
        Self::from_object(object, source)
    }

    /// All keys and values.
    pub fn to_object(&self) -> Map<String, Value> {
        // Through text, which keeps an f32 as short as it was written.
        match serde_json::to_string(self).and_then(|text| serde_json::from_str(&text)) {
            Ok(Value::Object(object)) => object,
            // A struct of plain fields is an object.
            _ => Map::new(),
        }
    }

    /// The text of a checkpoint's header: everything but what belongs to the machine.
    pub fn to_header(&self) -> String {
        let mut object = self.to_object();
        object.retain(|key, value| !MACHINE_KEYS.contains(&key.as_str()) && !value.is_null());
        Value::Object(object).to_string()
    }

    fn from_object(object: Map<String, Value>, source: &str) -> Result<Self> {
        let known = Self::default().to_object();
        if let Some(unknown) = object.keys().find(|key| !known.contains_key(*key)) {
            return Err(Error::input(format!(
                "{source}: there is no setting '{unknown}'; settings are the flags with _ for -, for instance label_noise."
            )));
        }
        serde_json::from_value(Value::Object(object.clone())).map_err(|whole| {
            // serde names what it expected, not where: the setting that fails alone is the offender.
            let alone = |(key, value): (&String, &Value)| {
                let one = Map::from_iter([(key.clone(), value.clone())]);
                let error = serde_json::from_value::<Self>(Value::Object(one)).err()?;
                Some(format!("{source}: {key} is {value}: {}.", error.to_string().trim_end_matches('.')))
            };
            Error::input(object.iter().find_map(alone).unwrap_or_else(|| format!("{source}: {whole}.")))
        })
    }
}

fn object(text: &str, source: &str) -> Result<Map<String, Value>> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => {
            Err(Error::input(format!("{source} is not a JSON object of settings, such as {{\"data\": \"moons\"}}.")))
        }
        Err(e) => Err(Error::input(format!("{source} is not whole JSON: {e}."))),
    }
}

/// A network's description: a short name as text, a list of layers as the object that it is.
pub(super) mod description {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};
    use serde_json::Value;

    pub(in crate::config) fn serialize<S: Serializer>(text: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
        let list = text.as_ref().filter(|text| text.trim_start().starts_with('{'));
        match list.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
            Some(object) => object.serialize(to),
            None => text.serialize(to),
        }
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
        match Value::deserialize(from)? {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            object @ Value::Object(_) => Ok(Some(object.to_string())),
            _ => Err(D::Error::custom("a short name, a file's name or a list of layers is expected")),
        }
    }
}

/// The value of `text` as a JSON value: a number, true or false, or the text itself.
pub(crate) fn value_of(text: &str) -> Value {
    // Numbers that JSON does not write so, such as .5, are read as flags read them.
    let number = || text.parse().ok().and_then(serde_json::Number::from_f64).map(Value::Number);
    match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        _ => number().unwrap_or_else(|| Value::String(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_survives_json() {
        let config = Config { rho: Some(0.2), model: Some("mlp:8".into()), seeds: 3, ..Config::default() };
        let text = Value::Object(config.to_object()).to_string();
        assert_eq!(Config::from_json(&text, "x").unwrap(), config);
        assert_eq!(Config::from_header(&config.to_header(), "x").unwrap().0, config);
    }

    #[test]
    fn a_list_of_layers_is_an_object() {
        let list = r#"{"layers":[{"p":0.1,"type":"dropout"}]}"#;
        let augment = "flip,crop:2:reflect".parse().unwrap();
        let config = Config { model: Some(list.into()), augment, ..Config::default() };
        assert_eq!(config.to_object()["model"]["layers"][0]["p"], 0.1);
        assert_eq!(config.to_object()["augment"], "flip,crop:2:reflect");
        assert_eq!(Config::from_header(&config.to_header(), "x").unwrap().0, config);
        assert!(Config::from_json(r#"{"model": 3}"#, "x").unwrap_err().to_string().contains("model is 3"));
    }

    #[test]
    fn unknown_keys_are_refused_in_a_file_and_told_in_a_header() {
        let text = r#"{"rho": 0.1, "rhoo": 3}"#;
        assert!(
            Config::from_json(text, "my.json").unwrap_err().to_string().contains("my.json: there is no setting 'rhoo'")
        );
        let (config, unknown) = Config::from_header(text, "x").unwrap();
        assert_eq!((config.rho, unknown), (Some(0.1), vec!["rhoo".to_owned()]));
    }

    #[test]
    fn a_value_that_does_not_fit_is_named() {
        for (text, words) in [
            (r#"{"lr": 1, "rho": "x"}"#, r#"my.json: rho is "x""#),
            (r#"{"betas": 3}"#, "betas is 3: two numbers"),
            (r#"{"order": "random"}"#, "order is \"random\""),
        ] {
            let error = Config::from_json(text, "my.json").unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_lane_reads_numbers_as_flags_do() {
        assert_eq!((value_of(".5"), value_of("2"), value_of("true")), (0.5.into(), 2.into(), true.into()));
        assert_eq!((value_of("nan"), value_of("0.9,0.99")), ("nan".into(), "0.9,0.99".into()));
    }

    #[test]
    fn damaged_files_are_errors() {
        for text in ["", "[]", "{", "{\"rho\": \"x\"}", "{\"seeds\": -1}", "{\"epochs\": 1.5}"] {
            assert!(Config::from_json(text, "x").is_err(), "{text}");
        }
    }
}
