//! From counts to growth: one group's cells from read to read, and the rules for counts that fall.

use std::collections::HashMap;

use crate::block::{Block, Epoch, Event, Indirect};
use crate::engine::{Change, Reading};
use crate::parse::{Cell, Layout};
use crate::trace::NO_CPU;
use crate::{Kind, Line, Window};

/// Where a u32 counter starts again.
const WRAP: u64 = 1 << 32;

/// No CPU takes more than one interrupt in so many nanoseconds: a count that seems to have wrapped by more fell.
pub(crate) const NS_PER_INTERRUPT: u64 = 100;

/// Gives every line of a recording its key.
#[derive(Debug, Default)]
pub struct LineKeys {
    next: u32,
}

impl LineKeys {
    fn take(&mut self) -> u32 {
        let key = self.next;
        self.next += 1;
        key
    }
}

/// Follows the cells of one group.
pub struct Tracker {
    group: u8,
    kind: Kind,
    /// The lines of the present epoch with their keys.
    lines: Vec<(u32, Line)>,
    cells: Vec<TrackedCell>,
    /// For each cell its place in the order of rows (line, cpu), where that is not the order of cells.
    rank: Option<Vec<u32>>,
    window: Option<Window>,
}

#[derive(Clone, Copy, Debug)]
struct TrackedCell {
    line: u32,
    cpu: u16,
    /// The highest count so far, wraps aside: growth is counted from here.
    mark: u64,
    /// The kernel's last count: the mark, but after a fall.
    count: u64,
}

/// What a new count of a cell means: the delta, and what is to be told of it.
enum Step {
    Grew(i64, Option<Indirect>),
    Below(Indirect),
}

impl TrackedCell {
    fn fell(&self, count: u64, elapsed_ns: u64, kind: Kind) -> bool {
        matches!(self.step(count, elapsed_ns, kind), Step::Below(_))
    }

    /// How far a count lies below the mark. What old x86 kernels print as CAL is a difference, and may fall through zero
    /// to nearly 2^32; a numbered line is never taken to have done so.
    fn below(&self, count: u64, kind: Kind) -> Option<u64> {
        match count.checked_sub(self.mark) {
            None => Some(self.mark - count),
            Some(more) if kind != Kind::Irq && count < WRAP && more > WRAP / 2 => Some(WRAP - more),
            Some(_) => None,
        }
    }

    /// What a new count means. A count that fell has wrapped if the growth would then be one that a CPU can take in
    /// the time; else it fell.
    fn step(&self, count: u64, elapsed_ns: u64, kind: Kind) -> Step {
        let had_fallen = self.count != self.mark;
        let Some(below) = self.below(count, kind) else {
            return Step::Grew(growth(count - self.mark), had_fallen.then_some(Indirect::Passed));
        };
        if !had_fallen && let Some(grown) = wrapped(self.mark, count, elapsed_ns) {
            return Step::Grew(growth(grown), Some(Indirect::Wrapped));
        }
        let further = Some(below) > self.below(self.count, kind);
        Step::Below(if further { Indirect::Fell(below) } else { Indirect::StillBelow })
    }

    /// Takes the count, and returns the delta and what is to be told.
    fn take(&mut self, count: u64, elapsed_ns: u64, kind: Kind) -> (i64, Option<Indirect>) {
        let step = self.step(count, elapsed_ns, kind);
        self.count = count;
        match step {
            Step::Grew(delta, why) => {
                self.mark = count;
                (delta, why)
            }
            Step::Below(why) => (0, Some(why)),
        }
    }
}

impl TrackedCell {
    fn direct(&self, sample: i64, group: u8, cell: u32, why: Indirect) -> Event {
        let Self { line, count, .. } = *self;
        Event::Direct { sample, group, cell, line, count, why }
    }
}

/// How much a count grew that is now below what it was, if it may have wrapped in this time.
pub(crate) fn wrapped(before: u64, now: u64, elapsed_ns: u64) -> Option<u64> {
    if now >= before || before >= WRAP {
        return None;
    }
    let grown = now + WRAP - before;
    (grown <= (WRAP / 2).min(elapsed_ns / NS_PER_INTERRUPT)).then_some(grown)
}

/// A growth as a delta. Only an invented text counts beyond 2^63.
fn growth(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Tracker {
    /// A tracker for the group of this index.
    #[must_use]
    pub const fn new(group: u8, kind: Kind) -> Self {
        Self { group, kind, lines: Vec::new(), cells: Vec::new(), rank: None, window: None }
    }

    /// Index of the group.
    #[must_use]
    pub const fn group(&self) -> u8 {
        self.group
    }

    /// How many cells the present epoch has: a reading that begins no epoch makes no more rows.
    #[must_use]
    pub const fn cells(&self) -> usize {
        self.cells.len()
    }

    /// Adds a reading's rows to the block and says how many. The block must have room for a row per cell of the layout.
    ///
    /// `layout` is asked only where the reading has a new one.
    pub fn apply<'a>(
        &mut self,
        reading: &mut Reading,
        layout: impl FnOnce() -> &'a Layout,
        keys: &mut LineKeys,
        sample: i64,
        block: &mut Block,
    ) -> u32 {
        let rows_before = block.cells.len();
        let elapsed_ns = self.window.map_or(0, |w| u64::try_from(reading.window.end - w.begin).unwrap_or(0));
        self.window = Some(reading.window);
        let new_layout = reading.relearned.then(layout).filter(|layout| !self.has_layout(layout));
        if let Some(layout) = new_layout {
            let counts: Vec<u64> = reading.changes.iter().map(|change| change.count).collect();
            let next = self.next_epoch(layout);
            self.begin_epoch(next, &counts, elapsed_ns, keys, sample, block);
        } else if !self.grow(&mut reading.changes, elapsed_ns, sample, block) {
            let mut counts: Vec<u64> = self.cells.iter().map(|cell| cell.count).collect();
            reading.changes.iter().for_each(|change| counts[change.cell as usize] = change.count);
            let next = self.same_epoch();
            self.begin_epoch(next, &counts, elapsed_ns, keys, sample, block);
        }
        u32::try_from(block.cells.len() - rows_before).unwrap_or(u32::MAX)
    }

    /// The usual read: the cells that changed. False, and nothing done, where a numbered line was reset.
    fn grow(&mut self, changes: &mut [Change], elapsed_ns: u64, sample: i64, block: &mut Block) -> bool {
        if let Some(rank) = &self.rank {
            changes.sort_unstable_by_key(|change| rank[change.cell as usize]);
        }
        let kind = self.kind;
        if kind == Kind::Irq && changes.iter().any(|c| self.cells[c.cell as usize].fell(c.count, elapsed_ns, kind)) {
            return false;
        }
        for change in changes {
            let cell = &mut self.cells[change.cell as usize];
            let (delta, why) = cell.take(change.count, elapsed_ns, kind);
            if delta > 0 {
                block.cells.push(change.cell, cell.line, cell.cpu, delta);
            }
            if let Some(why) = why {
                block.events.push(cell.direct(sample, self.group, change.cell, why));
            }
        }
        true
    }

    /// Whether the layout is that of the present epoch.
    fn has_layout(&self, layout: &Layout) -> bool {
        let same_cell = |(ours, theirs): (&TrackedCell, &Cell)| {
            ours.cpu == cpu_column(theirs.cpu) && ours.line == self.lines[theirs.line as usize].0
        };
        self.window.is_some()
            && self.lines.len() == layout.lines.len()
            && self.cells.len() == layout.cells.len()
            && self.lines.iter().zip(&layout.lines).all(|((_, ours), theirs)| ours.same_line(theirs))
            && self.cells.iter().zip(&layout.cells).all(same_cell)
    }

    /// The layout as the next epoch's, each line with its key if the present epoch has it.
    fn next_epoch(&self, layout: &Layout) -> NextEpoch {
        let keys: HashMap<_, u32> = self.lines.iter().map(|(key, line)| (identity(line), *key)).collect();
        // Of lines that are alike nothing says which one came or went, nor of counts of unknown CPUs: where their number
        // changed, none is taken for one of before.
        let (alike_before, alike_now) = (alike(self.lines.iter().map(|(_, line)| line)), alike(&layout.lines));
        let unknown_before = of_unknown_cpus(self.cells.iter().map(|cell| (cell.line, cell.cpu)));
        let unknown_now = of_unknown_cpus(layout.cells.iter().map(|cell| (cell.line, cpu_column(cell.cpu))));
        let key = |(at, line): (u32, &Line)| {
            let key = *keys.get(&identity(line))?;
            let alike = alike_before.get(&plain(line)) == alike_now.get(&plain(line));
            (alike && unknown_before.get(&key) == unknown_now.get(&at)).then_some(key)
        };
        NextEpoch {
            lines: (0..).zip(&layout.lines).map(|(at, line)| (key((at, line)), line.clone())).collect(),
            cells: layout.cells.clone(),
        }
    }

    /// The present layout as the next epoch's: some of its lines are about to be reset.
    fn same_epoch(&self) -> NextEpoch {
        let at: HashMap<u32, usize> = self.lines.iter().enumerate().map(|(at, (key, _))| (*key, at)).collect();
        let cell = |cell: &TrackedCell| Cell {
            line: u32::try_from(at[&cell.line]).unwrap_or(u32::MAX),
            cpu: (cell.cpu != NO_CPU).then_some(cell.cpu),
        };
        NextEpoch {
            lines: self.lines.iter().map(|(key, line)| (Some(*key), line.clone())).collect(),
            cells: self.cells.iter().map(cell).collect(),
        }
    }

    /// Begins an epoch: a row for every cell, and an event that tells the layout.
    fn begin_epoch(
        &mut self,
        next: NextEpoch,
        counts: &[u64],
        elapsed_ns: u64,
        keys: &mut LineKeys,
        sample: i64,
        block: &mut Block,
    ) {
        let before = self.carried_cells(&next);
        // A numbered line of which any count fell was reset, on every CPU.
        let mut reset = vec![false; next.lines.len()];
        if self.kind == Kind::Irq {
            for ((cell, before), &count) in next.cells.iter().zip(&before).zip(counts) {
                reset[cell.line as usize] |= before.is_some_and(|before| before.fell(count, elapsed_ns, self.kind));
            }
        }
        let mut epoch = Epoch { group: self.group, sample, first_new: keys.next, ..Epoch::default() };
        for ((old_key, line), &reset) in next.lines.into_iter().zip(&reset) {
            let key = old_key.filter(|_| !reset).unwrap_or_else(|| keys.take());
            if reset {
                epoch.reset.push(key);
            }
            epoch.lines.push((key, line));
        }
        let mut cells = Vec::with_capacity(next.cells.len());
        let mut deltas = Vec::with_capacity(next.cells.len());
        let mut indirect = Vec::new();
        for ((cell, before), &count) in next.cells.iter().zip(before).zip(counts) {
            let (line, cpu) = (epoch.lines[cell.line as usize].0, cpu_column(cell.cpu));
            let mut now = TrackedCell { line, cpu, mark: count, count };
            let mut delta = 0;
            if let Some(before) = before.filter(|_| !reset[cell.line as usize]) {
                now.mark = before.mark;
                now.count = before.count;
                let why;
                (delta, why) = now.take(count, elapsed_ns, self.kind);
                let at = u32::try_from(cells.len()).unwrap_or(u32::MAX);
                indirect.extend(why.map(|why| now.direct(sample, self.group, at, why)));
            }
            cells.push(now);
            deltas.push(delta);
            epoch.cells.push((line, cpu));
            epoch.counts.push(count);
        }
        let rank = row_order(&cells);
        let mut in_order: Vec<usize> = (0..cells.len()).collect();
        if let Some(rank) = &rank {
            in_order.sort_unstable_by_key(|&cell| rank[cell]);
        }
        for cell in in_order {
            let index = u32::try_from(cell).unwrap_or(u32::MAX);
            block.cells.push(index, cells[cell].line, cells[cell].cpu, deltas[cell]);
        }
        self.lines.clone_from(&epoch.lines);
        self.cells = cells;
        self.rank = rank;
        block.events.push(Event::Epoch(Box::new(epoch)));
        block.events.append(&mut indirect);
    }

    /// For each cell of the next epoch, the same cell of the present one.
    fn carried_cells(&self, next: &NextEpoch) -> Vec<Option<TrackedCell>> {
        // A line's cells stand together and mostly in the same order in both, so that the first that is left is the one.
        let mut present: HashMap<u32, &[TrackedCell]> =
            self.cells.chunk_by(|a, b| a.line == b.line).map(|cells| (cells[0].line, cells)).collect();
        let carried = |cell: &Cell| {
            let rest = present.get_mut(&next.lines[cell.line as usize].0?)?;
            let at = rest.iter().position(|before| before.cpu == cpu_column(cell.cpu))?;
            let before = rest[at];
            if at == 0 {
                *rest = &rest[1..];
            }
            Some(before)
        };
        next.cells.iter().map(carried).collect()
    }
}

/// The layout of an epoch that is about to begin; a line has the key that it has in the present epoch, if any.
struct NextEpoch {
    lines: Vec<(Option<u32>, Line)>,
    cells: Vec<Cell>,
}

/// What makes two rows one line, besides the group.
fn identity(line: &Line) -> (&str, &str, Option<&str>, Option<u64>) {
    (&line.irq, &line.name, line.chip.as_deref(), line.hwirq)
}

/// Label and name without the ordinal that tells lines apart which are alike.
fn plain(line: &Line) -> (&str, &str) {
    match line.name.rsplit_once(" #") {
        Some((name, ordinal)) if ordinal.parse::<u32>().is_ok() => (&line.irq, name),
        _ => (&line.irq, &line.name),
    }
}

/// How many lines there are of each label and name.
fn alike<'a>(lines: impl IntoIterator<Item = &'a Line>) -> HashMap<(&'a str, &'a str), usize> {
    let mut alike = HashMap::new();
    for line in lines {
        *alike.entry(plain(line)).or_default() += 1;
    }
    alike
}

/// How many counts of unknown CPUs a line has, where these are several.
fn of_unknown_cpus(cells: impl Iterator<Item = (u32, u16)>) -> HashMap<u32, usize> {
    let mut counts = HashMap::new();
    for (line, _) in cells.filter(|cell| cell.1 == NO_CPU) {
        *counts.entry(line).or_default() += 1;
    }
    counts.retain(|_, count| *count > 1);
    counts
}

fn cpu_column(cpu: Option<u16>) -> u16 {
    cpu.unwrap_or(NO_CPU)
}

/// For each cell its place in the order of rows (line, cpu), or none where cells stand in that order.
fn row_order(cells: &[TrackedCell]) -> Option<Vec<u32>> {
    if cells.is_sorted_by_key(|cell| (cell.line, cell.cpu)) {
        return None;
    }
    let mut in_order: Vec<usize> = (0..cells.len()).collect();
    in_order.sort_by_key(|&cell| (cells[cell].line, cells[cell].cpu));
    let mut rank = vec![0; cells.len()];
    for (place, cell) in in_order.into_iter().enumerate() {
        rank[cell] = u32::try_from(place).unwrap_or(u32::MAX);
    }
    Some(rank)
}
