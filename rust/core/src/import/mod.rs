//! Texts that were captured elsewhere become a trace: copies in a folder, a log of times and texts, reports.
//!
//! ```text
//! files ─ scan ─ gather (times) ─ order (windows) ─ series (parse, what grew) ─ store
//! ```
//!
//! A time that cannot be known is asked for and never guessed, and nothing that stands in a file is passed over.

mod gather;
mod iso;
mod machine;
mod name;
mod number;
mod order;
mod report;
mod scan;
mod series;
mod stamp;
mod untimed;
mod zone;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub(crate) use machine::missing_cpu;
pub(crate) use scan::{CUT_OFF, expect_text, has_header, missing};

use crate::warning::duration;
use crate::{ConfigError, IrqtraceError, Trace, TraceWriter};

/// What is told of the bytes of texts that were read, and of all that there are; both are 0 while that is being found out.
/// An error ends the work.
pub type Progress<'a> = dyn FnMut(u64, u64) -> Result<(), IrqtraceError> + 'a;

/// How far from its time a text may have been read at most: a trace holds windows of 4.29 s, and a time may be 2 s coarse.
pub const MAX_WITHIN_NS: i64 = 2_000_000_000;

/// A file, a folder of them, or a report; and its time where it was given by hand.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// In a form that `date` prints.
    pub at: Option<String>,
}

/// Where the times of files come from that tell none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Their names.
    Names,
    /// When they were last changed.
    Mtimes,
}

impl std::str::FromStr for Times {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "names" => Ok(Self::Names),
            "mtimes" => Ok(Self::Mtimes),
            _ => Err(ConfigError(format!("times {text:?} is neither \"names\" nor \"mtimes\""))),
        }
    }
}

/// What to import, and what only a person can know of it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// In any order.
    pub sources: Vec<Source>,
    /// Names where nothing is said.
    pub times: Option<Times>,
    /// Numbers that may as well be dates are seconds since 1970.
    pub since_1970: bool,
    /// The zone of times that name none.
    pub zone: Option<String>,
    /// The name of the machine.
    pub host: Option<String>,
    /// All texts are of one start of one machine, also where devices and their counts do not tell, or speak against it.
    pub same_machine: bool,
    /// How long after its time a text was read at most; before it, where that is of its file's last change.
    pub within_ns: i64,
    /// The present time, where the clock is not to be asked.
    pub now_ns: Option<i64>,
}

/// Makes a trace of captured texts; with a path and whether it may be replaced, in a file.
///
/// # Errors
///
/// Where a text does not fit the format, something else stands in a file, a time is not known, a clock runs backwards, texts
/// are not of one machine, or a file cannot be read or written. Nothing is written then.
pub fn import(
    options: &Options,
    file: Option<(&Path, bool)>,
    progress: &mut Progress<'_>,
) -> Result<Option<Trace>, IrqtraceError> {
    if options.sources.is_empty() {
        return Err(ConfigError("there is nothing to import: no source was given".to_owned()).into());
    }
    if !(0..=MAX_WITHIN_NS).contains(&options.within_ns) {
        return Err(ConfigError(format!("within: {} is not from 0 to 2 s", duration(options.within_ns))).into());
    }
    let writer = file.map(|(path, overwrite)| TraceWriter::create(path, overwrite)).transpose()?;
    let gathered = gather::gather(options, file.map(|(path, _)| path), progress)?;
    if let Some((path, _)) = file {
        expect_no_source(path, &gathered.taken)?;
    }
    let moments = order::moments(gathered.taken, options.within_ns)?;
    series::write(&moments, gathered.host, options.same_machine, writer, progress)
}

/// That what is to be written is not what is read.
fn expect_no_source(path: &Path, taken: &[gather::Taken]) -> Result<(), ConfigError> {
    let Ok(target) = path.canonicalize() else { return Ok(()) };
    let sources: BTreeSet<_> = taken.iter().flat_map(|taken| &taken.texts).map(|text| &text.place.path).collect();
    match sources.into_iter().find(|source| source.canonicalize().is_ok_and(|source| source == target)) {
        Some(source) => Err(ConfigError(format!("{}: the trace would replace this source", source.display()))),
        None => Ok(()),
    }
}
