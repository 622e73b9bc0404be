//! The folder of a probe's results.

use lowland::{Error, Result};
use std::path::{Path, PathBuf};

/// A folder that can be written; it is made with the first file.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Finds out before any work whether files can be written into `path`, and leaves nothing behind.
    pub fn new(path: &Path) -> Result<Self> {
        let refuse = |why: &str| Error::input(format!("{}: {why}. Choose another folder with --out.", path.display()));
        let there = path.ancestors().find(|p| p.exists()).unwrap_or(Path::new("."));
        if !there.is_dir() {
            return Err(refuse("it is not a folder"));
        }
        let trial = there.join(format!(".lowland-{}.part", std::process::id()));
        std::fs::File::create(&trial).and_then(|_| std::fs::remove_file(&trial)).map_err(|e| refuse(&e.to_string()))?;
        Ok(Self(path.to_owned()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes one file, whole or not at all.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        std::fs::create_dir_all(&self.0)
            .map_err(|e| Error::io(&self.0, e, "Choose another folder with --out, and run the command again."))?;
        lowland::run::write_atomically(&self.0.join(name), bytes)
    }
}

/// What each file is called in names of results: its stem, with the folder's name or a number where stems are the same.
pub fn names(files: &[PathBuf]) -> Vec<String> {
    let stem = |file: &PathBuf| super::name(file);
    let parent = |file: &PathBuf| file.parent().map_or(String::new(), super::name);
    let distinct = |names: &[String]| names.iter().enumerate().all(|(i, name)| !names[..i].contains(name));
    let short: Vec<String> = files.iter().map(stem).collect();
    if distinct(&short) {
        return short;
    }
    let long: Vec<String> = files.iter().map(|file| format!("{}-{}", parent(file), stem(file))).collect();
    if distinct(&long) {
        return long;
    }
    short.iter().enumerate().map(|(i, name)| format!("{}-{name}", i + 1)).collect()
}
