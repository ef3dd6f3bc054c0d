//! The parser that touches only what changed.
//!
//! It keeps the previous text and where each count stands in it. While a new text differs only inside counts, each of
//! which stays blanks and digits between the same two ends, the strict parser would find the same rows in it; so the
//! numbers that differ are all there is to parse.

use super::difference::first_difference;
use super::number::{STRIDE, field};
use super::strict::{Parsed, interpret};
use super::table::{Ends, Table, read_table};
use super::{Layout, TextKind};
use crate::engine::Change;
use crate::{Kind, ParseError};

/// What an update found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// Only counts differ.
    Changed,
    /// The strict parser ran.
    Learned {
        /// The lines and cells are those of before, though they may stand elsewhere in the text.
        same_layout: bool,
    },
}

/// A parser that learns a text's layout, then parses only the cells that changed.
#[derive(Debug)]
pub struct Incremental {
    kind: TextKind,
    path: String,
    parsed: Parsed,
    /// The previous text.
    text: Vec<u8>,
    /// The rows with counts, in the order of the text.
    tracks: Vec<Track>,
    /// Where the counts of rows end that do not stand in the kernel's columns.
    ends: Vec<usize>,
    prefix_len: Option<usize>,
    /// Whether the counts stand in the kernel's columns.
    in_columns: bool,
}

/// Where the counts of one row stand.
#[derive(Clone, Copy, Debug)]
struct Track {
    /// After the colon.
    start: usize,
    /// The end of the last count.
    end: usize,
    ends: Ends,
    first_cell: usize,
}

/// One count's place: its number in the row, and its bytes.
struct Field {
    index: usize,
    start: usize,
    end: usize,
}

impl Track {
    /// The field that the byte `at`, one of this track, lies in.
    #[inline]
    fn field_at(&self, at: usize, ends: &[usize]) -> Field {
        let index = match self.ends {
            Ends::Strided(first_end) if at < first_end => 0,
            Ends::Strided(first_end) => (at - first_end) / STRIDE + 1,
            Ends::Listed(first) => ends[first..].partition_point(|&end| end <= at),
        };
        self.field(index, ends)
    }

    #[inline]
    fn field(&self, index: usize, ends: &[usize]) -> Field {
        let end_of = |index| match self.ends {
            Ends::Strided(first_end) => first_end + index * STRIDE,
            Ends::Listed(first) => ends[first + index],
        };
        Field { index, start: if index == 0 { self.start } else { end_of(index - 1) }, end: end_of(index) }
    }
}

impl Incremental {
    /// A parser that has seen no text yet. `path` is what errors call the texts.
    #[must_use]
    pub fn new(kind: TextKind, path: &str) -> Self {
        Self {
            kind,
            path: path.into(),
            parsed: Parsed::default(),
            text: Vec::new(),
            tracks: Vec::new(),
            ends: Vec::new(),
            prefix_len: None,
            in_columns: false,
        }
    }

    /// The lines and cells of the last good text.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.parsed.layout
    }

    /// The counts of the last good text, one per cell.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.parsed.counts
    }

    /// The lines with more numbers than the header has CPUs, see [`Parsed::extra_numbers`].
    #[must_use]
    pub fn extra_numbers(&self) -> &[u32] {
        &self.parsed.extra_numbers
    }

    /// How many bytes of `/proc/interrupts` hold every numbered line: up to the first lettered one. None unless all
    /// numbered lines come before all lettered ones and there are both.
    #[must_use]
    pub const fn prefix_len(&self) -> Option<usize> {
        self.prefix_len
    }

    /// Brings layout and counts up to `text`. After [`Update::Changed`], `changes` holds the cells whose count
    /// changed, in order; after [`Update::Learned`] it is empty, and [`Self::counts`] is to be taken whole.
    ///
    /// # Errors
    ///
    /// Those of [`parse`](super::parse). Layout and counts then stay those of the last good text.
    pub fn update(&mut self, text: &[u8], changes: &mut Vec<Change>) -> Result<Update, ParseError> {
        changes.clear();
        if !text.is_empty() && text.len() == self.text.len() && self.follow(text, changes) {
            return Ok(Update::Changed);
        }
        self.learn(text)
    }

    /// As [`Self::update`], for a text of which only the first [`Self::prefix_len`] bytes were read. Says whether it
    /// fits what was learned; if not, nothing has changed and the whole text is to be read.
    pub fn update_prefix(&mut self, prefix: &[u8], changes: &mut Vec<Change>) -> bool {
        changes.clear();
        self.prefix_len == Some(prefix.len()) && self.follow(prefix, changes)
    }

    /// Finds the counts in which `text` differs from the beginning of the previous one, and makes it the previous one
    /// if that is all in which it differs; else says no and leaves everything as it was.
    fn follow(&mut self, text: &[u8], changes: &mut Vec<Change>) -> bool {
        changes.clear();
        if !self.patch(text, changes) {
            self.unpatch(changes);
            changes.clear();
            return false;
        }
        let counts = &mut self.parsed.counts;
        // `007` and `  7` differ as text alone.
        changes.retain(|change| std::mem::replace(&mut counts[change.cell as usize], change.count) != change.count);
        true
    }

    /// Copies the counts that differ, as text, and lists them.
    fn patch(&mut self, text: &[u8], changes: &mut Vec<Change>) -> bool {
        let old = &mut self.text[..text.len()];
        let mut tracks = self.tracks.iter();
        let Some(mut track) = tracks.next() else {
            return old == text;
        };
        let mut from = 0;
        while let Some(at) = first_difference(old, text, from) {
            while track.end <= at {
                match tracks.next() {
                    Some(next) => track = next,
                    None => return false,
                }
            }
            if at < track.start {
                return false;
            }
            let Field { index, start, end } = track.field_at(at, &self.ends);
            // Wider than its column, a count is where it is because it is that wide; but for those of IPIs, all alike.
            if end - start > STRIDE && self.in_columns && matches!(track.ends, Ends::Listed(_)) {
                return false;
            }
            let bytes = &text[start..end];
            // A count that touches the one before it would make one number of the two.
            let (true, Some(count)) = (index == 0 || bytes[0] == b' ', field(bytes)) else {
                return false;
            };
            changes.push(change(track.first_cell + index, count));
            match (old[start..end].first_chunk_mut::<STRIDE>(), bytes.first_chunk::<STRIDE>()) {
                // One move, where a length that is not known would take a call.
                (Some(old), Some(new)) if end - start == STRIDE => *old = *new,
                _ => old[start..end].copy_from_slice(bytes),
            }
            from = end;
        }
        true
    }

    /// Prints the counts of before over those of `changes`.
    fn unpatch(&mut self, changes: &[Change]) {
        let mut row = 0;
        for cell in changes.iter().map(|change| change.cell as usize) {
            while self.tracks.get(row + 1).is_some_and(|next| next.first_cell <= cell) {
                row += 1;
            }
            let track = &self.tracks[row];
            let Field { start, end, .. } = track.field(cell - track.first_cell, &self.ends);
            let mut count = self.parsed.counts[cell];
            // The last place is a digit also where the count is 0.
            for (place, byte) in self.text[start..end].iter_mut().rev().enumerate() {
                *byte = if place > 0 && count == 0 { b' ' } else { b"0123456789"[(count % 10) as usize] };
                count /= 10;
            }
        }
    }

    fn learn(&mut self, text: &[u8]) -> Result<Update, ParseError> {
        let mut table = read_table(text, self.kind, &self.path)?;
        let parsed = interpret(text, &mut table);
        let same_layout = parsed.layout == self.parsed.layout && parsed.extra_numbers == self.parsed.extra_numbers;
        self.parsed = parsed;
        self.prefix_len = prefix_len(&table);
        self.tracks.clear();
        self.tracks.extend(table.rows.iter().filter(|row| !row.cells.is_empty()).map(|row| Track {
            start: row.fields.start,
            end: row.fields.end,
            ends: row.ends,
            first_cell: row.cells.start,
        }));
        self.ends = table.ends;
        self.in_columns = table.in_columns;
        self.text.clear();
        self.text.extend_from_slice(text);
        Ok(Update::Learned { same_layout })
    }
}

fn prefix_len(table: &Table) -> Option<usize> {
    let first_lettered = table.rows.iter().position(|row| row.kind == Kind::Arch)?;
    let (numbered, lettered) = table.rows.split_at(first_lettered);
    let is_split = !numbered.is_empty() && lettered.iter().all(|row| row.kind == Kind::Arch);
    is_split.then(|| lettered[0].begin)
}

fn change(cell: usize, count: u64) -> Change {
    Change { cell: u32::try_from(cell).unwrap_or(u32::MAX), count }
}
