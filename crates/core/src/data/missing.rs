//! What to tell a person whose files are not there.

use crate::Error;
#[cfg(not(target_family = "wasm"))]
use crate::Result;
use std::path::Path;

/// What is always there.
pub(super) const INSTEAD: &str = "--data fashion-sample needs no files";

/// A set of files that somebody else publishes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Publisher {
    /// The set's name, as `--data` has it.
    pub(super) set: &'static str,
    /// Where its files are to be had, in words: pages move.
    pub(super) page: &'static str,
}

/// Bad input, with [`explain`]'s words, unless all `files` of a publisher are in `folder`.
#[cfg(not(target_family = "wasm"))]
pub(super) fn check(publisher: &Publisher, folder: &Path, files: &[&str]) -> Result<()> {
    let absent: Vec<String> =
        files.iter().filter(|file| !folder.join(file).is_file()).map(|file| file.to_string()).collect();
    if absent.is_empty() { Ok(()) } else { Err(explain(Some(publisher), folder, &files.join(", "), &absent)) }
}

/// Bad input that names a file which cannot be read.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::input(format!("{}: {error}; see that you may read this file", path.display()))
}

/// Bad input that says which `files` were looked for in `folder`, which of them (`absent`) are not there, who publishes
/// them and where they belong. `publisher` is none for a person's own files.
pub(super) fn explain(publisher: Option<&Publisher>, folder: &Path, files: &str, absent: &[String]) -> Error {
    let whose = match publisher {
        Some(publisher) => format!("the files of {} are", publisher.set),
        None => "the data set is".to_string(),
    };
    if cfg!(target_family = "wasm") {
        let dropped = match publisher.map(|publisher| publisher.set) {
            None | Some("mnist" | "fashion-mnist") => "drop the files on it",
            Some(_) => "the desktop app reads them",
        };
        return Error::input(format!("{whose} out of reach: a page cannot read folders, {dropped}; {INSTEAD}"));
    }
    // The working folder may not be the one that the reader has in mind, so the whole path is given.
    let place = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let mut text = format!(
        "{whose} not complete in {}: there is no {}. Looked for {files}. ",
        place.display(),
        absent.join(", no ")
    );
    match publisher {
        Some(publisher) => {
            text += &format!(
                "They are on {}; put them into that folder, or name the folder above it with --data-dir",
                publisher.page
            )
        }
        None => text += "Put them into that folder, or name the right one after idx:",
    }
    Error::input(format!("{text}. {INSTEAD}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_explanation_is_complete() {
        let publisher = Publisher { set: "mnist", page: "somebody's page" };
        let absent = ["a".to_string(), "b".to_string()];
        let text = explain(Some(&publisher), Path::new("some/mnist"), "a, b and c", &absent).to_string();
        let whole = std::path::absolute("some/mnist").unwrap();
        for part in ["mnist", "somebody's page", "no a, no b", "a, b and c", "--data-dir", "--data fashion-sample"] {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
        assert!(text.contains(&whole.display().to_string()));
        let text = explain(None, Path::new("mine"), "a", &absent).to_string();
        assert!(text.contains("idx:") && !text.contains("--data-dir"));
    }
}
