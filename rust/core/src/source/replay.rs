//! Captured texts, given again with the times at which they were read.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{ReadError, TextSource};
use crate::{Clock, ManualClock, Window};

/// Texts that were captured elsewhere. Each read takes the next one and lets the shared clock pass through its window.
#[derive(Debug)]
pub struct ReplayText {
    path: String,
    texts: VecDeque<(Window, Vec<u8>)>,
    clock: Arc<ManualClock>,
}

impl ReplayText {
    /// The texts in the order of their windows. `path` is what errors call them.
    pub fn new(
        path: impl Into<String>,
        texts: impl IntoIterator<Item = (Window, Vec<u8>)>,
        clock: Arc<ManualClock>,
    ) -> Self {
        Self { path: path.into(), texts: texts.into_iter().collect(), clock }
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

    /// The next text. Its window is the captured one; the clock given is not looked at.
    fn read(&mut self, limit: Option<usize>, _clock: &dyn Clock, text: &mut Vec<u8>) -> Result<Window, ReadError> {
        let (window, mut next) = self.texts.pop_front().ok_or(ReadError::End)?;
        self.clock.set(window.begin);
        next.truncate(limit.unwrap_or(usize::MAX));
        std::mem::swap(text, &mut next);
        self.clock.set(window.end);
        Ok(window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_in_order_with_their_windows_and_move_the_clock() {
        let clock = Arc::new(ManualClock::new(0, 0));
        let windows = [Window { begin: 10, end: 12 }, Window { begin: 20, end: 29 }];
        let texts = windows.into_iter().zip([b"first".to_vec(), b"second".to_vec()]);
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
        let mut source = ReplayText::new("texts", [(window, b"text".to_vec())], Arc::clone(&clock));
        assert_eq!(source.read(None, &*clock, &mut Vec::new()), Ok(window), "the window stays the true one");
        assert_eq!(clock.now(), 100);
    }
}
