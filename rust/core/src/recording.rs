//! A recording under way: the sampler's thread, the collector's thread between it and the reader, and what others may
//! ask of both.
//!
//! The sampler shares nothing with others but two lock-free rings of blocks and the atomics of [`Control`]. Everything
//! else is between the collector and the reader, under a lock that the sampler never takes.

mod collecting;
mod sampling;

use std::any::Any;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use rtrb::RingBuffer;

use crate::block::Block;
use crate::engine::EngineError;
use crate::ledger::{Counts, Facts, Remark};
use crate::sampler::{Control, Plan};
use crate::source::ReadError;
use crate::store::Store;
use crate::trace::Trace;
use crate::{Clock, ConfigError, HostFacts, IrqtraceError, Recorder, Settings};
use collecting::Collecting;
use sampling::Sampling;

/// So many blocks go round between sampler and collector.
const BLOCKS: usize = 8;

/// Room of a block for cells and for reads: at 1 kHz on a small machine, about a second's.
const BLOCK_CELLS: usize = 16_384;
const BLOCK_READS: usize = 4_096;

/// How long a question about a running recording waits for the answer to be up to date.
const CATCH_UP_WITHIN: Duration = Duration::from_millis(250);

/// How long the start waits for the first sample, and how often it looks for it: the sampler's thread is not to be
/// burdened with telling.
const START_WITHIN: Duration = Duration::from_secs(2);
const LOOK_FOR_START_EVERY: Duration = Duration::from_micros(50);

/// Takes, on the sampler's thread, the privileges asked for; they are held until what it returns is dropped.
pub type Prepare = Box<dyn FnOnce() -> Result<Box<dyn Any>, IrqtraceError> + Send>;

/// What makes a recording, besides the [`Plan`] of its samples.
pub struct Setup {
    /// The machine.
    pub host: HostFacts,
    /// What was asked for, for the metadata.
    pub settings: Settings,
    /// The file; without one, rows stay in memory.
    pub file: Option<Recorder>,
    /// How often what came is brought to the disk, and the clocks are looked at.
    pub flush_every: Duration,
    /// Bytes of rows to keep in memory.
    pub memory_limit: usize,
    /// At that limit the recording ends; else samples are missed until somebody takes a batch.
    pub stop_at_memory_limit: bool,
    /// The sampler thread's own preparation.
    pub prepare: Prepare,
}

/// How far a recording is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Time since the start.
    pub elapsed_ns: i64,
    /// Grid points up to the newest sample.
    pub samples: u64,
    /// Readings of groups.
    pub reads: u64,
    /// Grid points that were due for some group and not read.
    pub missed: u64,
    /// Rows that the collector has got.
    pub rows: u64,
    /// Bytes in the file.
    pub file_bytes: u64,
    /// Bytes of rows in memory.
    pub memory_bytes: usize,
    /// How late the newest sample was.
    pub late_last_ns: i64,
}

/// A recording, from before its start until after its end.
pub struct Recording {
    shared: Arc<Shared>,
    stage: Mutex<Stage>,
}

enum Stage {
    Ready(Box<(Plan, Setup)>),
    Started(Option<JoinHandle<()>>),
}

struct Shared {
    control: Control,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// A block came, or the end.
    changed: Condvar,
    collector: Mutex<Option<Thread>>,
    /// The sampler's thread is about to end: nothing more comes through the rings.
    sampler_over: AtomicBool,
    /// The file is not wanted any more.
    abandoned: AtomicBool,
    /// The process that started it: its threads are in no other.
    process: u32,
}

#[derive(Default)]
struct State {
    store: Option<Store>,
    began: i64,
    /// Something came since the last batch.
    fresh: bool,
    ended: bool,
    ended_ns: Option<i64>,
    error: Option<IrqtraceError>,
}

/// A lock is poisoned only if a thread panicked in it: what it guards is still whole then, as each step is.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recording {
    /// A recording that is ready to start.
    #[must_use]
    pub fn new(plan: Plan, setup: Setup, clock: Arc<dyn Clock>) -> Self {
        let shared = Shared {
            control: Control::default(),
            clock,
            state: Mutex::default(),
            changed: Condvar::new(),
            collector: Mutex::default(),
            sampler_over: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            process: std::process::id(),
        };
        Self { shared: Arc::new(shared), stage: Mutex::new(Stage::Ready(Box::new((plan, setup)))) }
    }

    /// Starts sampling, and returns when the first sample has been read: what happens after that is counted.
    ///
    /// # Errors
    ///
    /// Where a privilege that was asked for is refused, no thread can be had, or it was started before, and in a process
    /// that was forked.
    pub fn start(&self) -> Result<(), IrqtraceError> {
        self.in_its_process()?;
        let mut stage = lock(&self.stage);
        let Stage::Ready(ready) = std::mem::replace(&mut *stage, Stage::Started(None)) else {
            return Err(ConfigError("a sampler starts once; make another".into()).into());
        };
        let (plan, setup) = *ready;
        let Setup { host, settings, file, flush_every, memory_limit, stop_at_memory_limit, prepare } = setup;
        let groups: Vec<_> = plan.groups.iter().map(|group| (group.group, group.every)).collect();
        let interval_ns = plan.interval_ns;
        // One more than go round: at the end the sampler may add one of its own.
        let (full, from_sampler) = RingBuffer::new(BLOCKS + 1);
        let (mut to_sampler, empty) = RingBuffer::new(BLOCKS);
        for _ in 0..BLOCKS {
            // The ring has room for all of them.
            let _ = to_sampler.push(Box::new(Block::with_capacity(BLOCK_CELLS, BLOCK_READS, groups.len())));
        }
        let (tell, told) = mpsc::channel();
        let sampling = Sampling { shared: self.shared.clone(), plan, prepare, full, empty, tell };
        let sampler = spawn("irqtrace-sample", move || sampling.run())?;
        // The sampler's thread answers once and early: with its start, or with what was refused. It ends without an
        // answer only by a panic.
        let Ok(started) = told.recv() else {
            return Err(ConfigError("the sampler's thread ended before it began".into()).into());
        };
        let (t0, anchor) = started?;
        let facts = Facts { interval_ns, irregular: false, t0, groups, host, settings, anchor };
        {
            let mut state = lock(&self.shared.state);
            state.began = t0;
            state.store = Some(Store::new(facts, file));
        }
        let collecting = Collecting {
            shared: self.shared.clone(),
            from_sampler,
            to_sampler,
            sampler: Some(sampler),
            flush_every,
            memory_limit,
            stop_at_memory_limit,
            looked: None,
        };
        *stage = Stage::Started(Some(spawn("irqtrace-collect", move || collecting.run())?));
        let given_up = Instant::now() + START_WITHIN;
        let control = &self.shared.control;
        while control.sample.load(Ordering::Acquire) < 0 && Instant::now() < given_up {
            if lock(&self.shared.state).ended {
                break;
            }
            thread::sleep(LOOK_FOR_START_EVERY);
        }
        Ok(())
    }

    /// Ends sampling, and waits until everything is in its place.
    ///
    /// # Errors
    ///
    /// What ended the recording before; it is told once.
    pub fn stop(&self) -> Result<(), IrqtraceError> {
        if self.in_its_process().is_err() {
            return Ok(());
        }
        // Held to the end: a second call returns no sooner than the first.
        let mut stage = lock(&self.stage);
        let Stage::Started(collector) = &mut *stage else { return Ok(()) };
        self.shared.control.stop.store(true, Ordering::Relaxed);
        self.shared.wake_collector();
        if let Some(collector) = collector.take() {
            // Its panic, were there one, has been reported by the thread itself.
            let _ = collector.join();
        }
        drop(stage);
        lock(&self.shared.state).error.take().map_or(Ok(()), Err)
    }

    /// Ends sampling, or keeps it from ever starting, and gives up the file: what has its name stays as it is.
    pub fn abandon(&self) {
        if self.in_its_process().is_err() {
            return;
        }
        self.shared.abandoned.store(true, Ordering::Relaxed);
        {
            let mut stage = lock(&self.stage);
            if let Stage::Ready(_) = *stage {
                *stage = Stage::Started(None);
            }
        }
        // What else ended it is of no interest any more.
        let _ = self.stop();
    }

    /// A forked child has the memory of a sampler and none of its threads: a lock that one of them held stays locked, so
    /// none is taken there.
    fn in_its_process(&self) -> Result<(), ConfigError> {
        if self.shared.process == std::process::id() {
            return Ok(());
        }
        Err(ConfigError("this sampler belongs to the process that this one was forked from; make another".into()))
    }

    /// Waits until the recording has ended by itself, or until the time is over: whether it has ended. Nothing of it goes
    /// on in a process that was forked.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> bool {
        if self.in_its_process().is_err() {
            return true;
        }
        let state = lock(&self.shared.state);
        let (state, _) = self
            .shared
            .changed
            .wait_timeout_while(state, timeout, |state| !state.ended)
            .unwrap_or_else(PoisonError::into_inner);
        state.ended
    }

    /// The rows since the last batch: as soon as there are some, or none when the time is over or the end has come.
    ///
    /// # Errors
    ///
    /// Before the start.
    pub fn next_batch(&self, timeout: Duration) -> Result<Option<Trace>, IrqtraceError> {
        self.in_its_process()?;
        let state = lock(&self.shared.state);
        let (mut state, _) = self
            .shared
            .changed
            .wait_timeout_while(state, timeout, |state| !state.fresh && !state.ended)
            .unwrap_or_else(PoisonError::into_inner);
        state.fresh = false;
        let store = state.store.as_mut().ok_or_else(not_started)?;
        let batch = if store.has_reads() { Some(store.take()?) } else { None };
        drop(state);
        // It may have been waiting for memory.
        self.shared.wake_collector();
        Ok(batch)
    }

    /// Whether the recording has ended and every row of it was taken.
    ///
    /// # Errors
    ///
    /// In a process that was forked.
    pub fn exhausted(&self) -> Result<bool, IrqtraceError> {
        self.in_its_process()?;
        let state = lock(&self.shared.state);
        Ok(state.ended && !state.store.as_ref().is_some_and(Store::has_reads))
    }

    /// The files that it writes: one, or segments as far as they are kept, of which the last is under way until the end.
    ///
    /// # Errors
    ///
    /// In a process that was forked from its own.
    pub fn files(&self) -> Result<Vec<PathBuf>, ConfigError> {
        self.in_its_process()?;
        Ok(lock(&self.shared.state).store.as_ref().map_or(Vec::new(), |store| store.files().written))
    }

    /// The segments that are not to be kept and cannot be removed, each with the system's number for why. They are tried
    /// again whenever a segment ends.
    ///
    /// # Errors
    ///
    /// In a process that was forked from its own.
    pub fn not_removed(&self) -> Result<Vec<(PathBuf, i32)>, ConfigError> {
        self.in_its_process()?;
        Ok(lock(&self.shared.state).store.as_ref().map_or(Vec::new(), |store| store.files().not_removed))
    }

    /// All rows up to now that were not taken as batches.
    ///
    /// # Errors
    ///
    /// Before the start.
    pub fn trace(&self) -> Result<Trace, IrqtraceError> {
        self.in_its_process()?;
        // One that was under way at the call may have read some lines before it: the next one is wanted too.
        let state = self.caught_up(1);
        Ok(state.store.as_ref().ok_or_else(not_started)?.trace()?)
    }

    /// The counts of the newest reads.
    ///
    /// # Errors
    ///
    /// Before the start.
    pub fn counts(&self) -> Result<Counts, IrqtraceError> {
        self.in_its_process()?;
        let state = self.caught_up(0);
        Ok(state.store.as_ref().ok_or_else(not_started)?.ledger().counts())
    }

    /// Names this instant in the trace.
    ///
    /// # Errors
    ///
    /// Before the start.
    pub fn mark(&self, text: &str) -> Result<(), IrqtraceError> {
        self.in_its_process()?;
        let now = self.shared.clock.now();
        let sample = self.shared.control.sample.load(Ordering::Relaxed);
        let remark = Remark::Mark { sample, mono_ns: now, text: text.to_owned() };
        lock(&self.shared.state).store.as_mut().ok_or_else(not_started)?.remark(remark)
    }

    /// How far it is.
    ///
    /// # Errors
    ///
    /// In a process that was forked.
    pub fn progress(&self) -> Result<Progress, IrqtraceError> {
        self.in_its_process()?;
        let control = &self.shared.control;
        let state = lock(&self.shared.state);
        let Some(store) = &state.store else { return Ok(Progress::default()) };
        Ok(Progress {
            elapsed_ns: state.ended_ns.unwrap_or_else(|| self.shared.clock.now()) - state.began,
            samples: u64::try_from(control.sample.load(Ordering::Relaxed) + 1).unwrap_or(0),
            reads: control.reads.load(Ordering::Relaxed),
            missed: control.missed.load(Ordering::Relaxed),
            rows: store.rows(),
            file_bytes: store.file_bytes(),
            memory_bytes: store.memory_bytes(),
            late_last_ns: control.late_ns.load(Ordering::Relaxed),
        })
    }

    /// The state with everything in it that was sampled before the call and so many samples more, as far as it can be had
    /// soon: an interval may be long, and a reader that is too slow has to take batches first.
    fn caught_up(&self, more: i64) -> MutexGuard<'_, State> {
        let newest = self.shared.control.sample.load(Ordering::Relaxed) + more;
        self.shared.control.flush.store(true, Ordering::Relaxed);
        let behind = |state: &mut State| {
            !state.ended && state.store.as_ref().is_some_and(|store| store.ledger().newest_sample() < newest)
        };
        let state = lock(&self.shared.state);
        let waited = self.shared.changed.wait_timeout_while(state, CATCH_UP_WITHIN, behind);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = self.stop();
    }
}

impl Shared {
    fn wake_collector(&self) {
        if let Some(collector) = &*lock(&self.collector) {
            collector.unpark();
        }
    }
}

fn not_started() -> IrqtraceError {
    ConfigError("the sampler has not been started".into()).into()
}

fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, IrqtraceError> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map_err(|source| IrqtraceError::Privilege {
        what: "a thread for sampling".to_owned(),
        help: "raise the limit of processes (ulimit -u)".to_owned(),
        source,
    })
}

impl From<EngineError> for IrqtraceError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Unreadable(error) => Self::Parse(error),
            EngineError::Ended(ReadError::Unavailable(error)) => Self::Source(error),
            EngineError::Ended(error @ (ReadError::Absent | ReadError::End)) => {
                Self::Config(ConfigError(error.to_string()))
            }
        }
    }
}
