//! What a recorder leaves that was cut off just when its file was complete.

use std::fs::File;
use std::io;
use std::path::Path;

use parquet::file::metadata::ParquetMetaDataReader;

use super::journal;
use super::place;
use super::target::remove_if_there;
use super::under_way::{JOURNAL, PARTIAL, recording_of, recording_text, with_suffix};
use crate::{META_KEY, Meta};

/// Removes the journal of the recording that is complete as `path`, where it was left beside it: whether there was one.
pub(super) fn remove_journal(path: &Path) -> io::Result<bool> {
    let journal = with_suffix(path, JOURNAL);
    let has_partial = with_suffix(path, PARTIAL).symlink_metadata().is_ok();
    if has_partial || journal.symlink_metadata().is_err() || !path.is_file() {
        return Ok(false);
    }
    let of_journal = journal::recording(&journal)?.map(recording_text);
    if of_journal.is_none() || of_journal != recording_in(&mut place::open(path)?)? {
        return Ok(false);
    }
    remove_if_there(&journal)?;
    Ok(true)
}

/// Which recording a complete file is of: one that was under way begins with it, and another says it at its end.
fn recording_in(file: &mut File) -> io::Result<Option<String>> {
    if let Some(number) = recording_of(file)? {
        return Ok(Some(recording_text(number)));
    }
    Ok(described(file).and_then(|meta| meta.recording))
}

/// What a complete file says of itself, if it is a trace.
pub(super) fn described(file: &File) -> Option<Meta> {
    let described = ParquetMetaDataReader::new().parse_and_finish(file).ok()?;
    let pairs = described.file_metadata().key_value_metadata()?;
    let json = pairs.iter().find(|pair| pair.key == META_KEY)?.value.as_deref();
    Meta::from_json("", json).ok()
}
