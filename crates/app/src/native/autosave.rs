//! What is kept on the disk to go on from after a crash. It is there while the app runs, and gone once it was closed.

use lowland_app::window_text as text;
use std::fs::{self, File};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(5);

const FILE: &str = "last.lowland";

/// The program's folder among the user's data.
fn folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = |rest: &str| set("HOME").map(|home| home.join(rest));
    let data = match std::env::consts::OS {
        "windows" => set("APPDATA"),
        "macos" => home("Library/Application Support"),
        _ => set("XDG_DATA_HOME").or_else(|| home(".local/share")),
    };
    Some(data?.join("lowland"))
}

/// What an app on this machine kept last, whether it still runs or not.
pub fn read_last() -> Option<Vec<u8>> {
    fs::read(folder()?.join(FILE)).ok()
}

/// The file of the app that runs; a second one beside it keeps nothing.
#[derive(Debug, Default)]
pub struct Autosave {
    path: Option<PathBuf>,
    /// Held while the app runs, so that others leave the file alone.
    _lock: Option<File>,
    /// A frame does not wait for the disk.
    writing: Option<JoinHandle<lowland::Result<()>>>,
    last: Option<Instant>,
}

impl Autosave {
    /// The file in the user's folder for data, and what an app that was not closed left there.
    pub fn open() -> (Self, Option<Vec<u8>>) {
        let Some(folder) = folder().filter(|folder| fs::create_dir_all(folder).is_ok()) else {
            return (Self::default(), None);
        };
        let path = folder.join(FILE);
        let lock = File::create(folder.join("lock")).ok().filter(|lock| lock.try_lock().is_ok());
        let left = lock.as_ref().and_then(|_| fs::read(&path).ok());
        let path = lock.is_some().then_some(path);
        (Self { path, _lock: lock, writing: None, last: Some(Instant::now()) }, left)
    }

    /// Keeps what `snapshot` gives, now and then. What went wrong with the one before comes back.
    pub fn tick(&mut self, snapshot: impl FnOnce() -> Option<Vec<u8>>) -> Option<String> {
        if self.last.is_some_and(|last| last.elapsed() < EVERY) || self.path.is_none() {
            return None;
        }
        if self.writing.as_ref().is_some_and(|writing| !writing.is_finished()) {
            return None;
        }
        self.last = Some(Instant::now());
        let trouble = self.finish();
        if let (Some(path), Some(bytes)) = (self.path.clone(), snapshot()) {
            self.writing = Some(std::thread::spawn(move || lowland::run::write_atomically(&path, &bytes)));
        }
        if trouble.is_some() {
            // Once is enough: the disk does not mend itself.
            self.path = None;
        }
        trouble
    }

    /// Keeps `bytes` at once.
    pub fn keep(&mut self, bytes: &[u8]) -> Option<String> {
        let trouble = self.finish();
        let path = self.path.as_ref()?;
        lowland::run::write_atomically(path, bytes).err().map(|error| error.to_string()).or(trouble)
    }

    fn finish(&mut self) -> Option<String> {
        match self.writing.take()?.join() {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(text::nothing_kept(error)),
            Err(_) => Some(text::nothing_kept(text::WRITING_FAILED)),
        }
    }

    /// The app is closed in good order: there is nothing to go on from.
    pub fn forget(&mut self) {
        self.finish();
        if let Some(path) = &self.path {
            // Where it cannot be removed the next start only asks once more.
            let _ = fs::remove_file(path);
        }
    }
}
