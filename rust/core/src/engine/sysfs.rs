//! Chosen numbered lines from `/sys/kernel/irq`, one small file each: for a few lines far cheaper than the text that
//! has them all.

mod line_file;

use std::path::{Path, PathBuf};

use super::{Change, Engine, EngineError, Reading};
use crate::parse::{Cell, Layout};
use crate::{Clock, EngineName, Group, Kind, Line, MonoNs, Window};
use line_file::{Content, LineFile};

const GROUP: Group = Group { kind: Kind::Irq, engine: EngineName::Sysfs };

/// How often one line, each in its turn, is looked at for whether it still is the device's: a driver may let go of a
/// number, and another take it, without the file of counts ever failing.
const RECHECK_NS: i64 = 100_000_000;

/// A line that cannot be read from sysfs, and has to be read from procfs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedLine {
    /// The line, as it was given.
    pub line: Line,
    /// Why: a lowercase fragment.
    pub reason: String,
}

/// The engine of single sysfs lines. It serves one group, (irq, sysfs).
///
/// A line leaves the layout for good when it is gone, when its number belongs to another device, or when its file is
/// no longer complete; a full read of procfs finds what came in its place.
#[derive(Debug)]
pub struct SysfsLines {
    dir: PathBuf,
    layout: Layout,
    /// One per line of the layout.
    files: Vec<LineFile>,
    /// One per cell of the layout.
    counts: Vec<u64>,
    /// The next reading reports every cell.
    relearned: bool,
    next_check_ns: MonoNs,
    /// Whose turn it is to be checked.
    turn: usize,
    buffer: Vec<u8>,
}

impl SysfsLines {
    /// Opens the files of `lines` below `sysfs` (`/sys`), each with a field for each of the `possible` CPUs of the
    /// machine, and gives the lines that cannot be had this way next to the engine, which serves the others.
    #[must_use]
    pub fn open(sysfs: &Path, lines: Vec<Line>, possible: &[u16]) -> (Self, Vec<RefusedLine>) {
        let mut engine = Self {
            dir: sysfs.join("kernel/irq"),
            layout: Layout { cpus: possible.to_vec(), ..Layout::default() },
            files: Vec::new(),
            counts: Vec::new(),
            relearned: true,
            next_check_ns: MonoNs::MIN,
            turn: 0,
            buffer: vec![0; line_file::longest(possible.len())],
        };
        let refused = lines.into_iter().filter_map(|line| engine.add(line).err()).collect();
        engine.number_cells();
        (engine, refused)
    }

    /// Takes one more line, from the next read on.
    ///
    /// # Errors
    ///
    /// The line, where it cannot be had this way.
    #[expect(
        clippy::result_large_err,
        reason = "it is asked for at the start and when a line comes, never while sampling"
    )]
    pub fn add(&mut self, line: Line) -> Result<(), RefusedLine> {
        let mut fresh = vec![0; self.layout.cpus.len()];
        match LineFile::open(&self.dir, &line, &mut fresh, &mut self.buffer) {
            Ok(file) => {
                self.files.push(file);
                self.layout.lines.push(line);
                self.counts.extend_from_slice(&fresh);
                self.relearned = true;
                Ok(())
            }
            Err(reason) => Err(RefusedLine { line, reason }),
        }
    }

    fn number_cells(&mut self) {
        let cpus = &self.layout.cpus;
        let lines = (0..).zip(&self.layout.lines).map(|(line, _)| line);
        self.layout.cells = lines.flat_map(|line| cpus.iter().map(move |&cpu| Cell { line, cpu: Some(cpu) })).collect();
    }

    /// Reads one line into the counts; false where it has to leave.
    fn read_line(&mut self, index: usize, changes: &mut Vec<Change>) -> bool {
        let cpus = self.layout.cpus.len();
        let first = index * cpus;
        let counts = &mut self.counts[first..first + cpus];
        let mut content = self.files[index].read(counts, &mut self.buffer, |cpu, count| {
            changes.push(Change { cell: u32::try_from(first + cpu).unwrap_or(u32::MAX), count });
        });
        if content == Content::Failed {
            // ENODEV, for good: the driver was unbound. It may be back already, under the same number.
            let mut fresh = vec![0; cpus];
            content = match LineFile::open(&self.dir, &self.layout.lines[index], &mut fresh, &mut self.buffer) {
                Ok(file) => {
                    self.files[index] = file;
                    for (cpu, (count, fresh)) in counts.iter_mut().zip(fresh).enumerate() {
                        if *count != fresh {
                            *count = fresh;
                            changes.push(Change { cell: u32::try_from(first + cpu).unwrap_or(u32::MAX), count: fresh });
                        }
                    }
                    Content::Complete
                }
                Err(_) => Content::Failed,
            };
        }
        content == Content::Complete
    }

    /// Checks the line whose turn it is, and gives its index if it is another device's now.
    fn recheck(&mut self, now: MonoNs) -> Option<usize> {
        if now < self.next_check_ns || self.files.is_empty() {
            return None;
        }
        self.next_check_ns = now.saturating_add(RECHECK_NS);
        self.turn = (self.turn + 1) % self.files.len();
        let still_its_own = self.files[self.turn].is_still_its_own(&mut self.buffer);
        (!still_its_own).then_some(self.turn)
    }

    fn remove(&mut self, index: usize) {
        let cpus = self.layout.cpus.len();
        self.files.remove(index);
        self.layout.lines.remove(index);
        self.counts.drain(index * cpus..(index + 1) * cpus);
        self.relearned = true;
    }
}

impl Engine for SysfsLines {
    fn groups(&self) -> &[Group] {
        &[GROUP]
    }

    fn layout(&self, _group: usize) -> &Layout {
        &self.layout
    }

    fn read(&mut self, due: u32, clock: &dyn Clock, readings: &mut [Reading]) -> Result<(), EngineError> {
        let Some(reading) = readings.first_mut().filter(|_| due & 1 == 1) else { return Ok(()) };
        reading.changes.clear();
        let begin = clock.now();
        let mut index = 0;
        while index < self.files.len() {
            if self.read_line(index, &mut reading.changes) {
                index += 1;
            } else {
                self.remove(index);
            }
        }
        let end = clock.now();
        reading.window = Window { begin, end };
        if let Some(index) = self.recheck(end) {
            self.remove(index);
        }
        reading.relearned = std::mem::take(&mut self.relearned);
        if reading.relearned {
            self.number_cells();
            reading.changes.clear();
            reading.changes.extend((0..).zip(&self.counts).map(|(cell, &count)| Change { cell, count }));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
