//! Holds the incremental parser against the strict one, read by read. The fuzz targets use it too.

use irqtrace_core::engine::Change;
use irqtrace_core::parse::{Incremental, Parsed, TextKind, Update, parse};

/// A reader that keeps the strict parser's answer beside the incremental one's.
pub struct Both {
    kind: TextKind,
    incremental: Incremental,
    good: Parsed,
    good_text: Vec<u8>,
    changes: Vec<Change>,
}

impl Both {
    /// One that has read nothing.
    pub fn new(kind: TextKind) -> Self {
        Self {
            kind,
            incremental: Incremental::new(kind, "text"),
            good: Parsed::default(),
            good_text: Vec::new(),
            changes: Vec::new(),
        }
    }

    fn assert_agree(&self) {
        assert_eq!(self.incremental.layout(), &self.good.layout);
        assert_eq!(self.incremental.counts(), self.good.counts);
        assert_eq!(self.incremental.extra_numbers(), self.good.extra_numbers);
    }

    /// The cells whose count is another one now, found the slow way.
    fn assert_changes(&self, before: &Parsed) {
        let pairs = before.counts.iter().zip(&self.good.counts).zip(0_u32..);
        let changed = pairs.filter(|((old, new), _)| old != new).map(|((_, &count), cell)| Change { cell, count });
        assert_eq!(self.changes, changed.collect::<Vec<_>>());
    }

    /// Reads a whole text with both.
    pub fn read(&mut self, text: &[u8]) {
        let strict = parse(text, self.kind, "text");
        let found = self.incremental.update(text, &mut self.changes);
        match (strict, found) {
            (Ok(now), Ok(update)) => {
                let before = std::mem::replace(&mut self.good, now);
                self.good_text = text.to_vec();
                match update {
                    Update::Changed => {
                        assert_eq!(before.layout, self.good.layout);
                        self.assert_changes(&before);
                    }
                    Update::Learned { same_layout } => {
                        assert!(self.changes.is_empty());
                        assert_eq!(
                            same_layout,
                            before.layout == self.good.layout && before.extra_numbers == self.good.extra_numbers
                        );
                    }
                }
            }
            (Err(strict), Err(found)) => assert_eq!(strict, found),
            (strict, found) => panic!("strict: {strict:?}\nincremental: {found:?}"),
        }
        self.assert_agree();
    }

    /// Reads the device lines of `text` alone; what they say is that of a text with the lettered lines of before.
    pub fn read_prefix(&mut self, text: &[u8]) {
        let Some(len) = self.incremental.prefix_len() else { return };
        let Some(prefix) = text.get(..len) else { return };
        let whole = [prefix, &self.good_text[len..]].concat();
        if self.incremental.update_prefix(prefix, &mut self.changes) {
            let now = parse(&whole, self.kind, "text").expect("a prefix that fits is one of a good text");
            let before = std::mem::replace(&mut self.good, now);
            self.good_text = whole;
            self.assert_changes(&before);
        } else {
            assert!(self.changes.is_empty());
        }
        self.assert_agree();
    }
}
