//! The sampling loop without threads: how it ends, and what it counts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use irqtrace_core::block::{Block, GroupStats};
use irqtrace_core::engine::{Engine, TextEngine};
use irqtrace_core::parse::TextKind;
use irqtrace_core::plan::Wanted;
use irqtrace_core::sampler::{Control, Outlet, Sampler};
use irqtrace_core::select::Selection;
use irqtrace_core::source::{ReadError, TextSource};
use irqtrace_core::{Clock, EngineName, Kind, ManualClock, Settings, Window};

const MS: i64 = 1_000_000;

/// Both counts of this machine are the number of reads. At a certain read the sampler is told to stop.
struct StopsAt {
    reads: u64,
    stop_at: u64,
    control: Arc<Control>,
}

impl TextSource for StopsAt {
    fn path(&self) -> &'static str {
        "interrupts"
    }

    fn read(&mut self, limit: Option<usize>, clock: &dyn Clock, text: &mut Vec<u8>) -> Result<Window, ReadError> {
        self.reads += 1;
        if self.reads == self.stop_at {
            self.control.stop.store(true, Ordering::Relaxed);
        }
        let count = self.reads;
        *text = format!(
            "           CPU0       \n  1: {count:>10}  PIC  1-edge  a\nLOC: {count:>10}   Local timer interrupts\n"
        )
        .into_bytes();
        text.truncate(limit.unwrap_or(usize::MAX));
        let now = clock.now();
        Ok(Window { begin: now, end: now })
    }
}

/// Blocks without end.
#[derive(Default)]
struct Plenty(Vec<Block>);

impl Outlet for Plenty {
    fn hand_over(&mut self, block: Box<Block>) {
        self.0.push(*block);
    }

    fn take_empty(&mut self) -> Option<Box<Block>> {
        Some(Box::new(Block::with_capacity(64, 64, 2)))
    }
}

/// An outlet that has kept what it was handed.
trait Kept: Outlet {
    fn kept(&mut self) -> Vec<Block>;
}

impl Kept for Plenty {
    fn kept(&mut self) -> Vec<Block> {
        std::mem::take(&mut self.0)
    }
}

impl Kept for Never {
    fn kept(&mut self) -> Vec<Block> {
        Vec::new()
    }
}

/// No block at all: a reader that never gives one back.
struct Never;

impl Outlet for Never {
    fn hand_over(&mut self, _: Box<Block>) {
        unreachable!("there is none to hand over");
    }

    fn take_empty(&mut self) -> Option<Box<Block>> {
        None
    }
}

/// (sample, group, late, delta of the group's only cell) of each read, and how many points were dropped.
type Seen = (Vec<(i64, u8, i64, i64)>, u64);

fn run(arch_every: i64, stop_at: u64, outlet: &mut impl Kept) -> Seen {
    let control = Arc::new(Control::default());
    let kinds = BTreeMap::from([(Kind::Irq, MS), (Kind::Arch, arch_every * MS)]);
    let wanted = Wanted { interval_ns: MS, kinds, irqs: None };
    let source = StopsAt { reads: 0, stop_at, control: Arc::clone(&control) };
    let selection = Selection { kinds: vec![Kind::Irq, Kind::Arch], irqs: None };
    let engine = TextEngine::new(source, TextKind::Interrupts, selection, EngineName::Replay);
    let engines: Vec<Box<dyn Engine>> = vec![Box::new(engine)];
    let settings = Settings { batch_every_ns: i64::MAX, ..Settings::default() };
    let plan = wanted.plan(engines, &settings, None).unwrap();
    let clock = Arc::new(ManualClock::new(0, 0));
    let anchor = clock.anchor();
    if stop_at == 0 {
        control.stop.store(true, Ordering::Relaxed);
    }
    let mut sampler = Sampler::new(plan, clock, anchor).unwrap();
    let (last, result) = sampler.run(outlet, &control);
    result.unwrap();
    let mut blocks = outlet.kept();
    blocks.push(*last);
    let (mut reads, mut dropped) = (Vec::new(), 0);
    for block in blocks {
        let mut cell = 0;
        for read in 0..block.reads.len() {
            let rows = block.reads.rows[read] as usize;
            let delta = block.cells.delta[cell..cell + rows].iter().sum();
            cell += rows;
            reads.push((block.reads.sample[read], block.reads.group[read], block.reads.late_ns[read], delta));
        }
        dropped += block.stats.iter().map(|stats| stats.dropped.count).sum::<u64>();
    }
    (reads, dropped)
}

#[test]
fn told_to_stop_it_reads_every_group_once_more() {
    let (reads, dropped) = run(1, 3, &mut Plenty::default());
    let both = |sample, delta| [(sample, 0, 0, delta), (sample, 1, 0, delta)];
    assert_eq!(reads, [both(0, 0), both(1, 1), both(2, 1), both(3, 1)].concat());
    assert_eq!(dropped, 0);
}

#[test]
fn told_to_stop_it_waits_for_points_that_are_near() {
    let (reads, _) = run(4, 2, &mut Plenty::default());
    let samples: Vec<_> = reads.iter().map(|read| (read.0, read.1)).collect();
    assert_eq!(samples, [(0, 0), (0, 1), (1, 0), (2, 0), (3, 0), (4, 0), (4, 1)]);
}

#[test]
fn told_to_stop_it_reads_groups_ahead_of_points_that_are_far() {
    let (reads, _) = run(1_000, 3, &mut Plenty::default());
    let last = reads.last().unwrap();
    assert_eq!((last.0, last.1, last.2), (4, 1, -MS), "it is ahead of the next point, and says so");
    let grown: i64 = reads.iter().filter(|read| read.1 == 1).map(|read| read.3).sum();
    assert_eq!(grown, 4, "all growth up to the stop is in it");
    assert_eq!(reads.len(), 4 + 1 + 1, "it does not go on for the sake of the far point: {reads:?}");
    assert!(reads.iter().is_sorted_by_key(|read| read.0));
}

#[test]
fn a_recording_that_is_stopped_at_once_has_a_sample() {
    let (reads, _) = run(1, 0, &mut Plenty::default());
    assert_eq!(reads.iter().map(|read| read.0).collect::<Vec<_>>(), [0, 0]);
}

#[test]
fn a_reader_that_gives_no_block_back_costs_samples_but_not_the_last() {
    // No read, no stop: the source is never asked, so the stop is asked for before.
    let (reads, dropped) = run(1, 0, &mut Never);
    assert_eq!((reads.len(), dropped), (2, 0));
}

/// Some reads take several intervals, and some find a text that contradicts itself.
struct Slow {
    reads: u64,
    clock: Arc<ManualClock>,
}

impl TextSource for Slow {
    fn path(&self) -> &'static str {
        "interrupts"
    }

    fn read(&mut self, _: Option<usize>, clock: &dyn Clock, text: &mut Vec<u8>) -> Result<Window, ReadError> {
        if self.reads == 60 {
            return Err(ReadError::End);
        }
        self.reads += 1;
        let begin = clock.now();
        self.clock.set(begin + 10_000 + i64::try_from(self.reads % 4).unwrap() * 1_700_000);
        let cells = if self.reads % 20 < 4 { "" } else { "          1" };
        *text =
            format!("           CPU0       \n  1: {cells}\nLOC:          1   Local timer interrupts\n").into_bytes();
        Ok(Window { begin, end: clock.now() })
    }
}

#[test]
fn what_is_passed_over_is_told_with_the_read_that_comes_next() {
    let clock = Arc::new(ManualClock::new(0, 0));
    let kinds = BTreeMap::from([(Kind::Irq, MS), (Kind::Arch, 3 * MS)]);
    let wanted = Wanted { interval_ns: MS, kinds, irqs: None };
    let source = Slow { reads: 4, clock: Arc::clone(&clock) };
    let selection = Selection { kinds: vec![Kind::Irq, Kind::Arch], irqs: None };
    let engine = TextEngine::new(source, TextKind::Interrupts, selection, EngineName::Replay);
    let engines: Vec<Box<dyn Engine>> = vec![Box::new(engine)];
    // Each sample is a block.
    let settings = Settings { batch_every_ns: 1, ..Settings::default() };
    let plan = wanted.plan(engines, &settings, None).unwrap();
    let anchor = clock.anchor();
    let mut sampler = Sampler::new(plan, clock, anchor).unwrap();
    let mut outlet = Plenty::default();
    let (last, result) = sampler.run(&mut outlet, &Control::default());
    result.unwrap();
    let mut blocks = outlet.kept();
    // What was passed over behind the last read of all is told at the end.
    blocks.extend((!last.reads.is_empty()).then_some(*last));
    blocks.retain(|block| !block.reads.is_empty() || block.stats.iter().any(|stats| *stats != GroupStats::default()));
    assert!(blocks.len() > 20);
    let (mut after, mut missed, mut torn) = (0, 0, 0);
    for block in blocks {
        let newest = *block.reads.sample.last().unwrap();
        for (stats, every) in block.stats.iter().zip([1, 3]) {
            let due = (after..=newest).filter(|sample| sample % every == 0).count() as u64;
            assert_eq!(
                stats.reads + stats.missed.count + stats.unreadable.count,
                due,
                "{after} to {newest}: {stats:?}"
            );
            (missed, torn) = (missed + stats.missed.count, torn + stats.unreadable.count);
        }
        assert!(block.events.iter().all(|event| (after..=newest).contains(&event.place().0)));
        after = newest + 1;
    }
    assert!(missed > 0 && torn > 0);
}
