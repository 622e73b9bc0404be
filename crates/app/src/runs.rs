//! Run folders of `lowland`, opened beside the race: their curves, read while they are still being written.

use crate::curves::{Curves, Quantity};
use crate::text::messages;
use lowland::config::{Command, Config};
use std::path::{Path, PathBuf};
use web_time::{Duration, Instant};

/// The run folders that are open.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    runs: Vec<Run>,
    checked: Option<Instant>,
}

/// A run folder.
#[derive(Clone, Debug)]
pub struct Run {
    path: PathBuf,
    name: String,
    config: Box<Config>,
    curves: Curves,
    /// `metrics.csv` and `eval.csv`.
    tables: [Tail; 2],
}

/// Lanes of a run that differ by their seed alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Their label.
    pub label: String,
    /// The first of them.
    pub first: usize,
    /// How many there are.
    pub seeds: usize,
}

/// A table that grows: what is read of it.
#[derive(Clone, Debug, Default)]
struct Tail {
    /// Bytes read, whole rows only.
    bytes: u64,
    /// The names of its columns.
    header: Vec<String>,
}

/// How often the folders are looked at for new rows.
const EVERY: Duration = Duration::from_secs(1);
/// Bytes read of a table in a frame.
const SLICE: u64 = 1 << 20;
/// Folders at a time: more curves than that cannot be told apart.
const MOST: usize = 8;

impl Runs {
    /// The folders, in the order in which they were opened.
    pub fn all(&self) -> &[Run] {
        &self.runs
    }

    /// Opens a folder.
    ///
    /// # Errors
    /// A sentence where it is no run folder, cannot be read, or is open already.
    pub fn open(&mut self, path: &Path) -> Result<(), String> {
        if self.runs.len() == MOST {
            return Err(messages::too_many_runs(MOST));
        }
        if self.runs.iter().any(|run| run.path == path) {
            return Err(messages::open_already(path.display()));
        }
        self.runs.push(Run::open(path)?);
        self.checked = None;
        Ok(())
    }

    /// Closes the folder of this number.
    pub fn close(&mut self, run: usize) {
        if run < self.runs.len() {
            self.runs.remove(run);
        }
    }

    /// Once a frame: reads what is new, now and then. Whether there is more to read at once; folders that cannot be read any
    /// more are closed, with a sentence each.
    pub fn tick(&mut self) -> (bool, Vec<String>) {
        if self.checked.is_some_and(|checked| checked.elapsed() < EVERY) {
            return (false, Vec::new());
        }
        let (mut more, mut troubles) = (false, Vec::new());
        self.runs.retain_mut(|run| match run.read() {
            Ok(rest) => {
                more |= rest;
                true
            }
            Err(trouble) => {
                troubles.push(trouble);
                false
            }
        });
        self.checked = (!more).then(Instant::now);
        (more, troubles)
    }

    /// When frames are wanted again, if at all.
    pub fn next_look(&self) -> Option<Duration> {
        (!self.runs.is_empty()).then(|| self.checked.map_or(Duration::ZERO, |at| EVERY.saturating_sub(at.elapsed())))
    }
}

impl Run {
    #[cfg(target_family = "wasm")]
    fn open(_path: &Path) -> Result<Self, String> {
        Err(messages::NO_FOLDERS.to_owned())
    }

    #[cfg(not(target_family = "wasm"))]
    fn open(path: &Path) -> Result<Self, String> {
        let (_, config) = lowland::run::RunFolder::open(path).map_err(|error| error.to_string())?;
        let name = path.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        let mut run = Self {
            path: path.to_owned(),
            name: name.unwrap_or_else(|| path.display().to_string()),
            config: Box::new(config),
            curves: Curves::default(),
            tables: Default::default(),
        };
        run.read()?;
        Ok(run)
    }

    /// What it is called: the folder's own name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its curves.
    pub fn curves(&self) -> &Curves {
        &self.curves
    }

    /// Its lanes, those of one label together.
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for (i, lane) in self.curves.lanes().iter().enumerate() {
            match groups.last_mut().filter(|group| group.label == lane.label) {
                Some(group) => group.seeds += 1,
                None => groups.push(Group { label: lane.label.clone(), first: i, seeds: 1 }),
            }
        }
        groups
    }

    /// Reads a slice of what is new; whether there is more.
    fn read(&mut self) -> Result<bool, String> {
        let wrong = |name: &str, why: String| messages::of_file(self.path.join(name).display(), why);
        let mut more = false;
        for (table, name) in ["metrics.csv", "eval.csv"].into_iter().enumerate() {
            let tail = &mut self.tables[table];
            let text = tail.next(&self.path.join(name)).map_err(|error| wrong(name, messages::folder_closed(error)))?;
            let Some(text) = text else {
                // The run was begun anew or cut back.
                self.curves = Curves::default();
                self.tables = Default::default();
                return Ok(true);
            };
            more |= text.len() as u64 > SLICE / 2;
            for line in text.lines() {
                if tail.header.is_empty() {
                    tail.header = line.split(',').map(|column| column.trim().to_owned()).collect();
                    continue;
                }
                let row = Row { header: &tail.header, cells: line.split(',').collect() };
                if take(&mut self.curves, &self.config, &row).is_none() {
                    return Err(wrong(name, messages::not_a_row(line)));
                }
            }
        }
        Ok(more)
    }
}

impl Tail {
    /// The whole rows after what was read, about a slice of them; `None` where the file is shorter than that.
    fn next(&mut self, path: &Path) -> std::io::Result<Option<String>> {
        use std::io::{Read as _, Seek as _, SeekFrom};
        let mut file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        if length <= self.bytes {
            return Ok((length == self.bytes).then(String::new));
        }
        file.seek(SeekFrom::Start(self.bytes))?;
        let mut bytes = Vec::new();
        file.take(SLICE).read_to_end(&mut bytes)?;
        // The last row may be half written.
        bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
        self.bytes += bytes.len() as u64;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// A row of a table, by the names of its columns.
struct Row<'a> {
    header: &'a [String],
    cells: Vec<&'a str>,
}

impl Row<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let place = self.header.iter().position(|column| column == name)?;
        self.cells.get(place).map(|cell| cell.trim())
    }

    fn number(&self, name: &str) -> Option<f32> {
        self.get(name).filter(|cell| !cell.is_empty())?.parse().ok()
    }
}

/// Adds a row of either table to the curves; nothing where it is none.
fn take(curves: &mut Curves, config: &Config, row: &Row<'_>) -> Option<()> {
    let (label, seed, step) = (row.get("optimizer")?, row.get("seed")?.parse().ok()?, row.get("step")?.parse().ok()?);
    let lane = curves.lane(label, seed, || gradients(config, label));
    let mut add = |quantity, name: &str| row.number(name).map(|value| curves.push(lane, quantity, step, value));
    match row.get("split") {
        None => {
            add(Quantity::BatchLoss, "loss")?;
            add(Quantity::SamLoss, "sam_loss");
            add(Quantity::GradNorm, "grad_norm");
        }
        Some("train") => {
            add(Quantity::TrainLoss, "loss")?;
            add(Quantity::TrainAccuracy, "accuracy");
        }
        Some("test") => {
            add(Quantity::TestLoss, "loss")?;
            add(Quantity::TestAccuracy, "accuracy");
        }
        Some("train-clean") => drop(add(Quantity::CleanAccuracy, "accuracy")?),
        Some("train-flipped") => drop(add(Quantity::FlippedAccuracy, "accuracy")?),
        // Those of a later version are passed over.
        Some(_) => {}
    }
    curves.gap(lane, step);
    Some(())
}

/// Gradient evaluations a step of the lane of this label.
fn gradients(config: &Config, label: &str) -> u32 {
    let lanes = [Command::Compare, Command::Train].into_iter().find_map(|command| config.lanes(command).ok());
    let lane = lanes.into_iter().flatten().find(|lane| lane.label == label);
    lane.map_or(1, |lane| {
        let climbs = matches!(lane.config.optimizer.as_deref(), Some("sam" | "asam")) && lane.config.rho != Some(0.0);
        let second_order = if lane.config.second_order { 3 } else { 0 };
        if climbs { 1 + lane.config.ascent_steps + second_order } else { 1 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let config = r#"{"version": 1, "data": "moons", "optimizer": "sgd,sam", "rho": 0.1, "seeds": 2}"#;
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        std::fs::write(folder.path().join("metrics.csv"), METRICS).unwrap();
        std::fs::write(folder.path().join("eval.csv"), EVALS).unwrap();
        folder
    }

    const METRICS: &str = "optimizer,seed,step,epoch,loss,sam_loss,accuracy,grad_norm,lr,rho\n\
        sgd,0,0,0,0.7,,0.5,1.5,0.1,0\nsgd,1,0,0,0.8,,0.5,1.25,0.1,0\nsam,0,0,0,0.7,0.9,0.5,1.5,0.1,0.1\nsam,1,0,0,0.8,1,0.5,1.25,0.1,0.1\n";
    const EVALS: &str = "optimizer,seed,step,epoch,split,loss,accuracy,top5\n\
        sgd,0,10,1,train,0.25,0.9,1\nsgd,0,10,1,test,0.5,0.875,1\nsam,1,10,1,test,NaN,0.5,1\nsam,1,10,1,later,1,1,1\n";

    #[test]
    fn a_folder_is_read_and_followed() {
        let folder = folder();
        let mut runs = Runs::default();
        runs.open(folder.path()).unwrap();
        let run = &runs.all()[0];
        let group = |label: &str, first| Group { label: label.into(), first, seeds: 2 };
        assert_eq!(run.groups(), [group("sgd", 0), group("sam", 2)]);
        assert_eq!(run.curves().lanes()[3].gradients, 2);
        let last = |run: &Run, lane, quantity| run.curves().last(lane, quantity).map(|point| point.value);
        assert_eq!(last(run, 0, Quantity::Gap), Some(0.25));
        assert_eq!(last(run, 2, Quantity::SamLoss), Some(0.9));
        assert!(last(run, 3, Quantity::TestLoss).unwrap().is_nan());
        // Half a row waits for its other half.
        let path = folder.path().join("eval.csv");
        let mut file = std::fs::File::options().append(true).open(&path).unwrap();
        file.write_all(b"sgd,0,20,2,test,0.5,0.9").unwrap();
        runs.checked = None;
        runs.tick();
        assert_eq!(last(&runs.all()[0], 0, Quantity::TestAccuracy), Some(0.875));
        file.write_all(b"375,1\n").unwrap();
        runs.checked = None;
        assert!(runs.tick().1.is_empty());
        assert_eq!(last(&runs.all()[0], 0, Quantity::TestAccuracy), Some(0.9375));
        // A run that begins anew is read anew.
        std::fs::write(&path, "optimizer,seed,step,epoch,split,loss,accuracy,top5\n").unwrap();
        for _ in 0..2 {
            runs.checked = None;
            runs.tick();
        }
        assert_eq!(last(&runs.all()[0], 0, Quantity::TestAccuracy), None);
        assert_eq!(last(&runs.all()[0], 0, Quantity::BatchLoss), Some(0.7));
        runs.close(0);
        assert!(runs.all().is_empty() && runs.next_look().is_none());
    }

    #[test]
    fn what_is_no_run_is_told() {
        let empty = tempfile::tempdir().unwrap();
        let mut runs = Runs::default();
        assert!(runs.open(empty.path()).unwrap_err().contains("is not a run folder"));
        let folder = folder();
        runs.open(folder.path()).unwrap();
        assert!(runs.open(folder.path()).unwrap_err().contains("already"));
        std::fs::write(folder.path().join("metrics.csv"), format!("{METRICS}what,is,this\n")).unwrap();
        runs.checked = None;
        let (_, troubles) = runs.tick();
        assert!(troubles[0].contains("what,is,this") && runs.all().is_empty(), "{troubles:?}");
    }
}
