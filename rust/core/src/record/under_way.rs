//! The two files of a recording until it is complete.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

#[cfg(target_os = "linux")]
use rustix::fs::OFlags;

use super::checks::Sums;
use super::journal::{self, Journal};
use super::leftover;
use super::place::{self, PlacedFile};
use super::target::{Target, remove_if_there};
use crate::ledger::Ledger;

/// What their names end with, and that of a journal which is to take the place of another.
pub(super) const PARTIAL: &str = ".partial";
pub(super) const JOURNAL: &str = ".journal";
pub(super) const NEW: &str = ".new";

/// What any Parquet file begins with.
pub(super) const MAGIC: &[u8] = BEGIN.split_at(4).0;

/// What a file under way begins with, before the number of its recording.
const BEGIN: &[u8; 12] = b"PAR1irqtrace";

/// So long is a file under way that has no row group yet.
pub(super) const BEGIN_BYTES: u64 = BEGIN_LEN as u64;
const BEGIN_LEN: usize = BEGIN.len() + 8;

/// How often and how long a recorder waits for the lock: readers hold it for a moment to see whether somebody else does.
const LOCK_TRIES: u32 = 100;
const LOCK_EVERY: Duration = Duration::from_millis(10);

/// A recording that can be opened from its first flush on.
pub(super) struct UnderWay {
    pub(super) partial: PathBuf,
    pub(super) journal: Journal,
    /// The file, to see whether it is still the one of its name.
    file: File,
    /// It has its name, or was given up.
    pub(super) settled: bool,
    /// The process that records: one that was forked from it has no part in its files.
    process: u32,
}

impl UnderWay {
    /// That nothing of a recording of this name is there. What means nothing is held until the result is dropped, and goes
    /// then.
    ///
    /// # Errors
    ///
    /// There is something, or somebody records under this name.
    pub(super) fn none(target: &Target) -> io::Result<Option<Self>> {
        let is_there = |suffix| with_suffix(&target.path, suffix).symlink_metadata().is_ok();
        if ![PARTIAL, JOURNAL].into_iter().any(is_there) {
            return Ok(None);
        }
        Self::create(target, None, None).map(|(held, _)| Some(held))
    }

    /// Makes the file under way, and holds it. A segment has its place, and the number of its recording if there was one
    /// before it.
    ///
    /// # Errors
    ///
    /// Something is there that may be a recording: it is never replaced.
    pub(super) fn create(target: &Target, recording: Option<u64>, segment: Option<u32>) -> io::Result<(Self, File)> {
        let refuse = |kind, why: &str| Err(io::Error::new(kind, why.to_owned()));
        let name = target.path.file_name().unwrap_or_default().as_encoded_bytes();
        if [PARTIAL, JOURNAL].iter().any(|suffix| name.ends_with(suffix.as_bytes())) {
            let why = "ends with .partial or .journal, as the files of a recording under way do; choose another name";
            return refuse(io::ErrorKind::InvalidInput, why);
        }
        let (partial, journal) = (with_suffix(&target.path, PARTIAL), with_suffix(&target.path, JOURNAL));
        let unfinished = "an unfinished recording of this name is there: irqtrace repair completes it; else choose \
                          another name, or remove its files, which end with .partial and .journal";
        let recorded = "is being recorded by somebody else; choose another name";
        leftover::remove_journal(&target.path)?;
        let new = with_suffix(&journal, NEW);
        // Of one that was cut off as it made its first journal there is nothing.
        let in_the_way = new.symlink_metadata().is_ok() && !journal::is_begin_of_one(&new);
        if in_the_way || journal.symlink_metadata().is_ok() {
            let is_recorded = place::open(&partial).is_ok_and(|file| is_locked(&file));
            return refuse(io::ErrorKind::AlreadyExists, if is_recorded { recorded } else { unfinished });
        }
        let file = match target.create_beside(&partial) {
            // One that ended before there was anything of it leaves an empty one.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open_again(&partial)?,
            file => file?,
        };
        if !is_locked_by_us(&file) || !is_at(&file, &partial)? {
            return refuse(io::ErrorKind::AlreadyExists, recorded);
        }
        if !is_empty(&file)? {
            return refuse(io::ErrorKind::AlreadyExists, unfinished);
        }
        file.set_len(0)?;
        remove_if_there(&new)?;
        let recording = recording.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        let journal = Journal::new(journal, recording, segment);
        let own = file.try_clone()?;
        Ok((Self { partial, journal, file: own, settled: false, process: std::process::id() }, file))
    }

    /// What stands at the begin of the file.
    pub(super) fn begin(&self) -> Vec<u8> {
        [BEGIN.as_slice(), &self.journal.recording().to_le_bytes()].concat()
    }

    /// Begins the journal anew, which replaces the one before.
    pub(super) fn begin_journal(
        &mut self,
        target: &Target,
        ledger: &Ledger,
        file_bytes: u64,
        sums: &Sums,
    ) -> io::Result<()> {
        self.journal.begin(ledger, file_bytes, sums, |path| target.create_beside(path))
    }

    /// That what is written still has its name: else it is written in vain, or what has the name is somebody else's.
    pub(super) fn check_is_there(&self) -> io::Result<()> {
        if is_at(&self.file, &self.partial)? {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "was removed while it was being written"))
    }

    /// Whether what was flushed can be found.
    pub(super) fn is_kept(&self) -> bool {
        let journal_is_there = self.journal.is_begun() && self.journal.is_lost().is_ok_and(|lost| !lost);
        journal_is_there && self.check_is_there().is_ok()
    }

    /// Takes both files away, as far as they are its own.
    pub(super) fn remove(&mut self) {
        if self.process != std::process::id() {
            return;
        }
        self.settled = true;
        // What cannot be removed now is a leftover that the next recording of this name tells of.
        if is_at(&self.file, &self.partial).unwrap_or(false) {
            let _ = fs::remove_file(&self.partial);
        }
        let _ = self.journal.remove();
    }
}

impl Drop for UnderWay {
    /// What was flushed stays, however the recording ends. Before the first flush there is nothing to keep.
    fn drop(&mut self) {
        if !self.settled && !self.journal.is_begun() {
            self.remove();
        }
    }
}

/// Opens a file under way that is there already. Where a link leads is nothing of ours.
fn open_again(partial: &Path) -> io::Result<File> {
    let refuse = || {
        let why = "a link, or something else that is no file, has the name that its file has until it is complete \
                   (.partial); choose another name, or remove that";
        io::Error::new(io::ErrorKind::AlreadyExists, why)
    };
    if !partial.symlink_metadata()?.is_file() {
        return Err(refuse());
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Nor one that has come to be there since.
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    let file = options.open(partial)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(refuse()) }
}

/// A recording's number in the description of a trace.
pub(super) fn recording_text(number: u64) -> String {
    format!("{number:016x}")
}

/// Which recording a file under way is of. `None` where it is none.
pub(super) fn recording_of(file: &mut impl Read) -> io::Result<Option<u64>> {
    let mut begin = [0; BEGIN_LEN];
    match file.read_exact(&mut begin) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let (begin, number) = begin.split_at(BEGIN.len());
    let number = number.try_into().map(u64::from_le_bytes).ok();
    Ok(number.filter(|_| begin == BEGIN))
}

/// Whether a recorder, or a repair, holds the file. Where locks are not known nobody seems to.
pub(super) fn is_locked(file: &File) -> bool {
    match file.try_lock_shared() {
        Ok(()) => {
            // Closing would do it too, but the descriptor is kept.
            let _ = file.unlock();
            false
        }
        Err(error) => matches!(error, TryLockError::WouldBlock),
    }
}

/// Takes the lock, which is held until the file is closed; false where somebody else holds it. Where a file system knows
/// no locks, readers take the recording for cut off.
pub(super) fn is_locked_by_us(file: &File) -> bool {
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_EVERY),
            _ => return true,
        }
    }
    false
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Whether a file is the one of this name. A link to it is not.
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let found = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        found => found?,
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let own = file.metadata()?;
        Ok((own.dev(), own.ino()) == (found.dev(), found.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = (file, found);
        Ok(true)
    }
}

/// Whether a file under way has nothing in it yet.
pub(super) fn is_empty(file: &File) -> io::Result<bool> {
    let mut begin = Vec::new();
    PlacedFile::new(file.try_clone()?).begin().take(BEGIN_BYTES + 1).read_to_end(&mut begin)?;
    Ok(begin.len() as u64 <= BEGIN_BYTES && BEGIN.starts_with(&begin[..begin.len().min(BEGIN.len())]))
}
