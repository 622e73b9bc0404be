//! A small CSV reader: columns by name, line by line, errors that say where.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The rows of one CSV file, read one at a time.
pub struct Csv {
    path: PathBuf,
    reader: BufReader<File>,
    header: Vec<String>,
    buffer: Vec<u8>,
    fields: Vec<String>,
    line: usize,
    /// Whether the file ended in the middle of a line, which was left out.
    pub cut_short: bool,
}

impl Csv {
    /// Opens `dir/file` and reads the names of its columns.
    pub fn open(dir: &Path, file: &'static str) -> Result<Self> {
        Self::open_file(dir.join(file), || Error::NotARun { dir: dir.to_owned(), file })
    }

    /// Opens `path` and reads the names of its columns; `missing` is the error where there is no such file.
    pub fn open_file(path: PathBuf, missing: impl FnOnce() -> Error) -> Result<Self> {
        let reader = match File::open(&path) {
            Ok(opened) => BufReader::with_capacity(1 << 16, opened),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Err(missing()),
            Err(source) => return Err(Error::Io { path, source, advice: "Check that it may be read" }),
        };
        let (buffer, fields) = (Vec::new(), Vec::new());
        let mut csv = Self { path, reader, header: Vec::new(), buffer, fields, line: 0, cut_short: false };
        csv.read_line()?;
        csv.header = std::mem::take(&mut csv.fields).iter().map(|name| name.trim().to_owned()).collect();
        if let Some(first) = csv.header.first_mut() {
            *first = first.trim_start_matches('\u{feff}').to_owned();
        }
        Ok(csv)
    }

    /// The index of a column that must be there.
    pub fn column(&self, name: &'static str) -> Result<Column> {
        self.optional_column(name).ok_or_else(|| Error::Column {
            path: self.path.clone(),
            column: name,
            found: if self.header.is_empty() { "nothing".to_owned() } else { clip(&self.header.join(",")) },
        })
    }

    /// The index of a column that may be there.
    pub fn optional_column(&self, name: &'static str) -> Option<Column> {
        self.header.iter().position(|found| found == name).map(|index| Column { name, index })
    }

    /// Goes to the next row; false at the end. Blank lines are passed over. A last line without its line feed and with too
    /// few fields is what a stopped program leaves behind: it is left out.
    pub fn advance(&mut self) -> Result<bool> {
        loop {
            let complete = self.read_line()?;
            if self.buffer.is_empty() {
                return Ok(false);
            }
            if self.fields.iter().all(|field| field.trim().is_empty()) && self.fields.len() <= 1 {
                continue;
            }
            if self.fields.len() == self.header.len() {
                return Ok(true);
            }
            if !complete && self.fields.len() < self.header.len() {
                self.cut_short = true;
                return Ok(false);
            }
            let (found, expected) = (self.fields.len(), self.header.len());
            return Err(Error::Ragged { path: self.path.clone(), line: self.line, found, expected });
        }
    }

    /// A field as text.
    pub fn text(&self, column: Column) -> &str {
        self.fields.get(column.index).map_or("", |field| field.trim())
    }

    /// A field as a whole number.
    pub fn whole(&self, column: Column) -> Result<u64> {
        let text = self.text(column);
        text.parse().map_err(|_| self.damaged(column, "a whole number"))
    }

    /// A field as a number; `NaN` and `inf` are numbers here.
    pub fn number(&self, column: Column) -> Result<f64> {
        let text = self.text(column);
        text.parse().map_err(|_| self.damaged(column, "a number"))
    }

    /// The error that this field is not what it should be.
    pub fn damaged(&self, column: Column, expected: &'static str) -> Error {
        let value = clip(self.text(column));
        Error::Field { path: self.path.clone(), line: self.line, column: column.name, value, expected }
    }

    /// Reads one line into `buffer` and splits it into `fields`; true if a line feed ended it.
    fn read_line(&mut self) -> Result<bool> {
        self.buffer.clear();
        self.line += 1;
        self.reader.read_until(b'\n', &mut self.buffer).map_err(|source| Error::Io {
            path: self.path.clone(),
            source,
            advice: "Check that it is a file and that the disk is sound",
        })?;
        let complete = self.buffer.last() == Some(&b'\n');
        // Bytes that are no text become U+FFFD and then fail as a field, which names line and column.
        let line = String::from_utf8_lossy(&self.buffer);
        split(line.trim_end_matches(['\n', '\r']), &mut self.fields);
        Ok(complete)
    }
}

/// A column by its name and where it stands.
#[derive(Clone, Copy)]
pub struct Column {
    name: &'static str,
    index: usize,
}

/// Splits a line at its commas; a field in double quotes may hold commas, and `""` for a quote.
fn split(line: &str, fields: &mut Vec<String>) {
    fields.clear();
    let (mut field, mut quoted) = (String::new(), false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.trim().is_empty() => quoted = true,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    fields.push(field);
}

/// The beginning of a text that may be long, for a message.
fn clip(text: &str) -> String {
    let mut clipped: String = text.chars().take(80).collect();
    if clipped.len() < text.len() {
        clipped.push('…');
    }
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(line: &str) -> Vec<String> {
        let mut fields = Vec::new();
        split(line, &mut fields);
        fields
    }

    #[test]
    fn splits_plain_and_quoted_fields() {
        assert_eq!(parts("a,b,"), ["a", "b", ""]);
        assert_eq!(parts(r#""sam, rho 0.1",1,"say ""hi""""#), ["sam, rho 0.1", "1", r#"say "hi""#]);
        assert_eq!(parts(""), [""]);
    }
}
