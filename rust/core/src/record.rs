//! A trace on its way to disk.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use tempfile::{PathPersistError, TempPath};

use crate::trace::{Chunk, Flattener, conform, schema};
use crate::{ConfigError, IrqtraceError, META_KEY, Meta, TraceFormatError};

/// Rows of a row group: large ones compress better and are skipped faster.
const ROW_GROUP_ROWS: usize = 1 << 20;

/// A row group ends before its rows where its pages, kept in memory until then, reach this size.
const ROW_GROUP_BYTES: usize = 32 << 20;

/// On a recording of a 2-CPU machine at 1 kHz: 2 % smaller than level 1 for a sixth more time; level 6 takes half as
/// much time again for 4 %.
const ZSTD_LEVEL: i32 = 3;

/// Writes the flat table to a Parquet file that has its name only once it is complete.
///
/// Until then it is a temporary file in the same folder, which is removed when the writer is dropped.
pub struct TraceWriter {
    // The file itself and not a `NamedTempFile`, which hides the number of the system's error in one of its own.
    writer: ArrowWriter<File>,
    temporary: TempPath,
    /// As it was given, for messages.
    path: PathBuf,
    /// The same from the root, behind links: the working folder may change until the end.
    target: PathBuf,
    overwrite: bool,
}

impl TraceWriter {
    /// Begins the file that will be `path`. One that it replaces is replaced behind links, and hands on its rights.
    ///
    /// # Errors
    ///
    /// The path exists and `overwrite` is not set ([`io::ErrorKind::AlreadyExists`]), is empty or something other than
    /// a file, or its folder cannot be written.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self, IrqtraceError> {
        if path.as_os_str().is_empty() {
            return Err(ConfigError("path is empty; it names the file to write".to_owned()).into());
        }
        let fail = |source| IrqtraceError::Io { path: path.to_owned(), source };
        let senseless = |message| fail(io::Error::new(io::ErrorKind::InvalidInput, message));
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Err(senseless("names a folder and no file"));
        }
        let replaced = match path.metadata() {
            Ok(found) if found.is_file() => Some(found),
            Ok(_) => return Err(senseless("exists and is not a file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(fail(error)),
        };
        // A link that leads nowhere is in the way too.
        if !overwrite && path.symlink_metadata().is_ok() {
            return Err(fail(exists()));
        }
        let target = behind_links(path).map_err(fail)?;
        let (Some(folder), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(senseless("names no file"));
        };
        let (file, temporary) = temporary(folder, name, replaced).map_err(fail)?;
        let writer = properties()
            .and_then(|properties| ArrowWriter::try_new(file, schema::flat(), Some(properties)))
            .map_err(|error| fail(io_error(error)))?;
        Ok(Self { writer, temporary, path: path.to_owned(), target, overwrite })
    }

    /// Adds rows of the flat table. The columns may come from elsewhere, see [`conform`].
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the batch is no flat table.
    pub fn write_flat(&mut self, batch: &RecordBatch) -> Result<(), IrqtraceError> {
        let batch =
            conform(batch).map_err(|message| TraceFormatError { path: self.path.display().to_string(), message })?;
        self.writer.write(&batch).map_err(|error| self.fail(io_error(error)))
    }

    /// Adds the rows of a chunk.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the chunk has a line or group that the flattener does not know.
    pub fn write_chunk(&mut self, chunk: &Arc<Chunk>, flattener: &Flattener) -> Result<(), IrqtraceError> {
        for batch in flattener.batches(chunk.clone()) {
            let batch = batch.map_err(|error| self.fail(io::Error::other(error)))?;
            self.write_flat(&batch)?;
        }
        Ok(())
    }

    /// Bytes in the file so far. Rows come into it by row groups.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        self.writer.bytes_written() as u64
    }

    /// Bytes that wait in memory for their row group to be complete.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.writer.memory_size()
    }

    /// Completes the file with the JSON object of `docs/format.md`, brings it to the disk and gives it its name.
    ///
    /// # Errors
    ///
    /// The file cannot be written. Or it cannot be given its name, for one by the fact that a file has come to be there
    /// and `overwrite` is not set: then the recording stays, complete, under the temporary name
    /// ([`IrqtraceError::NotNamed`]).
    pub fn finish(mut self, meta_json: &str) -> Result<(), IrqtraceError> {
        self.writer.append_key_value_metadata(KeyValue::new(META_KEY.to_owned(), meta_json.to_owned()));
        self.writer.finish().map_err(|error| self.fail(io_error(error)))?;
        // Else a crash soon after could leave the name with nothing behind it.
        self.writer.inner().sync_all().map_err(|error| self.fail(error))?;
        let Self { temporary, path, target, overwrite, .. } = self;
        let named = if overwrite { temporary.persist(&target) } else { temporary.persist_noclobber(&target) };
        named.map_err(|PathPersistError { error, path: temporary }| {
            let source = if error.kind() == io::ErrorKind::AlreadyExists { exists() } else { error };
            match temporary.keep() {
                // With its folder, the recording itself may have gone.
                Ok(kept) if kept.exists() => IrqtraceError::NotNamed { path, source, kept },
                _ => IrqtraceError::Io { path, source },
            }
        })
    }

    fn fail(&self, source: io::Error) -> IrqtraceError {
        IrqtraceError::Io { path: self.path.clone(), source }
    }
}

/// Writes a whole flat table, of whatever data frame library, as a trace file.
///
/// # Errors
///
/// The table has not the columns of [`schema::flat`], the metadata is not of `docs/format.md`, or the file cannot be
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

/// The file that a path leads to, be it there or not, from the root.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut target = std::path::absolute(path)?;
    // No more than the kernel follows: what comes after is a circle.
    for _ in 0..40 {
        let Ok(next) = fs::read_link(&target) else { break };
        target.pop();
        target.push(next);
    }
    Ok(target)
}

/// A new file beside the one that it will be, with owner and mode of the one that it replaces, else those of any new file.
fn temporary(folder: &Path, name: &OsStr, replaced: Option<Metadata>) -> io::Result<(File, TempPath)> {
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if let Some(replaced) = &replaced {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        // From the first moment: what was its owner's alone is nobody else's to open meanwhile.
        options.mode(replaced.permissions().mode());
    }
    let (file, path) = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(".partial")
        .make_in(folder, |path| options.open(path))?
        .into_parts();
    if let Some(replaced) = replaced {
        // Where the system lets us: only root gives files away.
        #[cfg(unix)]
        let _ = {
            use std::os::unix::fs::{MetadataExt, fchown};
            fchown(&file, Some(replaced.uid()), Some(replaced.gid()))
        };
        // What the process's umask took away.
        file.set_permissions(replaced.permissions())?;
    }
    Ok((file, path))
}

fn exists() -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, "exists already; overwrite (--force) replaces it")
}

/// What the system said, where it was the system that said it.
fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => *source,
            Err(source) => io::Error::other(source),
        },
        error => io::Error::other(error),
    }
}

fn properties() -> Result<WriterProperties, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("irqtrace ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for column in ["sample", "time", "read_ns"] {
        properties = properties
            .set_column_dictionary_enabled(ColumnPath::from(column), false)
            .set_column_encoding(ColumnPath::from(column), Encoding::DELTA_BINARY_PACKED)
            // Rows are in their order: a reader that wants a span skips the other pages.
            .set_column_statistics_enabled(ColumnPath::from(column), EnabledStatistics::Page);
    }
    Ok(properties.build())
}
