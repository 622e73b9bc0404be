//! Named configurations.

use crate::engine::Start;
use lowland::config::Config;

/// A configuration with a name and a sentence that says what to look at.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Its name in commands and links.
    pub name: &'static str,
    /// What the menu calls it.
    pub title: &'static str,
    /// What to look at.
    pub sentence: &'static str,
    /// Its configuration.
    pub config: fn() -> Config,
}

/// All of them; the first is what the app opens with.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "sam-wins",
        title: "Circles, a fifth of the labels wrong",
        sentence: "Same network, same start, same batches; **a fifth of the labels are wrong**. SGD learns the wrong ones by heart. SAM looks for flat ground, and doesn't.",
        config: || duel("circles", 0.2, 0.05, 0.3),
    },
    Preset {
        name: "moons",
        title: "Moons, a fifth of the labels wrong",
        sentence: "The same race on two moons, **a fifth of the labels wrong**: it takes longer, and ends the same way.",
        config: || duel("moons", 0.2, 0.05, 0.3),
    },
    Preset {
        name: "no-difference",
        title: "No difference: all labels right",
        sentence: "**No wrong labels**, nothing to learn by heart: SGD and SAM end up alike. SAM only pays double.",
        config: || duel("circles", 0.0, 0.05, 0.05),
    },
    Preset {
        name: "sam-loses",
        title: "SAM loses: rho far too large",
        sentence: "SAM looks so far that it sees nothing nearby: with this rho **it collapses** to one answer for every point.",
        config: || duel("circles", 0.2, 0.05, 2.0),
    },
    Preset {
        name: "draw",
        title: "Draw your own points",
        sentence: "**Click to add a point**, with Shift of the other class; drag to move one, right click to remove one. SGD and SAM learn what you draw, while you draw it.",
        config: || Config { data_size: 8, batch: Some(4), ..duel("circles", 0.0, 0.05, 0.1) },
    },
    Preset {
        name: "fashion",
        title: "Clothes: small pictures, a third of the labels wrong",
        sentence: "The same race on pictures of clothes: a small convolutional network, **a third of the labels wrong**.",
        config: || Config {
            data: "fashion-sample".into(),
            label_noise: 0.3,
            model: Some("cnn:8,16".into()),
            batch: Some(50),
            ..duel("fashion-sample", 0.3, 0.05, 0.1)
        },
    },
];

/// SGD against SAM on 2-D points.
fn duel(data: &str, label_noise: f32, lr: f32, rho: f32) -> Config {
    Config {
        data: data.into(),
        label_noise,
        lr: Some(lr),
        rho: Some(rho),
        optimizer: Some("sgd,sam".into()),
        test_limit: Some(1000),
        ..Config::default()
    }
}

/// What the app opens with.
pub fn opening() -> Start {
    Start { config: (PRESETS[0].config)(), edits: Vec::new(), weights: None }
}

/// The preset of this name.
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// The preset that `config` is, whatever its seed.
pub fn preset_of(config: &Config) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| {
        let of = (preset.config)();
        *config == Config { seed: config.seed, seeds: config.seeds, ..of }
    })
}

/// The default of a setting: that of the preset which `config` comes from, else the program's.
///
/// # Errors
/// A sentence where there is no such setting.
pub fn default_of(config: &Config, key: &str) -> Result<String, String> {
    let base = PRESETS.iter().map(|preset| (preset.config)()).find(|preset| preset.data == config.data);
    match base.unwrap_or_default().to_object().remove(key) {
        Some(serde_json::Value::String(text)) => Ok(text),
        Some(serde_json::Value::Null) => Ok(String::new()),
        Some(value) => Ok(value.to_string()),
        None => Err(crate::text::messages::no_setting(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lowland::config::Command;

    #[test]
    fn every_preset_can_be_trained() {
        for preset in PRESETS {
            let config = (preset.config)();
            assert_eq!(config.lanes(Command::Compare).unwrap().len(), 2, "{}", preset.name);
            let data = lowland::data::load(&config).unwrap();
            config.model(data.shape, data.classes).unwrap();
            assert_eq!(preset_of(&Config { seed: 7, ..config }).map(|p| p.name), Some(preset.name));
        }
    }
}
