//! From kernel text to counts.
//!
//! A strict, complete parser learns the layout of a text once ([`parse`]); while the bytes around the numbers stay as
//! they were, [`Incremental`] finds the cells that changed by comparing the new text with the previous one, and parses
//! only those. Anything unexpected goes back to the strict parser. The two always agree.

mod columns;
mod describe;
mod difference;
mod header;
mod incremental;
mod names;
mod number;
mod strict;
mod table;

use crate::Line;

pub use incremental::{Incremental, Update};
pub use strict::{Parsed, parse};

/// Which of the two files a text is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// `/proc/interrupts`: kinds irq and arch.
    Interrupts,
    /// `/proc/softirqs`.
    Softirqs,
}

/// One counter: a line on one CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// Index into the lines of the same layout.
    pub line: u32,
    /// The kernel's CPU id from the header; none where the text does not say.
    pub cpu: Option<u16>,
}

/// The lines and cells of one text, in its order; every line's cells stand together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The CPU ids of the header; CPU 0 for a text without one.
    pub cpus: Vec<u16>,
    /// The counter rows.
    pub lines: Vec<Line>,
    /// The counters. A line may have none (`FIQ:`).
    pub cells: Vec<Cell>,
}
