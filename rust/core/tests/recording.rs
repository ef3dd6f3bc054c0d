//! A recording with its threads: nothing is lost but what is counted as missed, and memory stays bounded.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt16Type, UInt32Type};
use irqtrace_core::engine::{Engine, TextEngine};
use irqtrace_core::parse::TextKind;
use irqtrace_core::plan::Wanted;
use irqtrace_core::recording::{Recording, Setup};
use irqtrace_core::select::Selection;
use irqtrace_core::source::{ReadError, TextSource};
use irqtrace_core::{
    Clock, ClockAnchor, EngineName, HostFacts, IrqtraceError, Kind, ManualClock, Settings, SourceUnavailable, Trace,
    TraceWriter, WarningType, Window,
};

const MS: i64 = 1_000_000;

/// A machine of two CPUs whose every count grows at each read: count `c` of read `n` is `(c + 1) * n`.
struct Counting {
    reads: u64,
    /// The read at which it is gone.
    gone_at: u64,
}

const CELLS: u64 = 16;

impl TextSource for Counting {
    fn path(&self) -> &'static str {
        "interrupts"
    }

    fn read(&mut self, _: Option<usize>, clock: &dyn Clock, text: &mut Vec<u8>) -> Result<Window, ReadError> {
        if self.reads == self.gone_at {
            let gone = |text: &str| text.to_owned();
            let error =
                SourceUnavailable { path: gone("interrupts"), reason: gone("gone"), help: gone("wait"), errno: 19 };
            return Err(error.into());
        }
        text.clear();
        text.extend_from_slice(b"           CPU0       CPU1       \n");
        for line in 0..CELLS / 2 {
            let count = |cpu: u64| (2 * line + cpu + 1) * self.reads;
            let row = format!("{line:>3}: {:>10} {:>10}  PIC  {line}-edge  dev{line}\n", count(0), count(1));
            text.extend_from_slice(row.as_bytes());
        }
        self.reads += 1;
        let now = clock.now();
        Ok(Window { begin: now, end: now })
    }
}

fn wanted() -> Wanted {
    Wanted { interval_ns: MS, kinds: BTreeMap::from([(Kind::Irq, MS)]), irqs: None }
}

/// A recording of so many samples as fast as the machine can: its clock jumps to each deadline.
fn recording(samples: i64, gone_at: u64, setup: Setup) -> Recording {
    recording_by(Arc::new(ManualClock::new(0, 0)), samples, gone_at, setup)
}

fn recording_by(clock: Arc<dyn Clock>, samples: i64, gone_at: u64, setup: Setup) -> Recording {
    let selection = Selection { kinds: vec![Kind::Irq], irqs: None };
    let source = Counting { reads: 0, gone_at };
    let engine = TextEngine::new(source, TextKind::Interrupts, selection, EngineName::Replay);
    let engines: Vec<Box<dyn Engine>> = vec![Box::new(engine)];
    let settings = Settings { batch_every_ns: 1_000 * MS, ..Settings::default() };
    let plan = wanted().plan(engines, &settings, Some((samples - 1) * MS)).unwrap();
    Recording::new(plan, setup, clock)
}

fn setup() -> Setup {
    Setup {
        host: HostFacts::default(),
        settings: Settings::default(),
        file: None,
        flush_every: Duration::from_secs(1),
        memory_limit: usize::MAX,
        stop_at_memory_limit: false,
        prepare: Box::new(|| Ok(Box::new(()))),
    }
}

fn finish(recording: &Recording) {
    while !recording.wait(Duration::from_secs(1)) {}
    recording.stop().unwrap();
}

/// Sums of deltas by cell, added to those of earlier batches.
fn add_up(trace: &Trace, sums: &mut BTreeMap<(u32, u16), u64>) {
    for batch in trace.deltas() {
        let batch = batch.unwrap();
        let column = |name| batch.column_by_name(name).unwrap();
        let (line, cpu) = (column("line").as_primitive::<UInt32Type>(), column("cpu").as_primitive::<UInt16Type>());
        let delta = column("delta").as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            assert!(delta.value(row) >= 0);
            *sums.entry((line.value(row), cpu.value(row))).or_default() += delta.value(row).unsigned_abs();
        }
    }
}

/// Counts of a trace's metadata by cell.
fn finals(trace: &Trace) -> BTreeMap<(u32, u16), u64> {
    let finals = &trace.meta.finals;
    (0..finals.len()).map(|at| ((finals.line[at], finals.cpu[at].unwrap()), finals.count[at])).collect()
}

#[test]
fn every_sample_is_in_the_trace_and_baseline_plus_deltas_is_the_last_count() {
    let recording = recording(5_000, u64::MAX, setup());
    recording.start().unwrap();
    finish(&recording);
    let trace = recording.trace().unwrap();
    assert_eq!(trace.meta.groups[0].reads, 5_000);
    assert_eq!(trace.meta.groups[0].missed, 0);
    assert_eq!(trace.deltas_rows() as u64, CELLS * 5_000);
    let mut sums = BTreeMap::new();
    add_up(&trace, &mut sums);
    assert_eq!(trace.meta.baselines.len(), 0, "the first read is of zeros");
    assert_eq!(sums, finals(&trace));
    assert_eq!(recording.counts().unwrap().counts, (1..=CELLS).map(|cell| cell * 4_999).collect::<Vec<_>>());
}

/// A clock that a look at takes a while.
struct Ticking(ManualClock);

impl Clock for Ticking {
    fn now(&self) -> i64 {
        let now = self.0.now();
        self.0.set(now + 1_000);
        now
    }

    fn sleep_until(&self, deadline: i64) {
        self.0.sleep_until(deadline);
    }

    fn anchor(&self) -> ClockAnchor {
        self.0.anchor()
    }

    fn thread_cpu_ns(&self) -> i64 {
        0
    }
}

#[test]
fn the_first_point_of_the_grid_is_late_and_not_missed() {
    let recording = recording_by(Arc::new(Ticking(ManualClock::new(0, 0))), 100, u64::MAX, setup());
    recording.start().unwrap();
    finish(&recording);
    let trace = recording.trace().unwrap();
    assert_eq!((trace.meta.groups[0].reads, trace.meta.groups[0].missed), (100, 0));
}

#[test]
fn a_reader_that_sleeps_loses_samples_and_no_count() {
    let samples = 400_000;
    let recording = recording(samples, u64::MAX, Setup { memory_limit: 1 << 20, ..setup() });
    recording.start().unwrap();
    // Nobody takes a batch until samples have been dropped.
    while recording.progress().unwrap().missed == 0 {
        thread::yield_now();
    }
    let (mut sums, mut reads, mut missed, mut dropped, mut last) = (BTreeMap::new(), 0, 0, 0, None);
    let mut begin = BTreeMap::new();
    while !recording.exhausted().unwrap() {
        let Some(batch) = recording.next_batch(Duration::from_secs(1)).unwrap() else { continue };
        let baselines = &batch.meta.baselines;
        let baselines: BTreeMap<_, _> = (0..baselines.len())
            .map(|at| ((baselines.line[at], baselines.cpu[at].unwrap()), baselines.count[at]))
            .collect();
        assert_eq!(baselines, begin, "a batch begins where the one before it ended");
        assert_eq!(batch.meta.previous.first().map(|previous| previous.sample), last);
        add_up(&batch, &mut sums);
        assert_eq!(sums, finals(&batch), "whatever was dropped");
        begin = finals(&batch);
        let of_batch = &batch.meta.groups[0];
        let newest = batch.chunks.last().unwrap().reads().sample.last().copied().unwrap();
        let due = newest - last.unwrap_or(-1);
        assert_eq!(of_batch.reads + of_batch.missed, due.unsigned_abs(), "what it missed lies in its span");
        reads += of_batch.reads;
        missed += of_batch.missed;
        let is_dropped = |warning: &&irqtrace_core::Warning| warning.r#type == WarningType::DroppedBlocks;
        dropped += batch.meta.warnings.iter().filter(is_dropped).map(|warning| warning.count).sum::<u64>();
        last = Some(newest);
    }
    recording.stop().unwrap();
    // What was missed last is told with the blocks that follow, or with none.
    assert!(dropped > 0);
    assert!(reads + missed <= samples.unsigned_abs());
    let end = recording.trace().unwrap();
    assert_eq!(reads + missed + end.meta.groups[0].missed, samples.unsigned_abs());
}

#[test]
fn at_the_limit_of_memory_a_recording_ends_and_says_so() {
    let limit = 8 << 20;
    let recording =
        recording(10_000_000, u64::MAX, Setup { memory_limit: limit, stop_at_memory_limit: true, ..setup() });
    recording.start().unwrap();
    finish(&recording);
    let trace = recording.trace().unwrap();
    assert_eq!(trace.meta.warnings.iter().filter(|w| w.r#type == WarningType::MemoryLimit).count(), 1);
    // A chunk under way and the blocks on their way come on top.
    assert!(
        recording.progress().unwrap().memory_bytes < limit + (16 << 20),
        "{}",
        recording.progress().unwrap().memory_bytes
    );
    let mut sums = BTreeMap::new();
    add_up(&trace, &mut sums);
    assert_eq!(sums, finals(&trace));
}

#[test]
fn chunks_hold_64k_rows_or_more_but_the_last() {
    let recording = recording(30_000, u64::MAX, setup());
    recording.start().unwrap();
    finish(&recording);
    let trace = recording.trace().unwrap();
    let rows: Vec<usize> = trace.deltas().map(|batch| batch.unwrap().num_rows()).collect();
    assert!(rows.len() > 3);
    assert!(rows[..rows.len() - 1].iter().all(|&rows| rows >= 65_536), "{rows:?}");
}

#[test]
fn a_source_that_goes_away_leaves_a_complete_file_and_the_error_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let file = TraceWriter::under_way(&path, false).unwrap();
    let recording = recording(10_000, 500, Setup { file: Some(file.into()), ..setup() });
    recording.start().unwrap();
    while !recording.wait(Duration::from_secs(1)) {}
    let error = recording.stop().unwrap_err();
    assert!(matches!(&error, IrqtraceError::Source(error) if error.errno == 19), "{error}");
    recording.stop().unwrap();
    assert!(path.exists());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file remains");
}

#[test]
fn what_is_refused_to_the_sampler_is_told_by_the_start() {
    let refuse = || Err(irqtrace_core::ConfigError("no such right".into()).into());
    let recording = recording(10, u64::MAX, Setup { prepare: Box::new(refuse), ..setup() });
    assert_eq!(recording.start().unwrap_err().to_string(), "no such right");
    recording.stop().unwrap();
}

#[test]
fn the_limit_of_memory_is_not_for_rows_that_go_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = TraceWriter::under_way(&folder.path().join("t.parquet"), false).unwrap();
    let recording = recording(2_000, u64::MAX, Setup { file: Some(file.into()), memory_limit: 1, ..setup() });
    recording.start().unwrap();
    finish(&recording);
    assert_eq!(recording.progress().unwrap().rows, 2_000 * CELLS);
}

#[test]
fn a_stop_before_the_start_changes_nothing() {
    let recording = recording(50, u64::MAX, setup());
    recording.stop().unwrap();
    recording.start().unwrap();
    finish(&recording);
    assert_eq!(recording.trace().unwrap().meta.groups[0].reads, 50);
}

#[test]
fn a_recording_that_is_abandoned_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    std::fs::write(&path, "dear data").unwrap();
    for started in [true, false] {
        let file = TraceWriter::under_way(&path, true).unwrap();
        let recording = recording(i64::MAX / MS, u64::MAX, Setup { file: Some(file.into()), ..setup() });
        if started {
            recording.start().unwrap();
        }
        recording.abandon();
        assert_eq!(std::fs::read(&path).unwrap(), b"dear data");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file remains");
        assert!(recording.start().is_err());
    }
}

#[test]
fn marks_are_in_the_trace() {
    let recording = recording(100, u64::MAX, setup());
    assert!(recording.mark("too early").is_err());
    recording.start().unwrap();
    finish(&recording);
    recording.mark("moved irq 36").unwrap();
    let trace = recording.trace().unwrap();
    assert_eq!((trace.meta.marks[0].sample, trace.meta.marks[0].text.as_str()), (99, "moved irq 36"));
    assert_eq!(trace.meta.marks[0].time_ns, 99 * MS);
}

#[test]
fn a_sampler_that_is_dropped_ends() {
    let recording = recording(i64::MAX / MS, u64::MAX, Setup { memory_limit: 1 << 20, ..setup() });
    recording.start().unwrap();
    drop(recording);
}
