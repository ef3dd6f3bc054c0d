//! Where counts come from, whatever their form: what the sampler drives.
//!
//! An engine reads one or more groups at a time and says which cells changed. The text files are one engine, single
//! sysfs lines another; a binary kernel interface or BPF maps plug in here.

#[cfg(all(target_os = "linux", feature = "live"))]
mod chosen;
#[cfg(all(target_os = "linux", feature = "live"))]
mod sysfs;
mod text;

#[cfg(all(target_os = "linux", feature = "live"))]
pub use chosen::ChosenLines;
#[cfg(all(target_os = "linux", feature = "live"))]
pub use sysfs::{RefusedLine, SysfsLines};

use crate::parse::Layout;
use crate::source::ReadError;
use crate::{Clock, Group, Line, ParseError, WarningType, Window};

pub use text::TextEngine;

/// A cell that changed, and its new count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Index into the cells of the group's layout.
    pub cell: u32,
    /// The kernel's count.
    pub count: u64,
}

/// One reading of one group. The sampler keeps one per group and hands it in again each time.
#[derive(Debug, Default)]
pub struct Reading {
    /// When the cells were read.
    pub window: Window,
    /// The group's layout was learned anew: `changes` then holds every cell, in order.
    pub relearned: bool,
    /// The cells that changed since the engine's previous reading of this group, in the order of cells.
    pub changes: Vec<Change>,
}

/// One place where counts come from.
pub trait Engine: Send {
    /// The groups that it serves, fixed for its life.
    fn groups(&self) -> &[Group];

    /// The lines and cells of a group as of its last reading, selection applied.
    fn layout(&self, group: usize) -> &Layout;

    /// Reads the groups whose bit is set in `due`, one window each, into the reading of the same index. Groups that
    /// are not due are left alone. In the steady state it allocates nothing.
    ///
    /// # Errors
    ///
    /// None of the readings is of use then, and the next successful one reports every cell.
    fn read(&mut self, due: u32, clock: &dyn Clock, readings: &mut [Reading]) -> Result<(), EngineError>;

    /// Lines of the group's last layout of which a person must know something, asked for when it was learned.
    fn oddities(&self, _group: usize) -> Vec<(WarningType, Line)> {
        Vec::new()
    }
}

/// Why there is no reading.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The text contradicts itself or the format, also when read again: a missed sample.
    #[error(transparent)]
    Unreadable(#[from] ParseError),
    /// There is nothing to read any more.
    #[error(transparent)]
    Ended(#[from] ReadError),
}
