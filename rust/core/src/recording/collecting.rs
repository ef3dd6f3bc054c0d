//! The collector's thread: it takes blocks in as they come, looks at the clocks, and completes the file.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rtrb::{Consumer, Producer};

use super::sampling::Sampled;
use super::{Shared, State, lock};
use crate::block::Block;
use crate::{ConfigError, IrqtraceError, WarningType};

/// How often the clocks are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the collector's thread needs.
pub(super) struct Collecting {
    pub(super) shared: Arc<Shared>,
    pub(super) from_sampler: Consumer<Box<Block>>,
    pub(super) to_sampler: Producer<Box<Block>>,
    pub(super) sampler: Option<JoinHandle<Sampled>>,
    pub(super) memory_limit: usize,
    pub(super) stop_at_memory_limit: bool,
}

impl Collecting {
    pub(super) fn run(mut self) {
        *lock(&self.shared.collector) = Some(thread::current());
        let mut looked = Instant::now();
        loop {
            let over = self.shared.sampler_over.load(Ordering::Acquire);
            self.take_blocks(over);
            if looked.elapsed() >= LOOK_EVERY {
                looked = Instant::now();
                self.look_at_clocks();
            }
            if over {
                break;
            }
            thread::park_timeout(LOOK_EVERY.saturating_sub(looked.elapsed()));
        }
        self.finish();
    }

    /// Takes in what the sampler handed over, as long as there is memory for it; all of it once the sampler is `over`.
    fn take_blocks(&mut self, over: bool) {
        while self.from_sampler.slots() > 0 {
            let mut state = lock(&self.shared.state);
            let Some(store) = &mut state.store else { return };
            // A file takes the rows: the limit is for those that stay in memory.
            if !store.has_file() && store.memory_bytes() >= self.memory_limit && !over {
                if !self.stop_at_memory_limit {
                    return;
                }
                if !self.shared.control.stop.swap(true, Ordering::Relaxed) {
                    let detail = format!("{} MiB of rows", self.memory_limit >> 20);
                    store.ledger.note(WarningType::MemoryLimit, detail);
                }
            }
            let Ok(mut block) = self.from_sampler.pop() else { return };
            if let Err(error) = store.add(&block) {
                self.shared.control.stop.store(true, Ordering::Relaxed);
                state.error.get_or_insert(error);
            }
            state.fresh = true;
            drop(state);
            block.clear();
            let _ = self.to_sampler.push(block);
            self.shared.changed.notify_all();
        }
    }

    fn look_at_clocks(&self) {
        let now = self.shared.clock.anchor();
        if let Some(store) = &mut lock(&self.shared.state).store {
            store.ledger.look_at_clocks(now);
        }
    }

    /// The sampler has ended: takes in its last block, and completes the file.
    fn finish(mut self) {
        let sampled = self.sampler.take().and_then(|sampler| sampler.join().ok());
        self.look_at_clocks();
        let mut state = lock(&self.shared.state);
        let State { store, error, .. } = &mut *state;
        if let Some(store) = store {
            let problem = match sampled {
                Some((block, result)) => {
                    let added = block.map_or(Ok(()), |block| store.add(&block));
                    added.and(result.map_err(IrqtraceError::from)).err()
                }
                None => Some(ConfigError("the sampler's thread panicked".into()).into()),
            };
            if let Some(problem) = &problem {
                store.ledger.note(WarningType::Incomplete, problem.to_string());
            }
            if self.shared.abandoned.load(Ordering::Relaxed) {
                store.abandon();
            }
            match error {
                // The file could not be written: nothing of it is left behind.
                Some(_) => store.abandon(),
                None => *error = problem.or(store.finish().err()),
            }
        }
        state.ended = true;
        state.ended_ns = Some(self.shared.clock.now());
        drop(state);
        self.shared.changed.notify_all();
    }
}
