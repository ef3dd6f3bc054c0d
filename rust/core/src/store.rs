//! Where blocks end up: chunks in memory, or a file.

use std::sync::Arc;

use crate::block::Block;
use crate::ledger::{Facts, Ledger, Remark};
use crate::record::{Files, Flushed};
use crate::trace::{Cells, Chunk, ChunkBuilder, Reads, Trace};
use crate::{IrqtraceError, Recorder, TraceFormatError};

/// Keeps what a sampler hands over.
pub struct Store {
    ledger: Ledger,
    chunks: Vec<Arc<Chunk>>,
    chunk_bytes: usize,
    builder: ChunkBuilder,
    file: Option<Recorder>,
    /// The files of a recording that is complete.
    files: Files,
    /// Groups whose next read is the first of a segment: it has a row for every cell.
    begins: Vec<bool>,
    rows: u64,
}

impl Store {
    /// A store in memory, or one that writes to `file`.
    #[must_use]
    pub fn new(facts: Facts, file: Option<Recorder>) -> Self {
        Self { file, ..Self::resume(Ledger::new(facts)) }
    }

    /// A store in memory for what comes after that which a ledger knows already.
    #[must_use]
    pub fn resume(ledger: Ledger) -> Self {
        Self {
            ledger,
            chunks: Vec::new(),
            chunk_bytes: 0,
            builder: ChunkBuilder::default(),
            file: None,
            files: Files::default(),
            begins: Vec::new(),
            rows: 0,
        }
    }

    /// Takes in a block's rows.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written.
    pub fn add(&mut self, block: &Block) -> Result<(), IrqtraceError> {
        // Not before there is something for the next one.
        if !block.reads.is_empty() && self.file.as_ref().is_some_and(|file| file.is_segment_over(&self.ledger)) {
            self.next_segment()?;
        }
        if !self.begins.contains(&true) {
            return self.take_in(block);
        }
        let with_every_cell = self.ledger.with_every_cell(block, &mut self.begins);
        self.take_in(&with_every_cell)
    }

    fn take_in(&mut self, block: &Block) -> Result<(), IrqtraceError> {
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
            return file.write_chunk(&chunk, &self.ledger);
        }
        self.chunk_bytes += chunk.memory_bytes();
        self.chunks.push(chunk);
        Ok(())
    }

    /// Completes the segment of the file, and goes on with another.
    fn next_segment(&mut self) -> Result<(), IrqtraceError> {
        self.flush_the_last()?;
        if self.builder.reads() > 0 {
            self.end_chunk()?;
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let newest_sample = self.ledger.newest_sample();
        file.next_segment(self.ledger.take(), newest_sample)?;
        self.begins = vec![true; self.ledger.facts().groups.len()];
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
        if self.has_lost_its_journal()? {
            // What was in it is still here: it goes to the file, and another journal begins behind it.
            if self.builder.reads() > 0 {
                self.end_chunk()?;
            }
            // Unless a row group was full by that.
            if let (true, Some(file)) = (self.has_lost_its_journal()?, &mut self.file) {
                file.begin_another_journal(&self.ledger)?;
            }
        }
        self.file.as_mut().map_or(Ok(None), Recorder::flush)
    }

    /// Brings what came to the disk before the file is completed: it stays whatever comes. Who took the journal away does
    /// not keep the file from being complete.
    fn flush_the_last(&mut self) -> Result<(), IrqtraceError> {
        if self.has_lost_its_journal()? {
            return Ok(());
        }
        self.flush()?.map_or(Ok(()), Flushed::sync)
    }

    /// Whether somebody took away the journal of the file.
    ///
    /// # Errors
    ///
    /// The file was taken away too.
    pub(crate) fn has_lost_its_journal(&self) -> Result<bool, IrqtraceError> {
        self.file.as_ref().map_or(Ok(false), Recorder::has_lost_its_journal)
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
        self.flush_the_last()?;
        if self.file.is_some() && self.builder.reads() > 0 {
            self.end_chunk()?;
        }
        let Some(file) = self.file.take() else { return Ok(()) };
        self.files = file.finish(self.ledger.meta(), self.ledger.newest_sample())?;
        Ok(())
    }

    /// The files of the rows: one, or segments as far as they are kept, of which the last may be under way.
    #[must_use]
    pub(crate) fn files(&self) -> Files {
        self.file.as_ref().map_or_else(|| self.files.clone(), Recorder::files)
    }

    /// Gives the file up; nothing of it remains.
    pub fn abandon(&mut self) {
        if let Some(file) = self.file.take() {
            file.abandon();
        }
    }

    /// Closes the file as it is, because it cannot be written any more. What a person is to know of it.
    pub fn give_up(&mut self, failure: IrqtraceError) -> IrqtraceError {
        failure.cut_off(self.file.take().and_then(|file| file.kept()))
    }

    /// Rows so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes of rows in memory.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.chunk_bytes + self.builder.memory_bytes() + self.file.as_ref().map_or(0, Recorder::memory_bytes)
    }

    /// Bytes in the file so far.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.file.as_ref().map_or(0, Recorder::bytes_written)
    }
}
