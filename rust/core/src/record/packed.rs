//! A block as the journal keeps it: what follows from what came before is left out.

use serde::{Deserialize, Serialize};

use crate::block::{Block, DeltaColumns, Epoch, Event, GroupStats, ReadColumns};
use crate::ledger::Facts;
use crate::meta::Cost;

/// A block without what its reader can tell: line and CPU of a cell stand in the layout, and a time follows from the
/// sample and the lateness. Reads that share a window have it once.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PackedBlock {
    /// Each window: how many points of the grid after the one before, lateness, length.
    sample: Vec<i64>,
    late_ns: Vec<i64>,
    read_ns: Vec<u32>,
    /// Each read: its group, 1 where its window is not that of the read before, and how many cells are its own.
    group: Vec<u8>,
    window: Vec<u32>,
    rows: Vec<u32>,
    /// Each row.
    cell: Vec<u32>,
    delta: Vec<i64>,
    events: Vec<Event>,
    stats: Vec<GroupStats>,
    cost: Cost,
}

impl PackedBlock {
    pub(super) fn new(block: &Block) -> Self {
        let reads = &block.reads;
        let mut packed = Self {
            sample: Vec::new(),
            late_ns: Vec::new(),
            read_ns: Vec::new(),
            group: reads.group.clone(),
            window: Vec::with_capacity(reads.len()),
            rows: reads.rows.clone(),
            cell: block.cells.cell.clone(),
            delta: block.cells.delta.clone(),
            events: block.events.clone(),
            stats: block.stats.clone(),
            cost: block.cost,
        };
        let mut last = None;
        let mut sample_before = 0;
        for read in 0..reads.len() {
            let window = (reads.sample[read], reads.late_ns[read], reads.read_ns[read]);
            let begins = last.replace(window) != Some(window);
            packed.window.push(u32::from(begins));
            if begins {
                packed.sample.push(window.0.wrapping_sub(sample_before));
                packed.late_ns.push(window.1);
                packed.read_ns.push(window.2);
                sample_before = window.0;
            }
        }
        packed
    }

    /// The block again. `None` where something in it does not fit the rest.
    pub(super) fn unpack(self, facts: &Facts, layouts: &mut Layouts) -> Option<Block> {
        let Self { sample, late_ns, read_ns, group, window, rows, cell, delta, events, stats, cost } = self;
        let windows = [sample.len(), late_ns.len(), read_ns.len()];
        let even = windows == [sample.len(); 3]
            && [window.len(), rows.len()] == [group.len(); 2]
            && cell.len() == delta.len()
            && stats.len() == facts.groups.len()
            && rows.iter().map(|&rows| rows as usize).sum::<usize>() == cell.len();
        if !even {
            return None;
        }
        let mut reads = ReadColumns::default();
        let mut cells = DeltaColumns::default();
        let mut waiting = events.iter().peekable();
        let (mut next_window, mut sample_now) = (0, 0_i64);
        for (read, &group) in group.iter().enumerate() {
            if window[read] > 0 {
                sample_now = sample_now.wrapping_add(*sample.get(next_window)?);
                next_window += 1;
            }
            let at = next_window.checked_sub(1)?;
            while let Some(event) = waiting.next_if(|event| event.place() <= (sample_now, group)) {
                layouts.follow(event)?;
            }
            let layout = layouts.0.get(usize::from(group))?;
            let first = cells.len();
            for row in first..first + rows[read] as usize {
                let &(line, cpu) = layout.get(cell[row] as usize)?;
                cells.push(cell[row], line, cpu, delta[row]);
            }
            reads.sample.push(sample_now);
            reads.time.push(facts.time_ns(sample_now, late_ns[at]));
            reads.read_ns.push(read_ns[at]);
            reads.group.push(group);
            reads.late_ns.push(late_ns[at]);
        }
        for event in waiting {
            layouts.follow(event)?;
        }
        reads.rows = rows;
        Some(Block { reads, cells, events, stats, cost })
    }
}

/// The cells of each group's present epoch: line and CPU.
pub(super) struct Layouts(pub(super) Vec<Vec<(u32, u16)>>);

impl Layouts {
    fn follow(&mut self, event: &Event) -> Option<()> {
        match event {
            Event::Epoch(epoch) => {
                let Epoch { group, cells, counts, .. } = &**epoch;
                if cells.len() != counts.len() {
                    return None;
                }
                self.0.get_mut(usize::from(*group))?.clone_from(cells);
            }
            Event::Direct { group, cell, .. } => {
                self.0.get(usize::from(*group))?.get(*cell as usize)?;
            }
            Event::Odd { group, .. } => {
                self.0.get(usize::from(*group))?;
            }
            Event::Unreadable { .. } => {}
        }
        Some(())
    }
}
