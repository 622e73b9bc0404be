//! The one error type of the crate.

use std::path::PathBuf;

/// Why a run folder could not be read or its report not written.
///
/// A message names the file, the line and the column where it can, and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that every run folder has is not there.
    #[error("{}: there is no {file} here. Give the folder of a run (the one that `--out` named)", dir.display())]
    NotARun {
        /// The folder that was given.
        dir: PathBuf,
        /// The file that is missing.
        file: &'static str,
    },
    /// A file could not be read or written.
    #[error("{}: {source}. {advice}", path.display())]
    Io {
        /// The file in question.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// What the reader can do about it.
        advice: &'static str,
    },
    /// A JSON file of another shape than it should have.
    #[error("{}: {message}. Restore the file, or run the command again", path.display())]
    Shape {
        /// The file in question.
        path: PathBuf,
        /// What is wrong.
        message: &'static str,
    },
    /// A JSON file that is not JSON.
    #[error("{}, line {line}, column {column}: {message}. Restore the file, or run the command again", path.display())]
    Json {
        /// The file in question.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// A CSV file without a column that the report needs.
    #[error(
        "{}, line 1: there is no column `{column}` (found: {found}). The first line must name the columns: restore it, \
         or run the command again",
        path.display()
    )]
    Column {
        /// The file in question.
        path: PathBuf,
        /// The column that is missing.
        column: &'static str,
        /// The columns that are there.
        found: String,
    },
    /// A line of a CSV file with too few or too many fields.
    #[error(
        "{}, line {line}: {found} fields where the first line names {expected}. Mend or delete that line, or repeat the \
         run with `--resume`",
        path.display()
    )]
    Ragged {
        /// The file in question.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Fields on that line.
        found: usize,
        /// Fields that the header has.
        expected: usize,
    },
    /// A field of a CSV file that cannot be understood.
    #[error(
        "{}, line {line}, column `{column}`: {value:?} is not {expected}. Mend or delete that line, or repeat the run \
         with `--resume`",
        path.display()
    )]
    Field {
        /// The file in question.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Name of the column.
        column: &'static str,
        /// What stands there (its beginning).
        value: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// A file without a single evaluation.
    #[error("{}: no evaluation was written yet, so there is nothing to report. Let the run reach its first one", path.display())]
    Empty {
        /// The file in question.
        path: PathBuf,
    },
    /// A metric of validation examples, where there are none.
    #[error("{}: there are no validation examples, which {metric} is of. Choose another --metric, or sweep with --val-fraction", dir.display())]
    NoValidation {
        /// The folder of the sweep.
        dir: PathBuf,
        /// The metric.
        metric: &'static str,
    },
    /// The plotting library gave up; a fault of this program.
    #[error("the chart `{chart}` could not be drawn: {message}. Please report this as a bug, with the run folder")]
    Chart {
        /// Which chart.
        chart: &'static str,
        /// What the library said.
        message: String,
    },
}

/// `Result` with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;
