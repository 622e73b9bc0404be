//! From a grid to cells, and from cells to runs: cells that differ in lane settings alone are lanes of one run.

use super::grid::{Axis, Grid, MOST_CELLS};
use crate::config::{Command, Config, LANE_KEYS, LaneConfig};
use crate::{Error, Result};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// One point of the grid, and its lane.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// A value for each axis, as it was written.
    pub values: Vec<String>,
    /// The lane's label in its run.
    pub label: String,
}

/// Cells that are trained as lanes of one comparison: same data, same network.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its run folder, below the sweep's.
    pub folder: String,
    /// The settings that its cells share, as `key=value, ...`; empty where there is one group.
    pub shared: String,
    /// Its configuration: its lanes are the cells.
    pub config: Config,
    /// The cells.
    pub cells: Vec<Cell>,
}

/// A sweep before it is trained.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The axes of the tables. Several lanes (`--optimizer sgd,sam`, `--lane`, `--equal-compute`) are the last one, `optimizer`.
    pub axes: Vec<Axis>,
    /// The runs, in the order in which they are trained.
    pub groups: Vec<Group>,
}

/// A cell on its way to its group.
struct Draft {
    values: Vec<String>,
    lane: LaneConfig,
}

impl Plan {
    /// The runs of a sweep. `base` is what all cells have in common; a point of the grid overrides it, and a lane's own
    /// settings override both.
    ///
    /// # Errors
    /// [`Error::Input`] naming the cell, for settings that do not go together, and for too many cells.
    pub fn new(base: &Config, grid: &Grid) -> Result<Self> {
        let (axes, drafts) = drafts(base, grid)?;
        let defaults = base.to_object();
        let mut found: Vec<(Map<String, Value>, Vec<Draft>)> = Vec::new();
        for draft in drafts {
            let mut shared = draft.lane.config.to_object();
            for key in LANE_KEYS {
                shared.insert(key.into(), defaults.get(key).cloned().unwrap_or(Value::Null));
            }
            shared.insert("optimizer".into(), Value::Null);
            shared.insert("lane".into(), Value::Array(Vec::new()));
            match found.iter_mut().find(|(known, _)| *known == shared) {
                Some((_, cells)) => cells.push(draft),
                None => found.push((shared, vec![draft])),
            }
        }
        let is_lanes = |axis: &Axis| LANE_KEYS.contains(&axis.key.as_str());
        let several = found.len() > 1;
        let digits = found.len().to_string().len();
        let mut groups = Vec::with_capacity(found.len());
        for (index, (mut shared, drafts)) in found.into_iter().enumerate() {
            let own = |cell: &Draft, lanes: bool| -> Vec<(String, String)> {
                let pairs = axes.iter().zip(&cell.values).filter(|(axis, _)| is_lanes(axis) == lanes);
                pairs.map(|(axis, value)| (axis.flag(), value.clone())).collect()
            };
            let labels = labels(&drafts.iter().map(|draft| own(draft, true)).collect::<Vec<_>>(), &drafts);
            let common = drafts.first().map(|draft| own(draft, false)).unwrap_or_default();
            let lanes = drafts.iter().zip(&labels).map(|(draft, label)| lane_text(label, draft, &defaults).into());
            shared.insert("lane".into(), Value::Array(lanes.collect()));
            let name: String = word(&common).chars().take(60).collect();
            let number = format!("{:0digits$}", index + 1);
            groups.push(Group {
                folder: if name.is_empty() { format!("runs/{number}") } else { format!("runs/{number}-{name}") },
                shared: if several {
                    written(common.iter().map(|(key, value)| (&**key, &**value)))
                } else {
                    String::new()
                },
                config: Config::default().with(shared, "the grid")?,
                cells: drafts
                    .into_iter()
                    .zip(labels)
                    .map(|(draft, label)| Cell { values: draft.values, label })
                    .collect(),
            });
        }
        Ok(Self { axes, groups })
    }

    /// Number of cells.
    pub fn cells(&self) -> usize {
        self.groups.iter().map(|group| group.cells.len()).sum()
    }
}

/// Every cell with its lane, in the order of the grid, and the axes.
fn drafts(base: &Config, grid: &Grid) -> Result<(Vec<Axis>, Vec<Draft>)> {
    let mut axes = grid.axes.clone();
    let mut drafts = Vec::with_capacity(grid.len());
    for index in 0..grid.len() {
        let point = grid.point(index);
        let cell = written(grid.axes.iter().map(|axis| axis.key.as_str()).zip(point.iter().copied()));
        let named = |e: Error| Error::input(format!("cell {}: {e}", cell.replace('_', "-")));
        let config = base.with(grid.changes(&point), "the grid")?;
        let lanes = config.lanes(Command::Compare).map_err(named)?;
        if index == 0 && lanes.len() > 1 {
            let cells = grid.len() * lanes.len();
            if cells > MOST_CELLS {
                let (points, lanes) = (grid.len(), lanes.len());
                return Err(Error::input(format!(
                    "the grid has {cells} cells ({points} points, {lanes} lanes each); a sweep has at most {MOST_CELLS}. Take fewer values."
                )));
            }
            axes.push(Axis { key: "optimizer".into(), values: lanes.iter().map(|lane| lane.label.clone()).collect() });
        }
        for lane in lanes {
            let mut values: Vec<String> = point.iter().map(|value| (*value).to_owned()).collect();
            if axes.len() > grid.axes.len() {
                values.push(lane.label.clone());
            }
            drafts.push(Draft { values, lane });
        }
    }
    Ok((axes, drafts))
}

/// `key=value, key=value`.
fn written<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    pairs.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}

/// Pairs as a word for files and labels: `rho-0.1_m-8`. An optimizer stands for itself.
fn word(pairs: &[(String, String)]) -> String {
    let plain = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() || "-.+".contains(c) { c } else { '-' }).collect()
    };
    let pair = |(key, value): &(String, String)| match key.as_str() {
        "optimizer" => plain(value),
        key => format!("{key}-{}", plain(value)),
    };
    pairs.iter().map(pair).collect::<Vec<_>>().join("_")
}

/// A label for each cell of a group: its own settings, or a number where these are too long or read alike.
fn labels(own: &[Vec<(String, String)>], drafts: &[Draft]) -> Vec<String> {
    let words: Vec<String> = own.iter().map(|pairs| word(pairs)).collect();
    let mut seen = HashSet::new();
    let fit = words.iter().all(|word| {
        word.len() <= 64 && !word.starts_with('.') && (!word.is_empty() || words.len() == 1) && seen.insert(word)
    });
    let optimizer = |draft: &Draft| draft.lane.config.optimizer.clone().unwrap_or_default();
    match fit {
        false => (1..=words.len()).map(|number| format!("cell-{number}")).collect(),
        true => words
            .into_iter()
            .zip(drafts)
            .map(|(word, draft)| if word.is_empty() { optimizer(draft) } else { word })
            .collect(),
    }
}

/// The cell as `--lane` has it: every lane setting that is not the sweep's.
fn lane_text(label: &str, draft: &Draft, defaults: &Map<String, Value>) -> String {
    let own = draft.lane.config.to_object();
    let mut text = format!("{label}:");
    for key in LANE_KEYS {
        let Some(value) = own.get(key).filter(|value| !value.is_null()) else { continue };
        if key == "optimizer" || defaults.get(key) != Some(value) {
            text.push_str(&format!(" {key}={}", plain(value)));
        }
    }
    text
}

/// A value as a flag has it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(base: &Config, grid: &[&str]) -> Plan {
        let texts: Vec<String> = grid.iter().map(|text| (*text).to_owned()).collect();
        Plan::new(base, &Grid::parse(&texts, base).unwrap()).unwrap()
    }

    fn sam() -> Config {
        Config { optimizer: Some("sam".into()), ..Config::default() }
    }

    #[test]
    fn lane_settings_share_a_run_and_others_do_not() {
        let all = plan(&sam(), &["label-noise=0,0.4", "rho=0,0.05,0.1", "batch=10,20"]);
        assert_eq!((all.groups.len(), all.cells()), (2, 12));
        assert_eq!(
            (all.groups[1].folder.as_str(), all.groups[1].shared.as_str()),
            ("runs/2-label-noise-0.4", "label-noise=0.4")
        );
        assert_eq!(all.groups[1].config.label_noise, 0.4);
        assert_eq!(all.groups[1].cells[3].values, ["0.4", "0.05", "20"]);
        assert_eq!(all.groups[1].cells[3].label, "rho-0.05_batch-20");
        let models = plan(&sam(), &["model=mlp:8,8;mlp:4", "norm=none,batch"]);
        let folders: Vec<_> = models.groups.iter().map(|group| group.folder.as_str()).collect();
        assert_eq!(folders[..2], ["runs/1-model-mlp-8-8_norm-none", "runs/2-model-mlp-8-8_norm-batch"]);
        assert_eq!(models.groups[0].cells[0].label, "sam");
    }

    /// Reading a group's configuration back gives every cell what its point of the grid says, and nothing else.
    #[test]
    fn a_cell_is_what_its_flags_would_be() {
        let base = Config { steps: Some(50), lr: Some(0.02), weight_decay: 1e-4, ..sam() };
        let grid = ["betas=0.9,0.999;0.8,0.99", "epochs=1,2", "base=sgd,adamw", "nesterov=false,true", "rho=.05,1e-3"];
        let all = plan(&base, &grid);
        assert_eq!(all.groups.len(), 1);
        let group = &all.groups[0];
        let lanes = group.config.lanes(Command::Compare).unwrap();
        for (cell, lane) in group.cells.iter().zip(&lanes) {
            let keys = all.axes.iter().map(|axis| axis.key.clone());
            let mut changes: Map<String, Value> =
                keys.zip(cell.values.iter().map(|value| crate::config::value_of(value))).collect();
            changes.insert("steps".into(), Value::Null);
            let wanted = base.with(changes, "test").unwrap();
            assert_eq!(lane.label, cell.label);
            assert_eq!(Config { lane: Vec::new(), ..lane.config.clone() }, wanted);
        }
        let text = Value::Object(group.config.to_object()).to_string();
        assert_eq!(Config::from_json(&text, "x").unwrap(), group.config);
    }

    #[test]
    fn several_lanes_are_the_last_axis() {
        let base = Config { optimizer: Some("sgd,sam".into()), equal_compute: true, ..Config::default() };
        let all = plan(&base, &["epochs=1,2"]);
        assert_eq!(
            all.axes[1],
            Axis { key: "optimizer".into(), values: ["sgd", "sam", "sgd-2x"].map(Into::into).into() }
        );
        let lanes = all.groups[0].config.lanes(Command::Compare).unwrap();
        let epochs: Vec<_> = lanes.iter().map(|lane| (lane.label.as_str(), lane.config.epochs)).collect();
        assert_eq!(epochs[2], ("epochs-1_sgd-2x", Some(2)));
        assert_eq!(epochs[5], ("epochs-2_sgd-2x", Some(4)));
    }

    #[test]
    fn labels_that_read_alike_are_numbers() {
        let long = "1234567890".repeat(7);
        let all = plan(&sam(), &["warmup=1,2", "optimizer=sam,sgd"]);
        assert_eq!(all.groups[0].cells[1].label, "warmup-1_sgd");
        let draft = |value: &str| Draft {
            values: vec![value.into()],
            lane: LaneConfig { label: String::new(), config: sam() },
        };
        let own = |value: &str| vec![("schedule".to_owned(), value.to_owned())];
        assert_eq!(labels(&[own("a:1"), own("a-1")], &[draft(""), draft("")]), ["cell-1", "cell-2"]);
        assert_eq!(labels(&[own(&long), own("x")], &[draft(""), draft("")]), ["cell-1", "cell-2"]);
    }

    #[test]
    fn a_cell_that_cannot_be_is_named() {
        let grid = Grid::parse(&["rho=0,-1".into(), "batch=4,8".into()], &sam()).unwrap();
        let message = Plan::new(&sam(), &grid).unwrap_err().to_string();
        assert!(message.contains("cell rho=-1, batch=4") && message.contains("rho is -1"), "{message}");
    }
}
