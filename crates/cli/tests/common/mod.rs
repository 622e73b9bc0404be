//! Runs the program as a person would, and reads what it leaves.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests, each of which uses a part"
)]

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// What a finished program said.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; none where a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// The program with `args`, about to run in `dir`, without the landscape that a run ends with: it takes seconds.
pub fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = command_with_landscape(dir, args);
    if args.first().is_some_and(|first| ["compare", "report"].contains(first)) {
        command.arg("--no-landscape");
    }
    command
}

/// The program with `args` and nothing else, about to run in `dir`.
pub fn command_with_landscape(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lowland"));
    command.args(args).current_dir(dir).stdin(Stdio::null());
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        command.env("XDG_RUNTIME_DIR", std::env::temp_dir());
    }
    command
}

/// Runs a command to its end.
pub fn finish(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Runs the program in `dir`.
pub fn run(dir: &Path, args: &[&str]) -> Ran {
    finish(command(dir, args))
}

/// Runs the program in `dir`; it has to succeed. Its stdout.
pub fn ok(dir: &Path, args: &[&str]) -> String {
    let ran = run(dir, args);
    assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
    ran.stdout
}

/// Whether there is an adapter. Without one, tests that need it say so and pass, unless `REQUIRE_GPU=1`.
pub fn has_adapter() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    let found = *FOUND.get_or_init(|| run(Path::new("."), &["doctor", "--json"]).code == Some(0));
    if !found {
        assert!(std::env::var("REQUIRE_GPU").as_deref() != Ok("1"), "REQUIRE_GPU=1, but there is no adapter");
        eprintln!("SKIPPED: there is no adapter to train on");
    }
    found
}

/// A CSV file: its columns and rows.
pub struct Csv {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Csv {
    pub fn read(path: &Path) -> Self {
        Self::parse(&std::fs::read_to_string(path).unwrap())
    }

    pub fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last row is whole");
        let fields = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
        let mut lines = text.lines().map(fields);
        let columns = lines.next().unwrap();
        let rows: Vec<_> = lines.collect();
        assert!(rows.iter().all(|row| row.len() == columns.len()));
        Self { columns, rows }
    }

    /// The field of `row` in the column `name`.
    pub fn get<'a>(&self, row: &'a [String], name: &str) -> &'a str {
        &row[self.columns.iter().position(|column| column == name).unwrap()]
    }

    /// The rows that have `value` in the column `name`.
    pub fn with(&self, name: &str, value: &str) -> Vec<&Vec<String>> {
        self.rows.iter().filter(|row| self.get(row, name) == value).collect()
    }
}

/// A safetensors file, read from its description: the length of a JSON header, the header, the bytes.
pub struct Tensors {
    pub metadata: BTreeMap<String, String>,
    /// Type, shape and bytes by name.
    pub tensors: BTreeMap<String, (String, Vec<u64>, Vec<u8>)>,
}

impl Tensors {
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        let data = &bytes[8 + length..];
        let mut all = Self { metadata: BTreeMap::new(), tensors: BTreeMap::new() };
        for (name, value) in header.as_object().unwrap() {
            if name == "__metadata__" {
                all.metadata = serde_json::from_value(value.clone()).unwrap();
                continue;
            }
            let [from, to]: [usize; 2] = serde_json::from_value(value["data_offsets"].clone()).unwrap();
            let shape = serde_json::from_value(value["shape"].clone()).unwrap();
            let kind = value["dtype"].as_str().unwrap().to_owned();
            all.tensors.insert(name.clone(), (kind, shape, data[from..to].to_vec()));
        }
        all
    }

    /// Writes the tensors, without metadata unless there is some: as a script beside PyTorch would.
    pub fn write(&self, path: &Path) {
        let mut header = serde_json::Map::new();
        if !self.metadata.is_empty() {
            header.insert("__metadata__".into(), serde_json::to_value(&self.metadata).unwrap());
        }
        let mut data = Vec::new();
        for (name, (kind, shape, bytes)) in &self.tensors {
            let offsets = [data.len(), data.len() + bytes.len()];
            header.insert(name.clone(), serde_json::json!({"dtype": kind, "shape": shape, "data_offsets": offsets}));
            data.extend_from_slice(bytes);
        }
        let header = serde_json::to_vec(&header).unwrap();
        let bytes = [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat();
        std::fs::write(path, bytes).unwrap();
    }

    /// Names with types and shapes, as `name type [shape]`.
    pub fn shapes(&self) -> Vec<String> {
        self.tensors.iter().map(|(name, (kind, shape, _))| format!("{name} {kind} {shape:?}")).collect()
    }
}

/// All files below `dir` with their bytes; folders end with a slash.
pub fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(dir).unwrap().display().to_string();
            if path.is_dir() {
                folders.push(path);
                all.insert(name + "/", Vec::new());
            } else {
                all.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    all
}

/// Tables, final weights and those on the way of two run folders are the same bytes.
pub fn assert_same_run(one: &Path, other: &Path) {
    let results = |dir: &Path| -> BTreeMap<String, Vec<u8>> {
        let results = |name: &str| name.ends_with(".csv") || name.starts_with("final-") || name.starts_with("path/");
        files(dir).into_iter().filter(|(name, _)| results(name)).collect()
    };
    let (one, other) = (results(one), results(other));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    assert!(one.len() >= 3, "two tables and the weights of a lane at least");
    for (name, bytes) in &one {
        assert!(*bytes == other[name], "{name} differs");
    }
}

/// `args` are bad: all of `words` are in the message, and `dir` is as it was.
pub fn refused(dir: &Path, args: &[&str], words: &[&str]) {
    let before = files(dir);
    let ran = run(dir, args);
    assert_refused(&ran, args, words);
    assert!(files(dir) == before, "{args:?} left something behind");
}

/// It was refused so.
pub fn assert_refused(ran: &Ran, args: &[&str], words: &[&str]) {
    let Ran { code, stdout, stderr } = ran;
    assert_eq!(*code, Some(2), "{args:?}: {stderr}");
    assert!(stdout.is_empty(), "{args:?} prints {stdout}");
    assert!(!stderr.contains("panicked") && !stderr.contains("RUST_BACKTRACE"), "{args:?}: {stderr}");
    for word in words {
        assert!(stderr.to_lowercase().contains(&word.to_lowercase()), "{args:?}: no '{word}' in: {stderr}");
    }
    // The argument parser adds its usage; what the program itself finds is one line.
    let one = stderr.starts_with("lowland: ") && stderr.lines().count() == 1;
    assert!(one || stderr.starts_with("error: "), "{args:?}: {stderr}");
}
