//! CSV files of numbers, the class in the last column.

use super::missing::INSTEAD;
use super::{Inputs, Raw, Shape, Split, fifth, provided};
use crate::{Error, Result};
use ::csv::{ByteRecord, ReaderBuilder, Trim};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The most values that the device counts.
const MOST_VALUES: u64 = u32::MAX as u64;

/// A file's rows.
struct Table {
    /// Number of columns that are not the class.
    columns: usize,
    /// Row after row.
    values: Vec<f32>,
    /// The last column as it is written.
    classes: Vec<String>,
}

/// Reads `FILE`, whose last fifth of each class's rows is the test part, or `TRAIN,TEST`.
pub(super) fn load(files: &str) -> Result<Raw> {
    let read = |file: &str| {
        let path = Path::new(file.trim());
        if !provided::is_file(path) {
            // The working folder may not be the one that the reader has in mind, so the whole path is given.
            let place = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
            return Err(Error::input(format!(
                "there is no file {}; name one with --data csv:FILE, or two with --data csv:TRAIN,TEST: a row for each \
                 example, numbers, and the class in the last column. {INSTEAD}",
                place.display()
            )));
        }
        Ok((provided::read(path)?, path.display().to_string()))
    };
    match files.split_once(',') {
        // A file may have a comma in its name.
        Some((train, test)) if !provided::is_file(Path::new(files)) => {
            let (train, test) = (read(train)?, read(test)?);
            parse(&train.0, &train.1, Some((&test.0, &test.1)))
        }
        _ => read(files).and_then(|(bytes, name)| parse(&bytes, &name, None)),
    }
}

/// The set of one file, or of a training and a test file; each comes with its name for messages.
pub(super) fn parse(bytes: &[u8], name: &str, test: Option<(&[u8], &str)>) -> Result<Raw> {
    let table = rows(bytes, name)?;
    let columns = table.columns;
    let known = classes(&table.classes, name)?;
    let count = known.values().max().map_or(0, |last| usize::from(*last) + 1);
    let labels = labels_of(&table.classes, &known, name, name)?;
    let (train, test) = match test {
        Some((bytes, test_name)) => {
            let other = rows(bytes, test_name)?;
            if other.columns != columns {
                return Err(Error::input(format!(
                    "{test_name} has {} columns before the class, {name} has {columns}; they are not of one set",
                    other.columns
                )));
            }
            let theirs = labels_of(&other.classes, &known, test_name, name)?;
            (split(table.values, labels), split(other.values, theirs))
        }
        None if count * 2 > labels.len() => {
            return Err(Error::input(format!(
                "{name}: the last column has {count} values in {} rows, fewer than two rows for each; is it the class?",
                labels.len()
            )));
        }
        None => part(&table.values, &labels, columns),
    };
    Ok(Raw { shape: Shape { channels: columns, height: 1, width: 1 }, classes: count, train, test })
}

/// The classes by what is written: numbers by their size if all are numbers, else names in their order.
fn classes(written: &[String], name: &str) -> Result<BTreeMap<String, u16>> {
    let number = |class: &str| class.parse().ok().filter(|number: &f64| number.is_finite());
    let names: BTreeSet<&str> = written.iter().map(String::as_str).collect();
    let mut sorted: Vec<(f64, &str)> = match names.iter().map(|class| Some((number(class)?, *class))).collect() {
        Some(numbers) => numbers,
        // The names' places: they are in order already.
        None => names.iter().enumerate().map(|(place, class)| (place as f64, *class)).collect(),
    };
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut result = BTreeMap::new();
    let (mut place, mut before) = (0, None);
    for (number, class) in sorted {
        // 1 and 1.0 are one class.
        place += usize::from(before.is_some_and(|before| before != number));
        before = Some(number);
        let label = u16::try_from(place).map_err(|_| {
            Error::input(format!("{name}: more than 65536 classes in the last column; is it the class?"))
        })?;
        result.insert(class.to_owned(), label);
    }
    match written.first() {
        Some(only) if place == 0 => Err(Error::input(format!(
            "{name}: the last column, the class, is '{only}' everywhere; two classes or more are expected"
        ))),
        _ => Ok(result),
    }
}

/// The classes `written` in the file `name`, by those of the file `trained`.
fn labels_of(written: &[String], known: &BTreeMap<String, u16>, name: &str, trained: &str) -> Result<Vec<u16>> {
    let label = |class: &String| {
        // 1.0 may be written 1 elsewhere.
        let same = |known: &&String| matches!((known.parse::<f64>(), class.parse::<f64>()), (Ok(a), Ok(b)) if a == b);
        let found = known.get(class).or_else(|| known.keys().find(same).and_then(|key| known.get(key)));
        let lacking = || Error::input(format!("{name} has the class '{class}', which {trained} has not"));
        found.copied().ok_or_else(lacking)
    };
    written.iter().map(label).collect()
}

/// All but the last fifth of each class's rows, and the last fifths, both in the file's order.
fn part(values: &[f32], labels: &[u16], columns: usize) -> (Split, Split) {
    let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
    labels.iter().for_each(|label| *counts.entry(*label).or_default() += 1);
    let mut kept: BTreeMap<u16, usize> = counts.into_iter().map(|(label, n)| (label, n - fifth(n))).collect();
    let mut parts = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
    for (row, label) in values.chunks_exact(columns).zip(labels) {
        let left = kept.entry(*label).or_default();
        let (values, labels) = &mut parts[usize::from(*left == 0)];
        *left = left.saturating_sub(1);
        values.extend_from_slice(row);
        labels.push(*label);
    }
    let [train, test] = parts.map(|(values, labels)| split(values, labels));
    (train, test)
}

fn split(values: Vec<f32>, labels: Vec<u16>) -> Split {
    Split { inputs: Inputs::Floats(values), labels, flipped: Vec::new() }
}

/// Reads all rows of a file.
fn rows(bytes: &[u8], name: &str) -> Result<Table> {
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(bytes);
    let mut table = Table { columns: 0, values: Vec::new(), classes: Vec::new() };
    let mut header: Option<ByteRecord> = None;
    // The first line and its number of fields.
    let mut first: Option<(usize, usize)> = None;
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(|error| Error::input(format!("{name}: {error}")))? {
        let start = record.position().map_or(0, |position| position.byte());
        let line = || line(bytes, start);
        let is_first = first.is_none();
        let (first_line, fields) = *first.get_or_insert_with(|| (line(), record.len()));
        if record.len() != fields {
            return Err(Error::input(format!(
                "{name}: line {} has {} columns, line {first_line} has {fields}; every row needs the same",
                line(),
                record.len()
            )));
        }
        let Some(last) = fields.checked_sub(1).filter(|last| *last > 0) else {
            let hint = record.iter().flatten().find(|byte| b";\t|".contains(byte));
            let hint = hint.map_or(String::new(), |byte| {
                format!("; columns are told apart by commas, not by '{}'", char::from(*byte).escape_default())
            });
            return Err(Error::input(format!(
                "{name}: line {} has one column, expected numbers and the class behind them{hint}",
                line()
            )));
        };
        table.columns = last;
        // A header has no number where the values are; a first row with some is a row with a mistake in it.
        if is_first && record.iter().take(last).all(|field| number(field).is_none()) {
            header = Some(record.clone());
            continue;
        }
        for (place, field) in record.iter().take(last).enumerate() {
            let Some(number) = number(field) else {
                let shown = String::from_utf8_lossy(field);
                let shown: String = shown.chars().take(40).flat_map(char::escape_debug).collect();
                let what = if field.is_empty() { "is empty".into() } else { format!("is '{shown}'") };
                let titled = header.as_ref().and_then(|header| header.get(place)).filter(|title| !title.is_empty());
                let titled = titled.map_or(String::new(), |title| format!(" ({})", String::from_utf8_lossy(title)));
                return Err(Error::input(format!(
                    "{name}: line {}, column {}{titled} {what}, expected a finite number",
                    line(),
                    place + 1
                )));
            };
            table.values.push(number);
        }
        match record.get(last).map(std::str::from_utf8) {
            Some(Ok(class)) if !class.is_empty() => table.classes.push(class.to_owned()),
            Some(Ok(_)) => {
                return Err(Error::input(format!("{name}: line {}, column {fields}, the class, is empty", line())));
            }
            _ => {
                let what = "is not UTF-8 text";
                return Err(Error::input(format!("{name}: line {}, column {fields}, the class, {what}", line())));
            }
        }
        if table.values.len() as u64 > MOST_VALUES {
            return Err(Error::input(format!("{name}: more than the {MOST_VALUES} values that fit")));
        }
    }
    if table.classes.is_empty() {
        let what = if header.is_some() { "only a header" } else { "nothing" };
        return Err(Error::input(format!("{name} holds {what}; a row for each example is expected, the class last")));
    }
    Ok(table)
}

/// The number that a field is, if it is one that f32 has.
fn number(field: &[u8]) -> Option<f32> {
    std::str::from_utf8(field).ok()?.parse().ok().filter(|number: &f32| number.is_finite())
}

/// The line, from 1, of the record that starts at `byte` or behind the empty lines there.
fn line(bytes: &[u8], byte: u64) -> usize {
    let start = bytes.len().min(byte as usize);
    let blank = bytes[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let before = &bytes[..start + blank];
    // A carriage return alone ends a line, too, as it does for the reader.
    let ends = |(at, byte): &(usize, &u8)| **byte == b'\n' || (**byte == b'\r' && before.get(at + 1) != Some(&b'\n'));
    1 + before.iter().enumerate().filter(ends).count()
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
