//! Files in memory, read as if they lay where their paths say: what somebody drops on a page, which has no folders.

use super::missing;
use crate::Result;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Cursor};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

static FILES: Mutex<BTreeMap<PathBuf, Arc<[u8]>>> = Mutex::new(BTreeMap::new());

/// From now on `path` has these bytes, for the readers of data sets: `csv:PATH`, or a file of `idx:DIR`.
pub fn provide(path: impl Into<PathBuf>, bytes: Vec<u8>) {
    FILES.lock().unwrap_or_else(PoisonError::into_inner).insert(path.into(), bytes.into());
}

fn provided(path: &Path) -> Option<Arc<[u8]>> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
}

/// Whether there is such a file, in memory or on disk.
pub(super) fn is_file(path: &Path) -> bool {
    provided(path).is_some() || path.is_file()
}

/// Opens a file.
pub(super) fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    if let Some(bytes) = provided(path) {
        return Ok(Box::new(Cursor::new(bytes)));
    }
    let file = std::fs::File::open(path).map_err(|error| missing::unreadable(path, &error))?;
    Ok(Box::new(BufReader::new(file)))
}

/// The whole of a file, or bad input that names it.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    match provided(path) {
        Some(bytes) => Ok(bytes.to_vec()),
        None => std::fs::read(path).map_err(|error| missing::unreadable(path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn a_provided_file_is_read_as_one_on_disk() {
        let path = Path::new("nowhere/of/provided.csv");
        assert!(!is_file(path));
        assert!(read(path).is_err() && open(path).is_err());
        provide(path, b"1,2,a\n".to_vec());
        provide(path, b"1,2,b\n".to_vec());
        assert!(is_file(path));
        assert_eq!(read(path).unwrap(), b"1,2,b\n");
        let mut text = String::new();
        open(path).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "1,2,b\n");
    }
}
