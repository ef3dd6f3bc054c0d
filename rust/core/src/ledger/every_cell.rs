//! The first reads of a segment have a row for every cell, so that its table is complete by itself.

use super::Ledger;
use crate::block::{Block, DeltaColumns, Event, ReadColumns};

impl Ledger {
    /// The next block, with a row for every cell in the first read of each group that `begins`, and does so no more then.
    /// The first read of an epoch has them already.
    #[must_use]
    pub fn with_every_cell(&self, block: &Block, begins: &mut [bool]) -> Block {
        let mut reads = ReadColumns::default();
        let mut cells = DeltaColumns::default();
        let mut row = 0;
        for read in 0..block.reads.len() {
            let (sample, group) = (block.reads.sample[read], block.reads.group[read]);
            let rows = row..row + block.reads.rows[read] as usize;
            row = rows.end;
            let first = cells.len();
            let begins = begins.get_mut(usize::from(group)).is_some_and(std::mem::take);
            let epoch = |event: &Event| matches!(event, Event::Epoch(_)) && event.place() == (sample, group);
            if begins && !block.events.iter().any(epoch) {
                let layout = &self.groups[usize::from(group)].cells;
                let mut all: Vec<_> = (0..).zip(layout).map(|(cell, &(line, cpu))| (line, cpu, cell, 0)).collect();
                for row in rows {
                    all[block.cells.cell[row] as usize].3 = block.cells.delta[row];
                }
                // Rows are in the order of lines; the text may have another.
                all.sort_by_key(|&(line, cpu, ..)| (line, cpu));
                for (line, cpu, cell, delta) in all {
                    cells.push(cell, line, cpu, delta);
                }
            } else {
                for row in rows {
                    let of = &block.cells;
                    cells.push(of.cell[row], of.line[row], of.cpu[row], of.delta[row]);
                }
            }
            reads.sample.push(sample);
            reads.time.push(block.reads.time[read]);
            reads.read_ns.push(block.reads.read_ns[read]);
            reads.group.push(group);
            reads.late_ns.push(block.reads.late_ns[read]);
            reads.rows.push(u32::try_from(cells.len() - first).unwrap_or(u32::MAX));
        }
        Block { reads, cells, events: block.events.clone(), stats: block.stats.clone(), cost: block.cost }
    }
}
