//! However long a recording is, it takes the same memory, and the same bytes for a sample.
#![cfg(target_os = "linux")]

mod counting;
mod traffic;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use irqtrace_core::engine::{Engine, TextEngine};
use irqtrace_core::parse::TextKind;
use irqtrace_core::plan::Wanted;
use irqtrace_core::recording::{Recording, Setup};
use irqtrace_core::select::Selection;
use irqtrace_core::{EngineName, HostFacts, Kind, ManualClock, Recorder, Rotation, Settings};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;
use traffic::{Machine, Traffic, Watch};

const MS: i64 = 1_000_000;

/// What memory may grow by.
const GROWTH_BYTES: usize = 5 << 20;

/// Memory is counted for the whole process: one recording at a time.
static TURN: Mutex<()> = Mutex::new(());

/// What a recording of so many samples at 1 kHz came to.
struct Soaked {
    _folder: tempfile::TempDir,
    /// What was written, in its order.
    files: Vec<PathBuf>,
    watch: Arc<Watch>,
}

/// Records so many samples of a machine whose counts grow as those of a busy one do, as fast as this one can.
fn soak(samples: u64, rotation: Rotation) -> Soaked {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let kinds = Kind::ALL.map(|kind| (kind, MS)).into();
    let wanted = Wanted { interval_ns: MS, kinds, irqs: None };
    let watch = Arc::new(Watch::new(samples));
    let recording: Arc<OnceLock<Recording>> = Arc::default();
    let engine = |machine: Machine, kind, kinds: &[Kind]| -> Box<dyn Engine> {
        let source = Traffic::new(machine, Arc::clone(&watch), Arc::clone(&recording));
        let selection = Selection { kinds: kinds.to_vec(), irqs: None };
        Box::new(TextEngine::new(source, kind, selection, EngineName::Replay))
    };
    let engines = vec![
        engine(Machine::interrupts(), TextKind::Interrupts, &[Kind::Irq, Kind::Arch]),
        engine(Machine::softirqs(), TextKind::Softirqs, &[Kind::Softirq]),
    ];
    // A second's samples are a block, and a block a flush: as when they come at 1 kHz.
    let settings = Settings { kinds: wanted.kinds.clone(), batch_every_ns: 1_000 * MS, ..Settings::default() };
    let plan = wanted.plan(engines, &settings, Some((i64::try_from(samples).unwrap() - 1) * MS)).unwrap();
    let setup = Setup {
        host: HostFacts { host: "here".to_owned(), ..HostFacts::default() },
        settings,
        file: Some(Recorder::create(&path, false, rotation).unwrap()),
        flush_every: Duration::from_millis(1),
        memory_limit: usize::MAX,
        stop_at_memory_limit: false,
        prepare: Box::new(|| Ok(Box::new(()))),
    };
    let clock = Arc::new(ManualClock::new(0, 1_700_000_000_000_000_000));
    let recording = recording.get_or_init(|| Recording::new(plan, setup, clock));
    recording.start().unwrap();
    while !recording.wait(Duration::from_secs(1)) {}
    recording.stop().unwrap();
    let progress = recording.progress().unwrap();
    assert_eq!((progress.samples, progress.reads, progress.missed), (samples, 3 * samples, 0));
    let files = recording.files().unwrap();
    Soaked { _folder: folder, files, watch }
}

impl Soaked {
    fn row_groups(&self) -> Vec<RowGroup> {
        let all = self.files.iter().map(|path| open(path));
        all.flat_map(|file| file.metadata().row_groups().iter().map(RowGroup::new).collect::<Vec<_>>()).collect()
    }

    /// Nothing was lost on the way.
    fn assert_every_count_is_there(&self) {
        let batches = self.files.iter().flat_map(|path| {
            let file = open(path);
            let delta = ProjectionMask::columns(file.parquet_schema(), ["delta"]);
            file.with_projection(delta).build().unwrap()
        });
        let sum = |batch: arrow_array::RecordBatch| -> i64 {
            batch.column(0).as_primitive::<Int64Type>().values().iter().sum()
        };
        assert_eq!(batches.map(|batch| sum(batch.unwrap())).sum::<i64>(), self.watch.grown());
    }

    /// From the end of its second row group on: until then its buffers take their size.
    fn assert_memory_stays(&self, settled: u64) {
        let [before, after] = self.watch.held_up_to_and_after(settled);
        println!("{} KiB held at most up to sample {settled}, {} KiB after it", before >> 10, after >> 10);
        assert!(after < before + GROWTH_BYTES, "from {before} to {after} bytes");
    }

    /// The same for what the process has of the machine: what it holds, and what its allocator keeps for later.
    fn assert_resident_memory_stays(&self, settled: u64) {
        let most: Vec<usize> = self.watch.resident_by_tenths().iter().map(|bytes| bytes >> 10).collect();
        println!("{most:?} KiB resident at most in each tenth of the time");
        let [before, at_last] = self.watch.resident_usually_up_to_and_at_last(settled);
        println!("{} KiB resident usually up to sample {settled}, {} KiB at last", before >> 10, at_last >> 10);
        assert!(at_last < before + GROWTH_BYTES, "from {before} to {at_last} bytes");
    }
}

fn open(path: &Path) -> ParquetRecordBatchReaderBuilder<File> {
    ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap()
}

/// What a row group's description says.
struct RowGroup {
    first: i64,
    last: i64,
    bytes: i64,
    rows: i64,
}

impl RowGroup {
    fn new(described: &RowGroupMetaData) -> Self {
        let Some(Statistics::Int64(samples)) = described.column(0).statistics() else { panic!("no statistics") };
        let (first, last) = (*samples.min_opt().unwrap(), *samples.max_opt().unwrap());
        Self { first, last, bytes: described.compressed_size(), rows: described.num_rows() }
    }

    fn bytes_a_sample(&self) -> i64 {
        1_000 * self.bytes / (self.last - self.first + 1)
    }
}

fn soak_and_check(samples: u64) -> (Soaked, u64) {
    let soaked = soak(samples, Rotation::default());
    soaked.assert_every_count_is_there();
    let row_groups = soaked.row_groups();
    let (_, full) = row_groups.split_last().unwrap();
    let sizes: Vec<i64> = full.iter().map(RowGroup::bytes_a_sample).collect();
    let mean = sizes.iter().sum::<i64>() / i64::try_from(sizes.len()).unwrap();
    let bytes = fs::metadata(&soaked.files[0]).unwrap().len();
    let rows: i64 = row_groups.iter().map(|group| group.rows).sum();
    println!("{samples} samples, {rows} rows, {bytes} bytes, {} row groups", row_groups.len());
    let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
    println!("{least} to {most} thousandths of a byte a sample in full row groups, {mean} in the mean");
    let settled = row_groups[2].first.unsigned_abs();
    soaked.assert_memory_stays(settled);
    assert!(sizes.iter().all(|size| (size - mean).abs() * 20 <= mean), "not within 5 % of the mean: {sizes:?}");
    (soaked, settled)
}

#[test]
fn memory_and_bytes_a_sample_stay_the_same_however_long_a_recording_is() {
    soak_and_check(220_000);
}

#[test]
fn memory_stays_the_same_however_many_segments_there_are() {
    const SEGMENT: i64 = 10_000;
    let every = Rotation { every_ns: Some(SEGMENT * MS), ..Rotation::default() };
    let soaked = soak(150_000, every);
    // A block is a second.
    assert_eq!(soaked.files.len(), 15);
    soaked.assert_every_count_is_there();
    soaked.assert_memory_stays(3 * SEGMENT.unsigned_abs());
}

/// `make soak`: hours of a flight recorder.
#[test]
#[ignore = "takes minutes"]
fn a_flight_recorder_takes_the_memory_and_the_disk_of_what_it_keeps() {
    const SEGMENT: i64 = 60_000;
    let rotation = Rotation { every_ns: Some(SEGMENT * MS), keep_ns: Some(10 * SEGMENT * MS), ..Rotation::default() };
    let soaked = soak(5_000_000, rotation);
    assert!((10..=12).contains(&soaked.files.len()), "{:?}", soaked.files);
    let there = fs::read_dir(soaked.files[0].parent().unwrap()).unwrap().count();
    assert_eq!(there, soaked.files.len());
    soaked.assert_memory_stays(3 * SEGMENT.unsigned_abs());
    soaked.assert_resident_memory_stays(3 * SEGMENT.unsigned_abs());
}

/// `make soak`.
#[test]
#[ignore = "takes minutes"]
fn twenty_million_samples_take_the_memory_of_the_first_two_row_groups() {
    let (soaked, settled) = soak_and_check(20_000_000);
    soaked.assert_resident_memory_stays(settled);
}
