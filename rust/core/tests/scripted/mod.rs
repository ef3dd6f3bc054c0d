//! Recordings of texts, each sample of which is a block of its own, with something to do between two reads.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use irqtrace_core::engine::{Engine, TextEngine};
use irqtrace_core::parse::TextKind;
use irqtrace_core::plan::Wanted;
use irqtrace_core::recording::{Recording, Setup};
use irqtrace_core::select::Selection;
use irqtrace_core::source::{ReadError, TextSource};
use irqtrace_core::{
    Clock, EngineName, HostFacts, IrqtraceError, Kind, META_KEY, ManualClock, Meta, Recorder, Settings, Window,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

use crate::traces::{FlatRow, flat_rows};

const MS: i64 = 1_000_000;

pub type OnRead = Box<dyn FnMut(usize) + Send>;

/// Texts one after the other, each read a little late, and something to do before each and at the end. No text is read
/// before all that was read has been taken in.
pub struct Scripted {
    texts: Vec<String>,
    at: usize,
    on_read: OnRead,
    recording: Arc<OnceLock<Recording>>,
}

impl TextSource for Scripted {
    fn path(&self) -> &'static str {
        "interrupts"
    }

    fn read(&mut self, _: Option<usize>, clock: &dyn Clock, text: &mut Vec<u8>) -> Result<Window, ReadError> {
        if let Some(recording) = self.recording.get().filter(|_| self.at > 0) {
            let mut patience = 8;
            while patience > 0 {
                match recording.counts() {
                    Ok(counts) if counts.sample + 1 >= i64::try_from(self.at).unwrap() => break,
                    // Not for ever: what cannot be written is not taken in.
                    Ok(_) => patience -= 1,
                    // It is not told yet that sampling has begun.
                    Err(_) => thread::yield_now(),
                }
            }
        }
        (self.on_read)(self.at);
        let Some(next) = self.texts.get(self.at) else { return Err(ReadError::End) };
        self.at += 1;
        text.clear();
        text.extend_from_slice(next.as_bytes());
        let late = i64::try_from(self.at).unwrap() * 7_919 % 90_000;
        let begin = clock.now() + late;
        Ok(Window { begin, end: begin + 20_000 + late / 3 })
    }
}

/// Records texts, and flushes as often as it can.
pub fn record(file: Recorder, texts: Vec<String>, on_read: OnRead) -> Result<(), IrqtraceError> {
    let mut kinds = vec![Kind::Irq];
    kinds.extend(texts[0].contains("AR").then_some(Kind::Arch));
    let wanted = Wanted { interval_ns: MS, kinds: kinds.iter().map(|&kind| (kind, MS)).collect(), irqs: None };
    let selection = Selection { kinds, irqs: None };
    let known = Arc::new(OnceLock::new());
    let source = Scripted { texts, at: 0, on_read, recording: known.clone() };
    let engine = TextEngine::new(source, TextKind::Interrupts, selection, EngineName::Replay);
    let engines: Vec<Box<dyn Engine>> = vec![Box::new(engine)];
    // Each sample is a block.
    let settings = Settings { batch_every_ns: 1, ..Settings::default() };
    let plan = wanted.plan(engines, &settings, None).unwrap();
    let setup = Setup {
        host: HostFacts { host: "here".to_owned(), ..HostFacts::default() },
        settings,
        file: Some(file),
        flush_every: Duration::ZERO,
        memory_limit: usize::MAX,
        stop_at_memory_limit: false,
        prepare: Box::new(|| Ok(Box::new(()))),
    };
    let clock = Arc::new(ManualClock::new(0, 1_700_000_000_000_000_000));
    let recording = known.get_or_init(|| Recording::new(plan, setup, clock));
    recording.start()?;
    recording.mark("begun")?;
    while !recording.wait(Duration::from_secs(1)) {}
    recording.stop()
}

pub fn place() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("t.parquet");
    (folder, path)
}

pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A trace file's rows and what it says of itself.
pub fn complete(path: &Path) -> (Vec<FlatRow>, Meta) {
    let file = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let pairs = file.metadata().file_metadata().key_value_metadata().unwrap();
    let json = pairs.iter().find(|pair| pair.key == META_KEY).and_then(|pair| pair.value.as_deref());
    let meta = Meta::from_json("t.parquet", json).unwrap();
    (file.build().unwrap().flat_map(|batch| flat_rows(&batch.unwrap())).collect(), meta)
}
