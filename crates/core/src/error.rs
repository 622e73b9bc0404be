//! The one error type of the library.

/// What went wrong, sorted by who can mend it.
///
/// A message says what happened, where, and what to do; it is a whole sentence and is printed as it stands.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A flag, a file, a configuration or an adapter that cannot be used: nothing was done yet.
    #[error("{0}")]
    Input(String),
    /// The device or the system gave up in the middle of the work.
    #[error("{0}")]
    Run(String),
    /// A file could not be read or written.
    #[error("{path}: {source}. {advice}")]
    Io {
        /// The file in question.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// What the reader can do about it.
        advice: &'static str,
    },
}

/// `Result` with this library's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An [`Error::Input`] from a message.
    pub fn input(message: impl Into<String>) -> Self {
        Self::Input(message.into())
    }

    /// An [`Error::Run`] from a message.
    pub fn run(message: impl Into<String>) -> Self {
        Self::Run(message.into())
    }

    /// An [`Error::Io`] about `path`.
    pub fn io(path: impl Into<std::path::PathBuf>, source: std::io::Error, advice: &'static str) -> Self {
        Self::Io { path: path.into(), source, advice }
    }

    /// Whether this was bad input, found before any work (the program's exit code 2).
    pub fn is_input(&self) -> bool {
        matches!(self, Self::Input(_))
    }
}
