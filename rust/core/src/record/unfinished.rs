//! Recordings without their end: those that are under way, and those that were cut off.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use super::checks::Sums;
use super::journal::{self, Entry, Recovered};
use super::leftover;
use super::packed::Layouts;
use super::place::{self, PlacedFile};
use super::series::Series;
use super::target::{Target, remove_if_there, sync_folder};
use super::under_way::{JOURNAL, NEW, PARTIAL, is_locked, is_locked_by_us, recording_of, recording_text, with_suffix};
use super::{TraceWriter, trailer};
use crate::ledger::Remark;
use crate::store::Store;
use crate::trace::{ChunkBuilder, schema};
use crate::{IrqtraceError, Meta, Trace, TraceFormatError, WarningType};

/// A recording up to its last flush. It stays what it was when it was opened, whatever becomes of its files.
#[derive(Debug)]
pub struct Unfinished {
    /// The row groups.
    file: PlacedFile,
    row_groups: ArrowReaderMetadata,
    sums: Sums,
    /// What came after them.
    rest: Trace,
    partial: PathBuf,
    under_way: bool,
}

/// The names of a recording: the one that it will have, and those that it has until then.
struct Names {
    complete: PathBuf,
    partial: PathBuf,
    journal: PathBuf,
}

impl Names {
    /// Of a recording that is called by any of its names.
    fn of(path: &Path) -> io::Result<Self> {
        let path = super::target::behind_links(path)?;
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let complete = if name.ends_with(PARTIAL.as_bytes()) || name.ends_with(JOURNAL.as_bytes()) {
            path.with_extension("")
        } else {
            path
        };
        let (partial, journal) = (with_suffix(&complete, PARTIAL), with_suffix(&complete, JOURNAL));
        Ok(Self { complete, partial, journal })
    }
}

impl Unfinished {
    /// Opens the unfinished recording that is to become `path`. Nothing is changed.
    ///
    /// # Errors
    ///
    /// There is none ([`io::ErrorKind::NotFound`]), or it is damaged.
    pub fn open(path: &Path) -> Result<Self, IrqtraceError> {
        let fail = |source| IrqtraceError::Io { path: path.to_owned(), source };
        let Names { partial, journal, .. } = Names::of(path).map_err(fail)?;
        let file = place::open(&partial).map_err(fail)?;
        let under_way = is_locked(&file);
        Self::of(file, partial, &journal, under_way)
    }

    /// The recording whose file is open already, so that it is of no matter if the journal is replaced meanwhile: the file
    /// only grows.
    fn of(file: File, partial: PathBuf, journal: &Path, under_way: bool) -> Result<Self, IrqtraceError> {
        let recovered = match journal::read(journal) {
            Ok(recovered) => recovered?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let message = if under_way {
                    "is being recorded, and nothing was flushed yet"
                } else {
                    "was cut off before its first flush, or its journal is missing: there is nothing that can be opened"
                };
                return Err(damaged(&partial, message).into());
            }
            Err(source) => return Err(IrqtraceError::Io { path: journal.to_owned(), source }),
        };
        let file = PlacedFile::new(file);
        let of_file =
            recording_of(&mut file.begin()).map_err(|source| IrqtraceError::Io { path: partial.clone(), source })?;
        if of_file != Some(recovered.head.recording) {
            let message = format!("is not of the recording of {}", journal.display());
            return Err(damaged(&partial, message).into());
        }
        let row_groups =
            row_groups(&file, recovered.head.file_bytes).map_err(|error| damaged(&partial, error.to_string()))?;
        let sums = recovered.head.sums.clone();
        let rest = rest(recovered, journal, under_way)?;
        Ok(Self { file, row_groups, sums, rest, partial, under_way })
    }

    /// How many bytes [`Unfinished::verify`] reads.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.sums.file_bytes()
    }

    /// That its row groups are what was written. The journal is verified when it is opened.
    ///
    /// # Errors
    ///
    /// It cannot be read, or it is damaged: the message says where.
    pub fn verify(&self) -> Result<(), IrqtraceError> {
        let verified = self.sums.verify(&self.file);
        let verified = verified.map_err(|source| IrqtraceError::Io { path: self.partial.clone(), source })?;
        verified.map_err(|what| damaged(&self.partial, format!("damaged: {what}")).into())
    }

    /// All that is known of it besides its rows.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.rest.meta
    }

    /// Whether somebody was still recording it when it was opened.
    #[must_use]
    pub const fn is_under_way(&self) -> bool {
        self.under_way
    }

    /// The flat table, or some of its columns in the table's order, read batch by batch as it is asked for.
    ///
    /// # Errors
    ///
    /// There is no such column, or the file is damaged.
    pub fn flat(&self, columns: Option<&[String]>) -> Result<Box<dyn RecordBatchReader + Send>, IrqtraceError> {
        let all = schema::flat();
        let wanted: Vec<usize> = match columns {
            None => (0..all.fields().len()).collect(),
            Some(names) => {
                let places: Result<Vec<usize>, ArrowError> = names.iter().map(|name| all.index_of(name)).collect();
                let mut places = places?;
                places.sort_unstable();
                places.dedup();
                places
            }
        };
        let schema: SchemaRef = Arc::new(all.project(&wanted)?);
        let rest = self.rest.flat().map({
            let wanted = wanted.clone();
            move |batch| batch.and_then(|batch| batch.project(&wanted))
        });
        let mask = ProjectionMask::leaves(self.row_groups.parquet_schema(), wanted);
        let rows = ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.clone(), self.row_groups.clone())
            .with_projection(mask)
            .with_batch_size(ChunkBuilder::ROWS)
            .build()
            .map_err(|error| damaged(&self.partial, error.to_string()))?;
        let of_schema = schema.clone();
        let rows = rows.map(move |batch| {
            let batch = batch?;
            RecordBatch::try_new(of_schema.clone(), batch.columns().to_vec())
        });
        Ok(Box::new(RecordBatchIterator::new(rows.chain(rest), schema)))
    }
}

/// Which recording the file of this name was begun for, or that which is to have it, as its description says it. `None`
/// where no recorder began one.
#[must_use]
pub fn begun_for(path: &Path) -> Option<String> {
    let begun = |path: &Path| recording_of(&mut place::open(path).ok()?).ok().flatten();
    begun(path).or_else(|| begun(&with_suffix(path, PARTIAL))).map(recording_text)
}

/// What came of a repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repaired {
    /// The recording is a trace file now.
    Made,
    /// It was one already: only its journal was left beside it, and is removed.
    JournalRemoved,
}

/// Makes a plain trace file of an unfinished recording, under the name that it was to have. Where the recording is complete
/// and was only not given its name, it is named. Its other files go.
///
/// # Errors
///
/// There is none, it is still under way, it is damaged, there is a file of that name and `overwrite` is not set, or
/// segments of that name would be hidden. The recording then stays as it is.
pub fn repair(path: &Path, overwrite: bool) -> Result<Repaired, IrqtraceError> {
    let fail = |source| IrqtraceError::Io { path: path.to_owned(), source };
    let Names { complete, partial, journal } = Names::of(path).map_err(fail)?;
    if partial.is_symlink() {
        let why = "is a link; repair what it leads to, by its own name";
        return Err(IrqtraceError::Io { path: partial, source: io::Error::new(io::ErrorKind::InvalidInput, why) });
    }
    let file = match place::open(&partial) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && complete.is_file() => {
            if leftover::remove_journal(&complete).map_err(fail)? {
                return Ok(Repaired::JournalRemoved);
            }
            return Err(fail(io::Error::new(
                io::ErrorKind::InvalidInput,
                "there is nothing unfinished beside it to repair",
            )));
        }
        file => file.map_err(fail)?,
    };
    // Held to the end: nobody else repairs it meanwhile.
    if !is_locked_by_us(&file) {
        return Err(fail(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "is still being written, or held by a process that was forked from its recorder; it can be opened as it is",
        )));
    }
    let target = Target::new(&complete, overwrite)?;
    // Unless they are hidden already. A folder that cannot be listed has none that would be found.
    if target.replaced().is_none() && Series::of(&complete).map_err(fail)?.is_there().unwrap_or(false) {
        let why = "segments of this name are there, and would be hidden; move them to another folder, or the files of \
                   this recording, which end with .partial and .journal";
        return Err(fail(io::Error::new(io::ErrorKind::AlreadyExists, why)));
    }
    let of_file = recording_of(&mut PlacedFile::new(file.try_clone().map_err(fail)?).begin()).map_err(fail)?;
    let new = with_suffix(&journal, NEW);
    if leftover::described(&file).is_some() {
        // It only lacks its name.
        target.name(&partial)?;
    } else {
        let unfinished = Unfinished::of(file.try_clone().map_err(fail)?, partial.clone(), &journal, false)?;
        unfinished.verify()?;
        let mut writer = TraceWriter::create(&complete, overwrite)?;
        for batch in unfinished.flat(None)? {
            writer.write_flat(&batch.map_err(|error| damaged(&partial, error.to_string()))?)?;
        }
        writer.finish(&unfinished.meta().to_json()?)?;
        fs::remove_file(&partial).map_err(fail)?;
    }
    sync_folder(&complete);
    // What a recorder leaves that is cut off just when it begins another journal.
    if journal::is_begin_of_one(&new) {
        remove_if_there(&new).map_err(fail)?;
    }
    // Last of all: without the others it is known for what it is.
    if journal.symlink_metadata().is_ok() && of_file.is_some() && journal::recording(&journal).map_err(fail)? == of_file
    {
        remove_if_there(&journal).map_err(fail)?;
    }
    Ok(Repaired::Made)
}

fn row_groups(file: &PlacedFile, end: u64) -> Result<ArrowReaderMetadata, ParquetError> {
    let schema = Arc::new(ArrowSchemaConverter::new().convert(&schema::flat())?);
    let described = trailer::read(file, end, &schema)?;
    ArrowReaderMetadata::try_new(Arc::new(described), ArrowReaderOptions::new().with_schema(schema::flat()))
}

/// What the journal tells.
fn rest(recovered: Recovered, journal: &Path, under_way: bool) -> Result<Trace, IrqtraceError> {
    let Recovered { head, entries } = recovered;
    let (recording, segment) = (recording_text(head.recording), head.segment);
    let facts = head.ledger.facts().clone();
    let mut layouts = Layouts(head.ledger.layouts());
    let mut store = Store::resume(head.ledger);
    for entry in entries {
        match entry {
            Entry::Block(packed) => {
                let block = packed.unpack(&facts, &mut layouts);
                store.add(&block.ok_or_else(|| damaged(journal, "the journal contradicts itself"))?)?;
            }
            Entry::Remark(remark) => store.remark(remark)?,
            Entry::Flush(_) => {}
        }
    }
    let why = if under_way { "it is still under way" } else { "it was cut off" };
    store.remark(Remark::Note { r#type: WarningType::Incomplete, detail: why.to_owned() })?;
    let Trace { chunks, meta } = store.trace()?;
    let meta = Meta { recording: Some(recording), segment, ..Arc::unwrap_or_clone(meta) };
    Ok(Trace { chunks, meta: Arc::new(meta) })
}

fn damaged(path: &Path, message: impl Into<String>) -> TraceFormatError {
    TraceFormatError { path: path.display().to_string(), message: message.into() }
}
