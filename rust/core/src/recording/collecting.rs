//! The collector's thread: it takes blocks in as they come, looks at the clocks, flushes the file and completes it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rtrb::{Consumer, Producer};

use super::sampling::Sampled;
use super::{Shared, State, lock};
use crate::block::Block;
use crate::ledger::Remark;
use crate::record::Flushed;
use crate::store::Store;
use crate::{ClockAnchor, ConfigError, IrqtraceError, WarningType};

/// What the collector's thread needs.
pub(super) struct Collecting {
    pub(super) shared: Arc<Shared>,
    pub(super) from_sampler: Consumer<Box<Block>>,
    pub(super) to_sampler: Producer<Box<Block>>,
    pub(super) sampler: Option<JoinHandle<Sampled>>,
    pub(super) flush_every: Duration,
    pub(super) memory_limit: usize,
    pub(super) stop_at_memory_limit: bool,
    /// What the clocks showed, and the newest sample then, as long as not all up to there has been taken in: a step is
    /// not told of a sample that was read before it.
    pub(super) looked: Option<(i64, ClockAnchor)>,
}

impl Collecting {
    pub(super) fn run(mut self) {
        *lock(&self.shared.collector) = Some(thread::current());
        let mut flushed = Instant::now();
        loop {
            let over = self.shared.sampler_over.load(Ordering::Acquire);
            self.take_blocks(over);
            if flushed.elapsed() >= self.flush_every {
                flushed = Instant::now();
                self.flush();
            }
            if over {
                break;
            }
            thread::park_timeout(self.flush_every.saturating_sub(flushed.elapsed()));
        }
        self.finish();
    }

    /// Takes in what the sampler handed over, as long as there is memory for it; all of it once the sampler is `over`.
    fn take_blocks(&mut self, over: bool) {
        while self.from_sampler.slots() > 0 {
            let mut state = lock(&self.shared.state);
            let State { store: Some(store), error, .. } = &mut *state else { return };
            // A file takes the rows: the limit is for those that stay in memory.
            if !store.has_file() && store.memory_bytes() >= self.memory_limit && !over {
                if !self.stop_at_memory_limit {
                    return;
                }
                if !self.shared.control.stop.swap(true, Ordering::Relaxed) {
                    let detail = format!("{} MiB of rows", self.memory_limit >> 20);
                    let said = store.remark(Remark::Note { r#type: WarningType::MemoryLimit, detail });
                    self.settle(error, said);
                }
            }
            let Ok(mut block) = self.from_sampler.pop() else { return };
            // After a failure nothing is written any more: what came before it is whole.
            if error.is_none() {
                self.settle(error, store.add(&block));
            }
            state.fresh = true;
            drop(state);
            block.clear();
            let _ = self.to_sampler.push(block);
            self.shared.changed.notify_all();
        }
    }

    /// Looks at the clocks, and brings what came to the disk.
    fn flush(&mut self) {
        let Shared { clock, control, .. } = &*self.shared;
        let look = || {
            let now = clock.anchor();
            (control.sample.load(Ordering::Acquire), now)
        };
        let (sample, now) = *self.looked.get_or_insert_with(look);
        let mut state = lock(&self.shared.state);
        let State { store: Some(store), error: None, .. } = &mut *state else { return };
        let told = if store.ledger().newest_sample() >= sample {
            self.looked = None;
            store.remark(Remark::Clocks(now))
        } else {
            Ok(())
        };
        let flushed = told.and_then(|()| store.flush());
        drop(state);
        // A disk may take its time: whoever asks something of the recording need not wait for it.
        let synced = flushed.and_then(|flushed| flushed.map_or(Ok(()), Flushed::sync));
        self.settle(&mut lock(&self.shared.state).error, synced);
    }

    /// A failure to write ends the recording.
    fn settle(&self, error: &mut Option<IrqtraceError>, outcome: Result<(), IrqtraceError>) {
        if let Err(failure) = outcome {
            self.shared.control.stop.store(true, Ordering::Relaxed);
            error.get_or_insert(failure);
        }
    }

    /// The sampler has ended: takes in its last block, and completes the file.
    fn finish(mut self) {
        let sampled = self.sampler.take().and_then(|sampler| sampler.join().ok());
        let clocks = self.shared.clock.anchor();
        let mut state = lock(&self.shared.state);
        let State { store, error, .. } = &mut *state;
        if let Some(store) = store {
            let (block, problem) = match sampled {
                Some((block, result)) => (block, result.map_err(IrqtraceError::from).err()),
                None => (None, Some(ConfigError("the sampler's thread panicked".into()).into())),
            };
            if self.shared.abandoned.load(Ordering::Relaxed) {
                store.abandon();
            }
            // After a failure to write nothing is written any more: what came before it is whole.
            *error = match error.take() {
                None => match complete(store, block.as_deref(), clocks, problem.as_ref()) {
                    Ok(()) => problem,
                    Err(failure) => Some(store.give_up(failure)),
                },
                // The file can do without its journal, which nobody could open the rest by.
                Some(failure) if store.has_lost_its_journal().unwrap_or(false) => {
                    match complete(store, None, clocks, Some(&failure)) {
                        Ok(()) => Some(failure),
                        Err(_) => Some(store.give_up(failure)),
                    }
                }
                Some(failure) => Some(store.give_up(failure)),
            };
        }
        state.ended = true;
        state.ended_ns = Some(self.shared.clock.now());
        drop(state);
        self.shared.changed.notify_all();
    }
}

/// Takes in the last of a recording, and completes its file.
fn complete(
    store: &mut Store,
    block: Option<&Block>,
    clocks: ClockAnchor,
    problem: Option<&IrqtraceError>,
) -> Result<(), IrqtraceError> {
    if let Some(block) = block {
        store.add(block)?;
    }
    store.remark(Remark::Clocks(clocks))?;
    if let Some(problem) = problem {
        store.remark(Remark::Note { r#type: WarningType::Incomplete, detail: problem.to_string() })?;
    }
    store.finish()
}
