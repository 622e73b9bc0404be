//! From what a person wrote to what is trained: lanes, steps, checks of every number.

use super::json::value_of;
use super::{Base, Config, Order};
use crate::data::{Dataset, Shape};
use crate::model::{Model, Style, load_list};
use crate::optim::{Adam, Ascent, BaseStep, Epochs, Optimizer, RmsProp, Schedule, Sgd};
use crate::train::{Lane, Setup};
use crate::{Error, Result};
use serde_json::Map;

/// The settings that a `--lane` may have of its own.
pub const LANE_KEYS: [&str; 22] = [
    "optimizer",
    "base",
    "lr",
    "momentum",
    "nesterov",
    "dampening",
    "betas",
    "alpha",
    "eps",
    "weight_decay",
    "clip_norm",
    "schedule",
    "warmup",
    "rho",
    "p",
    "ascent_steps",
    "second_order",
    "m",
    "label_smoothing",
    "batch",
    "epochs",
    "steps",
];
/// The names that `--optimizer` takes.
const OPTIMIZERS: [&str; 6] = ["sgd", "adam", "adamw", "rmsprop", "sam", "asam"];

/// A lane before seeds: its label and its own settings.
#[derive(Clone, Debug)]
pub struct LaneConfig {
    /// Its name in columns and files.
    pub label: String,
    /// The configuration with the lane's own settings; `optimizer` is one name.
    pub config: Config,
}

/// Which command the configuration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// One lane.
    Train,
    /// Several lanes side by side.
    Compare,
}

impl Config {
    /// Checks every number that can be checked without the data.
    ///
    /// # Errors
    /// [`Error::Input`] naming the setting, its value and what it may be.
    pub fn check(&self) -> Result<()> {
        let f = |name: &str, value: f32, ok: bool, range: &str| {
            if ok && value.is_finite() {
                return Ok(());
            }
            Err(Error::input(format!("{name} is {value}; it must be {range}.")))
        };
        if let Some(rho) = self.rho {
            f("rho", rho, rho >= 0.0, "a number from 0 on (0 is the base optimizer itself)")?;
        }
        if let Some(norm) = self.clip_norm {
            f("clip-norm", norm, norm > 0.0, "a number above 0")?;
        }
        if let Some(lr) = self.lr {
            f("lr", lr, lr >= 0.0, "a number from 0 on")?;
        }
        if let Some(noise) = self.data_noise {
            f("data-noise", noise, noise >= 0.0, "a standard deviation from 0 on")?;
        }
        if let Some(momentum) = self.momentum {
            f("momentum", momentum, (0.0..1.0).contains(&momentum), "from 0 to below 1")?;
        }
        f("alpha", self.alpha, (0.0..1.0).contains(&self.alpha), "from 0 to below 1")?;
        f("dampening", self.dampening, (0.0..=1.0).contains(&self.dampening), "from 0 to 1")?;
        f("weight-decay", self.weight_decay, self.weight_decay >= 0.0, "a number from 0 on")?;
        f("eps", self.eps, self.eps >= 0.0, "a number from 0 on")?;
        f("label-smoothing", self.label_smoothing, (0.0..1.0).contains(&self.label_smoothing), "from 0 to below 1")?;
        f("dropout", self.dropout, (0.0..1.0).contains(&self.dropout), "from 0 to below 1")?;
        f("label-noise", self.label_noise, (0.0..=1.0).contains(&self.label_noise), "a fraction from 0 to 1")?;
        f("val-fraction", self.val_fraction, (0.0..1.0).contains(&self.val_fraction), "a fraction from 0 to below 1")?;
        for beta in [self.betas.0, self.betas.1] {
            f("betas", beta, (0.0..1.0).contains(&beta), "two numbers from 0 to below 1")?;
        }
        if self.nesterov && (self.momentum == Some(0.0) || self.dampening != 0.0) {
            return Err(Error::input("nesterov needs a momentum above 0 and no dampening."));
        }
        let counts = [
            ("batch", self.batch.map(|n| n as u64)),
            ("m", self.m.map(|n| n as u64)),
            ("ascent-steps", Some(u64::from(self.ascent_steps))),
            ("epochs", self.epochs),
            ("steps", self.steps),
            ("seeds", Some(u64::from(self.seeds))),
            ("log-every", Some(self.log_every)),
            ("eval-every", self.eval_every),
            ("checkpoint-every", self.checkpoint_every),
            ("keep-every", self.keep_every),
            ("train-limit", self.train_limit.map(|n| n as u64)),
            ("test-limit", self.test_limit.map(|n| n as u64)),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, n)| *n == Some(0)) {
            return Err(Error::input(format!("{name} is 0; it must be at least 1.")));
        }
        if self.epochs.is_some() && self.steps.is_some() {
            return Err(Error::input("epochs and steps are both given; give one of them."));
        }
        if self.ascent_steps > MOST_ASCENT_STEPS {
            let steps = self.ascent_steps;
            return Err(Error::input(format!("ascent-steps is {steps}; an ascent has at most {MOST_ASCENT_STEPS}.")));
        }
        if self.seeds > MOST_SEEDS {
            return Err(Error::input(format!("seeds is {}; a run has at most {MOST_SEEDS}.", self.seeds)));
        }
        if self.seed.checked_add(self.seeds - 1).is_none() {
            let (seed, seeds) = (self.seed, self.seeds);
            return Err(Error::input(format!("seed {seed} leaves no room for {seeds} seeds; take a smaller seed.")));
        }
        self.check_changes()
    }

    /// The network for examples of this shape.
    ///
    /// # Errors
    /// [`Error::Input`] for an unknown model or sizes that do not fit.
    pub fn model(&self, shape: Shape, classes: usize) -> Result<Model> {
        let default = if is_image(shape) { "cnn:16,32" } else { "mlp:32,32,32" };
        let text = self.model.as_deref().unwrap_or(default);
        let style = Style { activation: self.activation, norm: self.norm, dropout: self.dropout };
        let parse = if text.ends_with(".json") { load_list } else { Model::parse };
        parse(text, shape, classes, style)
    }

    /// Examples per step.
    pub fn batch_for(&self, shape: Shape) -> usize {
        self.batch.unwrap_or(if is_image(shape) { 128 } else { 20 })
    }

    /// The lanes before seeds, in the order of the tables.
    ///
    /// # Errors
    /// [`Error::Input`] for unknown optimizers, damaged `--lane`s and equal labels.
    pub fn lanes(&self, command: Command) -> Result<Vec<LaneConfig>> {
        self.check()?;
        let default = match (command, self.lane.is_empty()) {
            (Command::Train, _) => "sgd",
            (Command::Compare, true) => "sgd,sam",
            (Command::Compare, false) => "",
        };
        let names = self.optimizer.as_deref().unwrap_or(default);
        let mut lanes = Vec::new();
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty() || self.optimizer.is_some()) {
            let config = Self { optimizer: Some(name.into()), lane: Vec::new(), ..self.clone() };
            lanes.push(LaneConfig { label: name.into(), config });
        }
        for text in &self.lane {
            lanes.push(self.parse_lane(text)?);
        }
        if self.equal_compute {
            let twice = |n: u64| n.saturating_mul(2);
            let epochs = self.epochs.or(if self.steps.is_some() { None } else { Some(DEFAULT_EPOCHS) }).map(twice);
            let config = Self {
                optimizer: Some("sgd".into()),
                lane: Vec::new(),
                epochs,
                steps: self.steps.map(twice),
                ..self.clone()
            };
            lanes.push(LaneConfig { label: "sgd-2x".into(), config });
        }
        if command == Command::Train && lanes.len() != 1 {
            return Err(Error::input(
                "train takes one optimizer; `lowland compare` trains several side by side, with --lane and --equal-compute.",
            ));
        }
        for (i, lane) in lanes.iter().enumerate() {
            let name = lane.config.optimizer.as_deref().unwrap_or_default();
            if !OPTIMIZERS.contains(&name) {
                let list = OPTIMIZERS.join(", ");
                return Err(Error::input(format!(
                    "lane {}: there is no optimizer '{name}'; there are {list}.",
                    lane.label
                )));
            }
            if lanes[..i].iter().any(|other| other.label == lane.label) {
                return Err(Error::input(format!("two lanes are called '{}'; give each its own label.", lane.label)));
            }
            lane.config.check().map_err(|e| Error::input(format!("lane {}: {e}", lane.label)))?;
        }
        check_second_order(&lanes)?;
        Ok(lanes)
    }

    /// `LABEL: key=value key=value`.
    fn parse_lane(&self, text: &str) -> Result<LaneConfig> {
        let wrong =
            |why: &str| Error::input(format!("lane '{text}': {why}; write it as \"sam2: optimizer=sam rho=0.2\"."));
        let (label, settings) = text.split_once(':').ok_or_else(|| wrong("there is no colon after its label"))?;
        let label = label.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
        if label.is_empty() || label.len() > 64 || !label.chars().all(fits) || label.starts_with('.') {
            return Err(wrong("a label has 1 to 64 letters, digits, - _ . +"));
        }
        let mut given = std::collections::HashSet::new();
        let mut changes = Map::new();
        changes.insert("lane".into(), serde_json::Value::Array(Vec::new()));
        changes.insert("optimizer".into(), "sgd".into());
        for setting in settings.split_whitespace() {
            let (key, value) = setting.split_once('=').ok_or_else(|| wrong("a setting is key=value"))?;
            let key = key.replace('-', "_");
            if !LANE_KEYS.contains(&key.as_str()) {
                return Err(wrong(&format!("'{key}' is not a lane's own setting; those are {}", LANE_KEYS.join(", "))));
            }
            let other = match key.as_str() {
                "epochs" => Some("steps"),
                "steps" => Some("epochs"),
                _ => None,
            };
            if !given.insert(key.clone()) {
                return Err(wrong(&format!("'{key}' is given twice")));
            }
            if let Some(other) = other.filter(|other| !given.contains(*other)) {
                changes.insert(other.into(), serde_json::Value::Null);
            }
            changes.insert(key, value_of(value));
        }
        let config = self.with(changes, &format!("lane {label}"))?;
        Ok(LaneConfig { label: label.into(), config: Self { equal_compute: false, ..config } })
    }

    /// What `self`, a lane's configuration, is trained with over `steps` steps.
    fn optimizer_for(&self, steps: u64, epochs: Epochs) -> Optimizer {
        let name = self.optimizer.as_deref().unwrap_or("sgd");
        let base = match name {
            "adam" => Base::Adam,
            "adamw" => Base::AdamW,
            "rmsprop" => Base::RmsProp,
            "sam" | "asam" => self.base,
            _ => Base::Sgd,
        };
        let Self { momentum, dampening, nesterov, alpha, eps, weight_decay, clip_norm, p, .. } = *self;
        let adam = Adam { betas: [self.betas.0, self.betas.1], eps };
        let (base, lr) = match base {
            Base::Sgd => (BaseStep::Sgd(Sgd { momentum: momentum.unwrap_or(0.9), dampening, nesterov }), 0.1),
            Base::Adam => (BaseStep::Adam(adam), 0.001),
            Base::AdamW => (BaseStep::AdamW(adam), 0.001),
            Base::RmsProp => (BaseStep::RmsProp(RmsProp { alpha, eps, momentum: momentum.unwrap_or(0.0) }), 0.01),
        };
        let rho = match name {
            "sam" => self.rho.unwrap_or(0.05),
            "asam" => self.rho.unwrap_or(0.5),
            _ => 0.0,
        };
        let shape = self.schedule.clone();
        Optimizer {
            base,
            ascent: Ascent {
                rho,
                p,
                adaptive: name == "asam",
                steps: self.ascent_steps,
                second_order: self.second_order && name == "sam",
            },
            schedule: Schedule { lr: self.lr.unwrap_or(lr), shape, warmup: self.warmup, steps, epochs },
            weight_decay,
            clip_norm,
        }
    }

    /// Steps of an epoch of `examples` examples in batches of `batch`.
    pub fn steps_per_epoch(&self, examples: usize, batch: usize) -> f64 {
        match self.order {
            Order::Shuffle => (examples / batch).max(1) as f64,
            Order::File => examples as f64 / batch as f64,
        }
    }

    /// The trainers that `lanes` come to: one for all lanes of the same batch, groups, length and smoothing,
    /// each lane once a seed.
    ///
    /// # Errors
    /// [`Error::Input`] for a batch that does not fit, or a run longer than a step counter.
    pub fn setups(&self, lanes: &[LaneConfig], data: &Dataset, model: &Model) -> Result<Vec<Setup>> {
        let mut setups: Vec<Setup> = Vec::new();
        self.augment.check(data.shape)?;
        for LaneConfig { label, config } in lanes {
            let (examples, batch) = (data.train.len(), config.batch_for(data.shape));
            if batch > examples {
                return Err(Error::input(format!(
                    "lane {label}: a batch of {batch} is larger than the training set of {examples} examples; take at most that."
                )));
            }
            if model.fewest_normalised() == Some(1) && config.m.unwrap_or(batch) == 1 {
                return Err(Error::input(format!(
                    "lane {label}: batch norm needs more than one value per channel; take a batch (and m) of at least 2, or --norm none."
                )));
            }
            let per_epoch = config.steps_per_epoch(examples, batch);
            let epochs = config.epochs.unwrap_or(DEFAULT_EPOCHS);
            let steps = config.steps.unwrap_or((epochs as f64 * per_epoch).ceil() as u64);
            let (most, most_product) = (u64::from(u32::MAX / 2), u64::from(u32::MAX));
            if steps > most {
                return Err(Error::input(format!(
                    "lane {label}: {steps} steps are more than a run can count; take at most {most}."
                )));
            }
            if examples as u64 * batch as u64 > most_product {
                let fitting = most_product / examples as u64;
                return Err(Error::input(format!(
                    "lane {label}: a batch of {batch} of {examples} examples is more than a run can count; take at most {fitting}."
                )));
            }
            let m = config.m.unwrap_or(batch);
            if !batch.is_multiple_of(m) {
                return Err(Error::input(format!(
                    "lane {label}: m is {m}, which does not divide the batch of {batch}; take a divisor."
                )));
            }
            let optimizer = config.optimizer_for(steps, config.epochs_of(examples, batch));
            let climbs = optimizer.gradients_per_step();
            let epoch = (per_epoch.ceil() as u64).max(1);
            let setup = Setup {
                lanes: (0..self.seeds)
                    .map(|i| Lane { label: label.clone(), seed: self.seed + i, optimizer: optimizer.clone() })
                    .collect(),
                batch,
                m,
                order: self.order,
                label_smoothing: config.label_smoothing,
                augment: config.augment,
                steps,
                log_every: self.log_every,
                eval_every: self.eval_every.unwrap_or_else(|| eval_cadence(data, batch, epoch, climbs)),
                checkpoint_every: self.checkpoint_every.unwrap_or(epoch),
                keep_every: self.keep_every,
            };
            let same = |s: &&mut Setup| {
                (s.batch, s.m, s.steps, s.label_smoothing) == (setup.batch, setup.m, setup.steps, setup.label_smoothing)
            };
            match setups.iter_mut().find(same) {
                Some(group) => group.lanes.extend(setup.lanes),
                None => setups.push(setup),
            }
        }
        Ok(setups)
    }

    /// What `lowland train` trains: the one optimizer, once a seed, in one trainer.
    ///
    /// # Errors
    /// [`Error::Input`] for anything that cannot be trained.
    pub fn setup(&self, data: &Dataset, model: &Model) -> Result<Setup> {
        let mut setups = self.setups(&self.lanes(Command::Train)?, data, model)?;
        // One lane before seeds is one batch, length and smoothing, so there is one setup.
        Ok(setups.remove(0))
    }

    /// Which epoch a step of a batch of `batch` out of `examples` is in, as the tables count it.
    pub fn epochs_of(&self, examples: usize, batch: usize) -> Epochs {
        match self.order {
            Order::Shuffle => Epochs { examples: 1, every: (examples / batch).max(1) as u64 },
            Order::File => Epochs { examples: batch as u64, every: examples as u64 },
        }
    }
}

/// The second-order term is that of plain SAM alone. Optimizers that do not climb have none, as they have no rho, but one lane
/// must.
fn check_second_order(lanes: &[LaneConfig]) -> Result<()> {
    let asking = || lanes.iter().filter(|lane| lane.config.second_order);
    let optimizer = |lane: &LaneConfig| lane.config.optimizer.clone().unwrap_or_default();
    for lane in asking().filter(|lane| ["sam", "asam"].contains(&optimizer(lane).as_str())) {
        let Config { p, ascent_steps, .. } = lane.config;
        let why = match optimizer(lane).as_str() {
            "asam" => "the optimizer is asam".into(),
            _ if p.get() != 2.0 => format!("p is {p}"),
            _ if ascent_steps != 1 => format!("ascent-steps is {ascent_steps}"),
            _ => continue,
        };
        return Err(Error::input(format!(
            "lane {}: second-order is there for sam with p = 2 and one ascent step, and {why}; leave one of them out.",
            lane.label
        )));
    }
    match asking().next() {
        Some(lane) if asking().all(|lane| optimizer(lane) != "sam") => Err(Error::input(format!(
            "lane {}: second-order is a term of sam, and the optimizer is {}; take --optimizer sam or leave it out.",
            lane.label,
            optimizer(lane)
        ))),
        _ => Ok(()),
    }
}

const DEFAULT_EPOCHS: u64 = 10;
/// Far more than any comparison needs, and few enough to be listed.
const MOST_SEEDS: u32 = 10_000;
/// Each is a pass of its own in the plan; the paper finds nothing beyond a few.
const MOST_ASCENT_STEPS: u32 = 100;

fn is_image(shape: Shape) -> bool {
    shape.height * shape.width > 1
}

/// Steps between evaluations such that they cost about a twentieth of the time: an evaluation is a forward pass over
/// everything that is measured, a gradient about three. Rounded up to whole epochs.
fn eval_cadence(data: &Dataset, batch: usize, epoch: u64, gradients: u32) -> u64 {
    let measured = data.train.len().min(10_000) + data.test.len() + data.val.as_ref().map_or(0, |val| val.len());
    let cost = measured.div_ceil(batch) as u64 * 20 / (3 * u64::from(gradients));
    cost.div_ceil(epoch).max(1) * epoch
}
