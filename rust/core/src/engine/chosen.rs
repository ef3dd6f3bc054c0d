//! Chosen numbered lines by sysfs, and a look at the whole text now and then for new ones.
//!
//! If sysfs does not show one of them in full, all are read from the text from then on.

use std::path::Path;

use super::{Change, Engine, EngineError, Reading, SysfsLines, TextEngine};
use crate::parse::{Incremental, Layout, TextKind, Update};
use crate::select::Selection;
use crate::source::{ProcText, TextSource};
use crate::{Clock, EngineName, Group, Line, MonoNs, WarningType};

/// The numbered lines that a selection chooses, each from its own sysfs file.
pub struct ChosenLines {
    lines: SysfsLines,
    /// The text in place of the lines, and those that made it so.
    fallback: Option<(TextEngine<ProcText>, Vec<Line>)>,
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
            fallback: None,
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
        let refused: Vec<Line> = new.into_iter().filter_map(|line| Some(self.lines.add(line).err()?.line)).collect();
        if refused.is_empty() {
            return;
        }
        // It was read just now: where it cannot be opened again, the next look tries again.
        if let Ok(text) = ProcText::open(Path::new(self.interrupts.path())) {
            let text = TextEngine::new(text, TextKind::Interrupts, self.selection.clone(), EngineName::Sysfs);
            self.fallback = Some((text, refused));
        } else {
            self.parser = Incremental::new(TextKind::Interrupts, self.interrupts.path());
        }
    }
}

impl Engine for ChosenLines {
    fn groups(&self) -> &[Group] {
        self.lines.groups()
    }

    fn layout(&self, group: usize) -> &Layout {
        match &self.fallback {
            Some((text, _)) => text.layout(group),
            None => self.lines.layout(group),
        }
    }

    fn oddities(&self, _group: usize) -> Vec<(WarningType, Line)> {
        let refused = self.fallback.iter().flat_map(|(_, refused)| refused);
        refused.map(|line| (WarningType::SysfsFallback, line.clone())).collect()
    }

    fn read(&mut self, due: u32, clock: &dyn Clock, readings: &mut [Reading]) -> Result<(), EngineError> {
        if let Some((text, _)) = &mut self.fallback {
            return text.read(due, clock, readings);
        }
        let now = clock.now();
        match self.next_look_ns {
            None => self.next_look_ns = Some(now + self.look_every_ns),
            Some(next) if now >= next => {
                self.next_look_ns = Some(now + self.look_every_ns);
                self.look_for_lines(clock);
            }
            Some(_) => {}
        }
        match &mut self.fallback {
            Some((text, _)) => text.read(due, clock, readings),
            None => self.lines.read(due, clock, readings),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{Kind, ManualClock};

    fn text(counts: &[(u32, [u64; 2])]) -> String {
        let row = |(irq, [a, b]): &(u32, [u64; 2])| format!("{irq:>3}: {a:>10} {b:>10}  PIC   {irq}-edge  eth{irq}\n");
        String::from("           CPU0       CPU1       \n")
            + &counts.iter().map(row).collect::<String>()
            + "LOC:          1          1   Local timer interrupts\n"
    }

    #[test]
    fn a_line_that_comes_and_is_cut_in_sysfs_is_read_from_the_text_with_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let interrupts = folder.path().join("interrupts");
        let line = |irq: u32, counts: &str| {
            let dir = folder.path().join(format!("kernel/irq/{irq}"));
            fs::create_dir_all(&dir).unwrap();
            let files =
                [("per_cpu_count", counts), ("actions", &format!("eth{irq}\n")), ("hwirq", &format!("{irq}\n"))];
            for (file, content) in files.into_iter().chain([("chip_name", "PIC\n"), ("type", "edge\n")]) {
                fs::write(dir.join(file), content).unwrap();
            }
        };
        line(24, "5,6\n");
        fs::write(&interrupts, text(&[(24, [5, 6])])).unwrap();
        let parsed = crate::parse::parse(text(&[(24, [5, 6])]).as_bytes(), TextKind::Interrupts, "t").unwrap();
        let chosen: Vec<Line> = parsed.layout.lines.into_iter().filter(|line| line.kind == Kind::Irq).collect();
        let (lines, refused) = SysfsLines::open(folder.path(), chosen, &[0, 1]);
        assert!(refused.is_empty(), "{refused:?}");
        let selection = Selection { kinds: vec![Kind::Irq], irqs: None };
        let mut engine = ChosenLines::new(lines, ProcText::open(&interrupts).unwrap(), selection, 1_000);
        let clock = ManualClock::new(0, 0);
        let mut readings = [Reading::default()];
        engine.read(1, &clock, &mut readings).unwrap();
        assert_eq!(engine.layout(0).lines.len(), 1);
        assert!(engine.oddities(0).is_empty());

        line(25, "7\n");
        fs::write(&interrupts, text(&[(24, [5, 6]), (25, [7, 8])])).unwrap();
        clock.set(1_000);
        engine.read(1, &clock, &mut readings).unwrap();
        assert!(readings[0].relearned);
        let counts: Vec<u64> = readings[0].changes.iter().map(|change| change.count).collect();
        assert_eq!(counts, [5, 6, 7, 8]);
        let odd: Vec<_> = engine.oddities(0).into_iter().map(|(r#type, line)| (r#type, line.irq)).collect();
        assert_eq!(odd, [(WarningType::SysfsFallback, "25".to_owned())]);
    }
}
