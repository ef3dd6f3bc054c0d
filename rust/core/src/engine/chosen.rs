//! Chosen numbered lines by sysfs, and a look at the whole text now and then for new ones.

use super::{Change, Engine, EngineError, Reading, SysfsLines};
use crate::parse::{Incremental, Layout, TextKind, Update};
use crate::select::Selection;
use crate::source::{ProcText, TextSource};
use crate::{Clock, Group, Line, MonoNs};

/// The numbered lines that a selection chooses, each from its own sysfs file.
pub struct ChosenLines {
    lines: SysfsLines,
    interrupts: ProcText,
    selection: Selection,
    look_every_ns: i64,
    next_look_ns: Option<MonoNs>,
    parser: Incremental,
    text: Vec<u8>,
    changes: Vec<Change>,
}

impl ChosenLines {
    /// Reads `lines`, and every `look_every_ns` looks in `interrupts` for others that the selection takes.
    #[must_use]
    pub fn new(lines: SysfsLines, interrupts: ProcText, selection: Selection, look_every_ns: i64) -> Self {
        let parser = Incremental::new(TextKind::Interrupts, interrupts.path());
        Self {
            lines,
            interrupts,
            selection,
            look_every_ns,
            next_look_ns: None,
            parser,
            text: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// Adds the lines that have come. A text that cannot be read now is looked at the next time: the lines that are
    /// known do not depend on it.
    fn look_for_lines(&mut self, clock: &dyn Clock) {
        if self.interrupts.read(None, clock, &mut self.text).is_err() {
            return;
        }
        let learned = matches!(self.parser.update(&self.text, &mut self.changes), Ok(Update::Learned { .. }));
        if !learned {
            return;
        }
        let known = |line: &Line| self.lines.layout(0).lines.iter().any(|known| known.same_line(line));
        let lines = self.parser.layout().lines.iter();
        let new: Vec<Line> = lines.filter(|line| self.selection.takes(line) && !known(line)).cloned().collect();
        for line in new {
            // One that is gone again before its file could be opened was never there to be counted.
            let _ = self.lines.add(line);
        }
    }
}

impl Engine for ChosenLines {
    fn groups(&self) -> &[Group] {
        self.lines.groups()
    }

    fn layout(&self, group: usize) -> &Layout {
        self.lines.layout(group)
    }

    fn read(&mut self, due: u32, clock: &dyn Clock, readings: &mut [Reading]) -> Result<(), EngineError> {
        let now = clock.now();
        match self.next_look_ns {
            None => self.next_look_ns = Some(now + self.look_every_ns),
            Some(next) if now >= next => {
                self.next_look_ns = Some(now + self.look_every_ns);
                self.look_for_lines(clock);
            }
            Some(_) => {}
        }
        self.lines.read(due, clock, readings)
    }
}
