//! Where blocks end up: chunks in memory, or a file.

use std::path::PathBuf;
use std::sync::Arc;

use crate::block::Block;
use crate::ledger::{Facts, Ledger, Remark};
use crate::record::Flushed;
use crate::trace::{Cells, Chunk, ChunkBuilder, Flattener, Reads, Trace};
use crate::{IrqtraceError, TraceFormatError, TraceWriter};

/// Keeps what a sampler hands over.
pub struct Store {
    ledger: Ledger,
    chunks: Vec<Arc<Chunk>>,
    chunk_bytes: usize,
    builder: ChunkBuilder,
    file: Option<TraceWriter>,
    rows: u64,
}

impl Store {
    /// A store in memory, or one that writes to `file`.
    #[must_use]
    pub fn new(facts: Facts, file: Option<TraceWriter>) -> Self {
        Self { file, ..Self::resume(Ledger::new(facts)) }
    }

    /// A store in memory for what comes after that which a ledger knows already.
    #[must_use]
    pub fn resume(ledger: Ledger) -> Self {
        Self { ledger, chunks: Vec::new(), chunk_bytes: 0, builder: ChunkBuilder::default(), file: None, rows: 0 }
    }

    /// Takes in a block's rows.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written.
    pub fn add(&mut self, block: &Block) -> Result<(), IrqtraceError> {
        let (reads, cells) = (&block.reads, &block.cells);
        if self.builder.rows() + cells.len() > ChunkBuilder::ROWS && self.builder.rows() > 0 {
            self.end_chunk()?;
        }
        if let Some(file) = &mut self.file {
            file.note_block(block, &self.ledger)?;
        }
        self.ledger.add(block);
        self.rows += cells.len() as u64;
        self.builder.append(
            Reads {
                sample: &reads.sample,
                time: &reads.time,
                read_ns: &reads.read_ns,
                group: &reads.group,
                late_ns: &reads.late_ns,
                rows: &reads.rows,
            },
            Cells { line: &cells.line, cpu: &cells.cpu, delta: &cells.delta },
        );
        Ok(())
    }

    fn end_chunk(&mut self) -> Result<(), IrqtraceError> {
        let next =
            if self.file.is_some() { ChunkBuilder::default() } else { ChunkBuilder::with_capacity(ChunkBuilder::ROWS) };
        let chunk = Arc::new(std::mem::replace(&mut self.builder, next).freeze()?);
        if let Some(file) = &mut self.file {
            let ledger = &self.ledger;
            let flattener = Flattener::new(ledger.host(), &ledger.groups(), ledger.lines());
            file.write_chunk(&chunk, &flattener)?;
            return file.end_full_row_group(ledger);
        }
        self.chunk_bytes += chunk.memory_bytes();
        self.chunks.push(chunk);
        Ok(())
    }

    /// Takes in what is said besides.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written.
    pub fn remark(&mut self, remark: Remark) -> Result<(), IrqtraceError> {
        if let Some(file) = &mut self.file {
            file.note_remark(&remark)?;
        }
        self.ledger.remark(remark);
        Ok(())
    }

    /// What is known besides the rows.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Writes down what came, where rows go to a file. What is then brought to the disk is left of it whatever happens.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written.
    pub fn flush(&mut self) -> Result<Option<Flushed>, IrqtraceError> {
        self.file.as_mut().map_or(Ok(None), TraceWriter::flush)
    }

    /// All rows that were not taken, which stay here.
    ///
    /// # Errors
    ///
    /// Where a block was not whole: a mistake of its producer.
    pub fn trace(&self) -> Result<Trace, TraceFormatError> {
        let mut chunks = self.chunks.clone();
        if self.builder.reads() > 0 {
            chunks.push(Arc::new(self.builder.clone().freeze()?));
        }
        Ok(Trace { chunks, meta: Arc::new(self.ledger.meta()) })
    }

    /// All rows since the last call, which leave.
    ///
    /// # Errors
    ///
    /// Where a block was not whole: a mistake of its producer.
    pub fn take(&mut self) -> Result<Trace, TraceFormatError> {
        let mut chunks = std::mem::take(&mut self.chunks);
        self.chunk_bytes = 0;
        if self.builder.reads() > 0 {
            chunks.push(Arc::new(std::mem::take(&mut self.builder).freeze()?));
        }
        Ok(Trace { chunks, meta: Arc::new(self.ledger.take()) })
    }

    /// Whether there are reads to be taken.
    #[must_use]
    pub fn has_reads(&self) -> bool {
        self.builder.reads() > 0 || !self.chunks.is_empty()
    }

    /// Whether rows go to a file.
    #[must_use]
    pub const fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// Completes the file, if there is one.
    ///
    /// # Errors
    ///
    /// Where it cannot be written; what was flushed stays.
    pub fn finish(&mut self) -> Result<(), IrqtraceError> {
        if let Some(flushed) = self.flush()? {
            flushed.sync()?;
        }
        if self.file.is_some() && self.builder.reads() > 0 {
            self.end_chunk()?;
        }
        let Some(file) = self.file.take() else { return Ok(()) };
        let kept = file.kept();
        file.finish(&self.ledger.meta().to_json()?).map_err(|failure| cut_off(failure, kept))
    }

    /// Gives the file up; nothing of it remains.
    pub fn abandon(&mut self) {
        if let Some(file) = self.file.take() {
            file.abandon();
        }
    }

    /// Closes the file as it is, because it cannot be written any more. What a person is to know of it.
    pub fn give_up(&mut self, failure: IrqtraceError) -> IrqtraceError {
        cut_off(failure, self.file.take().and_then(|file| file.kept()))
    }

    /// Rows so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes of rows in memory.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.chunk_bytes + self.builder.memory_bytes() + self.file.as_ref().map_or(0, TraceWriter::memory_bytes)
    }

    /// Bytes in the file so far.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.file.as_ref().map_or(0, TraceWriter::bytes_written)
    }
}

/// The failure, and where what was flushed before it is, if anything was.
fn cut_off(failure: IrqtraceError, kept: Option<PathBuf>) -> IrqtraceError {
    match (failure, kept) {
        (IrqtraceError::Io { path, source }, Some(kept)) if kept.exists() => {
            IrqtraceError::CutOff { path, source, kept }
        }
        (failure, _) => failure,
    }
}
