//! Captured texts, given again with the times at which they were read.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{ReadError, TextSource};
use crate::{Clock, ManualClock, MonoNs, Window};

/// A text, or none where it was not read, and when.
type Captured = (Window, Option<Vec<u8>>);

/// Texts that were captured elsewhere. Each read takes the one of its time, and lets the shared clock pass through its
/// window.
#[derive(Debug)]
pub struct ReplayText {
    path: String,
    texts: VecDeque<Captured>,
    clock: Arc<ManualClock>,
    /// What the clock showed before the last read.
    before: MonoNs,
}

impl ReplayText {
    /// The texts in the order of their windows. `path` is what errors call them.
    pub fn new(path: impl Into<String>, texts: impl IntoIterator<Item = Captured>, clock: Arc<ManualClock>) -> Self {
        let mut texts: VecDeque<_> = texts.into_iter().collect();
        // What comes after the last text is no part of the sequence.
        while texts.back().is_some_and(|(_, text)| text.is_none()) {
            texts.pop_back();
        }
        Self { path: path.into(), texts, clock, before: 0 }
    }

    /// How many texts are still to come.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.texts.len()
    }
}

impl TextSource for ReplayText {
    fn path(&self) -> &str {
        &self.path
    }

    /// The newest text of those whose time has come, or else the next one: as late as it then is. Its window is the
    /// captured one.
    fn read(&mut self, limit: Option<usize>, clock: &dyn Clock, text: &mut Vec<u8>) -> Result<Window, ReadError> {
        let now = clock.now();
        while self.texts.get(1).is_some_and(|(next, _)| next.begin <= now) {
            self.texts.pop_front();
        }
        // One that was not read is left for its time, so that it is no second attempt of the text before it.
        if self.texts.front().is_some_and(|(window, text)| text.is_none() && window.begin > now) {
            return Err(ReadError::Absent);
        }
        let (window, next) = self.texts.pop_front().ok_or(ReadError::End)?;
        let mut next = next.ok_or(ReadError::Absent)?;
        self.before = now;
        self.clock.set(window.begin);
        next.truncate(limit.unwrap_or(usize::MAX));
        std::mem::swap(text, &mut next);
        self.clock.set(window.end);
        Ok(window)
    }

    fn give_back(&mut self, window: Window, text: &[u8]) {
        self.texts.push_front((window, Some(text.to_vec())));
        self.clock.undo_to(self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_in_order_with_their_windows_and_move_the_clock() {
        let clock = Arc::new(ManualClock::new(0, 0));
        let windows = [Window { begin: 10, end: 12 }, Window { begin: 20, end: 29 }];
        let texts = windows.into_iter().zip([Some(b"first".to_vec()), Some(b"second".to_vec())]);
        let mut source = ReplayText::new("texts", texts, Arc::clone(&clock));
        let mut text = Vec::new();

        assert_eq!(source.read(None, &*clock, &mut text), Ok(windows[0]));
        assert_eq!((text.as_slice(), clock.now()), (&b"first"[..], 12));
        assert_eq!(source.read(Some(3), &*clock, &mut text), Ok(windows[1]));
        assert_eq!((text.as_slice(), clock.now()), (&b"sec"[..], 29));
        assert_eq!(source.remaining(), 0);
        assert_eq!(source.read(None, &*clock, &mut text), Err(ReadError::End));
    }

    #[test]
    fn a_clock_that_is_ahead_is_not_set_back() {
        let clock = Arc::new(ManualClock::new(100, 0));
        let window = Window { begin: 10, end: 12 };
        let mut source = ReplayText::new("texts", [(window, Some(b"text".to_vec()))], Arc::clone(&clock));
        assert_eq!(source.read(None, &*clock, &mut Vec::new()), Ok(window), "the window stays the true one");
        assert_eq!(clock.now(), 100);
    }

    #[test]
    fn a_text_is_chosen_by_its_time_and_one_that_was_not_read_is_absent() {
        let clock = Arc::new(ManualClock::new(0, 0));
        let at = |begin: i64| Window { begin, end: begin + 1 };
        let texts = [(at(0), Some(b"a")), (at(10), None), (at(20), Some(b"c")), (at(30), Some(b"d"))]
            .map(|(window, text)| (window, text.map(|text: &[u8; 1]| text.to_vec())));
        let mut source = ReplayText::new("texts", texts, Arc::clone(&clock));
        let mut text = Vec::new();
        clock.set(10);
        assert_eq!(source.read(None, &*clock, &mut text), Err(ReadError::Absent));
        clock.set(12);
        assert_eq!(source.read(None, &*clock, &mut text), Ok(at(20)), "none is of this time: the next one is late");
        source.give_back(at(20), b"c");
        clock.set(25);
        assert_eq!((source.read(None, &*clock, &mut text), &text[..]), (Ok(at(20)), &b"c"[..]));
        assert_eq!(source.read(None, &*clock, &mut text), Ok(at(30)));
    }
}
