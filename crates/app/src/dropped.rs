//! Data in files that come as a name and bytes, as on a page, which has no folders: tables, and the four files of an IDX set.

use crate::state::State;
use crate::text::messages;
use lowland::config::{Config, Normalize};
use lowland::data;
use std::collections::BTreeSet;

/// Where IDX files are kept together, as if it were a folder.
const FOLDER: &str = "dropped";
/// The files of an IDX set, without what follows (a hyphen or a dot, the dimensions, perhaps `.gz`).
const IDX: [&str; 4] = ["train-images", "train-labels", "t10k-images", "t10k-labels"];

/// Data that were dropped and wait for others that belong to them.
#[derive(Clone, Debug, Default)]
pub struct Dropped {
    idx: BTreeSet<&'static str>,
}

/// Takes a file of data over into `state`; gives the bytes back where it is none.
///
/// # Errors
/// A sentence that says what is wrong with the data; the training goes on then.
pub fn open(state: &mut State, name: &str, bytes: Vec<u8>) -> Result<Option<Vec<u8>>, String> {
    if name.ends_with(".csv") {
        data::provide(name, bytes);
        // Columns may be in any unit, so they are scaled.
        train_on(state, format!("csv:{name}"), Some(Normalize::Standard))?;
        return Ok(None);
    }
    let Some(stem) = IDX.into_iter().find(|stem| name.starts_with(stem) && name.contains("ubyte")) else {
        return Ok(Some(bytes));
    };
    data::provide(format!("{FOLDER}/{name}"), bytes);
    state.dropped.idx.insert(stem);
    let absent: Vec<&str> = IDX.into_iter().filter(|stem| !state.dropped.idx.contains(stem)).collect();
    if absent.is_empty() {
        train_on(state, format!("idx:{FOLDER}"), None)?;
    } else {
        state.say(messages::kept_part(name, &absent));
    }
    Ok(None)
}

/// Begins a race on data that can be read; network and batch are those that fit them.
fn train_on(state: &mut State, name: String, normalize: Option<Normalize>) -> Result<(), String> {
    let config = Config {
        data: name.clone(),
        normalize,
        model: None,
        batch: None,
        m: None,
        train_limit: None,
        test_limit: None,
        init: None,
        changes: Vec::new(),
        ..state.config.clone()
    };
    data::load(&config).map_err(|error| error.to_string())?;
    crate::share::check(&config)?;
    state.take(config);
    state.say(messages::data_now(&name));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_becomes_the_data() {
        let mut state = State::new();
        let rows: String =
            (0..40).map(|i| format!("{},{},{}\n", i, i * i, ["cat", "dog"][usize::from(i % 3 == 0)])).collect();
        assert!(open(&mut state, "dropped-pets.csv", rows.into_bytes()).unwrap().is_none());
        assert_eq!(state.config.data, "csv:dropped-pets.csv");
        let before = state.config.clone();
        let error = open(&mut state, "dropped-bad.csv", b"1,2\nx\n".to_vec()).unwrap_err();
        assert!(error.contains("dropped-bad.csv"), "{error}");
        assert_eq!(state.config, before, "the race goes on");
    }

    #[test]
    fn four_files_make_a_set_of_images() {
        let idx = |dimensions: &[u32], values: &[u8]| {
            let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
            dimensions.iter().for_each(|n| bytes.extend(n.to_be_bytes()));
            bytes.extend(values);
            bytes
        };
        let mut state = State::new();
        let images = idx(&[4, 2, 2], &(0..16).collect::<Vec<u8>>());
        let labels = idx(&[4], &[0, 1, 1, 0]);
        let files = [("images-idx3", &images), ("labels-idx1", &labels)];
        for (i, (part, (rest, bytes))) in
            ["train", "t10k"].iter().flat_map(|part| files.map(|file| (part, file))).enumerate()
        {
            assert!(!state.config.data.starts_with("idx:"), "after {i} files");
            assert!(open(&mut state, &format!("{part}-{rest}-ubyte"), bytes.clone()).unwrap().is_none());
        }
        assert_eq!(state.config.data, "idx:dropped");
    }

    #[test]
    fn other_files_are_given_back() {
        let mut state = State::new();
        assert_eq!(open(&mut state, "lowland.json", b"{}".to_vec()), Ok(Some(b"{}".to_vec())));
    }
}
