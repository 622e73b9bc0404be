//! The grid as a person writes it: `--grid rho=0,0.05,0.1`.

use crate::config::{Config, value_of};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Cells of a grid, over which it is refused: more than anybody reads, and far more than anybody waits for.
pub const MOST_CELLS: usize = 10_000;
/// Keys that a grid does not vary, and why.
const NOT_AXES: [(&str, &str); 6] = [
    ("seed", "every cell has the same seeds; give them with --seed and --seeds"),
    ("seeds", "every cell has the same seeds; give their number with --seeds"),
    ("lane", "give each lane with --lane: the lanes are an axis of their own"),
    ("equal_compute", "give it as the flag --equal-compute: the lane that it adds is on an axis of its own"),
    ("changes", "a program records there what changed while it trained; nobody sets it"),
    ("data_dir", "it says where files are, and changes nothing about a training"),
];

/// One axis: a key of the configuration and the values it takes, as they were written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axis {
    /// The key, with `_` for the flag's `-`.
    pub key: String,
    /// The values, in the order of the tables.
    pub values: Vec<String>,
}

/// The axes that `--grid` gave, none twice; the last one varies fastest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Grid {
    /// The axes.
    pub axes: Vec<Axis>,
}

impl Axis {
    /// Reads `key=value,value`. Where there is a `;`, it alone separates, so that values may have commas:
    /// `model=mlp:256,128;mlp:64` (one such value alone ends in `;`).
    ///
    /// # Errors
    /// [`Error::Input`] for a text without key or values, for an empty value and for one that is there twice.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::input(format!("--grid {text}: {why}; write it as --grid rho=0,0.05,0.1."));
        let (key, list) = text.split_once('=').ok_or_else(|| wrong("there is no = after the key"))?;
        let key = key.trim().trim_start_matches("--").replace('-', "_");
        if key.is_empty() {
            return Err(wrong("there is no key before the ="));
        }
        let list = list.trim();
        let values: Vec<String> = match list.contains(';') {
            true => list.strip_suffix(';').unwrap_or(list).split(';').map(|v| v.trim().to_owned()).collect(),
            false => list.split(',').map(|v| v.trim().to_owned()).collect(),
        };
        if list.trim_matches([';', ',', ' ']).is_empty() {
            return Err(wrong("it has no values"));
        }
        if values.iter().any(String::is_empty) {
            return Err(wrong("one of its values is empty"));
        }
        let same = |a: &String, b: &String| match (value_of(a).as_f64(), value_of(b).as_f64()) {
            (Some(a), Some(b)) => a == b,
            _ => a == b,
        };
        if let Some((_, twice)) = values.iter().enumerate().find(|(i, v)| values[..*i].iter().any(|w| same(v, w))) {
            return Err(wrong(&format!("the value {twice} is there twice")));
        }
        Ok(Self { key, values })
    }

    /// The key as a flag has it.
    pub fn flag(&self) -> String {
        self.key.replace('_', "-")
    }
}

impl Grid {
    /// Reads the axes of all `--grid`s and holds each value against its key in `base`.
    ///
    /// # Errors
    /// [`Error::Input`] for no axis, an unknown key, a key twice, a value of another kind, and too many cells.
    pub fn parse(texts: &[String], base: &Config) -> Result<Self> {
        let axes = texts.iter().map(|text| Axis::parse(text)).collect::<Result<Vec<_>>>()?;
        if axes.is_empty() {
            return Err(Error::input("a sweep needs a grid, for instance --grid rho=0,0.05,0.1."));
        }
        let known = base.to_object();
        for (index, axis) in axes.iter().enumerate() {
            let flag = axis.flag();
            if let Some((_, why)) = NOT_AXES.iter().find(|(key, _)| *key == axis.key) {
                return Err(Error::input(format!("--grid {flag}: {why}.")));
            }
            if !known.contains_key(&axis.key) {
                return Err(Error::input(format!(
                    "--grid {flag}: there is no setting '{flag}'; an axis is a flag of train or compare, for instance {}.",
                    closest(&axis.key, known.keys()).replace('_', "-")
                )));
            }
            if axes[..index].iter().any(|other| other.key == axis.key) {
                return Err(Error::input(format!(
                    "--grid {flag} is given twice; give all its values at once, separated by commas."
                )));
            }
            for value in &axis.values {
                let source = format!("--grid {flag}={value}");
                base.with(change(&axis.key, value), &source)?;
            }
        }
        if let Some(axis) = axes.iter().find(|axis| axis.key == "optimizer") {
            if !base.lane.is_empty() || base.equal_compute {
                return Err(Error::input(format!(
                    "--grid optimizer cannot be crossed with --lane or --equal-compute, which add lanes of their own; give --optimizer {} instead.",
                    axis.values.join(",")
                )));
            }
            if let Some(list) = axis.values.iter().find(|value| value.contains(',')) {
                return Err(Error::input(format!("--grid optimizer: '{list}' is no optimizer; each cell has one.")));
            }
        }
        let cells = axes.iter().try_fold(1_usize, |product, axis| product.checked_mul(axis.values.len()));
        match cells {
            Some(cells) if cells <= MOST_CELLS => Ok(Self { axes }),
            _ => {
                let sizes: Vec<String> = axes.iter().map(|axis| axis.values.len().to_string()).collect();
                let count = cells.map_or("more than can be counted".to_owned(), |cells| cells.to_string());
                Err(Error::input(format!(
                    "the grid has {count} cells ({}); a sweep has at most {MOST_CELLS}. Take fewer values.",
                    sizes.join(" x ")
                )))
            }
        }
    }

    /// Number of points: the product of the axes' lengths.
    pub fn len(&self) -> usize {
        self.axes.iter().map(|axis| axis.values.len()).product()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values at a point, an axis each; the last axis varies fastest.
    pub fn point(&self, index: usize) -> Vec<&str> {
        let mut rest = index;
        let mut values: Vec<&str> = Vec::with_capacity(self.axes.len());
        for axis in self.axes.iter().rev() {
            values.push(&axis.values[rest % axis.values.len()]);
            rest /= axis.values.len();
        }
        values.reverse();
        values
    }

    /// What a point changes about the configuration.
    pub(super) fn changes(&self, point: &[&str]) -> Map<String, Value> {
        let mut all = Map::new();
        for (axis, value) in self.axes.iter().zip(point) {
            for (key, value) in change(&axis.key, value) {
                // The null that stands for the other way to say the length gives way to an axis.
                if !value.is_null() || !self.axes.iter().any(|axis| axis.key == key) {
                    all.insert(key, value);
                }
            }
        }
        all
    }
}

/// A key and its value; a length in epochs takes the place of one in steps, and the other way round.
fn change(key: &str, value: &str) -> Map<String, Value> {
    let mut change = Map::from_iter([(key.to_owned(), value_of(value))]);
    match key {
        "epochs" => drop(change.insert("steps".into(), Value::Null)),
        "steps" => drop(change.insert("epochs".into(), Value::Null)),
        _ => {}
    }
    change
}

/// The known key that shares the most pairs of letters with `key`.
fn closest<'a>(key: &str, known: impl Iterator<Item = &'a String>) -> &'a str {
    let pairs = |text: &str| text.as_bytes().windows(2).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let wanted = pairs(key);
    let likeness = |other: &&String| {
        let theirs = pairs(other);
        let shared = wanted.iter().filter(|pair| theirs.contains(pair)).count();
        200 * shared / (wanted.len() + theirs.len()).max(1)
    };
    known.max_by_key(likeness).map_or("rho", |best| if likeness(&best) == 0 { "rho" } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(text: &str) -> Vec<String> {
        Axis::parse(text).unwrap().values
    }

    fn refused(texts: &[&str]) -> String {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        Grid::parse(&texts, &Config::default()).unwrap_err().to_string()
    }

    #[test]
    fn commas_separate_unless_there_is_a_semicolon() {
        assert_eq!(axis("rho=0, 0.05,.1"), ["0", "0.05", ".1"]);
        assert_eq!(axis("model=mlp:256,128;mlp:64"), ["mlp:256,128", "mlp:64"]);
        assert_eq!(axis("model=mlp:256,128;"), ["mlp:256,128"]);
        assert_eq!(axis("betas=0.9,0.999; 0.8,0.99"), ["0.9,0.999", "0.8,0.99"]);
        assert_eq!(Axis::parse("--label-noise=0.1").unwrap().key, "label_noise");
    }

    #[test]
    fn damaged_axes_are_told_apart() {
        for (text, words) in [
            ("rho", "no ="),
            ("=1", "no key"),
            ("rho=", "no values"),
            ("rho=;", "no values"),
            ("rho=1,,2", "empty"),
            ("rho=0.1,.10", "twice"),
            ("model=a;b;a", "twice"),
        ] {
            let message = Axis::parse(text).unwrap_err().to_string();
            assert!(message.contains(words) && message.contains(text), "{message}");
        }
    }

    #[test]
    fn grids_that_cannot_be_are_refused_with_what_is_wrong() {
        for (texts, words) in [
            (&[][..], &["needs a grid"][..]),
            (&["rhoo=1"], &["'rhoo'", "for instance rho"]),
            (&["label_nois=1"], &["for instance label-noise"]),
            (&["rho=1", "rho=2"], &["--grid rho is given twice"]),
            (&["rho=0,x"], &["--grid rho=x", "rho is \"x\""]),
            (&["nesterov=maybe"], &["--grid nesterov=maybe", "nesterov is \"maybe\""]),
            (&["batch=1.5"], &["--grid batch=1.5", "batch is 1.5"]),
            (&["seed=1,2"], &["--seeds"]),
            (&["seeds=1,2"], &["--seeds"]),
            (&["lane=a"], &["--lane"]),
        ] {
            let message = refused(texts);
            for word in words {
                assert!(message.contains(word), "{message}");
            }
        }
        let thousand = (0..1000).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
        let message = refused(&[&format!("warmup={thousand}"), &format!("steps={thousand}")]);
        assert!(message.contains("1000000 cells (1000 x 1000)"), "{message}");
    }

    #[test]
    fn the_last_axis_varies_fastest() {
        let grid = Grid::parse(&["rho=0,1".into(), "batch=2,4,8".into()], &Config::default()).unwrap();
        let points: Vec<_> = (0..grid.len()).map(|i| grid.point(i).join(" ")).collect();
        assert_eq!(points, ["0 2", "0 4", "0 8", "1 2", "1 4", "1 8"]);
    }
}
