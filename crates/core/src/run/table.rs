//! The CSV tables of a run: rows are appended, flushed at least every two seconds, and cut back on resume.

use crate::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use web_time::{Duration, Instant};

/// One table that is being written.
#[derive(Debug)]
pub(super) struct Table {
    path: PathBuf,
    file: File,
    pending: String,
    length: u64,
    flushed: Instant,
}

const FLUSH_EVERY: Duration = Duration::from_millis(1000);
pub(super) const ADVICE: &str = "Make room or make the folder writable";

impl Table {
    /// Opens the table and cuts it to its first `length` bytes; 0 starts it anew with `header`. Nothing was done yet, so
    /// whatever goes wrong is bad input.
    pub(super) fn open(path: &Path, header: &str, length: u64) -> Result<Self> {
        let error =
            |e| Error::input(Error::io(path, e, "Make room or make the folder writable, and try again").to_string());
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path).map_err(error)?;
        let there = file.metadata().map_err(error)?.len();
        if there < length {
            return Err(Error::input(format!(
                "{} has {there} bytes, but the checkpoint was made with {length}: the folder is damaged. Start the run anew with another --out.",
                path.display()
            )));
        }
        if length > 0 {
            let mut begin = vec![0; (header.len() as u64 + 1).min(length) as usize];
            file.read_exact(&mut begin).map_err(error)?;
            if begin != format!("{header}\n").as_bytes() {
                return Err(Error::input(format!(
                    "{} does not begin with the columns {header}: another version of the program has begun this run. Go on with that one, or start the run anew with another --out.",
                    path.display()
                )));
            }
        }
        file.set_len(length).map_err(error)?;
        file.seek(SeekFrom::Start(length)).map_err(error)?;
        let mut table = Self { path: path.into(), file, pending: String::new(), length, flushed: Instant::now() };
        if length == 0 {
            table.row(header);
            table.flush().map_err(|e| Error::input(e.to_string()))?;
        }
        Ok(table)
    }

    /// Appends a row.
    pub(super) fn row(&mut self, row: &str) {
        self.pending.push_str(row);
        self.pending.push('\n');
    }

    /// Writes what is pending, if it is time.
    pub(super) fn flush_in_time(&mut self) -> Result<()> {
        if self.flushed.elapsed() > FLUSH_EVERY { self.flush() } else { Ok(()) }
    }

    /// Writes what is pending.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.file.write_all(self.pending.as_bytes()).map_err(|e| {
            // No half row stays.
            let _ = self.file.set_len(self.length);
            Error::io(&self.path, e, ADVICE)
        })?;
        self.length += self.pending.len() as u64;
        self.pending.clear();
        self.flushed = Instant::now();
        Ok(())
    }

    /// Makes sure the table is on the disk, and tells its length: what a checkpoint cuts back to.
    pub(super) fn sync(&mut self) -> Result<u64> {
        self.flush()?;
        self.file.sync_data().map_err(|e| Error::io(&self.path, e, ADVICE))?;
        Ok(self.length)
    }
}

/// The shortest text that reads back to the same f32.
pub(super) fn number(value: f32) -> String {
    let plain = format!("{value}");
    let scientific = format!("{value:e}");
    if scientific.len() < plain.len() { scientific } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_to_the_same_bits() {
        for value in [0.0, 1.0, 0.1, 1.0 / 3.0, 1e-30, 3.4e38, 123_456.79, -2.5e-7, 16_777_216.0] {
            assert_eq!(number(value).parse::<f32>().unwrap().to_bits(), value.to_bits(), "{value}");
        }
        assert_eq!(number(1e-30), "1e-30");
        assert_eq!(number(0.25), "0.25");
        assert!(number(f32::NAN).parse::<f32>().unwrap().is_nan());
    }

    #[test]
    fn a_table_is_cut_back_to_a_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let mut table = Table::open(&path, "a,b", 0).unwrap();
        table.row("1,2");
        let length = table.sync().unwrap();
        table.row("3,4");
        table.flush().unwrap();
        drop(table);
        let mut table = Table::open(&path, "a,b", length).unwrap();
        table.row("5,6");
        table.flush().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a,b\n1,2\n5,6\n");
        assert!(Table::open(&path, "a,b", 1000).is_err());
        assert!(Table::open(&path, "a,b,c", length).unwrap_err().to_string().contains("another version"));
    }
}
