//! File dialogs of the desktop, and what becomes of a question that no dialog could be shown for.

use crate::engine::Job;
use std::future::Future;
use std::path::{Path, PathBuf};
use web_time::{Duration, Instant};

/// What a dialog came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// Something was chosen.
    Chosen(T),
    /// It was left without a choice.
    Left,
    /// There was none: on Linux they are those of a desktop portal or of zenity, and some desktops have neither.
    Impossible,
}

/// Nobody leaves a dialog sooner; one that could not be shown answers at once.
const SOONEST: Duration = Duration::from_millis(300);

/// The answer of `dialog`.
pub fn ask<T>(dialog: impl Future<Output = Option<T>> + 'static) -> Job<Answer<T>> {
    let asked = Instant::now();
    let can_be = can_be_shown();
    Job::new(async move {
        match dialog.await {
            Some(chosen) => Answer::Chosen(chosen),
            // A desktop with a bus may still have nobody on it who shows dialogs; elsewhere than on Linux there always is one.
            None if !can_be || cfg!(target_os = "linux") && asked.elapsed() < SOONEST => Answer::Impossible,
            None => Answer::Left,
        }
    })
}

/// Whether there is somebody who could show a dialog.
fn can_be_shown() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let bus = set("DBUS_SESSION_BUS_ADDRESS").is_some()
        || set("XDG_RUNTIME_DIR").is_some_and(|folder| Path::new(&folder).join("bus").exists());
    bus || set("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join("zenity").is_file()))
}

/// `name` in `folder`, with a number where there is such a file already: nothing is written over.
pub fn unused(folder: &Path, name: &str) -> PathBuf {
    let plain = Path::new(name);
    let (stem, extension) = (plain.file_stem().unwrap_or_default(), plain.extension().unwrap_or_default());
    let numbered = |n: u32| format!("{}-{n}.{}", stem.to_string_lossy(), extension.to_string_lossy());
    let names = std::iter::once(name.to_owned()).chain((2..).map(numbered));
    names.map(|name| folder.join(name)).find(|path| !path.exists()).unwrap_or_else(|| folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_dialog_that_answers_nothing_at_once_was_not_shown() {
        assert_eq!(ask(std::future::ready(Some(3))).poll(), Some(Answer::Chosen(3)));
        assert_eq!(ask(std::future::ready(None::<u8>)).poll(), Some(Answer::Impossible));
    }

    #[test]
    fn nothing_is_written_over() {
        let folder = std::env::temp_dir().join(format!("lowland-unused-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let first = unused(&folder, "lowland.json");
        assert_eq!(first, folder.join("lowland.json"));
        std::fs::write(&first, "{}").unwrap();
        assert_eq!(unused(&folder, "lowland.json"), folder.join("lowland-2.json"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
