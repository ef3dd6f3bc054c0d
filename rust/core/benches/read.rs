//! What sampling adds to reading: the sampler's own loop on a grid so fine that it never sleeps, beside a bare loop of
//! `pread`; and the device lines alone beside the whole text. All measurements take turns.

#![expect(clippy::cast_precision_loss, reason = "counts of a turn are small")]
#![expect(clippy::vec_box, reason = "blocks move in their boxes, as the sampler hands them over")]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use common::bare::BareText;
use common::{ns, report, turns};
use irqtrace_core::block::Block;
use irqtrace_core::engine::{Engine, Reading, TextEngine};
use irqtrace_core::parse::TextKind;
use irqtrace_core::plan::Wanted;
use irqtrace_core::sampler::{Control, Outlet, Sampler};
use irqtrace_core::select::Selection;
use irqtrace_core::source::{ProcText, TextSource};
use irqtrace_core::track::{LineKeys, Tracker};
use irqtrace_core::{Clock, EngineName, Kind, Settings, SystemClock};

const TURNS: usize = 201;
/// Reads in a turn: few enough that most turns see no other thread.
const READS: usize = 100;
const INTERRUPTS: &str = "/proc/interrupts";

fn engine(kinds: &[Kind]) -> TextEngine<ProcText> {
    let source = ProcText::open(Path::new(INTERRUPTS)).expect("/proc/interrupts");
    let selection = Selection { kinds: kinds.to_vec(), irqs: None };
    let mut engine = TextEngine::new(source, TextKind::Interrupts, selection, EngineName::Proc);
    engine.learn(&SystemClock).expect("/proc/interrupts");
    engine
}

/// The sampler, whose reader stops it after each block.
struct Sampling {
    sampler: Sampler,
    control: Control,
    blocks: Vec<Box<Block>>,
}

struct OneBlock<'a> {
    blocks: &'a mut Vec<Box<Block>>,
    control: &'a Control,
}

impl Outlet for OneBlock<'_> {
    fn hand_over(&mut self, mut block: Box<Block>) {
        block.clear();
        self.blocks.push(block);
        self.control.stop.store(true, Ordering::Relaxed);
    }

    fn take_empty(&mut self) -> Option<Box<Block>> {
        self.blocks.pop()
    }
}

impl Sampling {
    fn new() -> Self {
        let kinds = [Kind::Irq, Kind::Arch];
        let settings = Settings { batch_every_ns: i64::MAX, ..Settings::default() };
        let wanted = Wanted { interval_ns: 1, kinds: kinds.map(|kind| (kind, 1)).into(), irqs: None };
        let plan = wanted.plan(vec![Box::new(engine(&kinds))], &settings, None).expect("a plan");
        let clock = Arc::new(SystemClock);
        let anchor = clock.anchor();
        let block = || Box::new(Block::with_capacity(1 << 16, kinds.len() * READS, kinds.len()));
        Self {
            sampler: Sampler::new(plan, clock, anchor).expect("a sampler"),
            control: Control::default(),
            blocks: vec![block(), block()],
        }
    }

    /// Samples until a block is full; says how many samples that were.
    fn turn(&mut self) -> u64 {
        let before = self.control.reads.load(Ordering::Relaxed);
        self.control.stop.store(false, Ordering::Relaxed);
        let mut outlet = OneBlock { blocks: &mut self.blocks, control: &self.control };
        let (mut block, result) = self.sampler.run(&mut outlet, &self.control);
        result.expect("/proc/interrupts");
        block.clear();
        self.blocks.push(block);
        (self.control.reads.load(Ordering::Relaxed) - before) / 2
    }
}

/// The three steps alone: read, parse, store, without the grid.
struct Steps {
    engine: TextEngine<ProcText>,
    readings: [Reading; 2],
    trackers: [Tracker; 2],
    keys: LineKeys,
    block: Block,
    sample: i64,
}

impl Steps {
    fn new() -> Self {
        Self {
            engine: engine(&[Kind::Irq, Kind::Arch]),
            readings: Default::default(),
            trackers: [Tracker::new(0, Kind::Irq), Tracker::new(1, Kind::Arch)],
            keys: LineKeys::default(),
            block: Block::with_capacity(1 << 16, 2 * READS, 2),
            sample: 0,
        }
    }

    fn read(&mut self) {
        self.engine.read(0b11, &SystemClock, &mut self.readings).expect("/proc/interrupts");
        let Self { engine, readings, trackers, keys, block, sample } = self;
        for (group, (reading, tracker)) in readings.iter_mut().zip(trackers).enumerate() {
            tracker.apply(reading, || engine.layout(group), keys, *sample, block);
        }
        *sample += 1;
    }
}

/// Reads of one group by one engine.
struct Lines {
    engine: TextEngine<ProcText>,
    readings: [Reading; 1],
}

impl Lines {
    fn new(prefix: bool) -> Self {
        let mut engine = engine(&[Kind::Irq]);
        if prefix {
            engine.use_prefix(u32::MAX);
        }
        Self { engine, readings: Default::default() }
    }

    fn read(&mut self) {
        self.engine.read(1, &SystemClock, &mut self.readings).expect("/proc/interrupts");
    }
}

fn ns_each(mut work: impl FnMut()) -> f64 {
    ns(|| (0..READS).for_each(|_| work())) / READS as f64
}

fn main() {
    let mut bare = BareText::open(INTERRUPTS);
    let (mut sampling, mut steps) = (Sampling::new(), Steps::new());
    let mut source = ProcText::open(Path::new(INTERRUPTS)).expect("/proc/interrupts");
    let mut text = Vec::new();
    let (mut device_lines, mut whole_text) = (Lines::new(true), Lines::new(false));
    let mut results: [Vec<f64>; 7] = Default::default();
    for _ in 0..turns(TURNS) {
        results[0].push(ns_each(|| bare.read()));
        let mut samples = 0;
        let took = ns(|| samples = sampling.turn());
        results[1].push(took / samples as f64);
        results[2].push(ns_each(|| steps.read()));
        steps.block.clear();
        results[3].push(ns_each(|| {
            bare.read_to_end();
        }));
        results[4].push(ns_each(|| device_lines.read()));
        results[5].push(ns_each(|| whole_text.read()));
        results[6].push(ns_each(|| {
            source.read(None, &SystemClock, &mut text).expect("/proc/interrupts");
        }));
    }
    let [bare, sampling, steps, bare_to_end, device_lines, whole_text, source] = results;
    println!("# back to back, {READS} reads a turn");
    report("bare_pread", "ns", &bare);
    report("source_read", "ns", &source);
    report("sampling_loop", "ns", &sampling);
    report("read_parse_store", "ns", &steps);
    report("bare_pread_to_end", "ns", &bare_to_end);
    report("device_lines", "ns", &device_lines);
    report("whole_text", "ns", &whole_text);
}
