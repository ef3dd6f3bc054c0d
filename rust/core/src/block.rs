//! What moves from the sampler to its reader: columns of rows, whole reads, and what happened besides.

use serde::{Deserialize, Serialize};

use crate::meta::Cost;
use crate::{Line, MonoNs, WarningType};

/// Some whole reads and their cells. Its memory is taken before sampling begins and goes round between sampler and
/// reader.
#[derive(Debug)]
pub struct Block {
    /// The reads.
    pub reads: ReadColumns,
    /// The cells that changed, read after read.
    pub cells: DeltaColumns,
    /// What changes rarely: layouts, falls.
    pub events: Vec<Event>,
    /// What happened since the previous block, by group.
    pub stats: Vec<GroupStats>,
    /// What the sampler thread has taken so far.
    pub cost: Cost,
}

/// Columns of reads, an entry for each reading of a group.
#[derive(Debug, Default)]
pub struct ReadColumns {
    /// Ordinal on the grid.
    pub sample: Vec<i64>,
    /// Begin of the read, UTC nanoseconds by the first anchor.
    pub time: Vec<i64>,
    /// Length of the read.
    pub read_ns: Vec<u32>,
    /// Index of the group.
    pub group: Vec<u8>,
    /// How late the read began.
    pub late_ns: Vec<i64>,
    /// How many cells are this read's.
    pub rows: Vec<u32>,
}

/// Columns of cells that changed.
#[derive(Debug, Default)]
pub struct DeltaColumns {
    /// Index of the cell in the group's epoch.
    pub cell: Vec<u32>,
    /// Key of the line.
    pub line: Vec<u32>,
    /// CPU id, or [`NO_CPU`](crate::NO_CPU).
    pub cpu: Vec<u16>,
    /// Growth since the group's previous read.
    pub delta: Vec<i64>,
}

/// One reading of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Ordinal on the grid.
    pub sample: i64,
    /// Begin of the read, UTC nanoseconds by the first anchor.
    pub time: i64,
    /// Length of the read.
    pub read_ns: u32,
    /// Index of the group.
    pub group: u8,
    /// How late the read began.
    pub late_ns: i64,
    /// How many cells are this read's.
    pub rows: u32,
}

/// What happened to a group since the previous block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupStats {
    /// Readings.
    pub reads: u64,
    /// Grid points due and not read, because an earlier read was not over in time.
    pub missed: Tally,
    /// Grid points due and not read, because no block was free.
    pub dropped: Tally,
    /// Grid points due and not read, because the text contradicted itself.
    pub unreadable: Tally,
    /// Reads that took longer than the group's interval; the worst in nanoseconds.
    pub long: Tally,
}

/// How often, from when to when, and how bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How often.
    pub count: u64,
    /// The sample of the first.
    pub first: i64,
    /// The sample of the last.
    pub last: i64,
    /// The worst of them.
    pub worst: i64,
}

impl Tally {
    /// Counts `count` more, from sample `first` to `last`.
    pub fn add(&mut self, count: u64, first: i64, last: i64, worst: i64) {
        if count == 0 {
            return;
        }
        if self.count == 0 {
            self.first = first;
        }
        self.count += count;
        self.last = last;
        self.worst = self.worst.max(worst);
    }

    /// Adds what was counted later.
    pub fn add_all(&mut self, later: Self) {
        self.add(later.count, later.first, later.last, later.worst);
    }
}

/// What changes rarely, in the order in which it happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Event {
    /// A new epoch of a group: its lines and cells, and the kernel's counts at its first read. A cell that the group's
    /// previous read had as well goes on; one that it had not starts here, with this count as its baseline.
    Epoch(Box<Epoch>),
    /// The kernel's count of a cell, where it does not follow from the previous one and the delta.
    Direct {
        /// The sample.
        sample: i64,
        /// Index of the group.
        group: u8,
        /// Index of the cell in the group's present epoch.
        cell: u32,
        /// Key of the line.
        line: u32,
        /// The kernel's count.
        count: u64,
        /// Why it does not follow.
        why: Indirect,
    },
    /// Something that a person must know of a line of a new layout.
    Odd {
        /// The sample.
        sample: i64,
        /// Index of the group.
        group: u8,
        /// What it is.
        r#type: WarningType,
        /// The line.
        line: Box<Line>,
    },
    /// A text contradicted itself or its format for a whole sample.
    Unreadable {
        /// The sample.
        sample: i64,
        /// What was wrong with it.
        error: Box<crate::ParseError>,
    },
}

/// Why a count does not follow from the previous one and the delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Indirect {
    /// It passed 2^32 and started again.
    Wrapped,
    /// It fell, by so much below its highest; the delta is 0.
    Fell(u64),
    /// It fell earlier and is still below its highest; the delta is 0.
    StillBelow,
    /// It fell earlier and is now above its highest; the delta is what it grew beyond.
    Passed,
}

impl Event {
    /// Where it stands among the reads: after those of a smaller (sample, group).
    #[must_use]
    pub fn place(&self) -> (i64, u8) {
        match self {
            Self::Epoch(epoch) => (epoch.sample, epoch.group),
            Self::Direct { sample, group, .. } | Self::Odd { sample, group, .. } => (*sample, *group),
            // After all reads of its sample.
            Self::Unreadable { sample, .. } => (*sample, u8::MAX),
        }
    }
}

/// The layout of one group, from one sample on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Epoch {
    /// Index of the group.
    pub group: u8,
    /// The first sample of the epoch.
    pub sample: i64,
    /// The present lines with their keys, in the order of the text.
    pub lines: Vec<(u32, Line)>,
    /// Lines with this key or a greater one begin here.
    pub first_new: u32,
    /// Keys of those that begin here because a line was reset.
    pub reset: Vec<u32>,
    /// The cells: key of the line, and CPU id or [`NO_CPU`](crate::NO_CPU).
    pub cells: Vec<(u32, u16)>,
    /// The kernel's counts.
    pub counts: Vec<u64>,
}

impl Block {
    /// An empty block with room for so many cells, reads and groups, its memory touched already: a page fault would
    /// cost the sampler more than a read does.
    #[must_use]
    pub fn with_capacity(cells: usize, reads: usize, groups: usize) -> Self {
        let mut block = Self {
            reads: ReadColumns {
                sample: vec![1; reads],
                time: vec![1; reads],
                read_ns: vec![1; reads],
                group: vec![1; reads],
                late_ns: vec![1; reads],
                rows: vec![1; reads],
            },
            cells: DeltaColumns {
                cell: vec![1; cells],
                line: vec![1; cells],
                cpu: vec![1; cells],
                delta: vec![1; cells],
            },
            events: Vec::with_capacity(64),
            stats: vec![GroupStats::default(); groups],
            cost: Cost::default(),
        };
        block.clear();
        block
    }

    /// Forgets its rows and keeps its memory.
    pub fn clear(&mut self) {
        let ReadColumns { sample, time, read_ns, group, late_ns, rows } = &mut self.reads;
        sample.clear();
        time.clear();
        read_ns.clear();
        group.clear();
        late_ns.clear();
        rows.clear();
        self.cells.truncate(0);
        self.events.clear();
        self.stats.fill(GroupStats::default());
    }

    /// Whether so many more cells and reads fit.
    #[must_use]
    pub fn has_room(&self, cells: usize, reads: usize) -> bool {
        self.cells.delta.capacity() - self.cells.len() >= cells
            && self.reads.sample.capacity() - self.reads.len() >= reads
    }

    /// Makes room for so many cells: it allocates only where a layout has outgrown the block.
    pub fn reserve(&mut self, cells: usize) {
        self.cells.cell.reserve(cells);
        self.cells.line.reserve(cells);
        self.cells.cpu.reserve(cells);
        self.cells.delta.reserve(cells);
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reads.len() == 0
            && self.events.is_empty()
            && self.stats.iter().all(|stats| *stats == GroupStats::default())
    }
}

impl ReadColumns {
    /// Number of reads.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sample.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sample.is_empty()
    }

    /// Adds a read.
    pub fn push(&mut self, read: Read) {
        self.sample.push(read.sample);
        self.time.push(read.time);
        self.read_ns.push(read.read_ns);
        self.group.push(read.group);
        self.late_ns.push(read.late_ns);
        self.rows.push(read.rows);
    }
}

impl DeltaColumns {
    /// Number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.delta.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.delta.is_empty()
    }

    /// Keeps the first `cells` cells.
    pub fn truncate(&mut self, cells: usize) {
        self.cell.truncate(cells);
        self.line.truncate(cells);
        self.cpu.truncate(cells);
        self.delta.truncate(cells);
    }

    /// Adds a cell.
    pub fn push(&mut self, cell: u32, line: u32, cpu: u16, delta: i64) {
        self.cell.push(cell);
        self.line.push(line);
        self.cpu.push(cpu);
        self.delta.push(delta);
    }
}

/// Length of a window as the column keeps it. A read of more than 4.2 s is cut to that.
#[must_use]
pub fn read_ns(begin: MonoNs, end: MonoNs) -> u32 {
    u32::try_from((end - begin).max(0)).unwrap_or(u32::MAX)
}
