//! The run folder: where its files are, and how they are written.

use crate::config::Config;
use crate::{Error, Result};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A run folder.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

/// Writes a file as a whole: beside it first, then by one rename.
///
/// # Errors
/// [`Error::Io`] where the disk is full or the folder cannot be written.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.part"));
    let write = || {
        let mut file = fs::File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(&beside, path)
    };
    write().map_err(|e| {
        let _ = fs::remove_file(&beside);
        Error::io(path, e, super::table::ADVICE)
    })
}

/// Makes a folder with its files by one rename; where it cannot, the last file comes last.
///
/// # Errors
/// [`Error::Input`] where the folder is in use or cannot be made; nothing is left behind.
pub(crate) fn create_folder(path: &Path, files: &[(&str, &[u8])]) -> Result<()> {
    RunFolder::check_free(path)?;
    let refuse = |what: &Path, e: std::io::Error| {
        Error::input(format!(
            "{}: {e}. Make room there, or choose a folder that can be written with --out.",
            what.display()
        ))
    };
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let new_parent =
        parent.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists()).last().map(Path::to_owned);
    let name = path
        .file_name()
        .ok_or_else(|| Error::input(format!("{} is not a folder's name; choose another --out.", path.display())))?;
    let beside = parent.join(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
    let make = || -> std::io::Result<()> {
        fs::create_dir_all(parent)?;
        fs::create_dir(&beside)?;
        for (file, bytes) in files {
            fs::write(beside.join(file), bytes)?;
        }
        match fs::rename(&beside, path) {
            Err(_) if fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none()) => {}
            done_or_refused => return done_or_refused,
        }
        // An empty folder that a rename cannot replace: a mount, a link, or any folder on Windows. Its files move in.
        let moved = files.iter().try_for_each(|(file, _)| fs::rename(beside.join(file), path.join(file)));
        // From another file system they are copied.
        moved.or_else(|_| files.iter().try_for_each(|(file, bytes)| fs::write(path.join(file), bytes))).inspect_err(
            |_| {
                files.iter().for_each(|(file, _)| drop(fs::remove_file(path.join(file))));
            },
        )?;
        fs::remove_dir_all(&beside)
    };
    make().map_err(|e| {
        let _ = fs::remove_dir_all(&beside);
        if let Some(parent) = new_parent {
            let _ = fs::remove_dir_all(parent);
        }
        refuse(path, e)
    })
}

impl RunFolder {
    /// Makes the folder with its `config.json` and `others`, by one rename.
    ///
    /// # Errors
    /// [`Error::Input`] where the folder is in use or cannot be made; nothing is left behind.
    pub fn create(path: &Path, record: &Value, others: &[(&str, &[u8])]) -> Result<Self> {
        let config = format!("{record:#}\n");
        let files: Vec<_> = others.iter().copied().chain([("config.json", config.as_bytes())]).collect();
        create_folder(path, &files)?;
        Ok(Self { path: path.to_owned() })
    }

    /// Checks that a run can go to `path`: it is not there, or an empty folder.
    ///
    /// # Errors
    /// [`Error::Input`] where something is there.
    pub fn check_free(path: &Path) -> Result<()> {
        match fs::read_dir(path) {
            Ok(mut entries) => match entries.next() {
                None => Ok(()),
                Some(_) => Err(Error::input(format!(
                    "{} is already in use; choose another --out, or go on with --resume {}.",
                    path.display(),
                    path.display()
                ))),
            },
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(Error::input(format!("{}: {e}. Choose another --out.", path.display()))),
        }
    }

    /// Opens a run folder that is there, and its configuration.
    ///
    /// # Errors
    /// [`Error::Input`] where it is not a run folder.
    pub fn open(path: &Path) -> Result<(Self, Config)> {
        let file = path.join("config.json");
        let text = fs::read_to_string(&file).map_err(|e| {
            Error::input(format!(
                "{} is not a run folder: {}: {e}. Give the folder that --out made.",
                path.display(),
                file.display()
            ))
        })?;
        let config = Config::from_json(&text, &file.display().to_string())?;
        Ok((Self { path: path.to_owned() }, config))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The file of a lane's weights after `step` of `steps` steps, where they are kept. Names of one lane sort by step.
    pub fn kept_weights(&self, label: &str, seed: u32, step: u64, steps: u64) -> PathBuf {
        let digits = steps.to_string().len();
        self.file("path").join(format!("{label}-{seed}-{step:0digits$}.safetensors"))
    }

    /// The file of a lane's final weights.
    pub fn final_weights(&self, label: &str, seed: u32) -> PathBuf {
        self.file(&format!("final-{label}-{seed}.safetensors"))
    }
}
