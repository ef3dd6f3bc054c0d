//! Whole reads, as columns that Arrow takes without a copy.

use std::sync::Arc;

use arrow_array::types::Int8Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Int8Array, Int64Array, RecordBatch, TimestampNanosecondArray, UInt16Array, UInt32Array,
};
use arrow_buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow_schema::ArrowError;

use super::schema;
use crate::{Group, TraceFormatError};

/// In a column of CPUs under way: a count that is not of one CPU. No kernel has that many CPUs.
pub const NO_CPU: u16 = u16::MAX;

/// Reads under way to a chunk: columns of equal length, one entry for each read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reads<'a> {
    /// The ordinal on the grid.
    pub sample: &'a [i64],
    /// UTC nanoseconds of the begin.
    pub time: &'a [i64],
    /// The length.
    pub read_ns: &'a [u32],
    /// The place of the group in [`crate::Meta::groups`].
    pub group: &'a [u8],
    /// How late the read began after its point of the grid.
    pub late_ns: &'a [i64],
    /// How many rows of [`Cells`] belong to the read; they follow those of the read before it.
    pub rows: &'a [u32],
}

/// The cells of some reads: columns of equal length, one entry for each cell that changed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cells<'a> {
    /// The line's id.
    pub line: &'a [u32],
    /// The kernel's CPU id, or [`NO_CPU`].
    pub cpu: &'a [u16],
    /// The growth.
    pub delta: &'a [i64],
}

/// Some whole reads in a row. Immutable; its columns are shared with whoever reads them.
#[derive(Clone, Debug)]
pub struct Chunk {
    deltas: RecordBatch,
    line: ScalarBuffer<u32>,
    /// With [`NO_CPU`] where the frame has null.
    cpu: ScalarBuffer<u16>,
    delta: ScalarBuffer<i64>,
    pub(super) sample: ScalarBuffer<i64>,
    pub(super) time: ScalarBuffer<i64>,
    pub(super) read_ns: ScalarBuffer<u32>,
    pub(super) group: Vec<u8>,
    late_ns: ScalarBuffer<i64>,
    pub(super) rows: Vec<u32>,
}

impl Chunk {
    /// The frame `deltas` of these reads.
    #[must_use]
    pub const fn deltas(&self) -> &RecordBatch {
        &self.deltas
    }

    /// The frame `samples` of these reads. `groups` are those of the trace, in its order; `irregular` reads were due at no
    /// time, and are not late.
    ///
    /// # Errors
    ///
    /// A read is of a group that is not in `groups`.
    pub fn samples(&self, groups: &[Group], irregular: bool) -> Result<RecordBatch, ArrowError> {
        let keys = |key: fn(Group) -> i8, values: ArrayRef| {
            let keys: Result<Int8Array, _> = self.group.iter().map(|&place| group_at(groups, place).map(key)).collect();
            DictionaryArray::<Int8Type>::try_new(keys?, values)
        };
        let kind = keys(|group| group.kind as i8, Arc::new(schema::kinds()))?;
        let engine = keys(|group| group.engine as i8, Arc::new(schema::engines()))?;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::new(self.sample.clone(), None)),
            Arc::new(utc(self.time.clone())),
            Arc::new(UInt32Array::new(self.read_ns.clone(), None)),
            Arc::new(kind),
            Arc::new(engine),
            Arc::new(Int64Array::new(
                self.late_ns.clone(),
                irregular.then(|| NullBuffer::new_null(self.late_ns.len())),
            )),
        ];
        RecordBatch::try_new(schema::samples(), columns)
    }

    /// The cells of its reads.
    #[must_use]
    pub fn cells(&self) -> Cells<'_> {
        Cells { line: &self.line, cpu: &self.cpu, delta: &self.delta }
    }

    /// Its reads.
    #[must_use]
    pub fn reads(&self) -> Reads<'_> {
        Reads {
            sample: &self.sample,
            time: &self.time,
            read_ns: &self.read_ns,
            group: &self.group,
            late_ns: &self.late_ns,
            rows: &self.rows,
        }
    }

    /// How many bytes it holds.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let reads = self.group.capacity() + self.rows.capacity() * size_of::<u32>();
        let shared = [self.sample.inner(), self.time.inner(), self.read_ns.inner(), self.late_ns.inner()];
        reads + shared.map(arrow_buffer::Buffer::capacity).iter().sum::<usize>() + self.deltas.get_array_memory_size()
    }
}

/// A chunk that grows by whole blocks of reads.
#[derive(Clone, Debug, Default)]
pub struct ChunkBuilder {
    sample: Vec<i64>,
    time: Vec<i64>,
    read_ns: Vec<u32>,
    line: Vec<u32>,
    cpu: Vec<u16>,
    delta: Vec<i64>,
    read_sample: Vec<i64>,
    read_time: Vec<i64>,
    read_read_ns: Vec<u32>,
    read_group: Vec<u8>,
    read_late_ns: Vec<i64>,
    read_rows: Vec<u32>,
}

impl ChunkBuilder {
    /// How many rows make a chunk; one read may have more.
    pub const ROWS: usize = 131_072;

    /// A builder with room for `rows` cells.
    #[must_use]
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            sample: Vec::with_capacity(rows),
            time: Vec::with_capacity(rows),
            read_ns: Vec::with_capacity(rows),
            line: Vec::with_capacity(rows),
            cpu: Vec::with_capacity(rows),
            delta: Vec::with_capacity(rows),
            ..Self::default()
        }
    }

    /// Adds reads and their cells.
    pub fn append(&mut self, reads: Reads<'_>, cells: Cells<'_>) {
        for (place, &rows) in reads.rows.iter().enumerate() {
            let rows = self.sample.len() + rows as usize;
            // A column that is too short leaves rows without a window, which `freeze` refuses.
            if let Some(&sample) = reads.sample.get(place) {
                self.sample.resize(rows, sample);
            }
            if let Some(&time) = reads.time.get(place) {
                self.time.resize(rows, time);
            }
            if let Some(&read_ns) = reads.read_ns.get(place) {
                self.read_ns.resize(rows, read_ns);
            }
        }
        self.line.extend_from_slice(cells.line);
        self.cpu.extend_from_slice(cells.cpu);
        self.delta.extend_from_slice(cells.delta);
        self.read_sample.extend_from_slice(reads.sample);
        self.read_time.extend_from_slice(reads.time);
        self.read_read_ns.extend_from_slice(reads.read_ns);
        self.read_group.extend_from_slice(reads.group);
        self.read_late_ns.extend_from_slice(reads.late_ns);
        self.read_rows.extend_from_slice(reads.rows);
    }

    /// How many cells it has.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.line.len()
    }

    /// How many reads it has.
    #[must_use]
    pub const fn reads(&self) -> usize {
        self.read_rows.len()
    }

    /// How many bytes its columns take.
    #[must_use]
    pub const fn memory_bytes(&self) -> usize {
        const CELL: usize = 3 * size_of::<i64>() + 2 * size_of::<u32>() + size_of::<u16>();
        const READ: usize = 3 * size_of::<i64>() + 2 * size_of::<u32>() + size_of::<u8>();
        self.sample.capacity() * CELL + self.read_sample.capacity() * READ
    }

    /// Makes it a chunk: the columns move, they are not copied; room that was not used is given back.
    ///
    /// # Errors
    ///
    /// The columns that were appended differ in length: a mistake of the producer.
    pub fn freeze(mut self) -> Result<Chunk, TraceFormatError> {
        let reads = self.read_rows.len();
        let even = [
            self.read_sample.len(),
            self.read_time.len(),
            self.read_read_ns.len(),
            self.read_group.len(),
            self.read_late_ns.len(),
        ];
        if even != [reads; 5] {
            return Err(uneven(format!("{reads} reads have columns of {even:?} entries")));
        }
        self.read_group.shrink_to_fit();
        self.read_rows.shrink_to_fit();
        let line = shared(self.line);
        let cpu = cpus(self.cpu);
        let delta = shared(self.delta);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::new(shared(self.sample), None)),
            Arc::new(utc(shared(self.time))),
            Arc::new(UInt32Array::new(shared(self.read_ns), None)),
            Arc::new(UInt32Array::new(line.clone(), None)),
            Arc::new(cpu.clone()),
            Arc::new(Int64Array::new(delta.clone(), None)),
        ];
        let deltas = RecordBatch::try_new(schema::deltas(), columns).map_err(|error| uneven(error.to_string()))?;
        Ok(Chunk {
            deltas,
            line,
            cpu: cpu.values().clone(),
            delta,
            sample: shared(self.read_sample),
            time: shared(self.read_time),
            read_ns: shared(self.read_read_ns),
            group: self.read_group,
            late_ns: shared(self.read_late_ns),
            rows: self.read_rows,
        })
    }
}

/// The group at a place of the trace's list.
pub(super) fn group_at(groups: &[Group], place: u8) -> Result<Group, ArrowError> {
    groups.get(usize::from(place)).copied().ok_or_else(|| {
        ArrowError::InvalidArgumentError(format!("a read is of group {place}, and the trace has {}", groups.len()))
    })
}

/// A column of times.
pub(super) fn utc(time: ScalarBuffer<i64>) -> TimestampNanosecondArray {
    TimestampNanosecondArray::new(time, None).with_timezone(schema::UTC)
}

fn shared<T: arrow_buffer::ArrowNativeType>(mut column: Vec<T>) -> ScalarBuffer<T> {
    column.shrink_to_fit();
    ScalarBuffer::from(column)
}

/// A column of CPUs in which [`NO_CPU`] is null; the bitmap is there only where one is.
pub(super) fn cpus(cpu: Vec<u16>) -> UInt16Array {
    let nulls = cpu
        .contains(&NO_CPU)
        .then(|| NullBuffer::new(BooleanBuffer::collect_bool(cpu.len(), |row| cpu[row] != NO_CPU)));
    UInt16Array::new(shared(cpu), nulls)
}

fn uneven(message: String) -> TraceFormatError {
    TraceFormatError { path: "a block of rows".to_owned(), message }
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;

    use super::*;

    #[test]
    fn full_columns_become_a_chunk_without_a_copy() {
        const ROWS: usize = 1000;
        let mut builder = ChunkBuilder::with_capacity(ROWS);
        let reads = Reads { sample: &[1], time: &[2], read_ns: &[3], group: &[0], late_ns: &[4], rows: &[1000] };
        builder.append(reads, Cells { line: &[5; ROWS], cpu: &[6; ROWS], delta: &[7; ROWS] });
        let delta = builder.delta.as_ptr();
        let time = builder.time.as_ptr();
        let chunk = builder.freeze().unwrap();
        assert_eq!(chunk.cells().delta.as_ptr(), delta);
        assert_eq!(chunk.deltas().column(5).to_data().buffers()[0].as_ptr().cast(), delta);
        assert_eq!(chunk.deltas().column(1).to_data().buffers()[0].as_ptr().cast(), time);
    }
}
