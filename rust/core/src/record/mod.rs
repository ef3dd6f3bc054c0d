//! A trace on its way to disk.

mod checks;
mod journal;
mod kept;
mod leftover;
mod packed;
mod place;
mod properties;
mod recorder;
mod row_groups;
mod series;
mod target;
mod trailer;
mod under_way;
mod unfinished;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use parquet::file::metadata::KeyValue;
use tempfile::TempPath;

use crate::block::Block;
use crate::ledger::{Ledger, Remark};
use crate::trace::{Chunk, ChunkBuilder, Flattener, conform};
use crate::{IrqtraceError, META_KEY, Meta, TraceFormatError};
pub use checks::Checks;
pub(crate) use recorder::Files;
pub use recorder::{Recorder, Rotation};
use row_groups::RowGroups;
use target::{Target, sync_folder};
use under_way::{BEGIN_BYTES, MAGIC, UnderWay};
pub use unfinished::{Repaired, Unfinished, begun_for, repair};

/// Writes the flat table to a Parquet file that has its name only once it is complete.
///
/// A recording is kept while it is under way, see [`journal`]; anything else is written to a temporary file in the same
/// folder, which is removed when the writer is dropped.
pub struct TraceWriter {
    // The file itself and not a `NamedTempFile`, which hides the number of the system's error in one of its own.
    row_groups: RowGroups,
    target: Target,
    until_then: UntilThen,
}

/// What was written and is on its way to the disk.
#[must_use = "it is to be brought to the disk"]
pub(crate) struct Flushed {
    file: Arc<File>,
    path: PathBuf,
}

impl Flushed {
    /// Waits until the disk has it.
    pub(crate) fn sync(self) -> Result<(), IrqtraceError> {
        self.file.sync_data().map_err(|source| IrqtraceError::Io { path: self.path, source })
    }
}

/// What the file is before it has its name.
enum UntilThen {
    Temporary(TempPath),
    UnderWay(UnderWay),
}

impl TraceWriter {
    /// Begins the file that will be `path`. One that it replaces is replaced behind links, and hands on its rights.
    ///
    /// # Errors
    ///
    /// The path exists and `overwrite` is not set ([`io::ErrorKind::AlreadyExists`]), is empty or something other than
    /// a file, or its folder cannot be written.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self, IrqtraceError> {
        let target = Target::new(path, overwrite)?;
        let begun = target.temporary().and_then(|(file, temporary)| Ok((RowGroups::begin(file, MAGIC)?, temporary)));
        let (row_groups, temporary) = begun.map_err(|error| target.fail(error))?;
        Ok(Self { row_groups, target, until_then: UntilThen::Temporary(temporary) })
    }

    /// The same for a recording: whatever happens, what was flushed until then can be opened.
    ///
    /// # Errors
    ///
    /// The same, and where an unfinished recording of that name is there, be it under way or cut off: it is never replaced.
    pub fn under_way(path: &Path, overwrite: bool) -> Result<Self, IrqtraceError> {
        Self::part(Target::new(path, overwrite)?, None, None)
    }

    /// The same for a segment of a recording, whose number and place are given.
    pub(crate) fn segment(path: &Path, recording: Option<u64>, segment: u32) -> Result<Self, IrqtraceError> {
        Self::part(Target::segment(path)?, recording, Some(segment))
    }

    fn part(target: Target, recording: Option<u64>, segment: Option<u32>) -> Result<Self, IrqtraceError> {
        let begun = UnderWay::create(&target, recording, segment).and_then(|(under_way, file)| {
            let mut row_groups = RowGroups::begin(file, &under_way.begin())?;
            row_groups.flush()?;
            // On the disk before its journal, which is of no use without it: after a crash the one would be there alone.
            row_groups.file().file().sync_all()?;
            Ok((row_groups, under_way))
        });
        let (row_groups, under_way) = begun.map_err(|error| target.fail(error))?;
        Ok(Self { row_groups, target, until_then: UntilThen::UnderWay(under_way) })
    }

    /// Adds rows of the flat table. The columns may come from elsewhere, see [`conform`].
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the batch is no flat table.
    pub fn write_flat(&mut self, batch: &RecordBatch) -> Result<(), IrqtraceError> {
        let batch = conform(batch)
            .map_err(|message| TraceFormatError { path: self.target.given.display().to_string(), message })?;
        self.write(&batch).map_err(|error| self.target.fail(error))
    }

    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        if matches!(self.until_then, UntilThen::UnderWay(_)) {
            // Who records ends its row groups, see [`TraceWriter::end_full_row_group`].
            return self.row_groups.write(batch);
        }
        for begin in (0..batch.num_rows()).step_by(ChunkBuilder::ROWS) {
            if self.row_groups.is_full() {
                self.row_groups.end()?;
            }
            self.row_groups.write(&batch.slice(begin, ChunkBuilder::ROWS.min(batch.num_rows() - begin)))?;
        }
        Ok(())
    }

    /// Adds the rows of a chunk.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the chunk has a line or group that the flattener does not know.
    pub fn write_chunk(&mut self, chunk: &Arc<Chunk>, flattener: &Flattener) -> Result<(), IrqtraceError> {
        for batch in flattener.batches(chunk.clone()) {
            let batch = batch.map_err(|error| self.target.fail(io::Error::other(error)))?;
            self.write_flat(&batch)?;
        }
        Ok(())
    }

    /// Takes down a block of a recording under way. `before` is what was known before it.
    pub(crate) fn note_block(&mut self, block: &Block, before: &Ledger) -> Result<(), IrqtraceError> {
        let UntilThen::UnderWay(under_way) = &mut self.until_then else { return Ok(()) };
        let begun = under_way.journal.is_begun();
        let sums = self.row_groups.file().sums();
        let noted = if begun { Ok(()) } else { under_way.begin_journal(&self.target, before, BEGIN_BYTES, sums) };
        noted.and_then(|()| under_way.journal.block(block)).map_err(|error| self.target.fail(error))
    }

    /// Takes down what is said of it.
    pub(crate) fn note_remark(&mut self, remark: &Remark) -> Result<(), IrqtraceError> {
        let UntilThen::UnderWay(UnderWay { journal, .. }) = &mut self.until_then else { return Ok(()) };
        journal.remark(remark).map_err(|error| self.target.fail(error))
    }

    /// Writes all that was taken down: it can be opened from now on, and once it is on the disk whatever happens.
    ///
    /// # Errors
    ///
    /// The journal cannot be written, or somebody took the file away.
    pub(crate) fn flush(&mut self) -> Result<Option<Flushed>, IrqtraceError> {
        let UntilThen::UnderWay(under_way) = &mut self.until_then else { return Ok(None) };
        let written = under_way.check_is_there().and_then(|()| under_way.journal.flush());
        let file = written.map_err(|error| self.target.fail(error))?;
        Ok(file.map(|file| Flushed { file, path: self.target.given.clone() }))
    }

    /// Whether somebody took away the journal of a recording under way.
    ///
    /// # Errors
    ///
    /// The file was taken away too.
    pub(crate) fn has_lost_its_journal(&self) -> Result<bool, IrqtraceError> {
        let UntilThen::UnderWay(under_way) = &self.until_then else { return Ok(false) };
        let lost = under_way.check_is_there().and_then(|()| under_way.journal.is_lost());
        lost.map_err(|error| self.target.fail(error))
    }

    /// Ends the row group of a recording under way where it is full. `ledger` knows the rows that were written, and no
    /// others. How many bytes it takes in the footer, if it ended.
    pub(crate) fn end_full_row_group(&mut self, ledger: &Ledger) -> Result<Option<usize>, IrqtraceError> {
        if self.row_groups.is_full() { self.end_row_group(ledger) } else { Ok(None) }
    }

    /// The same whether it is full or not: another journal begins behind it.
    pub(crate) fn end_row_group(&mut self, ledger: &Ledger) -> Result<Option<usize>, IrqtraceError> {
        let UntilThen::UnderWay(under_way) = &mut self.until_then else { return Ok(None) };
        let row_groups = &mut self.row_groups;
        let ended = row_groups.end().and_then(|trailer_bytes| {
            let file = row_groups.file();
            file.file().sync_data()?;
            under_way.begin_journal(&self.target, ledger, row_groups.bytes_written(), file.sums())?;
            // What a row group took is large, and nobody else wants it for a minute.
            #[cfg(all(target_os = "linux", feature = "live"))]
            crate::os::give_free_memory_back();
            Ok(Some(trailer_bytes))
        });
        ended.map_err(|error| self.target.fail(error))
    }

    /// Bytes in the file so far, and in its journal. Rows come into the file by row groups.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        let journal = match &self.until_then {
            UntilThen::Temporary(_) => 0,
            UntilThen::UnderWay(under_way) => under_way.journal.bytes(),
        };
        self.row_groups.bytes_written() + journal
    }

    /// Bytes that wait in memory for their row group to be complete.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.row_groups.memory_bytes()
    }

    /// Completes the file with the JSON object of `docs/format.md`, brings it to the disk and gives it its name.
    ///
    /// # Errors
    ///
    /// The file cannot be written. Or it cannot be given its name, for one by the fact that a file has come to be there
    /// and `overwrite` is not set: then the recording stays, complete, under the temporary name
    /// ([`IrqtraceError::NotNamed`]).
    pub fn finish(self, meta_json: &str) -> Result<(), IrqtraceError> {
        self.finish_as(meta_json, None)
    }

    /// The same under another name in the same folder, if one is given.
    fn finish_as(mut self, meta_json: &str, name: Option<Target>) -> Result<(), IrqtraceError> {
        if let Some(name) = name {
            self.target = name;
        }
        self.complete(meta_json).map_err(|error| self.target.fail(error))?;
        let Self { until_then, target, .. } = self;
        match until_then {
            UntilThen::Temporary(temporary) => target.name_temporary(temporary),
            UntilThen::UnderWay(mut under_way) => {
                under_way.check_is_there().map_err(|error| target.fail(error))?;
                under_way.settled = true;
                let named = target.name(&under_way.partial);
                // The name is on the disk before the journal goes.
                sync_folder(&target.path);
                // The file has everything, whatever its name.
                let removed = under_way.journal.remove().map_err(|error| target.fail(error));
                named.and(removed)
            }
        }
    }

    /// Writes the end of the file, and brings all of it to the disk: else a crash soon after could leave the name with
    /// nothing behind it.
    fn complete(&mut self, meta_json: &str) -> io::Result<()> {
        self.row_groups.finish(KeyValue::new(META_KEY.to_owned(), meta_json.to_owned()))?;
        self.row_groups.file().file().sync_all()
    }

    /// Gives the file up: nothing of it remains.
    pub(crate) fn abandon(self) {
        if let UntilThen::UnderWay(mut under_way) = self.until_then {
            under_way.remove();
        }
    }

    /// The number of a recording under way, which all its segments have.
    pub(crate) fn recording(&self) -> Option<u64> {
        match &self.until_then {
            UntilThen::Temporary(_) => None,
            UntilThen::UnderWay(under_way) => Some(under_way.journal.recording()),
        }
    }

    /// Where the file will be.
    pub(crate) fn path(&self) -> &Path {
        self.target.found_at()
    }

    /// The file that it is to replace.
    pub(crate) fn replaced(&self) -> Option<PathBuf> {
        self.target.replaced().map(Path::to_owned)
    }

    /// Where what was flushed can be found, if it is to be found at all.
    pub(crate) fn kept(&self) -> Option<PathBuf> {
        match &self.until_then {
            UntilThen::UnderWay(under_way) if under_way.is_kept() => Some(under_way.partial.clone()),
            _ => None,
        }
    }
}

/// Writes a whole flat table, of whatever data frame library, as a trace file.
///
/// # Errors
///
/// The table has not the columns of [`flat`](crate::trace::schema::flat), the metadata is not of `docs/format.md`, or the file cannot be
/// written.
pub fn write_flat(
    table: impl RecordBatchReader,
    meta_json: &str,
    path: &Path,
    overwrite: bool,
) -> Result<(), IrqtraceError> {
    let wrong = |message| TraceFormatError { path: "the flat table".to_owned(), message };
    Meta::from_json("the flat table", Some(meta_json))?;
    let mut writer = TraceWriter::create(path, overwrite)?;
    for batch in table {
        let batch = batch.map_err(|error| wrong(error.to_string()))?;
        writer.write_flat(&batch)?;
    }
    writer.finish(meta_json)
}
