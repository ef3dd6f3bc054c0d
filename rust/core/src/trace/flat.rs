//! From chunks to the flat table.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::ArrowDictionaryKeyType;
use arrow_array::{
    ArrayRef, DictionaryArray, Int8Array, Int32Array, Int64Array, PrimitiveArray, RecordBatch, StringArray, UInt32Array,
};
use arrow_buffer::{NullBuffer, NullBufferBuilder};
use arrow_schema::ArrowError;

use super::chunk::{Cells, Chunk, ChunkBuilder, NO_CPU, cpus, group_at, utc};
use super::intern::Interner;
use super::schema;
use crate::{Group, HostFacts, LineMeta};

/// Makes rows of the flat table from chunks. It knows the lines that it was made with: where a chunk has newer ones,
/// make another.
#[derive(Clone, Debug)]
pub struct Flattener {
    groups: Vec<Group>,
    /// The keys of irq and name of each line, by id.
    keys: Vec<Option<(i32, i32)>>,
    irqs: ArrayRef,
    names: ArrayRef,
    kinds: ArrayRef,
    engines: ArrayRef,
    host: ArrayRef,
    boot: ArrayRef,
    has_boot: bool,
}

impl Flattener {
    /// For chunks of a trace with these groups and lines.
    #[must_use]
    pub fn new(host: &HostFacts, groups: &[Group], lines: &[LineMeta]) -> Self {
        let mut irqs = Interner::default();
        let mut names = Interner::default();
        let mut keys = Vec::new();
        for LineMeta { id, line, .. } in lines {
            let place = *id as usize;
            if keys.len() <= place {
                keys.resize(place + 1, None);
            }
            keys[place] = Some((irqs.key(&line.irq), names.key(&line.name)));
        }
        Self {
            groups: groups.to_vec(),
            keys,
            irqs: irqs.values(),
            names: names.values(),
            kinds: Arc::new(schema::kinds()),
            engines: Arc::new(schema::engines()),
            host: Arc::new(StringArray::from_iter_values([&host.host])),
            boot: Arc::new(StringArray::from_iter_values([host.boot.as_deref().unwrap_or_default()])),
            has_boot: host.boot.is_some(),
        }
    }

    /// The rows of a chunk, in batches of at most [`ChunkBuilder::ROWS`] rows or one read.
    pub fn batches(&self, chunk: Arc<Chunk>) -> impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + use<> {
        let this = self.clone();
        let mut next_read = 0;
        let mut next_row = 0;
        std::iter::from_fn(move || {
            let rest = chunk.rows.get(next_read..).filter(|rest| !rest.is_empty())?;
            let mut flat_rows = 0;
            let reads = rest
                .iter()
                .take_while(|&&rows| {
                    let first = flat_rows == 0;
                    flat_rows += rows.max(1) as usize;
                    first || flat_rows <= ChunkBuilder::ROWS
                })
                .count();
            let reads = next_read..next_read + reads;
            let rows: usize = chunk.rows[reads.clone()].iter().map(|&rows| rows as usize).sum();
            let rows = next_row..next_row + rows;
            (next_read, next_row) = (reads.end, rows.end);
            Some(this.batch(&chunk, reads, rows.start))
        })
    }

    fn batch(&self, chunk: &Chunk, reads: Range<usize>, mut row: usize) -> Result<RecordBatch, ArrowError> {
        let Cells { line, cpu, delta } = chunk.cells();
        let length = chunk.rows[reads.clone()].iter().map(|&rows| rows.max(1) as usize).sum();
        let mut flat = Rows::with_capacity(length);
        for read in reads {
            let group = group_at(&self.groups, chunk.group[read])?;
            let cells = row..row + chunk.rows[read] as usize;
            row = cells.end;
            flat.begin_read(chunk, read, group, cells.len().max(1));
            if cells.is_empty() {
                flat.push_nothing();
            }
            for &id in &line[cells.clone()] {
                let keys = self.keys.get(id as usize).copied().flatten();
                let (irq, name) = keys.ok_or_else(|| {
                    ArrowError::InvalidArgumentError(format!(
                        "a row is of line {id}, which is not in the trace's lines"
                    ))
                })?;
                flat.irq.push(irq);
                flat.name.push(name);
            }
            flat.cpu.extend_from_slice(&cpu[cells.clone()]);
            flat.delta.extend_from_slice(&delta[cells.clone()]);
            flat.has_line.append_n_non_nulls(cells.len());
        }
        flat.finish(self)
    }
}

/// Rows of the flat table under way.
struct Rows {
    sample: Vec<i64>,
    time: Vec<i64>,
    read_ns: Vec<u32>,
    engine: Vec<i8>,
    kind: Vec<i8>,
    irq: Vec<i32>,
    name: Vec<i32>,
    has_line: NullBufferBuilder,
    cpu: Vec<u16>,
    delta: Vec<i64>,
}

impl Rows {
    fn with_capacity(rows: usize) -> Self {
        Self {
            sample: Vec::with_capacity(rows),
            time: Vec::with_capacity(rows),
            read_ns: Vec::with_capacity(rows),
            engine: Vec::with_capacity(rows),
            kind: Vec::with_capacity(rows),
            irq: Vec::with_capacity(rows),
            name: Vec::with_capacity(rows),
            has_line: NullBufferBuilder::new(rows),
            cpu: Vec::with_capacity(rows),
            delta: Vec::with_capacity(rows),
        }
    }

    /// What all rows of one read have in common.
    fn begin_read(&mut self, chunk: &Chunk, read: usize, group: Group, rows: usize) {
        let end = self.sample.len() + rows;
        self.sample.resize(end, chunk.sample[read]);
        self.time.resize(end, chunk.time[read]);
        self.read_ns.resize(end, chunk.read_ns[read]);
        self.engine.resize(end, group.engine as i8);
        self.kind.resize(end, group.kind as i8);
    }

    /// The one row of a read in which nothing changed.
    fn push_nothing(&mut self) {
        self.irq.push(0);
        self.name.push(0);
        self.has_line.append_null();
        self.cpu.push(NO_CPU);
        self.delta.push(0);
    }

    fn finish(mut self, tables: &Flattener) -> Result<RecordBatch, ArrowError> {
        let rows = self.sample.len();
        let nulls = self.has_line.finish();
        let no_boot = (!tables.has_boot).then(|| NullBuffer::new_null(rows));
        let irq = Int32Array::try_new(self.irq.into(), nulls.clone())?;
        let name = Int32Array::try_new(self.name.into(), nulls)?;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(self.sample)),
            Arc::new(utc(self.time.into())),
            Arc::new(UInt32Array::from(self.read_ns)),
            dictionary(Int8Array::from(self.engine), &tables.engines)?,
            dictionary(Int8Array::from(self.kind), &tables.kinds)?,
            dictionary(irq, &tables.irqs)?,
            dictionary(name, &tables.names)?,
            Arc::new(cpus(self.cpu)),
            Arc::new(Int64Array::from(self.delta)),
            dictionary(Int8Array::from(vec![0; rows]), &tables.host)?,
            dictionary(Int8Array::try_new(vec![0; rows].into(), no_boot)?, &tables.boot)?,
        ];
        RecordBatch::try_new(schema::flat(), columns)
    }
}

fn dictionary<K: ArrowDictionaryKeyType>(keys: PrimitiveArray<K>, values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(DictionaryArray::try_new(keys, values.clone())?))
}
