//! A trace in memory, and its three tables.

mod chunk;
mod conform;
mod flat;
mod intern;
pub mod schema;

use std::sync::Arc;

use arrow_array::{RecordBatchIterator, RecordBatchReader};

use crate::{Group, Meta};
pub use chunk::{Cells, Chunk, ChunkBuilder, NO_CPU, Reads};
pub use conform::conform;
pub use flat::Flattener;
pub(crate) use intern::Interner;

/// What was measured: whole reads in chunks, and all that is known of them.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The reads, in the order sample, kind, engine.
    pub chunks: Vec<Arc<Chunk>>,
    /// The rest.
    pub meta: Arc<Meta>,
}

impl Trace {
    /// How many rows the frame `deltas` has.
    #[must_use]
    pub fn deltas_rows(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.deltas().num_rows()).sum()
    }

    /// The frame `deltas`, one batch for each chunk: sample, time, `read_ns`, line, cpu, delta. Shares the chunks'
    /// memory.
    #[must_use]
    pub fn deltas(&self) -> impl RecordBatchReader + Send + use<> {
        let batches: Vec<_> = self.chunks.iter().map(|chunk| Ok(chunk.deltas().clone())).collect();
        RecordBatchIterator::new(batches, schema::deltas())
    }

    /// The frame `samples`, one row for each read: sample, time, `read_ns`, kind, engine, `late_ns`,
    /// which is null in a trace of irregular reads.
    #[must_use]
    pub fn samples(&self) -> impl RecordBatchReader + Send + use<> {
        let groups = self.groups();
        let irregular = self.meta.irregular;
        let chunks = self.chunks.clone();
        let batches = chunks.into_iter().map(move |chunk| chunk.samples(&groups, irregular));
        RecordBatchIterator::new(batches, schema::samples())
    }

    /// The flat table of a trace file, made batch by batch as it is asked for.
    #[must_use]
    pub fn flat(&self) -> impl RecordBatchReader + Send + use<> {
        let flattener = Flattener::new(&self.meta.host, &self.groups(), &self.meta.lines);
        let chunks = self.chunks.clone();
        let batches = chunks.into_iter().flat_map(move |chunk| flattener.batches(chunk));
        RecordBatchIterator::new(batches, schema::flat())
    }

    fn groups(&self) -> Vec<Group> {
        self.meta.groups.iter().map(|group| group.group).collect()
    }
}
