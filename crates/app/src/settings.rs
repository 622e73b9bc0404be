//! The settings that can be changed while training: what each is called, what it means, and what changing it costs.

use lowland::config::Config;
use serde_json::Value;

/// What a change of a setting takes, from the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// The next steps have it.
    Live,
    /// The trainer is built anew and keeps the weights.
    Rebuild,
    /// Training begins again.
    Restart,
}

/// How a number is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// Evenly from `.0` to `.1`.
    Linear(f64, f64),
    /// By its logarithm from `.0` to `.1`, and 0 below that.
    Log(f64, f64),
    /// Whole numbers from `.0` to `.1`.
    Whole(f64, f64),
    /// One of these.
    Choice(&'static [&'static str]),
    /// Two different ones of these, for the left and the right side.
    Sides(&'static [&'static str]),
    /// On or off.
    Switch,
    /// A text that the engine checks.
    Text,
}

/// A setting of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its key in JSON, URL and (with `-` for `_`) on the command line.
    pub key: &'static str,
    /// What the control is called.
    pub label: &'static str,
    /// What it means, with its formula.
    pub help: &'static str,
    /// What changing it takes.
    pub change: Change,
    /// What it can be.
    pub range: Range,
}

/// Every setting that has a control; keys of the configuration without one can still be given in a link or a file.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "rho",
        label: "rho",
        help: "How far SAM looks: it climbs by e = rho g / |g| and descends with the gradient there. 0 is SGD, bit for bit.",
        change: Change::Live,
        range: Range::Log(0.001, 2.0),
    },
    Setting {
        key: "lr",
        label: "learning rate",
        help: "The length of a step: w <- w - lr v, where v = momentum v + gradient.",
        change: Change::Live,
        range: Range::Log(0.0005, 1.0),
    },
    Setting {
        key: "momentum",
        label: "momentum",
        help: "How much of the last direction is kept: v <- momentum v + gradient.",
        change: Change::Live,
        range: Range::Linear(0.0, 0.99),
    },
    Setting {
        key: "weight_decay",
        label: "weight decay",
        help: "Pulls weights to zero: gradient + decay w, in the base step.",
        change: Change::Live,
        range: Range::Log(1e-6, 0.1),
    },
    Setting {
        key: "label_noise",
        label: "wrong labels",
        help: "The share of training labels that are moved to another class. Test labels stay right.",
        change: Change::Rebuild,
        range: Range::Linear(0.0, 0.5),
    },
    Setting {
        key: "batch",
        label: "batch",
        help: "Examples per step. Both sides see the same ones.",
        change: Change::Rebuild,
        range: Range::Whole(1.0, 512.0),
    },
    Setting {
        key: "m",
        label: "m",
        help: "m-sharpness: every m examples of a batch climb by themselves, and their gradients are averaged. m divides the batch.",
        change: Change::Rebuild,
        range: Range::Whole(1.0, 512.0),
    },
    Setting {
        key: "optimizer",
        label: "optimizers",
        help: "What the left and the right side are trained with.",
        change: Change::Rebuild,
        range: Range::Sides(&["sgd", "sam", "asam", "adam", "adamw", "rmsprop"]),
    },
    Setting {
        key: "base",
        label: "base of SAM",
        help: "The step that SAM's gradient is given to.",
        change: Change::Rebuild,
        range: Range::Choice(&["sgd", "adam", "adamw", "rmsprop"]),
    },
    Setting {
        key: "p",
        label: "p",
        help: "The norm of the ball that SAM climbs in: max of L(w + e) over |e|_p <= rho.",
        change: Change::Rebuild,
        range: Range::Text,
    },
    Setting {
        key: "ascent_steps",
        label: "ascent steps",
        help: "The climb in this many steps of rho / j.",
        change: Change::Rebuild,
        range: Range::Whole(1.0, 10.0),
    },
    Setting {
        key: "second_order",
        label: "second order",
        help: "SAM's whole gradient, with the term that it drops: g_s + H v. It takes five gradients a step, and p = 2.",
        change: Change::Rebuild,
        range: Range::Switch,
    },
    Setting {
        key: "nesterov",
        label: "Nesterov",
        help: "Looks ahead: w <- w - lr (gradient + momentum v).",
        change: Change::Live,
        range: Range::Switch,
    },
    Setting {
        key: "label_smoothing",
        label: "label smoothing",
        help: "The training target: 1 - s on the label, s spread over all classes.",
        change: Change::Rebuild,
        range: Range::Linear(0.0, 0.5),
    },
    Setting {
        key: "data",
        label: "data",
        help: "The data set: 2-D points that are generated, the pictures that ship with the program, or files.",
        change: Change::Restart,
        range: Range::Text,
    },
    Setting {
        key: "data_size",
        label: "points",
        help: "Training points of a generated set.",
        change: Change::Restart,
        range: Range::Whole(10.0, 2000.0),
    },
    Setting {
        key: "data_noise",
        label: "scatter",
        help: "Standard deviation of a generated set's points around their shape.",
        change: Change::Restart,
        range: Range::Linear(0.0, 1.0),
    },
    Setting {
        key: "data_seed",
        label: "data seed",
        help: "Which points, and which labels are wrong.",
        change: Change::Restart,
        range: Range::Whole(0.0, 9999.0),
    },
    Setting {
        key: "model",
        label: "network",
        help: "mlp:32,32,32 has three hidden layers of 32; cnn:16,32 two convolutions.",
        change: Change::Restart,
        range: Range::Text,
    },
    Setting {
        key: "activation",
        label: "activation",
        help: "What follows each layer but the last.",
        change: Change::Restart,
        range: Range::Choice(&["relu", "leaky-relu", "tanh", "gelu", "silu"]),
    },
    Setting {
        key: "norm",
        label: "normalisation",
        help: "Batch or group normalisation after each layer, or none.",
        change: Change::Restart,
        range: Range::Choice(&["none", "batch", "group"]),
    },
    Setting {
        key: "dropout",
        label: "dropout",
        help: "The share of values that a step leaves out.",
        change: Change::Restart,
        range: Range::Linear(0.0, 0.8),
    },
    Setting {
        key: "seed",
        label: "seed",
        help: "Draws the initial weights and the order of the examples; both sides have the same.",
        change: Change::Restart,
        range: Range::Whole(0.0, 9999.0),
    },
    Setting {
        key: "seeds",
        label: "seeds at once",
        help: "How many seeds are trained side by side: curves become bands of their mean and 95 % interval.",
        change: Change::Restart,
        range: Range::Whole(1.0, 16.0),
    },
    Setting {
        key: "equal_compute",
        label: "SGD with SAM's compute",
        help: "One SGD more, which takes two steps for each of SAM's: the same number of gradients.",
        change: Change::Restart,
        range: Range::Switch,
    },
];

/// The setting of this key.
pub fn setting(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// What it takes to go from one configuration to another: the most that any key that differs takes. Keys without a
/// control begin anew.
pub fn change(from: &Config, to: &Config) -> Option<Change> {
    let (from, to) = (from.to_object(), to.to_object());
    let differing = to.iter().filter(|(key, value)| from.get(*key) != Some(*value));
    differing.map(|(key, _)| setting(key).map_or(Change::Restart, |setting| setting.change)).max()
}

/// The number that a setting stands at, where `config` leaves it to the program too.
pub fn number(config: &Config, key: &str) -> f64 {
    let optimizer = config.optimizer.as_deref().unwrap_or("sgd,sam");
    let points = !(config.data.contains(':')
        || ["fashion", "mnist", "cifar", "svhn"].iter().any(|set| config.data.contains(set)));
    let adaptive = optimizer.contains("asam") && !optimizer.split(',').any(|name| name == "sam");
    let batch = config.batch.map_or(if points { 20.0 } else { 128.0 }, |batch| batch as f64);
    match value(config, key).as_f64() {
        Some(number) => number,
        None => match key {
            "rho" if adaptive => 0.5,
            "rho" => 0.05,
            "lr" if optimizer.split(',').all(|name| name.starts_with("adam")) => 0.001,
            "lr" => 0.1,
            "momentum" => 0.9,
            "batch" => batch,
            "m" => config.m.map_or(batch, |m| m as f64),
            "data_noise" => 0.1,
            _ => 0.0,
        },
    }
}

/// The value of `key` in `config`, as JSON has it.
pub fn value(config: &Config, key: &str) -> Value {
    config.to_object().remove(key).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_a_key_of_the_configuration() {
        let keys = Config::default().to_object();
        for setting in SETTINGS {
            assert!(keys.contains_key(setting.key), "{}", setting.key);
        }
    }

    #[test]
    fn a_change_takes_what_its_hardest_key_takes() {
        let from = Config::default();
        let with = |key: &str, value: Value| from.with([(key.to_owned(), value)].into_iter().collect(), "x").unwrap();
        assert_eq!(change(&from, &from), None);
        assert_eq!(change(&from, &with("rho", 0.1.into())), Some(Change::Live));
        assert_eq!(change(&from, &with("batch", 10.into())), Some(Change::Rebuild));
        assert_eq!(change(&from, &with("seed", 1.into())), Some(Change::Restart));
        let both = Config { rho: Some(0.2), seed: 3, ..from.clone() };
        assert_eq!(change(&from, &both), Some(Change::Restart));
    }
}
