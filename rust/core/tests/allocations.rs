//! In the steady state the sampler's thread allocates nothing.
#![cfg(all(target_os = "linux", feature = "live"))]
#![expect(clippy::cast_possible_truncation, reason = "digits and small remainders")]
#![expect(clippy::vec_box, reason = "blocks move in their boxes, as the sampler hands them over")]

mod counting;

use std::fmt::Write;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use counting::Count;
use irqtrace_core::block::Block;
use irqtrace_core::engine::{Engine, TextEngine};
use irqtrace_core::parse::TextKind;
use irqtrace_core::plan::Wanted;
use irqtrace_core::recording::Recording;
use irqtrace_core::sampler::{Control, Outlet, Sampler};
use irqtrace_core::select::Selection;
use irqtrace_core::source::{ProcText, ReadError, TextSource};
use irqtrace_core::{Clock, Config, EngineName, Kind, ManualClock, Rotation, Settings, WarningType, Window, open};

/// Samples before counting begins: the first learns the layout.
const WARM_UP: u64 = 50;
const SAMPLES: u64 = 5_000;

/// A file in place of the kernel's of which every third count grows before each read, and once every count. It begins counting allocations
/// when the sampler is warm, and stops the sampler.
struct Growing {
    file: ProcText,
    writer: File,
    /// Where the counts begin, ten places each.
    counts: Vec<u64>,
    reads: u64,
    control: Arc<Control>,
    /// It allocates once itself.
    allocates: bool,
}

impl Growing {
    fn new(path: &Path, control: Arc<Control>, allocates: bool) -> Self {
        let mut text = String::from("           CPU0       CPU1       \n");
        let mut counts = Vec::new();
        for label in (20..40).map(|irq| irq.to_string()).chain(["LOC".to_owned(), "RES".to_owned()]) {
            write!(text, "{label:>4}: ").unwrap();
            for _cpu in 0..2 {
                counts.push(text.len() as u64);
                text.push_str("         0 ");
            }
            text.push_str(" PCI-MSIX-0000:00:05.0   1-edge      eth0-rx\n");
        }
        std::fs::write(path, text).unwrap();
        let writer = File::options().write(true).open(path).unwrap();
        Self { file: ProcText::open(path).unwrap(), writer, counts, reads: 0, control, allocates }
    }

    fn grow(&self) {
        let mut printed = *b"          ";
        let mut rest = self.reads;
        for place in printed.iter_mut().rev() {
            *place = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        let (skip, step) = if self.reads == WARM_UP + SAMPLES / 3 { (0, 1) } else { (self.reads % 3, 3) };
        for begin in self.counts.iter().skip(skip as usize).step_by(step) {
            self.writer.write_all_at(&printed, *begin).unwrap();
        }
    }
}

impl TextSource for Growing {
    fn path(&self) -> &str {
        self.file.path()
    }

    fn read(&mut self, limit: Option<usize>, clock: &dyn Clock, text: &mut Vec<u8>) -> Result<Window, ReadError> {
        self.reads += 1;
        self.grow();
        if self.reads == WARM_UP {
            Count::begin();
        }
        if self.allocates && self.reads == WARM_UP + SAMPLES / 2 {
            drop(std::hint::black_box(vec![1_u8; 64]));
        }
        self.control.stop.store(self.reads >= WARM_UP + SAMPLES, Ordering::Relaxed);
        self.file.read(limit, clock, text)
    }
}

/// Takes blocks and gives them back, small ones so that it happens often.
struct Circle {
    blocks: Vec<Box<Block>>,
    rows: usize,
}

impl Outlet for Circle {
    fn hand_over(&mut self, mut block: Box<Block>) {
        self.rows += block.cells.len();
        block.clear();
        self.blocks.push(block);
    }

    fn take_empty(&mut self) -> Option<Box<Block>> {
        self.blocks.pop()
    }
}

fn settings(kinds: &[Kind], interval_ns: i64) -> Settings {
    let kinds = kinds.iter().map(|&kind| (kind, interval_ns)).collect();
    Settings { kinds, batch_every_ns: 50 * interval_ns, ..Settings::default() }
}

/// Samples a growing file on a thread called as the sampler's: what it allocated, and how many rows it wrote.
fn sample_growing_file(allocates: bool) -> (u64, usize) {
    const INTERVAL_NS: i64 = 1_000_000;
    let dir = tempfile::tempdir().unwrap();
    let control = Arc::new(Control::default());
    let source = Growing::new(&dir.path().join("interrupts"), Arc::clone(&control), allocates);
    let kinds = [Kind::Irq, Kind::Arch];
    let selection = Selection { kinds: kinds.to_vec(), irqs: None };
    let engine = TextEngine::new(source, TextKind::Interrupts, selection, EngineName::Proc);
    let settings = settings(&kinds, INTERVAL_NS);
    let wanted = Wanted { interval_ns: INTERVAL_NS, kinds: settings.kinds.clone(), irqs: None };
    let plan = wanted.plan(vec![Box::new(engine) as Box<dyn Engine>], &settings, None).unwrap();
    let sampling = move || {
        let clock = Arc::new(ManualClock::new(0, 0));
        let anchor = clock.anchor();
        let mut sampler = Sampler::new(plan, clock, anchor).unwrap();
        let blocks = (0..4).map(|_| Box::new(Block::with_capacity(1_000, 64, 2))).collect();
        let mut circle = Circle { blocks, rows: 0 };
        let (block, result) = sampler.run(&mut circle, &control);
        let allocations = Count::end();
        result.unwrap();
        (allocations, circle.rows + block.cells.len())
    };
    thread::Builder::new().name("irqtrace-sample".into()).spawn(sampling).unwrap().join().unwrap()
}

#[test]
fn the_sampler_allocates_nothing_while_counts_grow() {
    let _turn = Count::turn();
    let (allocations, rows) = sample_growing_file(false);
    assert_eq!(allocations, 0, "in {SAMPLES} samples");
    assert!(rows as u64 > SAMPLES * 14, "{rows} rows: a third of 44 cells grows per sample");
}

#[test]
fn one_allocation_of_the_sampler_is_seen() {
    let _turn = Count::turn();
    let (allocations, _) = sample_growing_file(true);
    assert_eq!(allocations, 2, "one vector was taken and given back");
}

#[test]
fn the_sampler_allocates_nothing_while_it_samples_the_running_kernel() {
    const INTERVAL_NS: i64 = 200_000;
    let _turn = Count::turn();
    let config = Config {
        interval_ns: INTERVAL_NS,
        settings: settings(&Kind::ALL, INTERVAL_NS),
        duration_ns: None,
        path: None,
        flush_every_ns: 1_000_000_000,
        rotation: Rotation::default(),
        overwrite: false,
        memory_limit: 1 << 30,
        stop_at_memory_limit: false,
        procfs: "/proc".into(),
        sysfs: "/sys".into(),
    };
    let recording = match open(&config) {
        Ok(recording) => recording,
        Err(error) => {
            eprintln!("skipped: {error}");
            return;
        }
    };
    recording.start().unwrap();
    let mut warnings = batches_until(&recording, WARM_UP);
    Count::begin();
    warnings.extend(batches_until(&recording, recording.progress().unwrap().samples + SAMPLES));
    let allocations = Count::end();
    recording.stop().unwrap();
    if warnings.contains(&WarningType::LayoutChanged) {
        eprintln!("skipped: lines came or went meanwhile, which is no steady state");
        return;
    }
    assert_eq!(allocations, 0, "in {SAMPLES} samples");
}

/// Takes batches until so many samples have passed; returns the types of their warnings.
fn batches_until(recording: &Recording, samples: u64) -> Vec<WarningType> {
    let mut warnings = Vec::new();
    while recording.progress().unwrap().samples < samples {
        if let Some(batch) = recording.next_batch(Duration::from_secs(1)).unwrap() {
            warnings.extend(batch.meta.warnings.iter().map(|warning| warning.r#type));
        }
    }
    warnings
}
