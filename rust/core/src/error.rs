//! Everything that can go wrong, as a person will read it.

use std::path::PathBuf;

/// Any error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum IrqtraceError {
    /// A text does not fit the format.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// Counts cannot be had here.
    #[error(transparent)]
    Source(#[from] SourceUnavailable),
    /// A file is not a trace that this version can read.
    #[error(transparent)]
    TraceFormat(#[from] TraceFormatError),
    /// What was asked for makes no sense on this machine.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The operating system refused something that was asked for and needs a privilege.
    #[error("{what}: {source}; {help}")]
    Privilege {
        /// What was asked for.
        what: String,
        /// What would help.
        help: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Reading or writing a trace failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A recording could not be written any more.
    #[error("{}: {source}; what was flushed until then is in {}", path.display(), kept.display())]
    CutOff {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// What is there of it.
        kept: PathBuf,
    },
    /// A trace is complete and could not be given its name.
    #[error("{}: {source}; the recording is complete in {}", path.display(), kept.display())]
    NotNamed {
        /// The name that it should have.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// Where it is.
        kept: PathBuf,
    },
}

impl IrqtraceError {
    /// The failure, and where what was flushed before it is, if anything was.
    pub(crate) fn cut_off(self, kept: Option<PathBuf>) -> Self {
        match (self, kept) {
            (Self::Io { path, source }, Some(kept)) if kept.exists() => Self::CutOff { path, source, kept },
            (failure, _) => failure,
        }
    }
}

/// A text that does not fit the format: where, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[error("{path}: line {line}, byte {offset}: {message}")]
pub struct ParseError {
    /// The file that the text came from, or a name for the text.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The byte, from 0, counted from the start of the text.
    pub offset: usize,
    /// What was wrong: a lowercase fragment without a full stop.
    pub message: String,
}

/// Why counts cannot be had here, and what would help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}; {help}")]
pub struct SourceUnavailable {
    /// The file or interface.
    pub path: String,
    /// What is wrong with it: a lowercase fragment.
    pub reason: String,
    /// What would help: a lowercase fragment.
    pub help: String,
    /// The system's error number where there was one, else 0.
    pub errno: i32,
}

/// A file that is not a trace that this version can read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct TraceFormatError {
    /// The file.
    pub path: String,
    /// What is wrong with it: a lowercase fragment.
    pub message: String,
}

impl From<arrow_schema::ArrowError> for IrqtraceError {
    fn from(error: arrow_schema::ArrowError) -> Self {
        Self::TraceFormat(TraceFormatError { path: "a table in memory".to_owned(), message: error.to_string() })
    }
}

/// A request that makes no sense on this machine; the message names what would.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);
