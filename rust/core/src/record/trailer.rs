//! What stands behind each row group of a file under way: a Parquet footer of that row group alone.
//!
//! Readers of Parquet find column chunks by their places and pass over what lies between. Without the file's own footer,
//! the trailers tell where they are: each begins where its row group ends, and ends where the next row group begins.

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    FileMetaData, FooterTail, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, ParquetMetaDataWriter,
    RowGroupMetaData,
};
use parquet::file::reader::ChunkReader;
use parquet::schema::types::SchemaDescPtr;

use super::under_way::BEGIN_BYTES;

/// Length and magic at the end of a footer.
const TAIL_BYTES: u64 = 8;

/// The trailer of a row group.
pub(super) fn trailer(row_group: &RowGroupMetaData) -> Result<Vec<u8>> {
    let metadata = metadata(row_group.schema_descr_ptr(), vec![row_group.clone()]);
    let mut bytes = Vec::new();
    ParquetMetaDataWriter::new(&mut bytes, &metadata).finish()?;
    Ok(bytes)
}

/// The description of the file's first `end` bytes, which end with a trailer or hold no row group at all.
pub(super) fn read(file: &impl ChunkReader, mut end: u64, schema: &SchemaDescPtr) -> Result<ParquetMetaData> {
    let mut row_groups = Vec::new();
    while end > BEGIN_BYTES {
        let (row_group, _) = row_group_before(file, end)?;
        let begin = begin(&row_group).filter(|begin| (BEGIN_BYTES..end).contains(begin));
        end = begin.ok_or_else(|| wrong("a row group's trailer contradicts its place"))?;
        row_groups.push(row_group);
    }
    row_groups.reverse();
    Ok(metadata(schema.clone(), row_groups))
}

/// The row groups of trailers that stand one behind the other, with nothing between them.
pub(super) fn all(trailers: &Bytes) -> Result<Vec<RowGroupMetaData>> {
    let mut end = trailers.len() as u64;
    let mut row_groups = Vec::new();
    while end > 0 {
        let (row_group, begin) = row_group_before(trailers, end)?;
        row_groups.push(row_group);
        end = begin;
    }
    row_groups.reverse();
    Ok(row_groups)
}

/// The row group of the trailer that ends here, and where that begins.
fn row_group_before(file: &impl ChunkReader, end: u64) -> Result<(RowGroupMetaData, u64)> {
    let tail_at = end.checked_sub(TAIL_BYTES).ok_or_else(|| wrong("no room for a row group's trailer"))?;
    let tail = part(file, tail_at, TAIL_BYTES)?;
    let tail = tail.as_ref().try_into().map_err(|_| wrong("a row group's trailer is cut off"))?;
    let length = FooterTail::try_new(tail)?.metadata_length() as u64;
    let at = tail_at.checked_sub(length).ok_or_else(|| wrong("a row group's trailer is longer than the file"))?;
    // As it is: by default how pages are encoded is only summed up.
    let options = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(false);
    let metadata = ParquetMetaDataReader::decode_metadata_with_options(&part(file, at, length)?, Some(&options))?;
    match metadata.row_groups() {
        [row_group] => Ok((row_group.clone(), at)),
        _ => Err(wrong("a trailer is not of one row group")),
    }
}

fn part(file: &impl ChunkReader, at: u64, length: u64) -> Result<Bytes> {
    file.get_bytes(at, usize::try_from(length).map_err(|_| wrong("a row group's trailer is too long"))?)
}

/// Where a row group begins: with the first page of its first column.
fn begin(row_group: &RowGroupMetaData) -> Option<u64> {
    let first = row_group.columns().first()?;
    u64::try_from(first.dictionary_page_offset().unwrap_or_else(|| first.data_page_offset())).ok()
}

fn metadata(schema: SchemaDescPtr, row_groups: Vec<RowGroupMetaData>) -> ParquetMetaData {
    let rows = row_groups.iter().map(RowGroupMetaData::num_rows).sum();
    ParquetMetaData::new(FileMetaData::new(1, rows, None, None, schema, None), row_groups)
}

fn wrong(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}
