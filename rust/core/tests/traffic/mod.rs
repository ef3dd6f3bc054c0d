//! A busy machine of two CPUs, read as fast as the recorder takes it, and a watch on the memory of this process.

use std::fs;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use irqtrace_core::recording::Recording;
use irqtrace_core::source::{ReadError, TextSource};
use irqtrace_core::{Clock, Window};
use irqtrace_textgen::Rng;

use crate::counting::most_held;

/// Places of a count.
const WIDTH: usize = 10;

/// A count: where it stands in the text, and how it grows.
struct Cell {
    at: usize,
    count: u64,
    /// It grows at one read of so many.
    one_of: usize,
    /// By up to so much.
    by: usize,
}

/// A text of the kernel, whose counts grow in place.
pub struct Machine {
    text: Vec<u8>,
    cells: Vec<Cell>,
    chance: Rng,
    /// How long a read takes.
    read_ns: i64,
}

impl Machine {
    /// Its `/proc/interrupts`.
    pub fn interrupts() -> Self {
        let mut this = Self::new(1, 45_000);
        for irq in 20..44 {
            // Two busy devices, as many that do little, and some that do nothing.
            let (one_of, by) = [(2, 3), (4, 1), (60, 2), (usize::MAX, 1)][irq % 4];
            this.row(&format!("{irq:>4}"), &format!("PCI-MSIX-0000:00:{irq}.0   {irq}-edge      dev{irq}"), one_of, by);
        }
        for (label, words, one_of) in [
            ("NMI", "Non-maskable interrupts", usize::MAX),
            ("LOC", "Local timer interrupts", 1),
            ("RES", "Rescheduling interrupts", 9),
            ("CAL", "Function call interrupts", 5),
            ("TLB", "TLB shootdowns", 30),
        ] {
            this.row(&format!("{label:>4}"), words, one_of, 2);
        }
        this
    }

    /// Its `/proc/softirqs`.
    pub fn softirqs() -> Self {
        let mut this = Self::new(2, 2_300);
        for (label, one_of) in [("HI", usize::MAX), ("TIMER", 2), ("NET_RX", 3), ("SCHED", 2), ("RCU", 4)] {
            this.row(&format!("{label:>12}"), "", one_of, 1);
        }
        this
    }

    fn new(seed: u64, read_ns: i64) -> Self {
        let text = b"             CPU0       CPU1       \n".to_vec();
        Self { text, cells: Vec::new(), chance: Rng::new(seed), read_ns }
    }

    fn row(&mut self, label: &str, tail: &str, one_of: usize, by: usize) {
        self.text.extend_from_slice(format!("{label}:").as_bytes());
        for _cpu in 0..2 {
            self.text.push(b' ');
            self.cells.push(Cell { at: self.text.len(), count: 0, one_of, by });
            self.text.extend_from_slice(format!("{:>WIDTH$}", 0).as_bytes());
        }
        self.text.extend_from_slice(format!("   {tail}\n").as_bytes());
    }

    /// Lets counts grow: in how many cells, and by how much in all.
    fn grow(&mut self) -> (u64, i64) {
        let (mut rows, mut growth) = (0, 0);
        for cell in &mut self.cells {
            if !self.chance.chance(1, cell.one_of) {
                continue;
            }
            let by = 1 + self.chance.below(cell.by) as u64;
            cell.count += by;
            rows += 1;
            growth += by.cast_signed();
            let printed = format!("{:>WIDTH$}", cell.count);
            self.text[cell.at..cell.at + WIDTH].copy_from_slice(printed.as_bytes());
        }
        (rows, growth)
    }
}

/// Reads a machine, and waits for the recorder where it is too far behind.
pub struct Traffic {
    machine: Machine,
    watch: Arc<Watch>,
    recording: Arc<OnceLock<Recording>>,
    begun: bool,
}

/// How many rows may be between sampler and collector, which have blocks for more.
const ROWS_ON_THE_WAY: u64 = 40_000;

impl Traffic {
    pub fn new(machine: Machine, watch: Arc<Watch>, recording: Arc<OnceLock<Recording>>) -> Self {
        Self { machine, watch, recording, begun: false }
    }
}

impl TextSource for Traffic {
    fn path(&self) -> &'static str {
        "captured"
    }

    fn read(&mut self, _: Option<usize>, clock: &dyn Clock, text: &mut Vec<u8>) -> Result<Window, ReadError> {
        if self.begun {
            let (rows, growth) = self.machine.grow();
            self.watch.count(rows, growth);
        } else {
            // The first read has a row for each cell.
            self.begun = true;
            self.watch.count(self.machine.cells.len() as u64, 0);
        }
        self.watch.look(self.recording.get());
        text.clear();
        text.extend_from_slice(&self.machine.text);
        let mut random = |below: usize| i64::try_from(self.machine.chance.below(below)).unwrap();
        let begin = clock.now() + 15_000 + random(10_000);
        Ok(Window { begin, end: begin + self.machine.read_ns + random(4_000) })
    }
}

/// What the machine did, and what memory the recorder had meanwhile.
pub struct Watch {
    samples: u64,
    reads: AtomicU64,
    rows: AtomicU64,
    grown: AtomicI64,
    looks: Mutex<Vec<Look>>,
}

/// The most since the look before.
struct Look {
    held_bytes: usize,
    /// With what the allocator keeps for later, and all else of the process.
    resident_bytes: usize,
}

/// Samples from one look at the memory to the next.
const LOOK_EVERY: u64 = 500;

/// Samples from one word on how far it is to the next.
const TELL_EVERY: u64 = 1_000_000;

impl Watch {
    pub fn new(samples: u64) -> Self {
        let looks = Vec::with_capacity(usize::try_from(samples / LOOK_EVERY).unwrap() + 1);
        Self {
            samples,
            reads: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            grown: AtomicI64::new(0),
            looks: Mutex::new(looks),
        }
    }

    /// What all counts grew by.
    pub fn grown(&self) -> i64 {
        self.grown.load(Ordering::Relaxed)
    }

    /// The most bytes held until a sample, and after it.
    pub fn held_up_to_and_after(&self, sample: u64) -> [usize; 2] {
        self.up_to_and_after(sample, |look| look.held_bytes)
    }

    /// The most resident bytes in each tenth of the time.
    pub fn resident_by_tenths(&self) -> Vec<usize> {
        let looks = self.looks.lock().unwrap();
        let tenths = looks.chunks(looks.len().div_ceil(10));
        tenths.map(|looks| looks.iter().map(|look| look.resident_bytes).max().unwrap()).collect()
    }

    /// The resident bytes that half of the looks saw no more than: up to a sample, and in the last tenth of the time. What
    /// two threads have at once for a moment, as to compress, does not move them.
    pub fn resident_usually_up_to_and_at_last(&self, sample: u64) -> [usize; 2] {
        let looks = self.looks.lock().unwrap();
        let (before, at_last) = (usize::try_from(sample / LOOK_EVERY).unwrap(), looks.len() / 10 * 9);
        [&looks[..before], &looks[at_last..]].map(|looks| {
            let mut bytes: Vec<usize> = looks.iter().map(|look| look.resident_bytes).collect();
            bytes.sort_unstable();
            bytes[bytes.len() / 2]
        })
    }

    fn up_to_and_after(&self, sample: u64, bytes: fn(&Look) -> usize) -> [usize; 2] {
        let looks = self.looks.lock().unwrap();
        let (before, after) = looks.split_at(usize::try_from(sample / LOOK_EVERY).unwrap());
        [before, after].map(|looks| looks.iter().map(bytes).max().unwrap())
    }

    fn count(&self, rows: u64, growth: i64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.grown.fetch_add(growth, Ordering::Relaxed);
    }

    /// Looks after the recorder once in a while; each sample has two reads.
    fn look(&self, recording: Option<&Recording>) {
        let reads = self.reads.fetch_add(1, Ordering::Relaxed);
        if !reads.is_multiple_of(2 * LOOK_EVERY) {
            return;
        }
        let look = Look { held_bytes: most_held(), resident_bytes: resident_bytes() };
        self.looks.lock().unwrap().push(look);
        let sample = reads / 2;
        if sample.is_multiple_of(TELL_EVERY) && self.samples > TELL_EVERY {
            println!("{sample} of {} samples", self.samples);
        }
        let Some(recording) = recording else { return };
        let far = || self.rows.load(Ordering::Relaxed) > recording.progress().unwrap().rows + ROWS_ON_THE_WAY;
        // One that has ended by an error takes nothing any more.
        while far() && !recording.wait(Duration::from_micros(100)) {}
    }
}

fn resident_bytes() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size()
}
