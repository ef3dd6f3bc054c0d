//! Rows on their way into a Parquet file, one row group after the other.
//!
//! The writer of the `parquet` crate keeps what it knows of each row group in many small pieces until the footer is
//! written, five times of what they take there: a recording of weeks would take more memory with each of them. Here a row
//! group is described in the bytes of its trailer, which are unpacked when the file is completed.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataWriter, RowGroupMetaData};
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::SchemaDescPtr;

use super::checks::CheckedFile;
use super::properties::{ROW_GROUP_BYTES, ROW_GROUP_ROWS, properties};
use super::trailer;
use crate::trace::{ChunkBuilder, schema};

/// A row group ends with a batch: with one more it could have too many rows.
const FULL_ROWS: usize = ROW_GROUP_ROWS - ChunkBuilder::ROWS;

pub(super) struct RowGroups {
    file: TrackedWrite<CheckedFile>,
    schema: SchemaDescPtr,
    arrow_schema: SchemaRef,
    properties: WriterPropertiesPtr,
    factory: ArrowRowGroupWriterFactory,
    /// The row group under way, if there is one.
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
    /// The trailers of those that are in the file.
    trailers: Vec<u8>,
    count: i16,
}

impl RowGroups {
    /// Begins a Parquet file, which is empty, with these bytes.
    pub(super) fn begin(file: File, begin: &[u8]) -> io::Result<Self> {
        let mut file = TrackedWrite::new(CheckedFile::new(file));
        file.write_all(begin)?;
        let arrow_schema = schema::flat();
        let prepared = properties().and_then(|mut properties| {
            add_encoded_arrow_schema_to_metadata(&arrow_schema, &mut properties);
            let properties = Arc::new(properties);
            let schema = Arc::new(ArrowSchemaConverter::new().convert(&arrow_schema)?);
            // The factory is to be had from the crate's own writer only.
            let writer = SerializedFileWriter::new(io::sink(), schema.root_schema_ptr(), properties.clone())?;
            let factory = ArrowRowGroupWriterFactory::new(&writer, arrow_schema.clone());
            Ok((properties, schema, factory))
        });
        let (properties, schema, factory) = prepared.map_err(io_error)?;
        let (columns, trailers) = (Vec::new(), Vec::new());
        Ok(Self { file, schema, arrow_schema, properties, factory, columns, rows: 0, trailers, count: 0 })
    }

    /// Adds rows to the row group under way. They are in the table's schema.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.add(batch).map_err(io_error)
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.columns.is_empty() {
            self.columns = self.factory.create_column_writers(self.count.unsigned_abs().into())?;
        }
        let columns = self.arrow_schema.fields().iter().zip(batch.columns());
        // No column is nested: each has one leaf.
        for (writer, (field, values)) in self.columns.iter_mut().zip(columns) {
            for leaf in compute_leaves(field, values)? {
                writer.write(&leaf)?;
            }
        }
        self.rows += batch.num_rows();
        Ok(())
    }

    /// Whether the row group under way has all that one may have.
    pub(super) fn is_full(&self) -> bool {
        let bytes = || self.columns.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum::<usize>();
        self.rows > FULL_ROWS || bytes() >= ROW_GROUP_BYTES
    }

    /// Ends the row group under way, which goes to the file with its trailer. How many bytes describe it.
    pub(super) fn end(&mut self) -> io::Result<usize> {
        if self.columns.is_empty() {
            return Ok(0);
        }
        let trailer = self.end_columns().and_then(|described| trailer::trailer(&described)).map_err(io_error)?;
        self.file.write_all(&trailer)?;
        self.file.flush()?;
        self.trailers.extend_from_slice(&trailer);
        Ok(trailer.len())
    }

    fn end_columns(&mut self) -> Result<Arc<RowGroupMetaData>> {
        let (schema, properties) = (self.schema.clone(), self.properties.clone());
        let mut row_group = SerializedRowGroupWriter::new(schema, properties, &mut self.file, self.count, None);
        for column in self.columns.drain(..) {
            column.close()?.append_to_row_group(&mut row_group)?;
        }
        let described = row_group.close()?;
        self.rows = 0;
        let next = self.count.checked_add(1);
        self.count = next.ok_or_else(|| ParquetError::General(format!("more than {} row groups", i16::MAX)))?;
        Ok(described)
    }

    /// Ends the file with its footer.
    pub(super) fn finish(&mut self, description: KeyValue) -> io::Result<()> {
        self.end()?;
        let trailers = Bytes::from(std::mem::take(&mut self.trailers));
        let footer = self.footer(&trailers, description).map_err(io_error)?;
        self.file.flush()?;
        self.file.inner_mut().complete(&footer)
    }

    fn footer(&self, trailers: &Bytes, description: KeyValue) -> Result<Vec<u8>> {
        let row_groups = trailer::all(trailers)?;
        let rows = row_groups.iter().map(RowGroupMetaData::num_rows).sum();
        let pairs = self.properties.key_value_metadata().into_iter().flatten().cloned().chain([description]);
        let file = FileMetaData::new(
            self.properties.writer_version().as_num(),
            rows,
            Some(self.properties.created_by().to_owned()),
            Some(pairs.collect()),
            self.schema.clone(),
            None,
        );
        let mut footer = Vec::new();
        ParquetMetaDataWriter::new(&mut footer, &ParquetMetaData::new(file, row_groups)).finish()?;
        Ok(footer)
    }

    /// Brings what was written so far to the file, though not to the disk.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    pub(super) fn file(&self) -> &CheckedFile {
        self.file.inner()
    }

    pub(super) fn bytes_written(&self) -> u64 {
        self.file.bytes_written() as u64
    }

    /// What the row group under way takes in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.columns.iter().map(ArrowColumnWriter::memory_size).sum()
    }
}

/// What the system said, where it was the system that said it.
pub(super) fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => *source,
            Err(source) => io::Error::other(source),
        },
        error => io::Error::other(error),
    }
}
