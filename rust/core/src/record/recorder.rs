//! The file of a recording, or its segments one after the other.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::kept::Kept;
use super::series::Series;
use super::target::{Target, remove_if_there};
use super::under_way::{UnderWay, recording_text};
use super::{Flushed, TraceWriter};
use crate::block::Block;
use crate::ledger::{Ledger, Remark};
use crate::trace::{Chunk, Flattener};
use crate::{IrqtraceError, Meta};

/// When a segment ends, and how long it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// With the first block after so long.
    pub every_ns: Option<i64>,
    /// With the first block after so many bytes are in its files, where they come by flushes and row groups.
    pub bytes: Option<u64>,
    /// Segments that are older than this are removed, so that the newest ones hold at least so long.
    pub keep_ns: Option<i64>,
    /// In any case before its footer has so many bytes: a reader takes all of a footer before the first row.
    pub footer_bytes: usize,
}

impl Default for Rotation {
    /// One file for all, as long as its footer allows.
    fn default() -> Self {
        Self { every_ns: None, bytes: None, keep_ns: None, footer_bytes: 16_000_000 }
    }
}

/// What the next row group may add to a footer.
const FOOTER_MARGIN: usize = 100_000;

/// The files of a recording.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    /// One, or segments as far as they are kept.
    pub(crate) written: Vec<PathBuf>,
    /// Segments that are not to be kept and cannot be removed, each with the system's number for why.
    pub(crate) not_removed: Vec<(PathBuf, i32)>,
}

/// Writes what a recording has, in one file or in segments.
pub struct Recorder {
    writer: TraceWriter,
    /// Of a recording that may be cut into segments.
    parts: Option<Parts>,
}

/// The segments of a recording.
struct Parts {
    series: Series,
    rotation: Rotation,
    /// The number in the name of the segment under way.
    number: u64,
    /// Its place in the recording; none as long as there is one file, under the recording's own name.
    segment: Option<u32>,
    /// What the row groups of the segment under way take in its footer.
    footer_bytes: usize,
    /// The footer has as many bytes as it may.
    footer_is_full: bool,
    complete: Kept,
    /// Bytes of all that were complete at some time.
    complete_bytes: u64,
}

impl From<TraceWriter> for Recorder {
    /// One file, whatever comes.
    fn from(writer: TraceWriter) -> Self {
        Self { writer, parts: None }
    }
}

impl Recorder {
    /// Begins the recording that is called `path`: one file of that name, or segments whose names begin with it.
    ///
    /// # Errors
    ///
    /// Those of [`TraceWriter::under_way`]; a file has the name that segments are to be opened by; somebody records them.
    pub fn create(path: &Path, overwrite: bool, rotation: Rotation) -> Result<Self, IrqtraceError> {
        let fail = |source| IrqtraceError::Io { path: path.to_owned(), source };
        let cut = rotation.every_ns.is_some() || rotation.bytes.is_some();
        // Says what is wrong with the name itself.
        Target::new(path, overwrite || cut)?;
        let series = Series::of(path).map_err(fail)?;
        // A folder that cannot be listed has none that would be found.
        if !cut && series.is_there().unwrap_or(false) {
            let why = "segments of this name are there, and would be hidden; choose another name, or remove them";
            return Err(fail(io::Error::new(io::ErrorKind::AlreadyExists, why)));
        }
        if cut && path.symlink_metadata().is_ok() {
            let why = "a file of this name is there, and would be opened in place of the segments; choose another name";
            return Err(fail(io::Error::new(io::ErrorKind::AlreadyExists, why)));
        }
        // What is unfinished under this name would be opened in place of the segments too.
        let held = if cut { UnderWay::none(&Target::new(path, false)?).map_err(fail)? } else { None };
        let number = if cut { series.next_number().map_err(fail)? } else { 1 };
        let segment = cut.then_some(1);
        let writer = if cut {
            TraceWriter::segment(&series.path(number), None, 1)?
        } else {
            TraceWriter::under_way(path, overwrite)?
        };
        drop(held);
        let parts = Parts {
            series,
            rotation,
            number,
            segment,
            footer_bytes: 0,
            footer_is_full: false,
            complete: Kept::default(),
            complete_bytes: 0,
        };
        Ok(Self { writer, parts: Some(parts) })
    }

    /// See [`TraceWriter::note_block`].
    pub(crate) fn note_block(&mut self, block: &Block, before: &Ledger) -> Result<(), IrqtraceError> {
        self.writer.note_block(block, before)
    }

    /// See [`TraceWriter::note_remark`].
    pub(crate) fn note_remark(&mut self, remark: &Remark) -> Result<(), IrqtraceError> {
        self.writer.note_remark(remark)
    }

    /// See [`TraceWriter::flush`].
    pub(crate) fn flush(&mut self) -> Result<Option<Flushed>, IrqtraceError> {
        self.writer.flush()
    }

    /// Adds the rows of a chunk, and ends the row group where it is full. `ledger` knows all rows up to there, and no
    /// others.
    pub(crate) fn write_chunk(&mut self, chunk: &Arc<Chunk>, ledger: &Ledger) -> Result<(), IrqtraceError> {
        let flattener = Flattener::new(ledger.host(), &ledger.groups(), ledger.lines());
        self.writer.write_chunk(chunk, &flattener)?;
        let trailer_bytes = self.writer.end_full_row_group(ledger)?;
        self.count(trailer_bytes, ledger)
    }

    /// See [`TraceWriter::has_lost_its_journal`].
    pub(crate) fn has_lost_its_journal(&self) -> Result<bool, IrqtraceError> {
        self.writer.has_lost_its_journal()
    }

    /// Begins another journal behind the rows that were written. `ledger` knows these, and no others.
    pub(crate) fn begin_another_journal(&mut self, ledger: &Ledger) -> Result<(), IrqtraceError> {
        let trailer_bytes = self.writer.end_row_group(ledger)?;
        self.count(trailer_bytes, ledger)
    }

    /// Counts what a row group takes in the footer, if one ended.
    fn count(&mut self, trailer_bytes: Option<usize>, ledger: &Ledger) -> Result<(), IrqtraceError> {
        if let (Some(parts), Some(trailer_bytes)) = (&mut self.parts, trailer_bytes) {
            parts.footer_bytes += trailer_bytes;
            let described = ledger.meta().to_json()?.len() + FOOTER_MARGIN;
            let most = parts.rotation.footer_bytes;
            // What is too long without any row group gets no shorter by segments.
            parts.footer_is_full = parts.footer_bytes > most.saturating_sub(described).max(most / 16);
        }
        Ok(())
    }

    /// Whether it is time for another segment.
    pub(crate) fn is_segment_over(&self, ledger: &Ledger) -> bool {
        let Some(Parts { rotation, footer_is_full, .. }) = &self.parts else { return false };
        let since_ns = ledger.since_taken_ns();
        since_ns > 0
            && (*footer_is_full
                || rotation.every_ns.is_some_and(|every_ns| since_ns >= every_ns)
                // What is not yet in a row group takes about as much in the journal.
                || rotation.bytes.is_some_and(|bytes| self.writer.bytes_written() >= bytes))
    }

    /// Completes the segment, which `meta` describes, and begins another.
    pub(crate) fn next_segment(&mut self, meta: Meta, newest_sample: i64) -> Result<(), IrqtraceError> {
        let Some(parts) = &mut self.parts else { return Ok(()) };
        if parts.segment.is_none() {
            // What was one file until now is the first of several.
            let number = parts.series.next_number();
            parts.number = number.map_err(|source| IrqtraceError::Io { path: parts.series.path(1), source })?;
        }
        let segment = parts.segment.unwrap_or(1);
        let path = parts.series.path(parts.number);
        let next = parts.series.path(parts.number + 1);
        // Made before the other is complete: what fails here leaves that as it is.
        let next = TraceWriter::segment(&next, self.writer.recording(), segment + 1)?;
        let writer = std::mem::replace(&mut self.writer, next);
        let replaced = if parts.segment.is_none() { writer.replaced() } else { None };
        parts.segment = Some(segment);
        parts.finish(writer, Some(path), meta, newest_sample)?;
        if let Some(replaced) = replaced {
            // It would be opened in place of the segments.
            remove_if_there(&replaced).map_err(|source| IrqtraceError::Io { path: replaced, source })?;
        }
        parts.segment = Some(segment + 1);
        parts.number += 1;
        (parts.footer_bytes, parts.footer_is_full) = (0, false);
        Ok(())
    }

    /// Completes the file.
    pub(crate) fn finish(self, meta: Meta, newest_sample: i64) -> Result<Files, IrqtraceError> {
        let Self { writer, parts } = self;
        let Some(mut parts) = parts else {
            let path = writer.path().to_owned();
            finish(writer, None, meta)?;
            return Ok(Files { written: vec![path], not_removed: vec![] });
        };
        parts.finish(writer, None, meta, newest_sample)?;
        Ok(parts.files())
    }

    /// The segments that are complete, as far as they are kept, and the file under way.
    pub(crate) fn files(&self) -> Files {
        let mut files = self.parts.as_ref().map(Parts::files).unwrap_or_default();
        files.written.push(self.writer.path().to_owned());
        files
    }

    /// Gives the file under way up.
    pub(crate) fn abandon(self) {
        self.writer.abandon();
    }

    /// See [`TraceWriter::kept`].
    pub(crate) fn kept(&self) -> Option<PathBuf> {
        self.writer.kept()
    }

    /// Bytes in all files that it wrote.
    pub(crate) fn bytes_written(&self) -> u64 {
        self.writer.bytes_written() + self.parts.as_ref().map_or(0, |parts| parts.complete_bytes)
    }

    /// See [`TraceWriter::memory_bytes`].
    pub(crate) fn memory_bytes(&self) -> usize {
        self.writer.memory_bytes()
    }
}

impl Parts {
    fn files(&self) -> Files {
        Files { written: self.complete.paths().map(Path::to_owned).collect(), not_removed: self.complete.stuck() }
    }

    fn finish(
        &mut self,
        writer: TraceWriter,
        name: Option<PathBuf>,
        mut meta: Meta,
        newest_sample: i64,
    ) -> Result<(), IrqtraceError> {
        let path = name.clone().unwrap_or_else(|| writer.path().to_owned());
        let target = match name {
            Some(path) if path.symlink_metadata().is_ok() => {
                let why = "was made by somebody else while this segment was recorded";
                let source = io::Error::new(io::ErrorKind::AlreadyExists, why);
                return Err(IrqtraceError::Io { path, source }.cut_off(writer.kept()));
            }
            name => name.map(|path| Target::segment(&path)).transpose()?,
        };
        let interval_ns = meta.interval_ns;
        meta.segment = self.segment;
        finish(writer, target, meta)?;
        self.complete_bytes += self.complete.add(path, newest_sample);
        if let Some(keep_ns) = self.rotation.keep_ns {
            // A tenth more: whoever reads what is to be kept has the time for it.
            let kept = keep_ns.saturating_add(keep_ns / 10) / interval_ns.max(1);
            self.complete.remove_before(newest_sample.saturating_sub(kept));
        }
        Ok(())
    }
}

fn finish(writer: TraceWriter, target: Option<Target>, mut meta: Meta) -> Result<(), IrqtraceError> {
    meta.recording = writer.recording().map(recording_text);
    let kept = writer.kept();
    writer.finish_as(&meta.to_json()?, target).map_err(|failure| failure.cut_off(kept))
}
